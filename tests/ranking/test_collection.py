"""Every run counts once, wherever its records lie, and none is left out without a word."""

import errno
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest
from record_factory import RESULTS, arrays_of, finished, metadata_of, right, unfinished

from icbench.errors import UsageError
from icbench.ranking import collect
from icbench.records import IMAGES_FILE, RECORD_FILE, SHARDS_FILE, ResultsFolder
from icbench.records.metrics import Costs
from icbench.records.record import write_record
from icbench.records.schema import sign
from icbench.records.shard_arrays import as_shard
from icbench.records.shards import ShardFile

OLD = Path(__file__).parents[1] / "records" / "schema-1"


def paths(collection):
    return sorted(str(record.path) for record in collection.records)


def rewrite(record, with_digest=False, **changed):
    """Change a record's facts on disk, with a digest of the new content or the old one."""
    file = record.path / RECORD_FILE
    facts = json.loads(file.read_text()) | changed
    file.write_text(json.dumps(sign(facts) if with_digest else facts))


def test_every_folder_given_is_read():
    finished(right(20), Path("mine"))
    finished(right(20), Path("theirs"), seed=1)
    assert len(collect([Path("mine"), Path("theirs")]).records) == 2


def test_a_folder_given_twice_or_through_a_link_counts_once():
    record = finished(right(20))
    Path("link").symlink_to(RESULTS)
    found = collect([RESULTS, Path("link"), record.path, RESULTS])
    assert len(found.records) == 1
    assert found.notes == []


def test_the_folder_of_one_record_can_be_given():
    record = finished(right(20))
    finished(right(20), seed=1)
    assert paths(collect([record.path])) == [str(record.path)]


def test_hidden_folders_and_strange_files_are_passed_over():
    record = finished(right(20))
    shutil.copytree(record.path, RESULTS / ".hidden")
    (RESULTS / "notes.txt").write_text("no record")
    (RESULTS / "empty").mkdir()
    found = collect([RESULTS])
    assert (len(found.records), found.problems, found.notes) == (1, [], [])


def test_a_folder_that_is_not_there_is_a_usage_error():
    with pytest.raises(UsageError, match="there is no folder nowhere"):
        collect([Path("nowhere")])


def test_of_two_runs_with_the_same_key_the_newer_counts_and_it_is_said():
    older = finished(right(20, 1, 2, 3), at="2026-01-01T00:00:00+00:00")
    newer = finished(right(20), folder="again", at="2026-01-02T00:00:00+00:00")
    found = collect([RESULTS])
    assert paths(found) == [str(newer.path)]
    assert found.notes == [
        f"{older.path} is an older run of {newer.path} and differs from it in 3 of 20 predictions; counted once"
    ]


def test_a_copy_of_a_record_is_called_a_copy():
    record = finished(right(20), Path("mine"))
    shutil.copytree("mine", "theirs")
    found = collect([Path("mine"), Path("theirs")])
    assert len(found.records) == 1
    assert found.notes == [f"{record.path} is a copy of theirs/{record.path.name}; counted once"]


def test_the_order_of_folders_does_not_matter():
    for name in ("a", "b", "c"):
        finished(right(20, 4), Path(name))
        finished(right(20, 5), Path(name), seed=1, at=f"2026-01-0{'abc'.index(name) + 1}T00:00:00+00:00")
        unfinished(right(10), Path(name), seed=2)
        (Path(name) / "torn").mkdir()
        (Path(name) / "torn" / RECORD_FILE).write_text("{")
    forwards, backwards = (collect([Path(name) for name in names]) for names in ("abc", "cba"))
    assert [record.path for record in forwards.records] == [record.path for record in backwards.records]
    assert (forwards.problems, forwards.notes) == (backwards.problems, backwards.notes)
    assert len(forwards.problems) == 3


def test_a_record_as_it_was_written_counts_before_a_newer_one_that_was_edited():
    honest = finished(right(20, 1, 2), at="2026-01-01T00:00:00+00:00")
    edited = finished(right(20), folder="edited", at="2026-01-01T00:00:00+00:00")
    rewrite(edited, finished="2027-01-01T00:00:00+00:00")
    assert paths(collect([RESULTS])) == [str(honest.path)]


