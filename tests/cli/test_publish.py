"""`icbench publish`: what is published is read and checked by all verbs that take records."""

import json
from pathlib import Path

import pytest
from command_line import icbench
from record_factory import RESULTS, finished, right, unfinished

from icbench.records import read_record

PUBLIC = Path("public")


def publish(capsys, *arguments):
    return icbench(capsys, "publish", *arguments, "--to", PUBLIC)


def test_every_verb_reads_published_records_as_any_others(capsys, use_plugins):
    use_plugins("toy")
    run = ["run", "--generator", "linear", "--generator", "linear:noise_dim=5", "--dataset", "toy", "--steps", "3"]
    assert icbench(capsys, *run, "--device", "cpu", "--quiet", "--results", RESULTS)[0] == 0
    code, out, _ = publish(capsys, RESULTS)
    assert (code, len(out.splitlines())) == (0, 2)
    boards = [icbench(capsys, "leaderboard", folder, "--format", "markdown")[1] for folder in (RESULTS, PUBLIC)]
    assert boards[0] == boards[1] != ""
    first, second = sorted(PUBLIC.iterdir())
    for arguments in (
        ["verify", first, second, "--strict", "--sample", "10"],
        ["compare", first, second],
        ["show", first],
        ["report", PUBLIC, "--pictures", "0", "--quiet"],
    ):
        code, out, err = icbench(capsys, *arguments)
        assert code == 0, (arguments, out, err)


def test_what_is_not_finished_is_left_out_and_said(capsys):
    record = finished(right(20, 1))
    unfinished(right(5), seed=1)
    code, out, err = publish(capsys, RESULTS)
    assert (code, out.split()[0]) == (1, str(PUBLIC / record.metadata.id))
    assert "is not finished; it is left out" in err
    assert len(list(PUBLIC.iterdir())) == 1


def test_a_second_time_nothing_is_written(capsys):
    record = finished(right(20, 1))
    assert publish(capsys, record.path)[0] == 0
    code, out, _ = publish(capsys, record.path, "--json")
    (found,) = json.loads(out)["data"]["records"]
    assert (code, found["made"], found["id"]) == (0, False, record.metadata.id)


def test_without_records_that_is_said(capsys):
    RESULTS.mkdir()
    code, out, err = publish(capsys, RESULTS)
    assert (code, out) == (0, "")
    assert "no finished records" in err


@pytest.mark.parametrize("wanted", [[], ["--scores"]])
def test_scores_are_published_if_asked_for(capsys, wanted):
    record = finished(right(20, 1))
    publish(capsys, RESULTS, *wanted)
    assert read_record(PUBLIC / record.metadata.id).has(["class_scores"]) == bool(wanted)
