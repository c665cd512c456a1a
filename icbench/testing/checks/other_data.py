"""Checks that a generator which claims any dataset is trained for, or made of, other ones than it is checked with."""

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from torch import Tensor

from icbench.engine.prepare import prepare
from icbench.errors import MissingDataError
from icbench.kinds.dataset import DataShape, Split
from icbench.kinds.generator import Generator
from icbench.plugins.component import MADE_OF_DATA, TRAINED_ON, Selection, resolve
from icbench.plugins.manager import plugin_manager
from icbench.running.datasets import training_images
from icbench.testing.assertions import Skipped, expect
from icbench.testing.subject import Check, Subject
from icbench.testing.synthetic import latents
from icbench.training.trainer import TrainingJob
from icbench.training.weights import save_weights

ROWS = 5
SHAPES = (DataShape(4, (1, 8, 8)), DataShape(3, (3, 18, 13)))
"""What a generator is trained for that claims to be one for any data."""
OTHER_DATASET = "digits"
"""What a generator is made of that claims to be made of any dataset; small, and here wherever scikit-learn is."""
LABELS = 8
"""Images of each class there."""
ROUNDED = 0.05
"""How far pixels may be apart once weights are rounded to half precision."""


def it_is_trained_for_other_shapes(subject: Subject) -> None:
    """Where weights are found by dataset, it is trained for other images and classes, and its factory loads that."""
    if all(param.name != TRAINED_ON for param in subject.record.params):
        raise Skipped("its weights are of one dataset")
    if subject.has(MADE_OF_DATA):
        raise Skipped("it has no weights that are trained")
    if lender := subject.record.lender:
        expect(not subject.record.trainer, f"it has a trainer, and declares that {lender} is trained in its place")
        found = plugin_manager(warn=False).find("generator", lender).component
        expect(bool(found.trainer), f"it declares the weights of {lender}, which has no trainer either")
        raise Skipped(f"{lender} is trained in its place")
    expect(bool(subject.record.trainer), f"it has the parameter {TRAINED_ON} and no trainer")
    for shape in SHAPES:
        with TemporaryDirectory() as folder:
            _expect_trained_for(subject, shape, Path(folder) / "weights.safetensors")


def it_is_made_of_other_datasets(subject: Subject) -> None:
    """Where it is made of a dataset's training images, it is made of those of another one too, and tells which."""
    if not subject.has(MADE_OF_DATA):
        raise Skipped(f"it does not declare {MADE_OF_DATA}")
    expect(TRAINED_ON in subject.selection.params, f"it declares {MADE_OF_DATA} and has no parameter {TRAINED_ON}")
    registered, params = subject.selection.registered, {**subject.selection.params, TRAINED_ON: OTHER_DATASET}
    try:
        other = training_images(OTHER_DATASET)
    except MissingDataError as error:
        raise Skipped(error.line) from None
    generator = Subject(Selection(registered, registered.component.complete(params)), subject.source).ready()
    found = DataShape(generator.num_classes, tuple(generator.image_shape))
    expect(
        found == other.shape, f"made of {OTHER_DATASET} it declares {found.num_classes} classes of {found.image_shape}"
    )
    pixels = _some_images(generator)
    expect(tuple(pixels.shape) == (ROWS, *other.shape.image_shape), f"it gives images {tuple(pixels.shape)}")
    expect(generator.seen == other.seen, f"made of {OTHER_DATASET} it says that it has seen {generator.seen}")
    expect(
        generator.weights_digest == other.split.digest, "its weights_digest is not the digest of the training images"
    )


CHECKS: tuple[Check, ...] = (it_is_trained_for_other_shapes, it_is_made_of_other_datasets)


def _expect_trained_for(subject: Subject, shape: DataShape, file: Path) -> None:
    what = f"trained on {shape.num_classes} classes of images {shape.image_shape}"
    trained = _train_a_little(subject, shape, file)
    loaded = Subject(subject.with_weights(file), subject.source).ready()
    for name, generator in ((what, trained), (f"{what} and loaded", loaded)):
        found = DataShape(generator.num_classes, tuple(generator.image_shape))
        expect(found == shape, f"{name} it declares {found.num_classes} classes of images {found.image_shape}")
        pixels = _some_images(generator)
        expect(tuple(pixels.shape) == (ROWS, *shape.image_shape), f"{name} it gives images {tuple(pixels.shape)}")
        expect(pixels.isfinite().all(), f"{name} it gives pixels that are not finite")
    same = (_some_images(generator) for generator in (trained, loaded))
    error = float((next(same) - next(same)).abs().max())
    expect(error < ROUNDED, f"{what} and loaded it gives other images, by up to {error:.3g}")


def _train_a_little(subject: Subject, shape: DataShape, file: Path) -> Generator:
    """What its trainer makes of one epoch, its weights written to a file as a training writes them."""
    labels = np.arange(LABELS * shape.num_classes) % shape.num_classes
    pixels = np.random.default_rng(0).integers(0, 255, (len(labels), *shape.image_shape), np.uint8)
    params = {name: value for name, value in subject.selection.params.items() if name != TRAINED_ON}
    trainer = resolve(subject.record.trainer, subject.selection.registered.dist)(**params)
    device = torch.device("cpu")
    job = TrainingJob(subject.record.name, params, file.parent, 1, 0, device, "checked", file.parent)
    trainer.begin(Split(pixels, labels), shape.num_classes, job)
    trainer.epoch(0, lambda images: None)
    generator: Generator = trainer.snapshot()
    state = {name: tensor for name, tensor in generator.state_dict().items() if tensor.is_floating_point()}
    save_weights(state, file, shape)
    return prepare(generator, device)


@torch.no_grad()
def _some_images(generator: Generator) -> Tensor:
    images: Tensor = generator(*latents(generator, ROWS))
    return images
