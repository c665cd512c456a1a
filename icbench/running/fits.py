"""Where the numbers of a product of experts are found: in a file of the user's, or with the code, by dataset."""

from pathlib import Path

from icbench.kinds.product import Member, Product, read_fit
from icbench.running.entry import DEFAULTS, dataset_key


def load_product(name: str, members: tuple[Member, ...], folder: Path, fit: str = "", trained_on: str = "") -> Product:
    """A product with the numbers of a file, or with those that ship for a dataset, or with none.

    Args:
        name: the component's.
        members: what it is made of.
        folder: where numbers ship, as NAME-DATASET.json.
        fit: a file instead; empty for what ships.
        trained_on: the spec of the dataset whose numbers are meant; empty for the default one.

    Raises:
        IntegrityError: the file cannot be read, or is of other members.
    """
    file = Path(fit) if fit else folder / f"{name}-{dataset_key(trained_on or DEFAULTS['dataset'])}.json"
    return Product(members, read_fit(file, members) if fit or file.is_file() else None)
