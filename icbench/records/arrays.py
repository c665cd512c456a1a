"""The form of per-image arrays: checked before they are written and whenever they are read."""

from collections.abc import Collection, Sequence

import numpy as np

from icbench.records.files import Arrays

NEEDED = ("index", "label", "prediction", "distance", "resets")
"""What every run has of each image."""

WHOLE, REAL = "iu", "f"

FORMS = {
    "index": (WHOLE, 1),
    "label": (WHOLE, 1),
    "prediction": (WHOLE, 1),
    "class_scores": (REAL, 2),
    "distance": (REAL, 1),
    "energy": (REAL, 1),
    "resets": (WHOLE, 1),
    "class_dropped_at": (WHOLE, 2),
    "forwards": (WHOLE, 1),
    "backwards": (WHOLE, 1),
    "asked": (WHOLE, 1),
    "class_vector": (REAL, 2),
    "noise": (REAL, 2),
}
"""The kind of numbers and the dimensions of each array; the first dimension is the images."""

LOWEST = {
    "index": 0,
    "label": 0,
    "prediction": -1,
    "resets": 0,
    "class_dropped_at": -1,
    "forwards": 0,
    "backwards": 0,
    "asked": 1,
}
"""The least value of whole numbers; `asked` is how many members of a product were asked."""
MOST_CLASSES = 2**15
"""Labels and predictions are stored in 16 bits."""


def fault_in(arrays: Arrays, images: int, needed: Collection[str] = ()) -> str:
    """What is wrong with per-image arrays, in a few words, or an empty text.

    Args:
        arrays: by name; all have a row for each image.
        images: how many the run is about, which positions have to be below.
        needed: the names that must be there.
    """
    for name in needed:
        if name not in arrays:
            return f"'{name}' is missing"
    for name, values in arrays.items():
        kinds, dimensions = FORMS.get(name, ("", values.ndim))
        if values.ndim != dimensions or (kinds and values.dtype.kind not in kinds):
            return f"'{name}' is {values.dtype} of shape {values.shape}"
    lengths = {name: len(values) for name, values in arrays.items()}
    if len({*lengths.values()}) > 1:
        return "different numbers of rows: " + ", ".join(f"{name} {length}" for name, length in lengths.items())
    return _fault_in_values(arrays, images)


def _fault_in_values(arrays: Arrays, images: int) -> str:
    classes = arrays["class_scores"].shape[1] if "class_scores" in arrays else MOST_CLASSES
    ends = {"index": images, "label": MOST_CLASSES, "prediction": classes}
    for name, lowest in LOWEST.items():
        values = arrays.get(name, np.zeros(0, int))
        if not values.size:
            continue
        low, high = int(values.min()), int(values.max())
        if low < lowest or high >= ends.get(name, high + 1):
            return f"'{name}' goes from {low} to {high}"
    index = np.sort(arrays.get("index", np.zeros(0, int)))
    return "an image is there twice" if (index[1:] == index[:-1]).any() else ""


def difference_in_form(arrays: Arrays, others: Sequence[Arrays]) -> str:
    """The first array that has rows of another shape in `others`, in a few words, or an empty text."""
    for other in others:
        for name in arrays.keys() & other.keys():
            if arrays[name].shape[1:] != other[name].shape[1:]:
                return f"rows of '{name}' have the shapes {other[name].shape[1:]} and {arrays[name].shape[1:]}"
    return ""
