"""Deformable exemplars: which training image the noise says, how it is deformed, and that an inversion finds both."""

from pathlib import Path

import numpy as np
import pytest
import torch
from icbench.engine.invert import invert
from icbench.engine.prepare import prepare
from icbench.engine.result import concatenate
from icbench.engine.settings import Components, Settings
from icbench.errors import UsageError
from icbench.kinds.dataset import DataShape, Split

from icbench_generators.deformable import Deformable, load_deformable, smooth_fields, warp

CPU = torch.device("cpu")
SHAPE = (3, 12, 10)
CLASSES = 3
COUNTS = (5, 3, 7)


def strokes(seed: int = 0) -> Split:
    """Smooth blobs in three channels, each class with another number of images, in a random order."""
    random = np.random.default_rng(seed)
    labels = random.permutation(np.repeat(np.arange(CLASSES), COUNTS))
    places = np.stack(np.meshgrid(np.arange(12), np.arange(10), indexing="ij"))
    centres = random.uniform(3, 7, (len(labels), 3, 2, 1, 1)) + np.array([0.0, 0.0]).reshape(2, 1, 1)
    images = np.exp(-((places - centres) ** 2).sum(axis=2) / (4 + 4 * labels[:, None, None, None]))
    return Split((255 * images).astype(np.uint8), labels)


SPLIT = strokes()
EXEMPLARS = torch.from_numpy(SPLIT.images).float() / 255


def small(**params: float) -> Deformable:
    return prepare(
        Deformable(SPLIT, DataShape(CLASSES, SHAPE), **{"grid": 3, "scale": 1.0, "reach": 4.0, **params}), CPU
    )


def of_class(label: int) -> torch.Tensor:
    return EXEMPLARS[SPLIT.labels == label]


def spelt(generator: Deformable, number: int) -> torch.Tensor:
    """Noise (1, Z) that says a number, with no displacement."""
    noise = torch.zeros(1, generator.noise_dim)
    noise[0, : generator.bits] = torch.tensor([0.7 if number >> bit & 1 else -0.7 for bit in range(generator.bits)])
    return noise


def invert_by(manager, generator, images, steps, schedule, optimizer="adam:lr=0.1", distance="mse"):
    specs = (("distance", distance), ("optimizer", optimizer), ("schedule", schedule))
    components = Components(generator, *(manager.select(kind, spec).build() for kind, spec in specs))
    return concatenate(list(invert(components, images.numpy(), np.arange(len(images)), Settings(steps))))


def test_the_signs_of_the_noise_say_which_exemplar_of_the_class_it_is():
    generator = small()
    assert generator.bits == 3
    for label, count in enumerate(COUNTS):
        for number in range(8):
            image = generator(torch.eye(CLASSES)[[label]], spelt(generator, number))
            torch.testing.assert_close(image[0], of_class(label)[number % count])


def test_types_takes_the_first_images_of_each_class():
    generator = small(types=2)
    assert generator.count.tolist() == [2, 2, 2]
    image = generator(torch.eye(CLASSES)[[2]], spelt(generator, 1))
    torch.testing.assert_close(image[0], of_class(2)[1])


def test_drawn_noise_gives_an_exemplar_that_is_deformed_by_a_smooth_field():
    generator = small()
    noise = torch.randn(400, generator.noise_dim, generator=torch.Generator().manual_seed(0))
    fields = generator.displacements(noise)
    assert fields.shape == (400, 2, 12, 10)
    assert fields.std() == pytest.approx(1.0, abs=0.25)
    assert fields.diff(dim=3).std() < 0.4 * fields.std()
    images = generator(torch.eye(CLASSES)[[1]].expand(400, -1), noise)
    still = noise.clone()
    still[:, generator.bits :] = 0
    exemplars = generator(torch.eye(CLASSES)[[1]].expand(400, -1), still)
    assert (images - exemplars).abs().amax(dim=(1, 2, 3)).median() > 0.05


def test_a_field_of_whole_pixels_shifts_an_image():
    images = EXEMPLARS[:4]
    field = torch.zeros(4, 2, 12, 10)
    field[:, 0], field[:, 1] = 2.0, -1.0
    shifted = torch.zeros_like(images)
    shifted[:, :, :-2, 1:] = images[:, :, 2:, :-1]
    torch.testing.assert_close(warp(images, field), shifted, atol=1e-5, rtol=0)


def test_the_prior_of_a_field_is_the_covariance_of_its_points():
    fields = smooth_fields((11, 11), 3, scale=1.5, reach=4.0)
    covariance = fields.T @ fields
    first, across, far = covariance[0, 0], covariance[0, 5], covariance[0, 120]
    assert first == pytest.approx(1.5**2, rel=1e-3)
    assert across == pytest.approx(1.5**2 * np.exp(-(5**2) / 32), rel=1e-3)
    assert far == pytest.approx(1.5**2 * np.exp(-200 / 32), rel=1e-2)


