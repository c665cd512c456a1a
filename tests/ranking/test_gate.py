"""The gate lets chance pass and stops a loss that is really there."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from record_factory import RESULTS, finished, first, right, seeds, unfinished

from icbench.errors import UsageError
from icbench.ranking import collect, rank
from icbench.ranking.gate import gate, pack_correct, unpack_correct
from icbench.report.json_output import envelope
from icbench.report.leaderboard import leaderboard_data

BASELINE = Path("baseline.json")


def board():
    return rank(collect([RESULTS]))


def keep_baseline():
    """Write the present leaderboard down, and clear the results."""
    BASELINE.write_text(envelope(leaderboard_data(board())))
    shutil.rmtree(RESULTS)


def verdicts(margin=0.005, present=None):
    return [(result.label, result.verdict) for result in gate(present or board(), BASELINE, margin)]


def test_the_same_results_pass():
    finished(first(900, 1000))
    keep_baseline()
    finished(first(900, 1000))
    (result,) = gate(board(), BASELINE, 0.005)
    assert (result.verdict, result.passed) == ("no worse", True)
    assert result.difference.value == 0


@pytest.mark.parametrize(
    ("lost", "margin", "verdict"),
    [
        (0, 0.0, "undecided"),
        (5, 0.005, "undecided"),
        (5, 0.02, "no worse"),
        (50, 0.005, "worse"),
        (50, 0.06, "undecided"),
    ],
)
def test_the_interval_of_the_loss_decides(lost, margin, verdict):
    finished(first(900, 1000))
    keep_baseline()
    finished(first(900 - lost, 1000))
    assert verdicts(margin) == [("cgan · mse · adam · joint", verdict)]


def test_a_loss_is_tested_on_the_same_images():
    """A loss of 20 images among 1,000 is no chance if nothing was gained in exchange, and chance if as much was."""
    finished(first(900, 1000))
    keep_baseline()
    finished(first(880, 1000))
    assert verdicts() == [("cgan · mse · adam · joint", "worse")]
    finished(~first(120, 1000), folder="exchanged", at="2027-01-01T00:00:00+00:00")
    assert verdicts() == [("cgan · mse · adam · joint", "undecided")]


def test_several_seeds_are_tested_as_one_row():
    runs = [first(900, 1000), first(905, 1000), first(895, 1000)]
    seeds(runs)
    keep_baseline()
    seeds([first(count - 60, 1000) for count in (900, 905, 895)])
    (result,) = gate(board(), BASELINE, 0.005)
    assert result.verdict == "worse"
    assert result.difference.value == pytest.approx(-0.06)


def test_one_bad_seed_of_several_is_no_proof():
    seeds([first(900, 1000), first(905, 1000)])
    keep_baseline()
    seeds([first(900, 1000), first(700, 1000)])
    assert verdicts() == [("cgan · mse · adam · joint", "undecided")]


def test_an_entry_that_is_gone_is_missing():
    finished(right(20), label="kept")
    finished(right(20), label="gone")
    keep_baseline()
    finished(right(20), label="kept")
    assert verdicts(1.0) == [("gone", "missing"), ("kept", "no worse")]


def test_an_unfinished_run_and_one_of_other_images_do_not_stand_in():
    finished(right(20), label="a")
    keep_baseline()
    unfinished(right(19), label="a")
    finished(right(20), label="a", split="validation")
    finished(right(21), label="a")
    assert verdicts() == [("a", "missing")]


def test_new_entries_are_of_no_concern():
    finished(right(20), label="a")
    keep_baseline()
    finished(right(20), label="a")
    finished(first(0, 20), label="new")
    assert [label for label, _ in verdicts()] == ["a"]


def test_a_change_of_code_is_what_is_tested():
    finished(first(900, 1000), source="sha256:" + "1" * 64)
    keep_baseline()
    finished(first(800, 1000), source="sha256:" + "2" * 64, weights="other", version="2.0")
    assert verdicts() == [("cgan · mse · adam · joint", "worse")]


def test_the_old_record_beside_the_new_one_does_not_hide_a_loss():
    finished(first(900, 1000), source="sha256:" + "1" * 64)
    BASELINE.write_text(envelope(leaderboard_data(board())))
    finished(first(800, 1000), source="sha256:" + "2" * 64)
    assert verdicts() == [
        ("cgan · mse · adam · joint [generator source 11111111]", "no worse"),
        ("cgan · mse · adam · joint [generator source 22222222]", "worse"),
    ]


@pytest.mark.parametrize("other", [{"steps": 50}, {"precision": "bfloat16"}, {"device": "cuda"}])
def test_a_run_of_the_same_name_in_another_setting_does_not_disturb(other):
    finished(first(900, 1000))
    keep_baseline()
    finished(first(900, 1000))
    finished(first(100, 1000), **other)
    ((label, verdict),) = verdicts()
    assert verdict == "no worse"
    assert label.startswith("cgan · mse · adam · joint [")


@pytest.mark.parametrize("other", [{"precision": "bfloat16"}, {"device": "cuda"}])
def test_another_machine_than_the_baseline_s_is_tested_all_the_same(other):
    finished(first(900, 1000), **other)
    keep_baseline()
    finished(first(800, 1000))
    assert verdicts() == [("cgan · mse · adam · joint", "worse")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is no leaderboard"),
        ("{", "is no leaderboard"),
        ("[]", "is no leaderboard"),
        ("{}", "is no leaderboard: Object missing required field .data."),
        ('{"data": null}', "is no leaderboard"),
        ('{"data": {"tracks": 3}}', "is no leaderboard"),
        ('{"data": {"tracks": [3]}}', "is no leaderboard"),
        ('{"data": {"runs": []}}', "is no leaderboard: Object missing required field .tracks."),
        ('{"data": {"tracks": []}}', "has no entries"),
        ("\x00\xff", "is no leaderboard"),
    ],
)
def test_what_is_no_leaderboard_is_said_to_be_none(content, said):
    finished(right(20))
    BASELINE.write_text(content)
    with pytest.raises(UsageError, match=said):
        verdicts()


@pytest.mark.parametrize(
    "damage",
    [{"correct": ["AAAAAAAA"]}, {"correct": ["AA=="]}, {"correct": []}, {"correct": 3}, {"entry": 3}, {"entry": {}}],
)
def test_a_damaged_row_is_no_leaderboard(damage):
    finished(right(20))
    document = json.loads(envelope(leaderboard_data(board())))
    (row,) = document["data"]["tracks"][0]["rows"]
    row |= damage
    BASELINE.write_text(json.dumps(document))
    with pytest.raises(UsageError, match="is no leaderboard"):
        verdicts()


def test_a_baseline_that_is_not_there_is_named():
    finished(right(20))
    with pytest.raises(UsageError, match=r"baseline\.json cannot be read: No such file"):
        verdicts()


@given(st.lists(st.lists(st.booleans(), min_size=13, max_size=13), min_size=1, max_size=3))
def test_packed_results_come_back(correct):
    correct = np.array(correct)
    np.testing.assert_array_equal(unpack_correct(pack_correct(correct), 13), correct)
