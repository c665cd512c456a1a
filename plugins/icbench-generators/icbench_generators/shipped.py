"""The weights in this distribution, found by component and variant."""

from collections.abc import Callable
from pathlib import Path

from icbench.errors import UsageError
from icbench.training.weights import AnyGenerator, load_weights

FOLDER = Path(__file__).parent / "weights"


def load_shipped(build: Callable[[], AnyGenerator], component: str, weights: str, **variant: int | str) -> AnyGenerator:
    """A generator with the weights of a file, or with those shipped for this variant of the component.

    Args:
        build: makes the variant's generator, with whatever weights.
        component: its name.
        weights: a safetensors file, or empty for the shipped one.
        variant: the parameter that weights are shipped by, if there is one, such as `noise_dim=12`.

    Raises:
        UsageError: no weights are shipped for the variant.
        IntegrityError: the file is damaged or for another architecture.
    """
    parameter = "".join(f"{name}={value}" for name, value in variant.items())
    file = Path(weights) if weights else shipped_file(component, *variant.values())
    if not weights and not file.exists():
        known = ", ".join(shipped_variants(component))
        raise UsageError(
            f"there are no weights for {component} with {parameter}; shipped are {known}",
            f"Make them with `icbench train {component}:{parameter}`, then add weights=FILE.",
        )
    return load_weights(build, file, f"{component} with {parameter}" if parameter else component)


def shipped_loader(generator: Callable[..., AnyGenerator], component: str) -> Callable[..., AnyGenerator]:
    """The factory of a component: its trained generator, with shipped weights or those that `icbench train` wrote.

    Args:
        generator: makes it, of the parameters that weights are shipped by, with whatever weights.
        component: its name.
    """

    def load(weights: str = "", **variant: int | str) -> AnyGenerator:
        return load_shipped(lambda: generator(**variant), component, weights, **variant)

    return load


def shipped_file(component: str, *variant: int | str) -> Path:
    """Where the weights of a variant are, whether they are shipped or not."""
    return FOLDER / f"{'-'.join(map(str, (component, *variant)))}.safetensors"


def shipped_variants(component: str) -> list[str]:
    """The variants of a component with shipped weights."""
    return sorted(file.stem.removeprefix(f"{component}-") for file in FOLDER.glob(f"{component}-*.safetensors"))
