"""Optimizers step without torch's compiler, and who wants to compile has it all the same."""

import subprocess
import sys

import pytest

STEP = """
import sys, torch
from icbench.compute.compiler import without_compiler
latent = torch.ones(3, requires_grad=True)
def step():
    optimizer = torch.optim.Adam([latent], lr=0.1)
    latent.grad = torch.ones(3)
    optimizer.step()
with without_compiler():
    step()
    {within}
{after}
"""


@pytest.mark.parametrize(
    ("within", "after"),
    [
        ("pass", "assert 'torch._dynamo' not in sys.modules and latent.tolist() != [1, 1, 1]"),
        ("pass", "step(); assert hasattr(sys.modules['torch._dynamo'], 'optimize')"),
        ("import torch._dynamo; assert callable(torch._dynamo.optimize)", "assert torch._dynamo.__file__"),
    ],
    ids=["left out", "there afterwards", "there when asked for"],
)
def test_the_compiler_is_left_out_until_it_is_wanted(within, after):
    done = subprocess.run([sys.executable, "-c", STEP.format(within=within, after=after)], capture_output=True)
    assert done.returncode == 0, done.stderr.decode()
