"""Print what the study of checkpoints found: python docs/selection.py > docs/selection.md"""

import json
from pathlib import Path

from icbench.report.study import study_grid, study_lines
from icbench.report.table import markdown_table
from icbench.training.criteria import read_study

STUDY = Path(__file__).parent / "selection.json"
INTRODUCTION = """# Choosing a checkpoint by figures

The source post picks its model by looking at samples, "obviously not an optimal way of choosing the best model".
`icbench train cgan --study` looks for a better one: it measures cheap figures of each checkpoint of one training on the
first {short} validation images, inverts {full:,} others in full, and compares the two. Made by
`python docs/selection.py` from [selection.json](selection.json), a training of `cgan` with noise size 10, seed 0, by
the recipe of the shipped weights ([cgan.md](cgan.md)). No test image is in it.

![full accuracy against each figure](selection.png)
"""
READING = """## What to make of it

- With this training the two schedules no longer want different checkpoints: `exhaustive` gets better to the end, and
  `joint` is level from epoch 20 on (0.914 to 0.925). With the earlier training, whose reconstruction loss was far above
  the adversary's, `joint` was best after four of 20 epochs, and what looked good ordered checkpoints wrongly for it.
- How near short inversions come to real images orders the checkpoints best, with either schedule; how many real images
  have a sample near (coverage) does so too, in a second. The accuracy of short inversions is as good, if noisier:
  a thousand images cannot tell checkpoints apart that differ by less than a point.
- The Frechet distance, by which generators are usually chosen, tells the first epochs from the rest and says little
  after that, and a classifier's verdict on samples is at its ceiling from the seventh epoch on.
- The class margin says least: it grows while the generator learns classes, and falls as it learns to reach more.
- One training with one seed: the intervals are over its checkpoints, which are not independent of each other.
"""


def main() -> None:
    document = json.loads(STUDY.read_text())
    _, found = read_study(document)
    print(INTRODUCTION.format(short=f"{document['short']['images']:,}", full=document["full"]["images"]))
    print(markdown_table(study_grid(found, document["reference_seconds"])).removeprefix("#"))
    print(*(f"- {line[:1].upper()}{line[1:].rstrip('.')}." for line in study_lines(found)), sep="\n")
    print(f"\n{READING}", end="")


if __name__ == "__main__":
    main()
