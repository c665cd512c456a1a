"""Which precision pays on this machine's CPU: measured once in some milliseconds, and kept for the next time."""

import json
import time
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from icbench.environment import cpu_model
from icbench.records.files import replace_synced

if TYPE_CHECKING:
    import torch

FILE = "precision.json"
ROWS, INPUTS, OUTPUTS = 256, 256, 1024
"""The shape of the product that is timed: one of an inversion."""
REPEATS = 7
WORTHWHILE = 1.3
"""How much faster bfloat16 must be: a step is not only products, and rounding costs some agreement."""


@cache
def bfloat16_pays() -> bool:
    """Whether torch's products in bfloat16 are faster on this CPU by `WORTHWHILE`.

    The answer is kept in the user's cache folder for the same processor, torch and threads, so that runs of one machine
    choose alike, whatever else it is busy with. Processors that emulate bfloat16 take several times as long with it.
    """
    import torch

    machine = f"{cpu_model()}, torch {torch.__version__}, {torch.get_num_threads()} threads"
    file = Path(platformdirs.user_cache_dir("icbench")) / FILE
    known = _read(file)
    if machine not in known:
        known[machine] = speedup()
        _write(file, known)
    return known[machine] >= WORTHWHILE


def speedup() -> float:
    """How many times as fast a product is in bfloat16 as in float32: of each the best of some timings, in turns."""
    import torch

    best = {torch.float32: float("inf"), torch.bfloat16: float("inf")}
    factors = {kind: (torch.ones(ROWS, INPUTS, dtype=kind), torch.ones(INPUTS, OUTPUTS, dtype=kind)) for kind in best}
    for _ in range(REPEATS + 1):  # the first warms up, and is never the best
        for kind, (left, right) in factors.items():
            best[kind] = min(best[kind], _seconds(left, right))
    return best[torch.float32] / best[torch.bfloat16]


def _seconds(left: "torch.Tensor", right: "torch.Tensor") -> float:
    started = time.perf_counter()
    left @ right
    return time.perf_counter() - started


def _read(file: Path) -> dict[str, float]:
    try:
        found = json.loads(file.read_text())
        return {str(machine): float(ratio) for machine, ratio in found.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _write(file: Path, known: dict[str, float]) -> None:
    """Keep what is known; where that cannot be written it is measured again the next time."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_synced(file, json.dumps(known, indent=1, sort_keys=True).encode())
    except OSError:
        return
