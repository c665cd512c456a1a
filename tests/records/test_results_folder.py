"""A results folder on odd file systems, shared with others, or with runs in it that are damaged."""

import errno
import os
import stat
from dataclasses import replace
from pathlib import Path

import filelock
import numpy as np
import pytest
from record_factory import RESULTS, arrays_of, finished, metadata_of, right, unfinished

from icbench.errors import ComponentError, IntegrityError, ResultsError
from icbench.records import IMAGES_FILE, RECORD_FILE, ResultsFolder, check_writable, read_record, results_folder
from icbench.records.metrics import Costs
from icbench.records.record import check_known
from icbench.records.results_folder import GrowingRun
from icbench.storage import replace_synced


def grown(images=20, **said):
    """A run that has all its results and no record yet."""
    run = GrowingRun(RESULTS / "run", metadata_of(images=images, **said), [], started=False)
    run.add(arrays_of(right(images, 3)), Costs(5, 4, 1.0, 10))
    return run


def raising(number, only_folders=False):
    """An `os` function that fails with this error."""

    def fail(target, *arguments, **options):
        if not only_folders or stat.S_ISDIR(os.fstat(target).st_mode):
            raise OSError(number, os.strerror(number))

    return fail


@pytest.mark.parametrize("number", [errno.EINVAL, errno.ENOTSUP, errno.EBADF, errno.ENOSYS])
def test_a_file_system_that_cannot_sync_folders_is_written_to(monkeypatch, number):
    monkeypatch.setattr(os, "fsync", raising(number, only_folders=True))
    record = grown().finish(keep_latents=False)
    assert read_record(record.path).metrics.accuracy == 0.95


def test_a_file_system_without_modes_is_written_to(monkeypatch):
    monkeypatch.setattr(os, "chmod", raising(errno.EPERM))
    assert read_record(grown().finish(keep_latents=False).path).status == "ok"


def test_a_folder_that_one_may_write_into_and_not_read_is_written_to(monkeypatch):
    open_, folders = os.open, []

    def forbidding(path, flags, *arguments, **options):
        if Path(path).is_dir() and not flags & os.O_TMPFILE:
            folders.append(path)
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        return open_(path, flags, *arguments, **options)

    monkeypatch.setattr(os, "open", forbidding)
    assert read_record(grown().finish(keep_latents=False).path).status == "ok"
    assert folders


def test_the_first_error_is_the_one_that_is_said(monkeypatch):
    monkeypatch.setattr(os, "fsync", raising(errno.EIO))
    monkeypatch.setattr(os, "rmdir", raising(errno.ENOTEMPTY))
    monkeypatch.setattr(os, "unlink", raising(errno.EACCES))
    with pytest.raises(ResultsError, match=os.strerror(errno.EIO)):
        grown()


@pytest.mark.parametrize(("number", "full"), [(errno.ENOSPC, True), (errno.EDQUOT, True), (errno.EIO, False)])
def test_space_is_spoken_of_only_where_there_is_none(monkeypatch, number, full):
    monkeypatch.setattr(os, "fsync", raising(number))
    with pytest.raises(ResultsError) as caught:
        grown()
    assert ("Free some space" in caught.value.hint) == full
    assert "--results" in caught.value.hint