def test_a_seed_edited_into_a_copy_makes_no_second_seed():
    finished(right(20))
    rewrite(finished(right(20), folder="copy"), seed=1)
    assert len(collect([RESULTS]).records) == 1


def test_the_same_entry_and_seed_under_another_key_is_no_second_run():
    finished(right(20))
    other = finished(right(20), folder="other-schema", at="2026-01-02T00:00:00+00:00")
    rewrite(other, with_digest=True, key="of another schema")
    found = collect([RESULTS])
    assert paths(found) == [str(other.path)]
    assert len(found.notes) == 1


def test_where_the_newest_run_cannot_be_read_an_older_one_counts():
    older = finished(right(20), at="2026-01-01T00:00:00+00:00")
    torn = finished(right(20), folder="again", at="2026-01-02T00:00:00+00:00")
    (torn.path / IMAGES_FILE).write_bytes(b"torn")
    found = collect([RESULTS])
    assert paths(found) == [str(older.path)]
    assert len(found.problems) == 1
    assert str(torn.path / IMAGES_FILE) in found.problems[0]


def test_an_unfinished_run_that_is_finished_elsewhere_is_not_counted():
    record = finished(right(20), Path("mine"))
    unfinished(right(10), Path("theirs"))
    assert paths(collect([Path("theirs"), Path("mine")])) == [str(record.path)]


def test_of_several_unfinished_runs_of_a_key_the_furthest_counts():
    unfinished(right(5), Path("mine"))
    further = unfinished(right(15), Path("theirs"))
    unfinished(right(10), Path("ours"))
    found = collect([Path("mine"), Path("theirs"), Path("ours")])
    assert paths(found) == [str(further)]


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", "cannot be read"),
        ('{"schema": 2', "cannot be read"),
        ("[" * 100_000, "cannot be read"),
        ('"text"', "it holds no JSON object"),
        ('{"schema": 99}', "has schema 99, this icbench knows 2. Update icbench."),
        ('{"schema": 1e999}', "cannot be read"),
        ('{"schema": 2, "digest": "", "x": "\\ud800"}', "cannot be read"),
        ('{"schema": 2, "x": NaN}', "cannot be read"),
    ],
)
def test_a_record_that_cannot_be_read_is_named_with_its_reason(content, reason):
    finished(right(20))
    (RESULTS / "broken").mkdir()
    (RESULTS / "broken" / RECORD_FILE).write_text(content)
    found = collect([RESULTS])
    assert len(found.records) == 1
    (problem,) = found.problems
    assert problem.startswith("left out: results/broken/record.json")
    assert reason in problem


@pytest.mark.parametrize("with_digest", [True, False], ids=["signed", "edited"])
@pytest.mark.parametrize(
    ("inside", "name", "value", "reason"),
    [
        ("metrics", "images_per_second", 10**400, "'metrics.images_per_second' is about 10^400"),
        ("metrics", "seconds", -1.0, "'metrics.seconds' is -1.0"),
        ("metrics", "nfe_forward", -1, "'metrics.nfe_forward' is -1"),
        ("metrics", "peak_memory_bytes", True, "'metrics.peak_memory_bytes' is missing or of the wrong type"),
        ("dataset", "images", -20, "'dataset.images' is -20"),
        ("dataset", "images", 10**30, "'dataset.images' is about 10^30"),
    ],
)
def test_a_record_with_an_impossible_number_is_named_and_the_others_count(with_digest, inside, name, value, reason):
    finished(right(20))
    odd = finished(right(20), seed=1)
    rewrite(odd, with_digest, **{inside: getattr(odd.metadata, inside).document() | {name: value}})
    found = collect([RESULTS])
    assert [record.metadata.seed for record in found.records] == [0]
    (problem,) = found.problems
    assert problem.startswith(f"left out: {odd.path / RECORD_FILE}")
    assert reason in problem


