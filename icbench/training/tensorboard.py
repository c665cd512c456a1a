"""A training's course as event files that TensorBoard shows. It needs the package tensorboard."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from icbench.errors import UsageError
from icbench.training.log import TrainingLog, check_figures
from icbench.training.scoring import ScoredCheckpoint


class TensorBoardLog(TrainingLog):
    """Writes losses, validation figures and sample grids over the epochs.

    Args:
        folder: where to; what an earlier, stopped part of the same training wrote after its last checkpoint is hidden.

    Raises:
        UsageError: the package tensorboard is not installed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder, self.make_writer = folder, _import_writer()

    def begin(self, done: int) -> None:
        self.writer = self.make_writer(str(self.folder), purge_step=done + 1)

    def log_losses(self, epochs: int, losses: Mapping[str, float]) -> None:
        self._log("loss", losses, epochs)

    def log_check(self, check: ScoredCheckpoint, samples: Image.Image) -> None:
        self._log("validation", check_figures(check), check.epochs)
        self.writer.add_image("samples", np.array(samples), check.epochs, dataformats="HWC")
        self.writer.flush()

    def end(self) -> None:
        self.writer.close()

    def _log(self, group: str, values: Mapping[str, float], epochs: int) -> None:
        for name, value in values.items():
            self.writer.add_scalar(f"{group}/{name}", value, epochs)
        self.writer.flush()


def _import_writer() -> Callable[..., Any]:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise UsageError(
            f"--log-dir writes for TensorBoard, which is not installed ({error})",
            "Install it with `pip install 'icbench[tensorboard]'`, or leave out --log-dir: a table is kept anyway.",
        ) from error
    writer: Callable[..., Any] = SummaryWriter
    return writer
