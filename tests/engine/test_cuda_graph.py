"""Replayed steps are the steps. On the CPU a stand-in for the CUDA graph captures: it changes nothing while it does."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import torch
from toy import NormedGenerator, ToyDigits

from icbench.builtin.schedules.exhaustive import Exhaustive, Halving
from icbench.builtin.schedules.joint import Alternating, Joint
from icbench.builtin.schedules.relaxed import Relaxed
from icbench.engine.cuda_graph import GraphedStep, make_capturable, supports_cuda_graph
from icbench.engine.invert import invert
from icbench.engine.prepare import prepare
from icbench.engine.result import concatenate
from icbench.engine.settings import Settings
from icbench.kinds.optimizer import Optimizer

STEPS = 60
SPLIT = ToyDigits().split("test", None)
CUDA = torch.device("cuda")


@dataclass
class Counted:
    """What takes the place of CUDA graphs: captures by making the step and taking back what it did to tensors.

    A replay makes the step again and puts its energies where those of the capture are, as a graph does.
    """

    captures: int = 0
    replays: int = 0

    def of(self, descent):
        return GraphedStep(descent, lambda step: self.capture(descent, step))

    def capture(self, descent, step):
        tensors = [descent.state.coordinates, descent.state.noise, descent.state.finite, descent.state.resets]
        tensors += [value for state in descent.optimizer.state.values() for value in state.values()]
        before = [tensor.detach().clone() for tensor in tensors]
        captured = step()
        with torch.no_grad():
            for tensor, value in zip(tensors, before, strict=True):
                tensor.copy_(value)
        self.captures += 1

        def replay():
            self.replays += 1
            for energy, value in zip(captured.energies, step().energies, strict=True):
                energy.copy_(value)
            return captured

        return replay


@pytest.fixture
def normed(components):
    return replace(components, generator=prepare(NormedGenerator(), torch.device("cpu")))


def run(components, schedule, stop_when=None):
    settings = Settings(STEPS, stop_when=stop_when)
    return concatenate(list(invert(replace(components, schedule=schedule), SPLIT.images, np.arange(30), settings, 200)))


@pytest.fixture
def on_cuda(monkeypatch):
    """Lets every inversion make its steps by what is given, from then on."""

    def start(graphed):
        monkeypatch.setattr("icbench.engine.descent.supports_cuda_graph", lambda *_: True)
        monkeypatch.setattr("icbench.engine.descent.make_capturable", lambda *_: None)
        monkeypatch.setattr("icbench.engine.batch.GraphedStep", graphed)

    return start


def expect_same(found, whole):
    np.testing.assert_array_equal(found.forwards, whole.forwards)
    np.testing.assert_array_equal(found.backwards, whole.backwards)
    np.testing.assert_array_equal(found.prediction, whole.prediction)
    np.testing.assert_array_equal(found.resets, whole.resets)
    np.testing.assert_allclose(found.noise, whole.noise, atol=1e-5)
    np.testing.assert_allclose(found.energy, whole.energy, rtol=1e-4)


@pytest.mark.parametrize(
    ("schedule", "stop_when", "captures", "replays"),
    [
        (Joint(), None, 1, 57),
        (Joint(noise_start=30), None, 2, 27 + 27),
        (Exhaustive(decay="cosine"), None, 2, 2 * 57),  # two batches
        (Halving(at="5/30", keep="6/3"), None, 4, 2 * 22 + 2 * 27),
        (Joint(), 0.02, None, None),
        (Alternating(turn=5), None, 0, 0),
    ],
    ids=["joint", "late noise", "falling rates", "halving", "early stops", "in turns"],
)
def test_replayed_steps_are_the_steps(normed, on_cuda, schedule, stop_when, captures, replays):
    whole, counted = run(normed, schedule, stop_when), Counted()
    on_cuda(counted.of)
    expect_same(run(normed, schedule, stop_when), whole)
    if captures is not None:
        assert (counted.captures, counted.replays) == (captures, replays)


def refuse(step):
    raise RuntimeError("operation not permitted when stream is capturing")


def test_what_cannot_be_captured_is_made_step_by_step(normed, on_cuda):
    whole = run(normed, Joint())
    on_cuda(lambda descent: GraphedStep(descent, refuse))
    expect_same(run(normed, Joint()), whole)


@dataclass
class Plain:
    """Steps without any tensors: nothing more is asked of what is captured."""

    plans: str
    done: list[str] = field(default_factory=list)

    @property
    def steps(self):
        return len(self.plans)

    def plan(self, step):
        return self.plans[step]

    def set_learning_rates(self, step):
        self.done.append(f"rates {step}")

    def optimizer_step(self, step):
        self.done.append(f"step {step}")
        return step


def test_any_steps_are_captured_whose_plans_are_alike():
    plain = Plain("a" * 30 + "b" * 10)
    graphed = GraphedStep(plain, lambda step: lambda: "replayed")
    assert [graphed(step) for step in range(40)] == [0, 1, 2, *["replayed"] * 27, *range(30, 40)]
    assert [line for line in plain.done if line.startswith("rates")] == [f"rates {step}" for step in range(40)]


def test_what_was_refused_once_is_not_tried_again():
    tried = []
    graphed = GraphedStep(Plain("a" * 40), lambda step: refuse(tried.append(step)))
    assert [graphed(step) for step in range(40)] == list(range(40))
    assert len(tried) == 1


def test_only_what_differs_in_nothing_but_rates_is_captured():
    latents = [torch.zeros(2, 3), torch.zeros(2, 4)]
    adam, sgd = (Optimizer(kind, 0.1).over(*latents) for kind in (torch.optim.Adam, torch.optim.SGD))
    assert supports_cuda_graph(CUDA, Joint(), adam)
    assert not supports_cuda_graph(torch.device("cpu"), Joint(), adam)
    assert not supports_cuda_graph(CUDA, Relaxed(cooling=0.1), adam)
    assert not supports_cuda_graph(CUDA, Joint(), sgd)


def test_rates_are_read_from_memory():
    adam = Optimizer(torch.optim.Adam, 0.1).over(torch.zeros(2, 3), torch.zeros(2, 4))
    make_capturable(adam, torch.device("cpu"))
    assert all(isinstance(group["lr"], torch.Tensor) and group["capturable"] for group in adam.param_groups)
