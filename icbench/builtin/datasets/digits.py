"""The small digits that scikit-learn brings: 8 x 8 pixels, here in a moment and without a network."""

from importlib.util import find_spec
from pathlib import Path

import numpy as np

from icbench.builtin.datasets.parts import HELD_OUT, part_of, take_split
from icbench.errors import MissingDataError
from icbench.kinds.dataset import Dataset, Split

WHITE = 16
"""The greatest value of a pixel, as scikit-learn has them."""
INSTALL = "pip install 'icbench[digits]'"


class Digits(Dataset):
    """Handwritten digits, 8 x 8 (Alpaydin, Kaynak 1998), the part that scikit-learn has.

    Test is the last sixth of the 1,797 images, validation the last sixth of what is before it.
    """

    num_classes = 10
    licence = "CC BY 4.0"
    source = "https://archive.ics.uci.edu/dataset/80"
    citation = "Alpaydin, Kaynak 1998, Optical Recognition of Handwritten Digits, doi:10.24432/C50P49"
    light_on_dark = True

    def split(self, name: str, folder: Path) -> Split:
        whole = _load()
        cut = len(whole) - len(whole) // HELD_OUT
        rows = slice(cut, None) if part_of(name) == "test" else slice(cut)
        return take_split(name, Split(whole.images[rows], whole.labels[rows]))

    def status(self, folder: Path) -> str:
        return "in scikit-learn" if self.is_here(folder) else f"needs scikit-learn: {INSTALL}"

    def is_here(self, folder: Path) -> bool:
        return find_spec("sklearn") is not None


def _load() -> Split:
    try:
        from sklearn.datasets import load_digits
    except ImportError as error:
        raise MissingDataError(f"digits needs scikit-learn, which is not here: {error}", INSTALL) from error
    levels, labels = load_digits(return_X_y=True)
    images = (levels.reshape(-1, 1, 8, 8) * (255 / WHITE)).round().astype(np.uint8)
    return Split(images, labels.astype(np.int64))
