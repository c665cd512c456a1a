"""Whatever ends a run, what was computed is kept, and the other entries go on."""

import asyncio
import json
import os
from contextlib import contextmanager
from pathlib import Path

import pytest
from command_line import icbench

from icbench import records
from icbench.builtin.classifiers import ClassMean
from icbench.builtin.distances import MSE
from icbench.builtin.schedules.joint import Joint
from icbench.kinds.generator import Generator
from icbench.plugins.discovery import PluginSource
from icbench.records import buffer
from icbench.records.shards import ShardFile
from icbench.running import session
from icbench.running.runners import InversionRunner

RESULTS = Path("icbench-results")
TOY = ["run", "--generator", "linear", "--dataset", "toy", "--steps", "5", "--device", "cpu", "--batch-size", "10"]
TOY += ["--precision", "float32"]


class PanicException(BaseException):
    """As Rust extensions raise."""


ENDS = [PanicException("out of bounds"), SystemExit(0), GeneratorExit(), asyncio.CancelledError("no more")]


@pytest.fixture(autouse=True)
def _toys(toy_plugin):
    pass


@contextmanager
def raising_at_image(monkeypatch, number, error):
    """Inside, inversions raise `error` when this image's turn comes, except those by schedule `class-only`."""
    results = InversionRunner.results

    def failing(self, images, index, *arguments):
        for result in results(self, images, index, *arguments):
            if number in result.arrays["index"] and self.entry.selections["schedule"].name != "class-only":
                raise error
            yield result

    with monkeypatch.context() as patch:
        patch.setattr(InversionRunner, "results", failing)
        yield


@pytest.mark.parametrize("error", ENDS, ids=lambda error: type(error).__name__)
def test_no_component_ends_more_than_its_own_run(capsys, monkeypatch, error):
    with raising_at_image(monkeypatch, 25, error):
        code, out, err = icbench(capsys, *TOY, "--schedule", "joint", "--schedule", "class-only", "--json")
    failed, other = json.loads(out)["data"]["runs"]
    assert code == 1
    assert (failed["status"], failed["metrics"]["images"], other["status"]) == ("failed", 20, "ok")
    assert f"failed after 20 images: {type(error).__name__}" in err
    assert "Traceback" not in err
    code, _, err = icbench(capsys, *TOY)
    assert code == 0
    assert "20 of them done before" in err


@pytest.mark.parametrize("error", ENDS, ids=lambda error: type(error).__name__)
def test_what_ends_a_check_before_a_run_is_one_line(capsys, monkeypatch, error):
    def failing(*_):
        raise error

    monkeypatch.setattr(MSE, "compare", failing)
    code, _, err = icbench(capsys, *TOY)
    assert code == 2
    assert f"distance mse raised {type(error).__name__}" in err
    assert not RESULTS.exists()


def test_a_component_that_exits_elsewhere_does_not_end_the_command_silently(capsys, monkeypatch):
    def leaving(*_):
        raise SystemExit(0)

    monkeypatch.setattr("icbench.running.execute.execute", leaving)
    code, _, err = icbench(capsys, *TOY)
    assert code == 2
    assert "a component raised SystemExit: 0" in err


def test_an_interruption_while_results_are_written_loses_none(capsys, monkeypatch):
    """Every batch that was classified is in the record of what is done, wherever in the writing Ctrl-C comes."""
    monkeypatch.setattr(buffer, "SHARD_IMAGES", 20)
    original = os.fsync
    for stop_at in range(2, 10):  # the first tries the folder
        calls = []

        def interrupting(descriptor, calls=calls, stop_at=stop_at):
            calls.append(descriptor)
            if len(calls) == stop_at:
                raise KeyboardInterrupt
            original(descriptor)

        results = f"results-{stop_at}"
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", interrupting)
            code, _, _ = icbench(capsys, *TOY, "--results", results, "--quiet")
        assert code == 130
        code, _, err = icbench(capsys, *TOY, "--results", results)
        assert code == 0
        assert any(f"{done} of them done before" in err for done in (20, 40, 50)), (stop_at, err)
        (folder,) = (path for path in Path(results).iterdir() if path.is_dir())
        assert sorted(file.name for file in folder.iterdir()) == ["images.npz", "record.json"]
        assert records.read_record(folder).metrics.images == 50