def test_the_gradient_of_the_field_agrees_with_differences():
    images = EXEMPLARS[:2].double()
    field = torch.randn(2, 2, 12, 10, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    weights = torch.rand(2, *SHAPE, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    field.requires_grad_()
    (gradient,) = torch.autograd.grad((warp(images, field) * weights).sum(), field)
    for place in [(0, 0, 5, 5), (1, 1, 4, 6), (0, 1, 7, 3), (1, 0, 6, 4)]:
        step = torch.zeros_like(field)
        step[place] = 1e-5
        values = [(warp(images, (field + sign * step).detach()) * weights).sum() for sign in (1, -1)]
        assert gradient[place].item() == pytest.approx(float(values[0] - values[1]) / 2e-5, abs=1e-6)


def test_starts_are_the_nearest_exemplars_of_each_class_in_their_order():
    generator = small()
    images = strokes(1).images[:6]
    targets = torch.from_numpy(images).float() / 255
    numbers = generator.nearest(targets, 3)
    pooled = torch.nn.functional.avg_pool2d(targets, 2)
    for label in range(CLASSES):
        known = torch.nn.functional.avg_pool2d(of_class(label), 2)
        distances = (pooled[:, None] - known).square().flatten(2).sum(dim=2)
        assert torch.equal(numbers[:, label], distances.argsort(dim=1)[:, :3])
    starts = generator.encode_starts(targets, 3)
    assert starts.shape == (6, CLASSES, 3, generator.noise_dim)
    assert not starts[..., generator.bits :].any()
    made = generator(torch.eye(CLASSES)[[2]].expand(6, -1), starts[:, 2, 1])
    torch.testing.assert_close(made, of_class(2)[numbers[:, 2, 1]])
    torch.testing.assert_close(generator.encode(targets), starts[:, :, 0])


def test_a_class_with_fewer_exemplars_than_starts_has_them_again():
    generator = small()
    numbers = generator.nearest(EXEMPLARS[:1], 7)[0, 1]
    assert sorted(numbers[:3].tolist()) == [0, 1, 2]
    assert torch.equal(numbers[:3], numbers[3:6])


def test_without_a_step_exhaustive_compares_exemplars(manager):
    targets = torch.from_numpy(strokes(2).images).float() / 255
    found = invert_by(manager, small(), targets, 0, "exhaustive:start=encoder,restarts=3,prior_weight=0")
    for label in range(CLASSES):
        every = (targets[:, None] - of_class(label)).square().flatten(2).mean(dim=2)
        assert (found.class_scores[:, label] <= -every.amin(dim=1).numpy() + 1e-6).all()
    nearest = (targets[:, None] - of_class(1)).square().flatten(2).mean(dim=2).amin(dim=1)
    np.testing.assert_allclose(found.class_scores[:, 1], -nearest, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize(
    ("optimizer", "steps", "options"),
    [("adam", 80, "noise_rate=1"), ("levenberg-marquardt", 8, "noise_rate=1")],
)
def test_inverting_a_deformed_exemplar_finds_its_class_and_its_field(manager, optimizer, steps, options):
    if optimizer == "levenberg-marquardt":
        pytest.importorskip("icbench_optimizers", reason="Gauss-Newton steps are in icbench-optimizers")
    generator = small()
    labels = torch.arange(6) % CLASSES
    noise = torch.randn(6, generator.noise_dim, generator=torch.Generator().manual_seed(3))
    targets = generator(torch.eye(CLASSES)[labels], noise)
    schedule = f"exhaustive:start=encoder,restarts=5,prior_weight=1e-6,{options}"
    found = invert_by(manager, generator, targets, steps, schedule, optimizer)
    assert (found.prediction == labels.numpy()).all()
    still = invert_by(manager, generator, targets, 0, schedule)
    assert (found.distance < 0.2 * still.distance).all()
    images = generator(torch.from_numpy(found.class_vector), torch.from_numpy(found.noise))
    assert (images - targets).square().mean() < 1e-3


def test_a_descent_keeps_the_exemplar_that_it_starts_from(manager):
    generator = small()
    targets = torch.from_numpy(strokes(4).images).float() / 255
    found = invert_by(manager, generator, targets, 30, "exhaustive:start=encoder,prior_weight=0.03,noise_rate=2")
    starts = generator.encode(targets)[torch.arange(len(targets)), torch.from_numpy(found.prediction)]
    assert torch.equal(torch.from_numpy(found.noise[:, : generator.bits]) > 0, starts[:, : generator.bits] > 0)


def test_between_vertices_the_image_is_the_mixture_of_deformed_exemplars():
    generator = small()
    noise = torch.randn(2, generator.noise_dim, generator=torch.Generator().manual_seed(5))
    weights = torch.tensor([[0.5, 0.25, 0.25], [0.1, 0.9, 0.0]])
    each = torch.stack([generator(torch.eye(CLASSES)[[label, label]], noise) for label in range(CLASSES)])
    torch.testing.assert_close(generator(weights, noise), torch.einsum("nk,knchw->nchw", weights, each))


def test_it_is_made_of_the_training_images_of_any_dataset():
    generator = load_deformable(types=0, grid=2, scale=1.0, reach=3.0, trained_on="digits")
    assert generator.image_shape == (1, 8, 8)
    assert generator.seen == ("trained-on:digits/train",)
    assert len(generator.weights_digest) == 64
    with pytest.raises(UsageError, match="no-such"):
        load_deformable(0, 2, 1.0, 3.0, "no-such")


def test_it_says_which_class_has_no_image():
    with pytest.raises(UsageError, match="class 3"):
        Deformable(SPLIT, DataShape(4, SHAPE))


def test_fetched_images_are_looked_for_where_a_run_keeps_them(tmp_path: Path):
    from icbench.running.datasets import data_folder, data_kept_in

    with data_kept_in(tmp_path):
        assert data_folder() == tmp_path
        with data_kept_in(None):
            assert data_folder() == tmp_path
    assert data_folder() != tmp_path
