"""Published accuracies, to be shown beside a track and never ranked."""

import json
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__).parent / "references.json"


@dataclass(frozen=True)
class Mark:
    """One published accuracy, and on how many images of which split it was measured."""

    name: str
    dataset: str
    split: str
    images: int
    accuracy: float


def published_marks(dataset: str, split: str) -> list[Mark]:
    """The marks for a dataset's split that were read in a primary source, the best first."""
    fields = ("name", "dataset", "split", "images", "accuracy")
    marks = [
        Mark(**{field: mark[field] for field in fields})
        for mark in json.loads(FILE.read_text(encoding="utf-8"))["marks"]
        if mark["status"] == "checked" and (mark["dataset"], mark["split"]) == (dataset, split)
    ]
    return sorted(marks, key=lambda mark: -mark.accuracy)
