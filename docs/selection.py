"""Print what the study of checkpoints found: python docs/selection.py > docs/selection.md"""

import json
from pathlib import Path

from icbench.report.study import study_grid, study_lines
from icbench.report.table import markdown_table
from icbench.training.criteria import read_study

STUDY = Path(__file__).parent / "selection.json"
INTRODUCTION = """# Choosing a checkpoint without eyes

The source post picks its model by looking at samples, "obviously not an optimal way of choosing the best model".
`icbench train cgan --study` asks what would have been one: it measures cheap figures of each checkpoint of one training
on the first {short} validation images, inverts {full:,} others in full, and holds the two against each other. Made by
`python docs/selection.py` from [selection.json](selection.json), a training of `cgan` with noise size 10, seed 0, by
the recipe of the earlier weights ([cgan.md](cgan.md)). No test image is in it.

![full accuracy against each figure](selection.png)
"""
READING = """## What to make of it

- The two schedules want different checkpoints. For `joint` the best one comes after a few epochs; from then on samples
  get better, as everybody would want, while the descent from the middle of the simplex gets lost more often. For
  `exhaustive`, which never leaves the vertices, better samples are better classification to the end.
- So what looks good (the reference CNN's verdict on samples, their Frechet distance, and an eye like theirs) orders
  checkpoints well for `exhaustive` and, if anything, the wrong way round for `joint`. The post inverted with the latter
  and chose by the former.
- A short inversion with the schedule that will be used is the obvious figure, and a weak one: a thousand images cannot
  tell checkpoints apart that differ by less than a point, and what the first steps reach is not what the last ones do
  (20 steps from drawn noise order nothing that 60 steps agree with). For `joint`, its reconstruction error orders
  checkpoints at least as well as its accuracy.
- One training with one seed: the intervals are over its checkpoints, which are not independent of each other.
"""


def main() -> None:
    document = json.loads(STUDY.read_text())
    _, found = read_study(document)
    print(INTRODUCTION.format(short=f"{document['short']['images']:,}", full=document["full"]["images"]))
    print(markdown_table(study_grid(found, document["reference_seconds"])))
    print(*(f"- {line[:1].upper()}{line[1:].rstrip('.')}." for line in study_lines(found)), sep="\n")
    print(f"\n{READING}", end="")


if __name__ == "__main__":
    main()
