"""Replayed steps are the steps. On the CPU a stand-in for the CUDA graph records: it changes nothing while it does."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import NormedGenerator, ToyDigits

from icbench.builtin.schedules import Alternating, Exhaustive, Halving, Joint, Relaxed
from icbench.engine.cuda_graph import GraphedStep, make_capturable, supports_cuda_graph
from icbench.engine.invert import Settings, concatenate, invert
from icbench.engine.prepare import prepare
from icbench.kinds.optimizer import Optimizer

STEPS = 60
SPLIT = ToyDigits().split("test", None)
CUDA = torch.device("cuda")


class Recorder:
    """Records by making the step and taking back what it did to tensors; counts what is replayed."""

    def __init__(self):
        self.recordings = self.replays = 0

    def __call__(self, step):
        search = self.search
        tensors = [search.coordinates, search.noise, search.finite, search.resets]
        tensors += [value for state in search.optimizer.state.values() for value in state.values()]
        before = [tensor.detach().clone() for tensor in tensors]
        step()
        with torch.no_grad():
            for tensor, value in zip(tensors, before, strict=True):
                tensor.copy_(value)
        self.recordings += 1

        def replay():
            # A graph runs no Python, so it counts nothing.
            counts = search.forward, search.backward
            step()
            search.forward, search.backward = counts
            self.replays += 1

        return replay


@pytest.fixture
def normed(parts):
    return replace(parts, generator=prepare(NormedGenerator(), torch.device("cpu")))


def run(parts, schedule, stop_when=None):
    settings = Settings(STEPS, batch_size=200, stop_when=stop_when)
    return concatenate(list(invert(replace(parts, schedule=schedule), SPLIT.images, np.arange(30), settings)))


@pytest.fixture
def recorder(monkeypatch):
    """Lets every search record from now on."""
    found = Recorder()

    def replaying(search):
        found.search = search
        return GraphedStep(search, found)

    def start():
        monkeypatch.setattr("icbench.engine.batch.supports_cuda_graph", lambda *parts: True)
        monkeypatch.setattr("icbench.engine.batch.make_capturable", lambda *parts: None)
        monkeypatch.setattr("icbench.engine.batch.GraphedStep", replaying)
        return found

    return start


def expect_same(found, whole):
    np.testing.assert_array_equal(found.forwards, whole.forwards)
    np.testing.assert_array_equal(found.backwards, whole.backwards)
    np.testing.assert_array_equal(found.prediction, whole.prediction)
    np.testing.assert_array_equal(found.resets, whole.resets)
    np.testing.assert_allclose(found.noise, whole.noise, atol=1e-5)
    np.testing.assert_allclose(found.energy, whole.energy, rtol=1e-4)


@pytest.mark.parametrize(
    ("schedule", "stop_when", "recordings", "replays"),
    [
        (Joint(), None, 1, 57),
        (Joint(noise_start=30), None, 2, 27 + 27),
        (Exhaustive(decay="cosine"), None, 2, 2 * 57),  # two batches
        (Halving(at="5/30", keep="6/3"), None, 4, 2 * 22 + 2 * 27),
        (Joint(), 0.02, None, None),
        (Alternating(turn=5), None, 0, 0),
    ],
    ids=["joint", "late noise", "falling rates", "halving", "settling", "in turns"],
)
def test_replayed_steps_are_the_steps(normed, recorder, schedule, stop_when, recordings, replays):
    whole = run(normed, schedule, stop_when)
    counted = recorder()
    expect_same(run(normed, schedule, stop_when), whole)
    if recordings is not None:
        assert (counted.recordings, counted.replays) == (recordings, replays)


def test_what_cannot_be_recorded_is_made_step_by_step(normed, recorder, monkeypatch):
    whole = run(normed, Joint())
    recorder()

    def refuse(search):
        def record(step):
            search.forward += 100
            raise RuntimeError("operation not permitted when stream is capturing")

        return GraphedStep(search, record)

    monkeypatch.setattr("icbench.engine.batch.GraphedStep", refuse)
    expect_same(run(normed, Joint()), whole)


def test_only_what_differs_in_nothing_but_rates_is_recorded():
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
