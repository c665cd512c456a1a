"""Published accuracies, to be shown beside a track and never ranked."""

import json
from dataclasses import dataclass
from pathlib import Path

import msgspec

FILE = Path(__file__).parent / "references.json"


@dataclass(frozen=True)
class Reference:
    """One published accuracy, and on how many images of which split it was measured."""

    name: str
    dataset: str
    split: str
    images: int
    accuracy: float


def published_references(dataset: str, split: str) -> list[Reference]:
    """The references for a dataset's split that were read in a primary source, the best first."""
    references = [
        msgspec.convert(reference, Reference)
        for reference in json.loads(FILE.read_text(encoding="utf-8"))["marks"]
        if reference["status"] == "checked" and (reference["dataset"], reference["split"]) == (dataset, split)
    ]
    return sorted(references, key=lambda reference: -reference.accuracy)