def test_an_interrupted_replacement_leaves_the_old_file_and_nothing_else(monkeypatch):
    file = Path("file")
    replace_synced(file, b"old")
    monkeypatch.setattr(os, "fsync", lambda descriptor: (_ for _ in ()).throw(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        replace_synced(file, b"new")
    assert file.read_bytes() == b"old"
    assert list(Path().iterdir()) == [file]


def test_a_folder_deep_in_what_is_not_there_can_be_written_and_is_not_made():
    check_writable(Path("a/b/c"))
    assert list(Path().iterdir()) == []


def test_a_folder_below_a_file_cannot_be_written():
    Path("file").write_text("in the way")
    with pytest.raises(ResultsError, match="file/results cannot be written"):
        check_writable(Path("file/results"))


def test_a_folder_that_another_process_removes_just_then_is_made_again(monkeypatch):
    acquire, removed = filelock.FileLock.acquire, []

    def unlucky(lock, *arguments, **options):
        if len(removed) < 3:
            removed.append(lock)
            RESULTS.rmdir()
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        return acquire(lock, *arguments, **options)

    monkeypatch.setattr(filelock.FileLock, "acquire", unlucky)
    with ResultsFolder(RESULTS).lock("run", lambda: None):
        assert RESULTS.is_dir()
    assert len(removed) == 3


def test_a_folder_with_another_lock_in_it_is_not_removed():
    with ResultsFolder(RESULTS).lock("run", lambda: None):
        (RESULTS / ".other.lock").touch()
    assert [path.name for path in RESULTS.iterdir()] == [".other.lock"]


def test_a_record_that_is_not_read_as_written_leaves_the_shards(monkeypatch):
    run = grown()
    write = Path.read_bytes

    def flipped(path):
        return write(path)[:-9] + b"x" if path.name == IMAGES_FILE else write(path)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_bytes", flipped)
        with pytest.raises(IntegrityError, match="its record says"):
            run.finish(keep_latents=False)
    kept = read_record(run.path)
    assert (kept.status, kept.metrics.images) == ("interrupted", 20)
    assert run.finish(keep_latents=False).status == "ok"
    assert sorted(file.name for file in run.path.iterdir()) == [IMAGES_FILE, RECORD_FILE]


@pytest.mark.parametrize(
    ("fact", "value", "said"),
    [
        ("seed", None, "'seed' is missing or of the wrong type"),
        ("flags", [1], "'flags.0'"),
        ("batch_size", float("nan"), "is no JSON"),
        ("batch_size", {1, 2}, "is no JSON"),
        ("label", "\ud800", "is no JSON"),
    ],
)
def test_facts_that_no_record_could_have_are_found_before_anything_is_computed(fact, value, said):
    check_known(metadata_of())
    with pytest.raises(ComponentError, match=said):
        check_known(replace(metadata_of(), **{fact: value}))


def test_a_component_without_a_version_is_found_before_anything_is_computed():
    entry = metadata_of().entry
    odd = replace(entry, generator=replace(entry.generator, version=None))
    with pytest.raises(ComponentError, match=r"'entry\.\w+\.version' is missing"):
        check_known(replace(metadata_of(), entry=odd))


@pytest.mark.parametrize("odd", [{"label": np.zeros((5, 1), int)}, {"class_scores": np.zeros((5, 3), np.float32)}])
def test_odd_results_are_refused_by_the_name_of_their_entry(odd):
    run = grown(label="a · b · c · d")
    with pytest.raises(ComponentError, match="a · b · c · d are odd"):
        run.check({**arrays_of(right(5)), **odd})


def test_a_finished_run_without_its_images_is_not_taken():
    older = finished(right(20, 1), folder="older", at="2026-01-01T00:00:00+00:00")
    newer = finished(right(20, 1, 2), folder="newer", at="2026-01-02T00:00:00+00:00")
    results, said = ResultsFolder(RESULTS), []
    key = newer.metadata.key
    assert results.find_finished(key, on_unreadable=said.append).path == newer.path
    (newer.path / IMAGES_FILE).unlink()
    assert results.find_finished(key, on_unreadable=said.append).path == older.path
    assert said == []
    (older.path / IMAGES_FILE).write_bytes(b"cut")
    assert results.find_finished(key, on_unreadable=said.append) is None
    (reason,) = said
    assert str(older.path / IMAGES_FILE) in reason


def test_a_record_edited_by_hand_is_taken_only_where_there_is_no_other():
    honest = finished(right(20, 1), folder="honest", at="2026-01-01T00:00:00+00:00")
    edited = finished(right(20), folder="edited", at="2026-01-02T00:00:00+00:00")
    file = edited.path / RECORD_FILE
    file.write_text(file.read_text().replace("2026-01-02", "2027-01-02"))
    assert ResultsFolder(RESULTS).find_finished(honest.metadata.key).path == honest.path


def test_a_shard_that_was_written_twice_costs_its_time_once():
    run = grown()
    run.add(arrays_of(right(20, 3)), Costs(5, 4, 1.0, 10))
    metrics = run.finish(keep_latents=False).metrics
    assert (metrics.images, metrics.seconds) == (20, 1.0)


def test_images_taken_over_from_a_larger_run_bring_their_share_of_its_time():
    larger = finished(right(20), rate=5.0)
    run = ResultsFolder(RESULTS).grow(metadata_of(images=5), images=5, latents=False, on_torn=print)
    metrics = run.finish(keep_latents=False).metrics
    assert larger.metrics.seconds == 4.0
    assert (metrics.images, metrics.seconds) == (5, 1.0)


def test_a_finished_run_is_read_once_however_many_look_for_theirs_and_again_once_it_is_changed(monkeypatch):
    records = [finished(right(20), seed=seed) for seed in range(3)]
    looked_at = []
    read = results_folder.read_unverified
    monkeypatch.setattr(results_folder, "read_unverified", lambda path: looked_at.append(path.name) or read(path))
    for record in records:
        assert ResultsFolder(RESULTS).find_finished(record.metadata.key).path == record.path
    assert sorted(looked_at) == sorted(record.path.name for record in records)
    document = records[0].path / RECORD_FILE
    document.write_text(document.read_text().replace(records[0].metadata.key, "another key"))
    assert ResultsFolder(RESULTS).find_finished(records[0].metadata.key) is None
    assert ResultsFolder(RESULTS).find_finished("another key").path == records[0].path


def test_unfinished_runs_of_others_are_not_read_whole(monkeypatch):
    unfinished(right(5), seed=1)
    for module in ("record", "results_folder"):
        monkeypatch.setattr(f"icbench.records.{module}.read_shards", lambda path: pytest.fail(f"{path} was read"))
    folder = ResultsFolder(RESULTS)
    assert not folder.is_begun("another")
    assert folder.find_finished("another") is None
