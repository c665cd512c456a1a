"""What a report shows of tracks besides figures: their images, and what inversions made of some, made again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from icbench.errors import IcbenchError
from icbench.kinds.dataset import Split
from icbench.plugins.manager import PluginManager
from icbench.ranking.rows import Row, Track
from icbench.running.options import Options
from icbench.running.reconstructions import ClassPaths, Explanations, class_vector_paths, explanations
from icbench.running.replay import entry_of, split_of

IMAGES, PATHS = 8, 6
"""How many images an entry is shown with, and of how many the path of the class vector is."""


@dataclass(frozen=True)
class EntryExhibit:
    """What is shown of an entry.

    Args:
        explanations: reconstructions of images that it has right and wrong; None where there are none.
        paths: of class vectors, None where the schedule holds them or there are none.
        lacking: why there are none; empty where there are.
    """

    explanations: Explanations | None = None
    paths: ClassPaths | None = None
    lacking: str = ""


@dataclass(frozen=True)
class TrackExhibit:
    """What is shown of a track.

    Args:
        split: its images, or None where they are not here.
        light_on_dark: as its dataset's.
        lacking: why the images are not here; empty where they are.
        entries: of some entries what is shown, by entry key.
    """

    split: Split | None = None
    light_on_dark: bool = False
    lacking: str = "no images were asked for"
    entries: dict[str, EntryExhibit] = field(default_factory=dict)


class Exhibitor:
    """Makes what is shown; what was made of a run is not made again.

    Args:
        manager: where components are found.
        options: where the data are, and on which device images are inverted.
        most: of so many entries of a track there are pictures.
        on_entry: told of each entry before its images are inverted.
    """

    def __init__(
        self, manager: PluginManager, options: Options, most: int, on_entry: Callable[[str], None] = lambda label: None
    ) -> None:
        self.manager, self.options, self.most, self.on_entry = manager, options, most, on_entry
        self._made: dict[str, EntryExhibit] = {}

    def exhibit(self, track: Track, rows: Sequence[Row]) -> TrackExhibit:
        """What is shown of a track whose inversions are `rows`, the best first."""
        try:
            split = split_of(self.manager, track, self.options.data_dir)
            light_on_dark = self.manager.select("dataset", track.dataset).build().light_on_dark
        except IcbenchError as error:
            return TrackExhibit(lacking=error.line)
        shown = [row for row in rows if row.metadata.entry.inverts_once]
        return TrackExhibit(split, light_on_dark, "", {row.key: self._entry(row) for row in shown[: self.most]})

    def _entry(self, row: Row) -> EntryExhibit:
        key = row.records[0].metadata.key
        if key not in self._made:
            self.on_entry(row.label)
            self._made[key] = self._make(row)
        return self._made[key]

    def _make(self, row: Row) -> EntryExhibit:
        record = row.records[0]
        try:
            entry = entry_of(self.manager, record)
            found = explanations(entry, record, self.options, IMAGES)
            return EntryExhibit(found, class_vector_paths(entry, record, self.options, PATHS))
        except IcbenchError as error:
            return EntryExhibit(lacking=error.line.replace(str(record.path), record.path.name))
