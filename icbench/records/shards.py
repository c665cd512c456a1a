"""The file that a run grows in: frames with a checksum each, appended and synced, so that only a torn tail can be lost.

The first frame holds what is known of the run before, each further one a shard: the arrays of some hundred images. A
last frame may say how the run stopped. A frame is a mark, its kind, its length, the SHA-256 of kind and payload, and
the payload. What does not match is never read as data; reading goes on at the next mark.
"""

import hashlib
import io
import json
import os
import struct
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from icbench.errors import IntegrityError
from icbench.records.files import Arrays
from icbench.storage import replace_synced, sync, sync_folder

SHARDS_FILE = "unfinished.shards"
TORN_FILE = "torn-{number}.bytes"

MARK = b"\x89ICBENCH"
HEAD = struct.Struct(">8scQ32s")
KNOWN, SHARD, STOP = b"F", b"S", b"E"


@dataclass(frozen=True)
class Frame:
    """One whole frame: its kind and payload, and the bytes it was read from."""

    kind: bytes
    payload: bytes
    raw: bytes


@dataclass(frozen=True)
class Scan:
    """What a shard file holds: its whole frames, and the stretches of bytes that are none."""

    frames: list[Frame]
    torn: list[bytes]


@dataclass
class Shards:
    """A run's progress: the shards so far, and how it stopped.

    Args:
        document: what is known of the run before its first image.
        shards: the arrays of each shard, with `seconds`, `forward`, `backward` and `peak_memory` besides.
        stop: `status` and `error` of a run that was stopped, or empty if it was killed or goes on.
        torn: bytes that belong to no whole frame.
    """

    document: dict[str, Any]
    shards: list[Arrays] = field(default_factory=list)
    stop: dict[str, str] = field(default_factory=dict)
    torn: list[bytes] = field(default_factory=list)


class ShardFile:
    """A shard file that is being written. A folder for it is made with the first frame."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def start(self, document: dict[str, Any]) -> None:
        """Write what is known of the run as the first frame; the file is there whole or not at all."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            replace_synced(self.path, encode_frame(KNOWN, _json(document)))
        except OSError:
            with suppress(OSError):
                self.path.parent.rmdir()
            raise
        sync_folder(self.path.parent.parent)

    def append(self, arrays: Arrays) -> None:
        """Append one shard, on disk when this returns."""
        stream = io.BytesIO()
        np.savez(stream, allow_pickle=False, **arrays)
        self._append(encode_frame(SHARD, stream.getvalue()))

    def stop(self, status: str, error: str) -> None:
        """Append how the run stopped."""
        self._append(encode_frame(STOP, _json({"status": status, "error": error})))

    def set_torn_aside(self) -> int:
        """Move what belongs to no frame into files beside this one; returns the number of bytes moved."""
        found = scan(self.path.read_bytes())
        taken = len(list(self.path.parent.glob(TORN_FILE.format(number="*"))))
        for number, torn in enumerate(found.torn, taken + 1):
            replace_synced(self.path.with_name(TORN_FILE.format(number=number)), torn)
        if found.torn:
            replace_synced(self.path, b"".join(frame.raw for frame in found.frames))
        return sum(map(len, found.torn))

    def remove(self) -> None:
        """Remove the file and what was set aside: a record has taken its place."""
        for torn in self.path.parent.glob(TORN_FILE.format(number="*")):
            torn.unlink()
        self.path.unlink(missing_ok=True)

    def _append(self, frame: bytes) -> None:
        before = self.path.stat().st_size
        try:
            with self.path.open("ab") as stream:
                stream.write(frame)
                stream.flush()
                sync(stream.fileno())
        except BaseException:
            # Where even that fails, the torn frame is passed over when the file is read.
            with suppress(OSError):
                os.truncate(self.path, before)
            raise


def read_shards(path: Path) -> Shards:
    """The whole frames of a shard file; the file itself is left as it is.

    Raises:
        IntegrityError: not even the first frame can be read.
    """
    try:
        found = scan(path.read_bytes())
    except OSError as error:
        raise IntegrityError(f"{path} cannot be read: {error.strerror}") from error
    known = [frame for frame in found.frames if frame.kind == KNOWN]
    if not known:
        raise IntegrityError(f"{path} has no readable beginning", "Remove its folder and run again.")
    stops = [frame for frame in found.frames[-1:] if frame.kind == STOP]
    try:
        return Shards(
            document=json.loads(known[0].payload),
            shards=[_arrays(frame.payload) for frame in found.frames if frame.kind == SHARD],
            stop=json.loads(stops[0].payload) if stops else {},
            torn=found.torn,
        )
    except Exception as error:
        raise IntegrityError(f"{path} cannot be read: {type(error).__name__} {error}") from error


def may_be_of(path: Path, digest: str | None) -> bool:
    """Whether a shard file may be of a run of this key or series, as its first frame tells."""
    try:
        with path.open("rb") as stream:
            head = stream.read(HEAD.size)
            frame = _frame_at(head + stream.read(HEAD.unpack(head)[2]), 0)
        document = json.loads(frame.payload) if frame and frame.kind == KNOWN else None
    except (OSError, ValueError, OverflowError, MemoryError, struct.error):
        return True
    return not isinstance(document, dict) or digest in (document.get("key"), document.get("series"))


def encode_frame(kind: bytes, payload: bytes) -> bytes:
    """The bytes of one frame."""
    return HEAD.pack(MARK, kind, len(payload), hashlib.sha256(kind + payload).digest()) + payload


def scan(content: bytes) -> Scan:
    """Every whole frame in `content`, in order, and the bytes between them that are none."""
    frames: list[Frame] = []
    torn: list[bytes] = []
    place = 0
    for start, frame in _whole_frames(content):
        if start > place:
            torn.append(content[place:start])
        frames.append(frame)
        place = start + len(frame.raw)
    if place < len(content):
        torn.append(content[place:])
    return Scan(frames, torn)


def _whole_frames(content: bytes) -> Iterator[tuple[int, Frame]]:
    start = content.find(MARK)
    while start >= 0:
        frame = _frame_at(content, start)
        if frame:
            yield start, frame
        start = content.find(MARK, start + (len(frame.raw) if frame else 1))


def _frame_at(content: bytes, start: int) -> Frame | None:
    if start + HEAD.size > len(content):
        return None
    _, kind, length, digest = HEAD.unpack_from(content, start)
    end = start + HEAD.size + length
    payload = content[start + HEAD.size : end]
    if end > len(content) or hashlib.sha256(kind + payload).digest() != digest:
        return None
    return Frame(kind, payload, content[start:end])


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps(value, sort_keys=True).encode()


def _arrays(payload: bytes) -> Arrays:
    with np.load(io.BytesIO(payload), allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}
