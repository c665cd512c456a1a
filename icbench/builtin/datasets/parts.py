"""How data that comes as a training and a test part becomes three splits."""

from icbench.kinds.dataset import Split

HELD_OUT = 6
"""One in so many training images is a validation image: of MNIST's 60,000 the last 10,000."""


def part_of(split: str) -> str:
    """The part, "train" or "test", that a split is taken from."""
    return "test" if split == "test" else "train"


def take_split(name: str, part: Split) -> Split:
    """A split of its part: of the training part validation is the last sixth, and train what is before it."""
    cut = len(part) - len(part) // HELD_OUT
    rows = {"train": slice(cut), "validation": slice(cut, None), "test": slice(None)}[name]
    return Split(part.images[rows], part.labels[rows])