def test_an_interruption_while_the_record_is_written_is_an_interrupted_run(capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("icbench.records.results_folder.write_record", interrupted)
        code, out, _ = icbench(capsys, *TOY, "--json")
    (run,) = json.loads(out)["data"]["runs"]
    assert (code, run["status"], run["metrics"]["images"]) == (130, "interrupted", 50)
    monkeypatch.setattr(Generator, "__call__", interrupted)
    monkeypatch.setattr(session.Session, "check", lambda self: None)
    assert icbench(capsys, *TOY, "--quiet")[0] == 0


def test_an_interruption_once_the_record_is_written_leaves_the_finished_run(capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(ShardFile, "remove", interrupted)
        assert icbench(capsys, *TOY, "--schedule", "joint", "--schedule", "class-only")[0] == 130
    (run,) = json.loads(icbench(capsys, *TOY, "--json")[1])["data"]["runs"]
    assert (run["reused"], run["metrics"]["images"]) == (True, 50)
    assert sorted(file.name for file in Path(run["path"]).iterdir()) == ["images.npz", "record.json"]


def test_what_no_record_could_hold_is_found_before_anything_is_computed(capsys, use_plugins):
    use_plugins(PluginSource("toy", "icbench-toy", None, "toy"))
    code, _, err = icbench(capsys, *TOY)
    assert code == 2
    assert "linear · mse · adam · joint cannot be run" in err
    assert "'entry.generator.version'" in err
    assert not RESULTS.exists()


def test_a_full_disk_does_not_hide_what_failed_before(capsys, monkeypatch):
    original, calls = os.fsync, []

    def full(descriptor):
        calls.append(descriptor)
        if len(calls) > 1:  # the first tries the folder
            raise OSError(28, "No space left on device")
        original(descriptor)

    with raising_at_image(monkeypatch, 25, RuntimeError("the real reason")):
        monkeypatch.setattr(os, "fsync", full)
        code, _, err = icbench(capsys, *TOY)
    assert code == 2
    assert "failed after 20 images: the real reason" in err
    assert "No space left on device" in err


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("class_scores", lambda values: values[:, 0]),
        ("class_scores", lambda values: values[:, : 3 + len(values) % 2]),
        ("distance", lambda values: values[1:]),
        ("prediction", lambda values: values + 90),
        ("resets", lambda values: values.astype(str)),
    ],
)
def test_odd_results_fail_the_run_by_name_and_the_next_one_can_be_run(capsys, monkeypatch, name, change):
    results = InversionRunner.results

    def odd(self, images, index, *arguments):
        for result in results(self, images, index, *arguments):
            if 25 in result.arrays["index"]:
                result.arrays[name] = change(result.arrays[name])
            yield result

    with monkeypatch.context() as patch:
        patch.setattr(InversionRunner, "results", odd)
        code, out, err = icbench(capsys, *TOY, "--json")
    (run,) = json.loads(out)["data"]["runs"]
    assert (code, run["status"], run["metrics"]["images"]) == (1, "failed", 20)
    assert "the results of linear · mse · adam · joint are odd" in err
    for command in (["leaderboard", RESULTS], ["show", run["path"]], TOY):
        assert icbench(capsys, *command)[0] == 0


@pytest.mark.parametrize(
    "change", [lambda scores: scores[:, 0], lambda scores: scores[:, :3], lambda scores: scores[1:]]
)
def test_a_schedule_or_classifier_whose_scores_are_odd_is_named(capsys, monkeypatch, change):
    schedule, classifier = Joint.class_scores, ClassMean.scores
    monkeypatch.setattr(ClassMean, "scores", lambda self, images: change(classifier(self, images)))
    _, out, err = icbench(capsys, *TOY, "--classifier", "class-mean", "--json")
    assert [run["status"] for run in json.loads(out)["data"]["runs"]] == ["ok", "failed"]
    assert "classifier class-mean returned scores of shape" in err
    monkeypatch.setattr(Joint, "class_scores", lambda self, *found: change(schedule(self, *found)))
    code, _, err = icbench(capsys, *TOY, "--rerun", "--seed", "1")
    assert code == 2
    assert "schedule joint gives 4 images class scores (" in err


@pytest.mark.parametrize("damage", [lambda file: file.unlink(), lambda file: file.write_bytes(file.read_bytes()[:-99])])
def test_a_finished_run_whose_images_are_damaged_is_run_again(capsys, damage):
    path = Path(json.loads(icbench(capsys, *TOY, "--json")[1])["data"]["runs"][0]["path"])
    damage(path / records.IMAGES_FILE)
    code, out, err = icbench(capsys, *TOY, "--json", "--quiet")
    (again,) = json.loads(out)["data"]["runs"]
    assert (code, again["reused"], again["status"]) == (0, False, "ok")
    assert "was finished before and is run again" in err
    assert str(path / records.IMAGES_FILE) in err
    assert (path / records.RECORD_FILE).exists()
    (third,) = json.loads(icbench(capsys, *TOY, "--json")[1])["data"]["runs"]
    assert (third["reused"], third["path"]) == (True, again["path"])
    assert again["path"] != str(path)


def test_a_record_edited_by_hand_is_printed_as_its_images_say(capsys):
    path = Path(json.loads(icbench(capsys, *TOY, "--json")[1])["data"]["runs"][0]["path"])
    file = path / records.RECORD_FILE
    facts = json.loads(file.read_text())
    facts["metrics"] |= {"accuracy": 0.123, "accuracy_high": 0.2, "correct": 7, "nfe": 3, "wrongly_dropped": 5}
    file.write_text(json.dumps(facts))
    for command, found in ((TOY, lambda data: data["runs"][0]), (["show", path], lambda data: data)):
        run = found(json.loads(icbench(capsys, *command, "--json")[1])["data"])
        assert (run["metrics"]["accuracy"], run["metrics"]["correct"], run["metrics"]["nfe"]) == (1.0, 50, 11)
        assert run["flags"] == ["edited by hand"]
        out = icbench(capsys, *command)[1]
        assert "0.123" not in out
        assert "wrongly" not in out
        assert "edited by" in out


def test_no_clean_record_is_made_of_what_was_edited(capsys):
    path = Path(json.loads(icbench(capsys, *TOY, "--limit", "20", "--json")[1])["data"]["runs"][0]["path"])
    file = path / records.RECORD_FILE
    facts = json.loads(file.read_text())
    facts["metrics"]["seconds"] = 1e-9
    file.write_text(json.dumps(facts))
    assert "done before" not in icbench(capsys, *TOY)[2]


def test_a_run_in_a_classifier_s_fit_that_panics_is_a_failed_run(capsys, monkeypatch):
    def panic(*_):
        raise PanicException("no")

    monkeypatch.setattr(ClassMean, "fit", panic)
    command = ["run", "--dataset", "toy", "--device", "cpu", "--classifier", "class-mean"]
    code, out, _ = icbench(capsys, *command, "--classifier", "nearest-neighbour", "--json")
    assert code == 1
    assert [run["status"] for run in json.loads(out)["data"]["runs"]] == ["failed", "ok"]
