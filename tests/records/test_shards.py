"""A shard file gives back exactly what was appended to it, whatever happened to its bytes."""

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from icbench.errors import IntegrityError
from icbench.records.shards import HEAD, KNOWN, MARK, ShardFile, encode_frame, may_be_of, read_shards, scan

FILE = Path("run/unfinished.shards")
SHARDS = 3


def shard(number):
    return {"index": np.arange(4) + 4 * number, "prediction": np.full(4, number), "seconds": np.array(0.5)}


@pytest.fixture
def file():
    file = ShardFile(FILE)
    file.start({"key": "k"})
    for number in range(SHARDS):
        file.append(shard(number))
    return file


@pytest.fixture(scope="module")
def content(tmp_path_factory):
    path = tmp_path_factory.mktemp("shards") / "run" / FILE.name
    file = ShardFile(path)
    file.start({"key": "k"})
    for number in range(SHARDS):
        file.append(shard(number))
    return path.read_bytes()


def frame_ends(content):
    ends, place = [], 0
    for frame in scan(content).frames:
        place += len(frame.raw)
        ends.append(place)
    return ends


def test_shards_are_read_back(file):
    shards = read_shards(FILE)
    assert shards.document == {"key": "k"}
    assert shards.torn == []
    assert [part["prediction"][0] for part in shards.shards] == [0, 1, 2]


def test_how_a_run_stopped_is_the_last_word_only_while_it_is_last(file):
    file.stop("failed", "ValueError: no")
    assert read_shards(FILE).stop == {"status": "failed", "error": "ValueError: no"}
    file.append(shard(3))
    assert read_shards(FILE).stop == {}


def test_torn_at_every_byte_only_whole_shards_remain_and_nothing_is_lost(content):
    ends = frame_ends(content)
    for offset in range(len(content) + 1):
        found = scan(content[:offset])
        assert len(found.frames) == sum(end <= offset for end in ends)
        assert b"".join([frame.raw for frame in found.frames] + found.torn) == content[:offset]


@given(offset=st.integers(0, 10_000), tail=st.binary(max_size=200), flip=st.integers(1, 255))
@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_damage_is_ever_read_as_data(content, tmp_path, offset, tail, flip):
    offset %= len(content)
    whole = {frame.raw for frame in scan(content).frames}
    flipped = content[:offset] + bytes([content[offset] ^ flip]) + content[offset + 1 :]
    glued = content[:offset] + tail
    for damaged in (flipped, glued, glued + content):
        assert {frame.raw for frame in scan(damaged).frames} <= whole
    assert len(scan(flipped).frames) >= len(whole) - 1
    assert len(scan(tail + content).frames) == len(whole)


def test_what_is_appended_after_a_torn_tail_is_not_lost(file, content):
    FILE.write_bytes(content[:-5])
    file.append(shard(9))
    shards = read_shards(FILE)
    assert [part["prediction"][0] for part in shards.shards] == [0, 1, 9]
    assert len(shards.torn) == 1


def test_torn_bytes_are_moved_into_a_file_of_their_own(file, content):
    FILE.write_bytes(content[:-5] + b"rubbish")
    kept = len(content) - frame_ends(content)[-2] + 2
    assert file.set_torn_aside() == kept
    assert read_shards(FILE).torn == []
    assert Path("run/torn-1.bytes").read_bytes().endswith(b"rubbish")
    assert len(read_shards(FILE).shards) == SHARDS - 1
    file.remove()
    assert list(Path("run").iterdir()) == []


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_an_append_that_fails_leaves_the_file_as_it_was(file, content, monkeypatch, error):
    def failing(_):
        raise error

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(type(error)):
        file.append(shard(3))
    assert FILE.read_bytes() == content


def test_a_shard_that_cannot_be_taken_back_does_not_hide_why(file, monkeypatch):
    def failing(*_):
        raise OSError(5, "Input/output error")

    def refusing(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "fsync", failing)
    monkeypatch.setattr(os, "truncate", refusing)
    with pytest.raises(OSError, match="Input/output error"):
        file.append(shard(3))


@pytest.mark.parametrize(
    "frames", [encode_frame(b"F", b"{"), encode_frame(b"F", b"{}") + encode_frame(b"S", b"no arrays")]
)
def test_whole_frames_with_odd_content_are_said_to_be_unreadable(frames):
    FILE.parent.mkdir()
    FILE.write_bytes(frames)
    with pytest.raises(IntegrityError, match="cannot be read"):
        read_shards(FILE)


def test_a_file_without_its_beginning_says_so(content):
    FILE.parent.mkdir()
    FILE.write_bytes(content[1:])
    with pytest.raises(IntegrityError, match="no readable beginning"):
        read_shards(FILE)


def test_a_payload_that_contains_a_mark_is_one_frame():
    payload = MARK * 3 + bytes(HEAD.size)
    assert [frame.payload for frame in scan(encode_frame(b"S", payload)).frames] == [payload]


def test_whose_a_file_is_is_told_by_its_key_and_its_series(tmp_path):
    file = ShardFile(tmp_path / "run" / "unfinished.shards")
    file.start({"key": "k", "series": "s"})
    file.append(shard(0))
    assert [may_be_of(file.path, digest) for digest in ("k", "s", "other")] == [True, True, False]


@pytest.mark.parametrize("content", [b"", b"of no use", encode_frame(KNOWN, b"[]"), encode_frame(KNOWN, b"{")[:-1]])
def test_a_file_that_does_not_say_whose_it_is_may_be_of_any_run(tmp_path, content):
    path = tmp_path / "unfinished.shards"
    path.write_bytes(content)
    assert may_be_of(path, "k")
