"""The built-in generator and its shipped weights."""

import copy
import json

import numpy as np
import pytest
import torch
from torch import nn

from icbench.builtin.datasets.mnist import MNIST_SHAPE
from icbench.builtin.generators.cgan import CGAN, WEIGHTS, load_cgan
from icbench.compute.machine import available_cores, bfloat16_instructions
from icbench.engine.prepare import prepare
from icbench.engine.settings import Settings
from icbench.errors import IntegrityError, MissingWeightsError
from icbench.kinds.dataset import Split
from icbench.training.scoring import inversion_accuracy, invert_split

CPU = torch.device("cpu")
SIZES = [10, 25, 50, 100, 200]


@pytest.fixture(scope="module")
def validation() -> Split:
    from pathlib import Path

    from icbench.builtin.datasets.mnist import MNIST

    return MNIST().split("validation", Path())


def test_weights_are_shipped_for_the_posts_five_sizes():
    assert {file.stem for file in WEIGHTS.glob("*.safetensors")} == {f"cgan-{size}" for size in SIZES}


@pytest.mark.parametrize("size", SIZES)
def test_folded_batch_norm_equals_unfolded_in_eval_mode(size):
    plain = load_cgan(size).eval()
    folded = prepare(copy.deepcopy(plain), CPU)
    assert not any(isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d) for module in folded.modules())
    random = torch.Generator().manual_seed(0)
    class_vector = torch.rand(64, 10, generator=random)
    noise = torch.randn(64, size, generator=random)
    with torch.no_grad():
        torch.testing.assert_close(folded(class_vector, noise), plain(class_vector, noise), atol=1e-5, rtol=1e-4)


def test_folding_twice_changes_nothing():
    once = prepare(load_cgan(10), CPU)
    latents = torch.eye(10), torch.zeros(10, 10)
    before = once(*latents)
    once.fold()
    assert torch.equal(before, once(*latents))


@pytest.mark.parametrize("size", SIZES)
def test_weights_are_small_half_precision_and_described(size):
    file = WEIGHTS / f"cgan-{size}.safetensors"
    assert file.stat().st_size <= 2.5e6
    record = json.loads(file.with_suffix(".json").read_text())
    assert record["params"]["noise_dim"] == size
    assert record["weights"]["sha256"] == load_cgan(size).weights_digest
    assert {"dataset", "seed", "epochs", "chosen", "validation", "versions"} <= set(record)
    assert record["chosen"]["why"]


def test_training_record_names_the_data_that_ships():
    from pathlib import Path

    from icbench.builtin.datasets.mnist import MNIST

    digest = MNIST().split("train", Path()).digest
    for size in SIZES:
        record = json.loads((WEIGHTS / f"cgan-{size}.json").read_text())
        assert record["dataset"]["digest"] == digest


def test_missing_weights_name_the_sizes_there_are():
    with pytest.raises(MissingWeightsError, match=r"noise_dim=10 on mnist; .*noise_dim=25 on mnist") as caught:
        load_cgan(33)
    assert "`icbench train cgan:noise_dim=33`" in caught.value.hint


def test_weights_of_another_size_are_refused(tmp_path):
    with pytest.raises(IntegrityError, match="noise_dim=10"):
        load_cgan(10, str(WEIGHTS / "cgan-25.safetensors"))


def test_weights_that_are_not_there_are_named():
    with pytest.raises(IntegrityError, match="nowhere"):
        load_cgan(25, "nowhere.safetensors")


def test_images_are_in_the_unit_interval():
    generator = prepare(load_cgan(10), CPU)
    images = generator(torch.rand(32, 10), 3 * torch.randn(32, 10))
    assert images.shape == (32, *MNIST_SHAPE.image_shape)
    assert images.min() >= 0
    assert images.max() <= 1


@pytest.mark.parametrize("size", SIZES[1:])
def test_noise_of_more_than_ten_numbers_acts_through_ten_directions_alone(size):
    generator = load_cgan(size).eval()
    projection = generator.projection
    assert projection is not None
    # The columns are orthonormal to float16's rounding, so N(0, 1) noise is N(0, 1) in the directions.
    torch.testing.assert_close(projection.T @ projection, torch.eye(10), atol=2e-3, rtol=0)
    noise, more = torch.randn(2, 20, size, generator=torch.Generator().manual_seed(0))
    unseen = more - more @ projection @ torch.linalg.pinv(projection)
    class_vector = torch.eye(10).repeat(2, 1)
    with torch.no_grad():
        images, moved, other = (generator(class_vector, each) for each in (noise, noise + unseen, more))
    assert torch.allclose(images, moved, atol=1e-4)
    assert not torch.allclose(images, other, atol=0.1)


def test_noise_of_ten_numbers_or_fewer_is_taken_as_it_is():
    for size in (3, 10):
        generator = CGAN(size)
        assert "projection" not in generator.state_dict()
        noise = torch.randn(4, size)
        assert generator.project(noise) is noise


@pytest.fixture
def all_cores():
    """For what is large enough to have use of them, unlike the toys."""
    before = torch.get_num_threads()
    torch.set_num_threads(available_cores())
    yield
    torch.set_num_threads(before)


@pytest.mark.slow
@pytest.mark.usefixtures("all_cores")
@pytest.mark.parametrize(("schedule", "steps", "floor"), [("joint", 200, 0.86), ("exhaustive", 30, 0.95)])
def test_shipped_weights_classify_500_validation_images_above_a_floor(validation, schedule, steps, floor):
    generator = prepare(load_cgan(10), CPU)
    assert inversion_accuracy(generator, schedule, validation, slice(500), Settings(steps)) > floor


@pytest.mark.slow
@pytest.mark.usefixtures("all_cores")
@pytest.mark.skipif(not bfloat16_instructions(), reason="this CPU has no bfloat16, so `auto` never chooses it")
def test_bfloat16_turns_few_of_500_validation_images_and_as_many_for_the_better(validation):
    """What allows `--precision auto` to take bfloat16.

    It turns one or two images of a hundred, in both directions, so that 500 images show a loss of a point and a half.
    Weights of four bits in place of its eight turn five of a hundred, of 400 that were tried.
    """
    generator = prepare(load_cgan(10), CPU)
    single, half = (
        invert_split(generator, "joint", validation, slice(500), Settings(200, 0, CPU, precision)).prediction
        for precision in (torch.float32, torch.bfloat16)
    )
    labels = validation.labels[:500]
    assert np.mean(single != half) <= 0.035
    assert abs(np.mean(single == labels) - np.mean(half == labels)) <= 0.015
