"""Inversions of images that need not be of any dataset, as `icbench.invert` returns them."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from icbench.engine.result import PER_IMAGE, InversionResult

if TYPE_CHECKING:
    from matplotlib.figure import Figure
    from pandas import DataFrame


@dataclass(frozen=True)
class Inversion(InversionResult):
    """The result of inverting B images, with the images.

    Args:
        label: the entry.
        targets, reconstructions: (B, C, H, W) in [0, 1], what was inverted and what the returned latents make.
        class_names: what the generator's classes are called, where that is known.
    """

    label: str
    targets: NDArray[np.float32]
    reconstructions: NDArray[np.float32]
    class_names: tuple[str, ...] = ()

    def rows(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "Inversion":
        """The result of some images, by a mask (B,) or by their places in B."""
        names = (*PER_IMAGE, "targets", "reconstructions")
        return replace(self, **{name: getattr(self, name)[chosen] for name in names})

    def to_pandas(self) -> "DataFrame":
        """The result as a pandas data frame with a row for each image, and a column for each entry of a vector.

        Raises:
            UsageError: pandas is not installed.
        """
        from icbench.report.notebook import inversion_frame

        return inversion_frame(self)

    def plot(self, count: int = 20) -> "Figure":
        """Draw each image, what was made of it, and the scores of all classes.

        Args:
            count: how many images are drawn, from the first on.
        """
        from icbench.report.notebook import inversion_figure

        return inversion_figure(self, count)

    def _repr_html_(self) -> str:
        from icbench.report.notebook import inversion_html

        return inversion_html(self)
