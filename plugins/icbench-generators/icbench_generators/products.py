"""Products of experts: class VAEs for most images, and another family of generators where these are in doubt."""

from pathlib import Path

from icbench.kinds.product import Fit, Member, Product, read_fit
from icbench.running.entry import dataset_key

FOLDER = Path(__file__).parent / "fits"

VAE = Member(
    "class-vae",
    generator="class-vae",
    schedule="exhaustive:start=encoder,noise_rate=2,prior_weight=0.0015,calibrate=true",
    steps=20,
)
"""The best class VAEs that are read by their energies alone."""
CONTRASTIVE = Member(
    "contrastive",
    generator="contrastive",
    schedule="exhaustive:start=encoder,noise_rate=2,prior_weight=0.0015",
    steps=2,
)


def vae_contrastive(fit: str = "", trained_on: str = "") -> Product:
    """Class decoders that were trained to tell classes apart, and class VAEs."""
    return _product("vae-contrastive", (CONTRASTIVE, VAE), fit, trained_on)


def _product(name: str, members: tuple[Member, ...], fit: str, trained_on: str) -> Product:
    """A product with the numbers of a file, or with those that ship for a dataset.

    Raises:
        IntegrityError: the file is no such file, or is of other members.
    """
    file = Path(fit) if fit else FOLDER / f"{name}-{dataset_key(trained_on or 'mnist')}.json"
    found: Fit | None = read_fit(file, members) if fit or file.is_file() else None
    return Product(members, found)
