"""How well an entry reconstructs images such as it was made for: what to tell by that an image is of another kind."""

import hashlib
import json
from dataclasses import dataclass, replace
from importlib.resources import files
from typing import TYPE_CHECKING

import numpy as np

from icbench.engine.preflight.trial import one_thread
from icbench.engine.settings import Settings
from icbench.plugins.discovery import BUILTIN
from icbench.plugins.isolation import isolate
from icbench.running.observer import Observer
from icbench.running.runners import InversionRunner
from icbench.storage import keep, read_kept

if TYPE_CHECKING:
    from icbench.running.datasets import Source

IMAGES = 200
"""How many validation images it is measured on."""
QUANTILE = 0.99
BATCH = 512
FILE = "usual-distances.json"
"""What was measured here, in the user's cache folder."""
SHIPPED = "usual_distances.json"
"""What comes with icbench: of entries made of its own components alone."""


@dataclass(frozen=True)
class UsualDistance:
    """What distances validation images have from their reconstructions.

    Args:
        most: what 99 % of them do not exceed.
        dataset: whose images.
    """

    most: float
    dataset: str


def usual_distance(runner: InversionRunner, source: "Source", settings: Settings, observer: Observer) -> UsualDistance:
    """The usual distance of an entry: shipped, kept from before, or measured now and kept.

    Raises:
        IcbenchError: it is to be measured, and the dataset has no images for that.
    """
    settings = replace(settings, seed=0)
    shipped = _find_shipped(runner, source, settings)
    if shipped is not None:
        return UsualDistance(shipped, source.label)
    key, known = _key(runner, source, settings), _read(read_kept(FILE))
    if key not in known:
        with observer.working(f"measuring once how far {source.label} images usually are from their reconstructions"):
            known[key] = measure(runner, source, settings)
        keep(FILE, json.dumps(known, indent=1, sort_keys=True, ensure_ascii=False))
    return UsualDistance(known[key], source.label)


def measure(runner: InversionRunner, source: "Source", settings: Settings) -> float:
    """The `QUANTILE` of the distances of the first `IMAGES` validation images."""
    images = source.split("validation").images
    index = np.arange(min(IMAGES, len(images)))
    with isolate(), one_thread():
        results = list(runner.results(images, index, settings, BATCH, lambda images: None))
    distances = np.concatenate([result.arrays["distance"] for result in results])
    return float(np.quantile(distances[np.isfinite(distances)], QUANTILE))


def label_of(runner: InversionRunner, source: "Source", settings: Settings) -> str:
    """An entry, its weights, steps and dataset in a line."""
    weights = runner.components.generator.weights_digest[:16]
    return f"{runner.entry.label} · {settings.steps} steps · {source.label} · weights {weights}"


def _find_shipped(runner: InversionRunner, source: "Source", settings: Settings) -> float | None:
    """What comes with icbench of an entry; components of others may be called the same."""
    selections = (*runner.entry.selections.values(), runner.entry.dataset)
    if any(selection.registered.dist != BUILTIN.dist for selection in selections):
        return None
    text = (files("icbench.running") / SHIPPED).read_text("utf-8")
    return _read(text).get(label_of(runner, source, settings))


def _key(runner: InversionRunner, source: "Source", settings: Settings) -> str:
    """What decides the distances but for rounding: the components with their code and weights, the steps, the data."""
    components = {kind: vars(metadata) for kind, metadata in runner.describe_components().items()}
    facts = [components, settings.steps, source.label, IMAGES, QUANTILE]
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True, default=str).encode()).hexdigest()
    return f"{label_of(runner, source, settings)} · {digest[:16]}"


def _read(text: str) -> dict[str, float]:
    try:
        return {str(key): float(distance) for key, distance in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError):
        return {}
