"""Whose products are fastest on this machine's CPU: measured once in some milliseconds, and kept for the next time.

They sum the same numbers, perhaps in another order, so no run key holds the choice; a record's environment does.
"""

import json
import time
from functools import cache, partial
from typing import TYPE_CHECKING

from icbench.compute.machine import cpu_model
from icbench.storage import keep, read_kept

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

Speeds = dict[str, float]
"""How many times as fast each product is as torch's in float32, by "torch float32", "onednn bfloat16" and so on; those
that do not work here are not in it."""

FILE = "products.json"
ROWS, INPUTS, OUTPUTS = 256, 256, 1024
"""The shape of the product that is timed: one of an inversion."""
REPEATS = 7
ONEDNN_WORTHWHILE = 1.02
"""How much faster oneDNN's product must be than torch's own."""
FIRST = "torch float32"
ALWAYS = {FIRST, "torch bfloat16"}
"""What every torch has."""


@cache
def onednn_pays(precision: "torch.dtype") -> bool:
    """Whether `icbench.compute.onednn` has a product for this precision that is faster than torch's."""
    kind, speeds = str(precision).removeprefix("torch."), _speeds()
    return speeds.get(f"onednn {kind}", 0) >= ONEDNN_WORTHWHILE * speeds.get(f"torch {kind}", float("inf"))


@cache
def _speeds() -> Speeds:
    """What `speeds` found for the same processor, torch and threads, now or before.

    It is kept in the user's cache folder, so that runs of one machine choose alike, whatever else it is busy with.
    """
    import torch

    machine = f"{cpu_model()}, torch {torch.__version__}, {torch.get_num_threads()} threads"
    known = _read(read_kept(FILE))
    if not set(known.get(machine, {})) >= ALWAYS:
        known[machine] = speeds()
        keep(FILE, json.dumps(known, indent=1, sort_keys=True))
    return known[machine]


def speeds() -> Speeds:
    """Measure all products in turns; of each the best of some timings counts."""
    best: Speeds = {}
    products = _products()
    for _ in range(REPEATS + 1):  # the first warms up, and is never the best
        for name, product in products.items():
            best[name] = min(best.get(name, float("inf")), _seconds(product))
    return {name: best[FIRST] / seconds for name, seconds in best.items()}


def _products() -> "dict[str, Callable[[], torch.Tensor]]":
    import torch

    from icbench.compute import onednn

    found: dict[str, Callable[[], torch.Tensor]] = {}
    for precision in (torch.float32, torch.bfloat16):
        kind = str(precision).removeprefix("torch.")
        # Small integers, whose sums every product has exactly.
        rows, weight = ((torch.arange(size * INPUTS) % 7 - 3).view(size, -1).to(precision) for size in (ROWS, OUTPUTS))
        torchs = found[f"torch {kind}"] = partial(torch.nn.functional.linear, rows, weight)
        try:
            onednns = partial(onednn.product, rows, onednn.pack(weight))
            if torch.equal(onednns(), torchs()):
                found[f"onednn {kind}"] = onednns
        except (AttributeError, RuntimeError):
            continue
    return found


def _seconds(product: "Callable[[], torch.Tensor]") -> float:
    started = time.perf_counter()
    product()
    return time.perf_counter() - started


def _read(text: str) -> dict[str, Speeds]:
    try:
        found = json.loads(text)
        return {
            str(machine): {str(name): float(rate) for name, rate in speeds.items()} for machine, speeds in found.items()
        }
    except (ValueError, TypeError, AttributeError):
        return {}
