"""The weights in this distribution, found by component, variant and dataset."""

from collections.abc import Callable
from pathlib import Path

from icbench.builtin.datasets.mnist import MNIST_SHAPE
from icbench.training.weights import AnyGenerator, find_weights, load_weights, read_shape

FOLDER = Path(__file__).parent / "weights"


def load_shipped(
    build: Callable[[Path], AnyGenerator],
    component: str,
    weights: str,
    trained_on: str,
    **variant: int | str,
) -> AnyGenerator:
    """A generator with the weights of a file, or with those for this variant of the component and a dataset.

    Args:
        build: makes the variant's generator, of the sizes that a weights file has, with whatever weights.
        component: its name.
        weights: a safetensors file, or empty for what ships or was trained here.
        trained_on: the spec of the dataset whose weights are meant; empty for the default one.
        variant: the parameters that weights differ by, such as `noise_dim=12`.

    Raises:
        MissingWeightsError: there are none for these.
        IntegrityError: the file is damaged or for another architecture.
    """
    file = find_weights(component, variant, trained_on, FOLDER, weights)
    told = ",".join(f"{name}={value}" for name, value in variant.items())
    return load_weights(lambda: build(file), file, f"{component} with {told}" if told else component)


def shipped_loader(generator: Callable[..., AnyGenerator], component: str) -> Callable[..., AnyGenerator]:
    """The factory of a component: its trained generator, with shipped weights or those that `icbench train` wrote.

    Args:
        generator: makes it, of the parameters that weights are shipped by and `shape`, with whatever weights.
        component: its name.
    """

    def load(weights: str = "", trained_on: str = "", **variant: int | str) -> AnyGenerator:
        def build(file: Path) -> AnyGenerator:
            return generator(**variant, shape=read_shape(file, MNIST_SHAPE))

        return load_shipped(build, component, weights, trained_on, **variant)

    return load
