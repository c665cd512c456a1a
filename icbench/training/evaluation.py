"""The figures of samples for any weights of any generator, whoever trained them."""

from pathlib import Path

from icbench.engine.prepare import prepare
from icbench.engine.settings import Settings
from icbench.errors import UsageError
from icbench.kinds.dataset import Dataset, Split
from icbench.kinds.generator import Generator
from icbench.plugins.component import Selection
from icbench.plugins.manager import PluginManager
from icbench.running.observer import Observer
from icbench.training.budget import EvalBudget
from icbench.training.reference_cnn import train_reference_cnn
from icbench.training.samples import SampleQuality, draw_samples, measure_samples
from icbench.training.weights import load_weights

WEIGHTS = "weights"
"""The parameter that names a weights file, of generators that have it."""


def generator_from(file: Path, selection: Selection, manager: PluginManager) -> Generator:
    """The selected generator with the weights of `file`.

    A generator without a parameter `weights` is built as it is, and its weights are replaced.

    Raises:
        IntegrityError: the file is unreadable, or holds weights of something else.
    """
    if any(param.name == WEIGHTS for param in selection.registered.component.params):
        generator: Generator = manager.with_param(selection, WEIGHTS, str(file)).build()
    else:
        generator = load_weights(selection.build, file, selection.label)
    return generator


def evaluate_samples(
    generator: Generator,
    dataset: Dataset,
    data_dir: Path,
    settings: Settings,
    observer: Observer,
    budget: EvalBudget,
) -> SampleQuality:
    """The figures of a generator's samples against the dataset's validation images, as a training measures them.

    Args:
        generator: with its weights.
        dataset: of which the training images train what judges the samples.
        data_dir: where fetched data is kept.
        settings: the seed of the samples' noise, the device and the precision.
        observer: is told what goes on.
        budget: how many samples.

    Raises:
        UsageError: the generator makes other images or other classes than the dataset has.
    """
    with observer.working("loading the images"):
        split, validation = (dataset.split(name, data_dir) for name in ("train", "validation"))
    _require_fit(generator, dataset, validation)
    with observer.working("training the reference CNN that judges the samples"):
        reference = train_reference_cnn(split, dataset.num_classes, settings.device)
    with observer.working("measuring the samples"):
        frozen = prepare(generator, settings.device)
        samples = draw_samples(frozen, budget.samples, settings)
        real = validation.images[: budget.samples]
        return measure_samples(samples, frozen, real, reference, settings, budget.differentiated)


def _require_fit(generator: Generator, dataset: Dataset, validation: Split) -> None:
    made = (generator.num_classes, *generator.image_shape)
    wanted = (dataset.num_classes, *validation.images.shape[1:])
    if made != wanted:
        raise UsageError(
            f"the generator makes {made[0]} classes of images of {made[1:]}, "
            f"the dataset has {wanted[0]} of {wanted[1:]}",
            "Choose with --dataset what the generator was trained on.",
        )
