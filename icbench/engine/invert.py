"""The inversion engine: gradient descent on a generator's inputs, batch by batch.

The engine owns what a result's trust rests on: the starts, the batches, the precision, the order of the constraint, the
count of generator evaluations, and the re-scoring of the latents that come back. The four components are not asked
about their own cost or success.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray

from icbench.compute.devices import float32_products
from icbench.engine.batch import BatchInversion
from icbench.engine.initialization import NoiseBank
from icbench.engine.readout import group_by_class
from icbench.engine.result import InversionResult
from icbench.engine.settings import Components, Settings
from icbench.engine.targets import Pixels
from icbench.errors import UsageError
from icbench.kinds.schedule import Hypotheses


def invert(
    components: Components,
    images: Pixels,
    index: NDArray[np.int64],
    settings: Settings,
    batch_size: int = 512,
    on_step: Callable[[int], None] = lambda images: None,
    noise: NDArray[np.float32] | None = None,
    classes: NDArray[np.int64] | None = None,
) -> Iterator[InversionResult]:
    """Invert images batch by batch.

    Args:
        components: the four components; the generator prepared on `settings.device`.
        images: (N, C, H, W), a whole split; only the rows in `index` are read.
        index: (M,) the images to invert, by position in `images`. A position also seeds its image's starts.
        settings: how.
        batch_size: hypotheses, not images, inverted together; it bounds memory and changes results by rounding only.
        on_step: called after each step with the number of the batch's images that are in `index`; for images that stop
            early at once with all steps that they are spared.
        noise: (M, Z), where every hypothesis of an image starts instead of at the noise drawn for it.
        classes: (M, m) the classes that each image is searched for in, none twice; None for all. The others get a
            score no better than the worst of these.

    Raises:
        UsageError: `classes` is given, and a hypothesis of the schedule is of no class, or the images of the generator
            depend on each other.

    Yields:
        one `InversionResult` per batch, in the order of `index`; in ascending order for a generator whose rows depend
        on each other: groups of images are aligned to the split and invert whole, so what a group of rows holds never
        changes. An image's hypotheses are consecutive rows, and can be each other's mates.
    """
    hypotheses = components.schedule.hypotheses(components.generator.class_dim)
    bank = NoiseBank.of(components, settings)
    group = components.generator.batch_group_size
    if classes is not None:
        check_separable(hypotheses, group)
    with_mates = index if group == 1 else whole_groups(index, group, len(images))
    searched = hypotheses_per_image(components, hypotheses, classes)
    per_batch = max(1, batch_size // searched // group) * group
    for begin in range(0, len(with_mates), per_batch):
        rows = with_mates[begin : begin + per_batch]
        asked_for = np.isin(rows, index)
        with float32_products(settings.device, tf32=False):
            chosen = None if classes is None else classes[begin : begin + per_batch]
            inversion = BatchInversion(components, hypotheses, images, rows, bank, settings, chosen)
            if noise is not None:
                inversion.state.start_at(asked_for, noise[_places(rows[asked_for], index)])
            found = inversion.run(partial(_tell, on_step, asked_for))
        yield found.rows(asked_for)


def hypotheses_per_image(
    components: Components, hypotheses: Hypotheses, classes: NDArray[np.int64] | None = None
) -> int:
    """How many hypotheses an image has at first, where it is searched for in some classes (M, m) or in all."""
    share = 1.0 if classes is None else classes.shape[1] / components.generator.num_classes
    return max(1, round(len(hypotheses.restart) * share))


def check_separable(hypotheses: Hypotheses, group: int) -> None:
    """Check that some classes can be searched for without the others.

    Args:
        hypotheses: the schedule's.
        group: how many images depend on each other.

    Raises:
        UsageError: they cannot.
    """
    vectors = hypotheses.class_vector
    per_class = torch.bincount(vectors.argmax(dim=1), minlength=vectors.shape[1])
    if group > 1 or not bool((vectors == 1).any(dim=1).all()) or int(per_class.min()) != int(per_class.max()):
        raise UsageError(
            "some classes cannot be searched for without the others by this schedule and generator",
            "Choose a schedule that holds the class vector, such as exhaustive, or ask about all classes.",
        )


def _places(rows: NDArray[np.int64], index: NDArray[np.int64]) -> NDArray[np.intp]:
    """Where each of the rows stands in `index`."""
    order = np.argsort(index)
    places: NDArray[np.intp] = order[np.searchsorted(index, rows, sorter=order)]
    return places


def _tell(on_step: Callable[[int], None], asked_for: NDArray[np.bool_], count: int) -> None:
    """Tell of `count` images of a batch; mates that nobody asked for, which only go together, do not count."""
    on_step(count * int(asked_for.sum()) // len(asked_for))


def whole_groups(index: NDArray[np.int64], group: int, images: int) -> NDArray[np.int64]:
    """The images in `index` and all that are in a group with one of them, in ascending order.

    Args:
        index: (M,) positions in a split.
        group: the size of a group; the first is of images 0 to group - 1.
        images: the size of the split, at whose end a group may be smaller.
    """
    members = np.unique(index // group)[:, None] * group + np.arange(group)
    found: NDArray[np.int64] = members[members < images]
    return found


def class_paths(
    components: Components, images: Pixels, index: NDArray[np.int64], settings: Settings
) -> NDArray[np.float32]:
    """The class vectors before each step and after the last, of the first hypothesis of each image.

    Args:
        components, images, index, settings: as for `invert`, but all images are one batch and make all steps; `index`
            is ascending.

    Returns:
        (S + 1, M, K), on the simplex, the modes of a class added up.
    """
    hypotheses = components.schedule.hypotheses(components.generator.class_dim)
    rows = whole_groups(index, components.generator.batch_group_size, len(images))
    with float32_products(settings.device, tf32=False):
        bank, settings = NoiseBank.of(components, settings), replace(settings, stop_when=None)
        inversion = BatchInversion(components, hypotheses, images, rows, bank, settings)
        path = [_first_class_vectors(inversion, 0)]
        inversion.run(lambda _: path.append(_first_class_vectors(inversion, len(path) - 1)))
    return np.stack(path)[:, np.isin(rows, index)]


def _first_class_vectors(inversion: BatchInversion, step: int) -> NDArray[np.float32]:
    """The class vectors (B, classes) of each image's first hypothesis, as they are at a step."""
    state, components = inversion.state, inversion.components
    coordinates = state.coordinates.detach()
    if not state.constrained:
        # A copy: that somebody looks at the path must not change it.
        coordinates = coordinates.clone()
        components.schedule.constrain(coordinates)
    vectors = components.schedule.class_vector_of(coordinates, inversion.progress(step))
    first = vectors.view(len(state.index), state.hypothesis_count, -1)[:, 0]
    return group_by_class(first, components.generator).sum(dim=-1).cpu().numpy().copy()
