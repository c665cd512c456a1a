"""The README's example: a class of a library that knows nothing of icbench."""

import json
import re
import sys
from importlib.metadata import metadata
from pathlib import Path

import pytest
import torch
from icbench.cli.main import main
from icbench.kinds.optimizer import Optimizer

pytest.importorskip("lion_pytorch", reason="the test extra brings lion-pytorch")


@pytest.fixture(autouse=True)
def _example(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "lion", raising=False)
    readme = metadata("icbench-optimizers").get_payload()
    code = re.search(r"```python\n(.*?)```", readme, re.DOTALL)
    assert code is not None
    Path("lion.py").write_text(code[1])


def icbench(capsys, *arguments):
    """The exit code and stdout of one command."""
    with pytest.raises(SystemExit) as end:
        main(arguments)
    return end.value.code, capsys.readouterr().out


def test_the_example_passes_the_conformance_kit(capsys):
    code, report = icbench(capsys, "plugins", "check", "lion.py")
    assert code == 0, report


def test_the_example_classifies(capsys):
    options = ["--split", "validation", "--limit", "20", "--steps", "60", "--device", "cpu", "--results", "results"]
    code, out = icbench(capsys, "run", "--plugin-file", "lion.py", "--optimizer", "lion", "--json", *options)
    assert code == 0
    (run,) = json.loads(out)["data"]["runs"]
    assert run["entry"]["optimizer"]["name"] == "lion"
    assert run["metrics"]["nfe"] == 121
    assert run["metrics"]["accuracy"] >= 0.5


def test_its_first_step_is_the_librarys_own():
    from lion_pytorch import Lion

    noise = torch.tensor([[1.0, -2.0]], requires_grad=True)
    optimizer = Optimizer(Lion, 0.1).over(torch.zeros(1, 2), noise)

    def closure():
        noise.grad = 2 * noise.detach()
        return noise.detach().square().sum(dim=1)

    optimizer.step(closure)
    torch.testing.assert_close(noise.detach(), torch.tensor([[0.9, -1.9]]))
