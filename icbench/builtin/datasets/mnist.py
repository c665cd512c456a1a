"""MNIST, complete and inside the package, so that the first command works offline."""

import hashlib
import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from icbench.builtin.datasets.parts import part_of, take_split
from icbench.errors import IntegrityError
from icbench.kinds.dataset import Dataset, DataShape, Split

FILE = Path(__file__).parent / "data" / "mnist.npz"
MNIST_SHAPE = DataShape(10, (1, 28, 28))
"""Also that of the generators whose weights do not say their shape, being from before there were others."""
DIGESTS = {
    "x_train": "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757",
    "y_train": "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13",
    "x_test": "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161",
    "y_test": "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5",
}


class MNIST(Dataset):
    """The MNIST database of handwritten digits (LeCun, Cortes, Burges 1998).

    Train is the first 50,000 training images, validation the last 10,000, test the 10,000 test images.
    """

    num_classes = MNIST_SHAPE.num_classes
    licence = "CC BY-SA 3.0"
    source = "http://yann.lecun.com/exdb/mnist"
    citation = "LeCun, Cortes, Burges 1998, The MNIST Database of Handwritten Digits"
    light_on_dark = True
    preprocessing = "mnist"

    def __init__(self, file: Path = FILE) -> None:
        self.file = file

    def split(self, name: str, folder: Path) -> Split:
        part = part_of(name)
        images, labels = self._array(f"x_{part}")[:, None], self._array(f"y_{part}").astype(np.int64)
        return take_split(name, Split(images, labels))

    def status(self, folder: Path) -> str:
        return "in the package"

    def digests(self) -> dict[str, str]:
        return DIGESTS

    def _array(self, key: str) -> NDArray[np.uint8]:
        try:
            with self.file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
                array: NDArray[np.uint8] = arrays[key]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise IntegrityError(f"{self.file} cannot be read: {error}", "Reinstall icbench.") from error
        check_digest(array, DIGESTS[key], f"{key} in {self.file}")
        return array


def check_digest(array: NDArray[np.uint8], expected: str, what: str) -> None:
    """Check that an array is the one expected.

    Args:
        array: it.
        expected: the SHA-256 of its bytes, in hexadecimal.
        what: begins the message, such as `"images in mnist.npz"`.

    Raises:
        IntegrityError: it has another SHA-256; the message has both.
    """
    found = hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()
    if found != expected:
        raise IntegrityError(
            f"{what} has SHA-256 {found}, expected {expected}",
            "Restore the file: remove and fetch or install it again.",
        )
