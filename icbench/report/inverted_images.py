"""What inversions of images found, as tables and as data."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from icbench.kinds.names import class_name
from icbench.report.class_names import WIDE, call_by_number, call_class
from icbench.report.table import Column, Footnote, Grid, Section

if TYPE_CHECKING:
    from icbench.images.preprocessing import Target
    from icbench.running.image_inversion import InvertedImage
    from icbench.running.usual_distance import UsualDistance

HELD = "held"
"""Said of a class in which no hypothesis ended."""


@dataclass(frozen=True)
class Answer:
    """What was found for one image.

    Args:
        name: what the user calls it.
        done: what was done to it before, a phrase each.
        target: what it was made to, or None for an image of a dataset.
        label: what class it is, where that is known.
        inverted: what the inversion found.
        usual: what distance would be usual, or None where that is not known.
        class_names: what the classes are called, where that is known.
    """

    name: str
    done: tuple[str, ...]
    target: "Target | None"
    label: int | None
    inverted: "InvertedImage"
    usual: "UsualDistance | None"
    class_names: tuple[str, ...] = ()

    @property
    def is_unusual(self) -> bool:
        """Whether even the best reconstruction is poor, as far as is known."""
        return self.usual is not None and not self.inverted.distance <= self.usual.most

    @property
    def prediction(self) -> str:
        """What the class is called; "none" for an image whose results are not finite."""
        return "none" if self.inverted.prediction < 0 else self.call(self.inverted.prediction)

    def call(self, label: int) -> str:
        """What a class is called."""
        return call_class(label, self.class_names)

    @property
    def warning(self) -> str:
        """A line for an image that is not like those that the generator knows; empty for others."""
        if not self.is_unusual or self.usual is None:
            return ""
        return (
            f"{self.name} does not look like an image of {self.usual.dataset}: its best reconstruction has distance "
            f"{self.inverted.distance:.4g}, and 99 % of validation images have {self.usual.most:.4g} or less"
        )


def answer_grid(answer: Answer) -> Grid:
    """The classes of one image in the order of their scores."""
    inverted = answer.inverted
    bests = inverted.bests
    scored = inverted.reads_shares
    distances = not np.array_equal(bests.energy, bests.distance, equal_nan=True)
    headings = ["class", *(["class vector"] if scored else []), "energy", *(["distance"] if distances else [])]
    columns = [Column("class", 0, words=WIDE if answer.class_names else 0)]
    columns += [Column(heading, place) for place, heading in enumerate(headings[1:], 1)]
    rows = []
    for label in inverted.ranking:
        share = [f"{inverted.class_scores[label]:.3f}"] if scored else []
        distance = [f"{bests.distance[0, label]:.5f}"] if distances else []
        held = "" if bests.searched[0, label] else HELD
        rows.append(
            [call_by_number(label, answer.class_names), *share, f"{bests.energy[0, label]:.5f}", *distance, held]
        )
    notes = [Footnote(note) for note in _notes(answer)]
    title = f"{answer.name}: class {answer.prediction}{_truth(answer)}"
    return Grid(title, [*columns, Column("", len(columns), words=len(HELD))], [Section(rows)], notes)


def _notes(answer: Answer) -> list[str]:
    """What has to be known of an image and of the table of its classes."""
    notes = [f"what was done to it: {', '.join(answer.done)}"] if answer.done else []
    if not answer.inverted.bests.searched.all():
        notes.append(f"{HELD}: the search ended elsewhere; the energy of the class with the noise that was found")
    return notes


def answers_grid(answers: Sequence[Answer]) -> Grid:
    """Several images, a row each."""
    labelled = any(answer.label is not None for answer in answers)
    changed = any(answer.done for answer in answers)
    wide = WIDE if answers[0].class_names else 0
    columns = [Column("image", 0, words=24), Column("class", 0, words=wide)]
    columns += [Column("label", 1, words=wide)] if labelled else []
    columns += [Column("energy", 1), Column("usual", 3), Column("next class", 2, words=wide), Column("its energy", 4)]
    columns += [Column("what was done to it", 5, words=40)] if changed else []
    return Grid("", columns, [Section([_row(answer, labelled, changed) for answer in answers])])


def _row(answer: Answer, labelled: bool, changed: bool) -> list[str]:
    inverted = answer.inverted
    following = inverted.ranking[1]
    known = [] if not labelled else ["" if answer.label is None else answer.call(answer.label)]
    usual = "" if answer.usual is None else "no" if answer.is_unusual else "yes"
    numbers = [f"{inverted.energy:.5f}", usual, answer.call(following), f"{inverted.bests.energy[0, following]:.5f}"]
    return [answer.name, answer.prediction, *known, *numbers, *([", ".join(answer.done)] if changed else [])]


def _truth(answer: Answer) -> str:
    if answer.label is None:
        return ""
    return (
        ", as it is labelled"
        if answer.label == answer.inverted.prediction
        else f", labelled {answer.call(answer.label)}"
    )


def answer_data(answer: Answer) -> dict[str, Any]:
    """One image for JSON."""
    inverted, target = answer.inverted, answer.target
    bests = inverted.bests
    classes = [
        {
            "class": label,
            "name": class_name(label, answer.class_names),
            "score": float(inverted.class_scores[label]),
            "energy": float(bests.energy[0, label]),
            "distance": float(bests.distance[0, label]),
            "searched": bool(bests.searched[0, label]),
        }
        for label in inverted.ranking
    ]
    return {
        "image": answer.name,
        "size": list(target.picture.size) if target else None,
        "mode": target.picture.mode if target else None,
        "inverted_colours": target.inverted if target else False,
        "done": list(answer.done),
        "label": answer.label,
        "prediction": inverted.prediction if inverted.prediction >= 0 else None,
        "distance": inverted.distance,
        "energy": inverted.energy,
        "nfe": inverted.nfe,
        "usual_distance": answer.usual.most if answer.usual else None,
        "looks_usual": None if answer.usual is None else not answer.is_unusual,
        "classes": classes,
    }
