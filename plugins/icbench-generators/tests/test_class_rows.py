"""Rows by class: what is read of class vectors, when, and that it gives each row its own class's image."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from icbench.builtin.distances import MSE
from icbench.builtin.optimizers import sgd
from icbench.builtin.schedules.exhaustive import Exhaustive, Halving
from icbench.engine.batch import BatchInversion
from icbench.engine.initialization import NoiseBank
from icbench.engine.prepare import prepare
from icbench.engine.settings import Components, Settings
from torch.utils._python_dispatch import TorchDispatchMode

from icbench_generators.class_decoders import RowMajorSigmoid
from icbench_generators.class_rows import ClassRows, resting_rows
from icbench_generators.class_vae import ClassVAE

CPU = torch.device("cpu")
WAITS = {"aten::_local_scalar_dense", "aten::nonzero", "aten::equal", "aten::is_nonzero"}


class NoWaiting(TorchDispatchMode):
    """Refuses what waits for a device to tell a number, as the capture of a CUDA graph does."""

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.name() in WAITS:
            raise RuntimeError(f"{func.name()} waits for the device")
        return func(*args, **(kwargs or {}))


def vertices(labels):
    return torch.eye(10)[torch.as_tensor(labels)]


@pytest.mark.parametrize(
    ("labels", "run"),
    [
        (list(range(10)) * 3, 1),
        ([label for label in range(10) for _ in range(2)] * 3, 2),
        ([*range(10), 0, 1, 2], 0),
        ([0] * 20, 0),
        ([3, 3, 1], 0),
        ([9, *range(1, 9), 0], 0),
    ],
    ids=["in order", "restarts", "not whole", "one class", "few", "another order"],
)
def test_rows_go_to_their_class_and_come_back(labels, run):
    labels = torch.tensor(labels)
    rows = ClassRows.of(labels, 10)
    assert rows.run == run
    values = torch.arange(len(labels) * 2.0).view(-1, 2) + 1
    block = rows.by_class(values)
    for label in range(10):
        expected = values[labels == label]
        assert torch.equal(block[label, : len(expected)], expected)
        assert not block[label, len(expected) :].any()
    assert torch.equal(rows.put_back(block), values)


def test_only_class_vectors_at_vertices_without_a_gradient_rest():
    between = torch.full((10, 10), 0.1)
    assert resting_rows(vertices(range(10))) is not None
    assert resting_rows(vertices(range(10)).requires_grad_()) is None
    assert resting_rows(between) is None
    assert resting_rows(torch.zeros(10, 10)) is None
    assert resting_rows(torch.cat([vertices(range(9)), between[:1]])) is None
    assert resting_rows(vertices(range(10)) + 0.5 * vertices([1] * 10)) is None
    with torch.inference_mode():
        assert resting_rows(vertices(range(10))) is not None


def test_class_vectors_are_read_once_until_they_change():
    class_vector = vertices(range(10))
    rows = resting_rows(class_vector)
    with NoWaiting():
        assert resting_rows(class_vector) is rows
    class_vector[0] = vertices([3])
    changed = resting_rows(class_vector)
    assert changed is not rows
    assert torch.equal(changed.put_back(changed.by_class(class_vector)), class_vector)
    class_vector.data = torch.full((10, 10), 0.1)
    assert resting_rows(class_vector) is None
    class_vector.copy_(vertices(range(10)))
    assert resting_rows(class_vector).run == 1


@pytest.fixture(scope="module")
def components():
    torch.manual_seed(0)
    # Not Adam, which on a CPU reads its count of steps as a number; on CUDA it keeps that on the device.
    return Components(prepare(ClassVAE(4), CPU), MSE(), sgd(0.05, 0.0), Exhaustive(start="encoder"))


def inversion(components, schedule):
    used, settings = replace(components, schedule=schedule), Settings(20)
    images = np.random.default_rng(0).random((6, 1, 28, 28), np.float32)
    hypotheses = schedule.hypotheses(10)
    return BatchInversion(used, hypotheses, images, np.arange(6), NoiseBank.of(used, settings), settings)


@pytest.mark.parametrize("restarts", [1, 2])
def test_steps_after_the_first_wait_for_no_device(components, restarts):
    descent = inversion(components, Exhaustive(start="encoder", restarts=restarts)).descent
    descent.make_step(0)
    descent.set_learning_rates(1)
    with NoWaiting():
        descent.optimizer_step(1)


def test_after_hypotheses_are_dropped_the_class_vectors_are_read_once_again(components):
    batch = inversion(components, Halving(at="1", keep="3", start="encoder"))
    batch.make_step(0)
    batch.drop_hypotheses(1)
    batch.descent.set_learning_rates(1)
    with NoWaiting(), pytest.raises(RuntimeError, match="waits"):
        batch.descent.optimizer_step(1)
    batch.descent.optimizer_step(1)
    with NoWaiting():
        batch.descent.optimizer_step(1)


def test_an_exhaustive_batch_is_not_copied_to_be_in_order(components):
    """The images are a view of what the decoders made, forward and backward."""
    logits = torch.randn(10, 3, 784)
    rows = ClassRows.of(torch.arange(30) % 10, 10)
    made = RowMajorSigmoid.apply(logits)
    assert torch.equal(made, torch.sigmoid(logits))
    assert rows.put_back(made).data_ptr() == made.data_ptr()


@pytest.mark.filterwarnings("ignore:.*torch.jit.script:FutureWarning")  # by torch itself, when it first goes forward
def test_the_sigmoid_derives_as_torchs_does():
    logits = torch.randn(2, 3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(RowMajorSigmoid.apply, logits, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(RowMajorSigmoid.apply, logits)
    stacked = torch.randn(5, 2, 3, 4)
    torch.testing.assert_close(torch.func.vmap(RowMajorSigmoid.apply)(stacked), torch.sigmoid(stacked))
    jacobian = torch.func.jacfwd(RowMajorSigmoid.apply)(logits)
    torch.testing.assert_close(jacobian, torch.func.jacrev(torch.sigmoid)(logits))
