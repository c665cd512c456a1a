"""Class VAEs with a displacement field: what the field does, and that an inversion finds it."""

import numpy as np
import pytest
import torch
from icbench.cli.main import main
from icbench.engine.invert import invert
from icbench.engine.prepare import prepare
from icbench.engine.result import concatenate
from icbench.engine.settings import Components, Settings
from icbench.kinds.dataset import DataShape

from icbench_generators.class_vae import ClassVAE
from icbench_generators.warped_vae import WarpedVAE

SHAPE = DataShape(3, (2, 10, 8))
CODE = 4


@pytest.fixture
def vae():
    torch.manual_seed(0)
    generator = ClassVAE(CODE, SHAPE, width=16)
    # Images of some contrast, so that a displacement is seen.
    torch.nn.init.normal_(generator.decoders[-1].bias, std=2.0)
    return prepare(generator, torch.device("cpu"))


def warped(vae, **options):
    return prepare(WarpedVAE(vae, **{"grid": 3, "scale": 1.0, "reach": 4.0, **options}), torch.device("cpu"))


def latents(generator, rows):
    random = torch.Generator().manual_seed(1)
    return torch.eye(3)[torch.arange(rows) % 3], torch.randn(rows, generator.noise_dim, generator=random)


def test_without_displacement_the_image_is_that_of_the_class_vaes(vae):
    generator = warped(vae)
    class_vector, noise = latents(generator, 5)
    noise[:, CODE:] = 0
    torch.testing.assert_close(generator(class_vector, noise), vae(class_vector, noise[:, :CODE]))


def test_a_constant_field_moves_the_image(vae):
    # One control point, and a first coefficient of 1 along the rows: everywhere a pixel down.
    generator = warped(vae, grid=1)
    class_vector, noise = latents(generator, 4)
    noise[:, CODE:] = torch.tensor([1.0, 0.0])
    images = vae(class_vector, noise[:, :CODE])
    moved = generator(class_vector, noise)
    torch.testing.assert_close(moved[:, :, :-1], images[:, :, 1:], rtol=1e-3, atol=1e-4)
    assert not torch.allclose(moved[:, :, :-1], images[:, :, :-1], atol=0.01)


def test_the_encoder_starts_without_displacement(vae):
    generator = warped(vae)
    images = torch.rand(4, *SHAPE.image_shape)
    starts = generator.encode(images)
    assert starts.shape == (4, 3, CODE + 2 * 9)
    torch.testing.assert_close(starts[..., :CODE], vae.encode(images))
    assert not starts[..., CODE:].any()


def test_energies_are_calibrated_as_those_of_the_class_vaes(vae):
    vae.residuals += torch.tensor([0.01, 0.02, 0.03])
    for own, other in zip(
        warped(vae).error_calibration(torch.eye(3)), vae.error_calibration(torch.eye(3)), strict=True
    ):
        torch.testing.assert_close(own, other)


def test_an_inversion_finds_the_field_that_the_class_vaes_lack(vae, manager):
    generator = warped(vae)
    class_vector, noise = latents(generator, 6)
    targets = generator(class_vector, noise).numpy()
    specs = (("distance", "mse"), ("optimizer", "adam:lr=0.1"), ("schedule", "exhaustive:start=drawn,prior_weight=0"))
    parts = [manager.select(kind, spec).build() for kind, spec in specs]

    def error(inverted):
        found = invert(Components(inverted, *parts), targets, np.arange(6), Settings(150))
        return concatenate(list(found)).distance.mean()

    assert error(generator) < 0.3 * error(vae)


def test_the_generator_that_is_trained_in_its_place_is_named(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["train", "warped-vae"])
    assert stopped.value.code == 2
    assert "icbench train class-vae" in capsys.readouterr().err
