"""Running entries: from specs to a record, with everything the user can get wrong found before anything is computed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from icbench.entry import DEFAULTS, Entry, grid
from icbench.errors import UsageError
from icbench.kinds.dataset import SPLITS, Dataset, Split, data_folder
from icbench.plugins import Host
from icbench.records import Record, check_writable
from icbench.session import Options, Session, Watcher

if TYPE_CHECKING:
    from icbench.engine import Inverted


@dataclass(frozen=True)
class Reconstructions:
    """The first images of a run and what the inversion made of them.

    Args:
        label: the entry.
        targets, images: (N, C, H, W) in [0, 1].
        truth, prediction: (N,).
    """

    label: str
    targets: NDArray[np.float32]
    images: NDArray[np.float32]
    truth: NDArray[np.int64]
    prediction: NDArray[np.int64]


def entries_from_specs(host: Host, specs: Mapping[str, Sequence[str]], lr: float | None = None) -> list[Entry]:
    """The grid of entries that specs ask for; a kind without specs takes its default.

    Raises:
        UsageError: a spec that does not fit what is registered.
    """
    chosen = {kind: [host.select(kind, spec) for spec in specs.get(kind) or [DEFAULTS[kind]]] for kind in DEFAULTS}
    if lr is not None:
        chosen["optimizer"] = [host.with_param(selection, "lr", lr) for selection in chosen["optimizer"]]
    return list(grid(**chosen))


def execute(entries: Sequence[Entry], options: Options, watcher: Watcher) -> Iterator[Record]:
    """Run every entry for every seed; yields each record once it is written.

    A run that is interrupted from the keyboard is kept as a record with status "interrupted", and is the last. One
    whose component fails half way is kept with status "failed", and the others go on.

    Raises:
        KeyboardInterrupt: a run was interrupted before any of its images was finished.
        UsageError: anything wrong with the options or a component, before the first run starts.
        ResultsError: the results folder cannot be written.
    """
    check_writable(options.results)
    _checked_options(options)
    splits = _load_splits(entries, options)
    sessions = [Session(entry, splits[entry.dataset.label], options, watcher) for entry in entries]
    for session in sessions:
        session.check()
    for session in sessions:
        for seed in options.seeds:
            record = session.run(seed)
            yield record
            if record.status == "interrupted":
                return


def invert_images(
    images: NDArray[np.uint8],
    specs: Mapping[str, Sequence[str]],
    seed: int = 0,
    steps: int | None = None,
    device: str = "auto",
    precision: str = "auto",
) -> "Inverted":
    """Invert images (N, C, H, W) uint8 that need not be of any dataset; see `icbench.invert`."""
    from icbench.engine import concatenate, invert

    options = Options(steps=steps, seeds=(seed,), device=device, precision=precision)
    _checked_options(options)
    entry = entries_from_specs(Host(), specs)[0]
    session = Session(entry, Split(images, np.zeros(len(images), np.int64)), options, Watcher())
    parts, settings = session.prepared(seed)
    return concatenate(list(invert(parts, images, np.arange(len(images)), settings)))


def reconstructions(entry: Entry, record: Record, options: Options, count: int) -> Reconstructions:
    """Generate again from the latents that a record kept, for its first `count` images."""
    session = Session(entry, _load_splits([entry], options)[entry.dataset.label], options, Watcher())
    arrays = {name: values[:count] for name, values in record.images().items()}
    return Reconstructions(
        label=entry.label,
        targets=session.split.images[arrays["index"]].astype(np.float32) / np.float32(255),
        images=session.generate(arrays["class_vector"], arrays["noise"]),
        truth=arrays["label"],
        prediction=arrays["prediction"],
    )


def _checked_options(options: Options) -> None:
    positive: list[tuple[str, int | None]] = [("limit", options.limit), ("steps", options.steps)]
    for name, value in [*positive, ("batch-size", options.batch_size)]:
        if value is not None and value < 1:
            raise UsageError(f"--{name} {value} is not a number of 1 or more", f"Leave --{name} out for its default.")
    if options.split not in SPLITS:
        raise UsageError(f"there is no split '{options.split}'", f"The splits are: {', '.join(SPLITS)}.")
    if any(seed < 0 or seed >= 2**63 for seed in options.seeds):
        raise UsageError("a seed is an integer from 0 to 2^63 - 1", "The default is --seed 0.")


def _load_splits(entries: Sequence[Entry], options: Options) -> dict[str, Split]:
    """The split of every dataset among the entries, each loaded once."""
    datasets: dict[str, Dataset] = {entry.dataset.label: entry.dataset.build() for entry in entries}
    folder = data_folder(options.data_dir)
    return {label: dataset.split(options.split, folder) for label, dataset in datasets.items()}