@pytest.mark.parametrize(
    ("arrays", "reason"),
    [
        ({"label": np.zeros((20, 1), int)}, "'label' is int64 of shape (20, 1)"),
        ({"prediction": np.zeros(20)}, "'prediction' is float64"),
        ({"distance": np.zeros(19)}, "different numbers of rows"),
        ({"index": np.zeros(20, int)}, "an image is there twice"),
        ({"index": np.arange(20) + 5}, "'index' goes from 5 to 24"),
    ],
)
def test_a_record_with_odd_arrays_is_named_and_the_others_count(arrays, reason):
    finished(right(20))
    odd = finished(right(20), seed=1, images=20)
    write_record(odd.path, odd.metadata, {**odd.images(), **arrays})
    found = collect([RESULTS])
    assert [record.metadata.seed for record in found.records] == [0]
    (problem,) = found.problems
    assert str(odd.path / IMAGES_FILE) in problem
    assert reason in problem


def test_a_finished_record_without_images_is_named():
    empty = finished(right(0), images=0)
    (problem,) = collect([RESULTS]).problems
    assert problem == f"left out: {empty.path} holds no image"


def test_shards_of_odd_arrays_are_named_and_not_gone_on_with():
    path = unfinished(right(10))
    file = ShardFile(path / SHARDS_FILE)
    file.append(as_shard({**arrays_of(right(5)), "label": np.zeros((5, 1), int)}, Costs()))
    (problem,) = collect([RESULTS]).problems
    assert f"{path / SHARDS_FILE} does not hold the results of images: 'label'" in problem
    facts = metadata_of()
    assert ResultsFolder(RESULTS).grow(facts, 20, False, print).path != path


def test_what_is_no_folder_of_a_record_is_passed_over_or_named():
    finished(right(20))
    (RESULTS / "gone").symlink_to("nowhere")
    (RESULTS / "unlinked").mkdir()
    (RESULTS / "unlinked" / RECORD_FILE).symlink_to("nowhere")
    (RESULTS / "inside-out" / RECORD_FILE).mkdir(parents=True)
    (RESULTS / "file").write_text("a file in place of a folder")
    found = collect([RESULTS])
    assert len(found.records) == 1
    gone, inside_out, unlinked = sorted(found.problems)
    assert gone == "left out: results/gone cannot be read: it is a link to what is not there"
    assert inside_out.startswith("left out: results/inside-out/record.json cannot be read")
    assert unlinked.startswith("left out: results/unlinked/record.json cannot be read")


def test_a_folder_that_one_may_not_look_into_is_named_and_the_others_count(monkeypatch):
    finished(right(20))
    theirs = RESULTS / "theirs"
    theirs.mkdir()
    stat = os.stat

    def forbidding(path, **options):
        if str(path).startswith(f"{theirs}/"):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return stat(path, **options)

    monkeypatch.setattr(os, "stat", forbidding)
    found = collect([RESULTS])
    assert len(found.records) == 1
    assert found.problems == ["left out: results/theirs cannot be read: Permission denied"]


def test_a_results_folder_that_may_not_be_listed_is_a_usage_error(monkeypatch):
    RESULTS.mkdir()
    monkeypatch.setattr(Path, "iterdir", lambda path: (_ for _ in ()).throw(PermissionError(13, "Permission denied")))
    with pytest.raises(UsageError, match="the folder results cannot be read: Permission denied"):
        collect([RESULTS])


def test_shards_without_a_beginning_are_named():
    path = unfinished(right(10))
    shards = path / SHARDS_FILE
    shards.write_bytes(shards.read_bytes()[100:])
    (problem,) = collect([RESULTS]).problems
    assert f"{shards} has no readable beginning" in problem


def test_a_killed_run_counts_with_what_it_has():
    unfinished(right(10), stop=None)
    (record,) = collect([RESULTS]).records
    assert (record.status, record.metrics.images) == ("interrupted", 10)


def test_a_run_that_stopped_before_its_first_image_is_read():
    unfinished([], stop=("failed", "RuntimeError: no luck"))
    (record,) = collect([RESULTS]).records
    assert (record.status, record.metrics.images, record.metrics.accuracy) == ("failed", 0, None)


def test_a_record_without_its_digest_counts_as_edited():
    record = finished(right(20))
    facts = json.loads((record.path / RECORD_FILE).read_text())
    del facts["digest"]
    (record.path / RECORD_FILE).write_text(json.dumps(facts))
    assert collect([RESULTS]).records[0].edited


def test_records_of_schema_1_count():
    found = collect([OLD])
    assert len(found.records) == 4
    assert not any(record.edited for record in found.records)
    assert all(isinstance(record.images()["prediction"], np.ndarray) for record in found.records)
