"""Ranks, differences and marks within a track, against cases that can be worked out by hand."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from record_factory import RESULTS, finished, first, right, seeds, unfinished
from rich.console import Console

from icbench.ranking import collect, rank
from icbench.report.leaderboard import leaderboard_csv, leaderboard_data, track_grids
from icbench.report.table import terminal_table
from icbench.statistics import accuracy_estimate, difference_estimate, exact_mcnemar, holm


def ranked(**options):
    """The one track of the results folder."""
    (table,) = rank(collect([RESULTS]), **options).tracks
    return table


def by_name(standings):
    return {entry.row.name: entry for entry in standings}


def printed(board):
    """Everything a leaderboard says."""
    console = Console(width=120, no_color=True)
    with console.capture() as capture:
        for grid in track_grids(board, reference=True):
            console.print(terminal_table(grid, 120))
    return json.dumps(leaderboard_data(board)), leaderboard_csv(board), capture.get(), board.problems, board.notes


def test_entries_that_cannot_be_told_apart_share_a_range_of_ranks():
    for name, correct in [("a", 100), ("b", 99), ("c", 98), ("d", 40), ("e", 39), ("f", 2)]:
        finished(first(correct, 100), label=name)
    ranks = [(entry.row.name, entry.ranks) for entry in ranked().standings]
    assert ranks == [("a", (1, 3)), ("b", (1, 3)), ("c", (1, 3)), ("d", (4, 5)), ("e", (4, 5)), ("f", (6, 6))]


def test_ranges_overlap_where_the_middle_is_apart_from_neither_end():
    finished(first(100, 100), label="a")
    finished(first(95, 100), label="b")
    finished(first(90, 100), label="c")
    ranks = {name: entry.ranks for name, entry in by_name(ranked().standings).items()}
    # Ten images for a and none for c: p = 2 / 2^10, times 3. Five for a and none for b: p = 2 / 2^5.
    assert ranks == {"a": (1, 2), "b": (1, 3), "c": (2, 3)}


def test_the_same_accuracy_is_no_reason_to_share_a_rank_and_pairs_decide():
    """Two entries of like accuracy but other images: only the one that the best contains is proven worse."""
    finished(first(60, 100), label="best")
    finished(first(50, 100), label="within")
    finished(~first(48, 100), label="without")
    ranks = {name: entry.ranks for name, entry in by_name(ranked().standings).items()}
    assert ranks["within"] == (2, 3)
    assert ranks["without"] == (1, 3)


def test_p_is_mcnemar_of_the_best_corrected_for_all_pairs():
    correct = {"a": right(40), "b": right(40, *range(8)), "c": right(40, *range(4, 14))}
    for name, images in correct.items():
        finished(images, label=name)
    found = by_name(ranked().standings)
    # Only a right, only b right: a-b 8, 0; a-c 10, 0; b-c 6, 4.
    expected = holm(exact_mcnemar([8, 10, 6], [0, 0, 4]))
    assert found["a"].to_best is None
    assert found["b"].to_best.p == pytest.approx(expected[0])
    assert found["c"].to_best.p == pytest.approx(expected[1])
    assert found["b"].to_best.value == pytest.approx(-0.2)


def test_several_seeds_are_one_row_with_mean_deviation_and_interval():
    runs = [first(18, 20), first(14, 20), first(16, 20)]
    seeds(runs)
    (entry,) = ranked().standings
    accuracy = entry.row.accuracy
    assert entry.row.seeds == [0, 1, 2]
    assert accuracy.value == pytest.approx(0.8)
    assert accuracy.deviation == pytest.approx(0.1)
    assert accuracy == accuracy_estimate(np.stack(runs))
    assert accuracy.low < 0.7 < 0.8 < 0.9 < accuracy.high


def test_the_difference_of_several_seeds_has_their_interval():
    best, other = [first(95, 100), first(97, 100)], [first(70, 100), first(72, 100)]
    seeds(best, label="a")
    seeds(other, label="b")
    found = by_name(ranked().standings)["b"].to_best
    expected = difference_estimate(np.stack(other), np.stack(best))
    assert (found.value, found.low, found.high) == (expected.value, expected.low, expected.high)
    assert found.p == pytest.approx(expected.p)


def test_seeds_that_scatter_widely_are_not_told_apart_from_what_one_of_them_beats():
    finished(first(60, 100), label="a")
    seeds([first(100, 100), first(10, 100)], label="b")
    assert all(entry.ranks == (1, 2) for entry in ranked().standings)


def test_a_track_of_one_entry_ranks_it_first():
    finished(right(20))
    (entry,) = ranked().standings
    assert (entry.ranks, entry.to_best, entry.pareto) == ((1, 1), None, True)


def test_the_pareto_mark_is_for_what_nothing_beats_in_both():
    for name, correct, nfe in [("a", 90, 400), ("b", 80, 400), ("c", 80, 100), ("d", 70, 100), ("e", 60, 50)]:
        finished(first(correct, 100), label=name, nfe=nfe)
    finished(first(90, 100), label="a too", nfe=400)
    marked = {name for name, entry in by_name(ranked().standings).items() if entry.pareto}
    assert marked == {"a", "a too", "c", "e"}


@pytest.mark.parametrize(
    ("by", "order"),
    [("accuracy", "abcd"), ("nfe", "dcab"), ("speed", "bdac"), ("distance", "cadb")],
)
def test_rows_are_in_the_order_asked_for_and_ranks_stay_those_by_accuracy(by, order):
    for name, correct, nfe, rate, distance in [
        ("a", 90, 300, 10.0, 0.2),
        ("b", 70, 400, 40.0, None),
        ("c", 50, 200, 90.0, 0.1),
        ("d", 30, 100, 20.0, 0.3),
    ]:
        machine = {"cpu": "another processor"} if name == "c" else {}
        finished(first(correct, 100), label=name, nfe=nfe, rate=rate, distance=distance, **machine)
    table = ranked(by=by)
    assert "".join(entry.row.name for entry in table.standings) == order
    assert {entry.row.name: entry.ranks[0] for entry in table.standings} == {"a": 1, "b": 2, "c": 3, "d": 4}


def test_like_accuracies_are_in_the_order_of_their_cost_and_then_of_their_names():
    for name, nfe in [("d", 200), ("a", 200), ("c", 100), ("b", 300)]:
        finished(first(50, 100), label=name, nfe=nfe)
    assert "".join(entry.row.name for entry in ranked().standings) == "cadb"


def test_a_budget_ranks_only_what_it_affords():
    finished(first(90, 100), label="dear", nfe=1000)
    finished(first(70, 100), label="cheap", nfe=100)
    finished(first(50, 100), label="cheaper", nfe=99)
    table = ranked(budget=100)
    found = by_name(table.standings)
    assert table.beyond_budget == 1
    assert set(found) == {"cheap", "cheaper"}
    assert found["cheap"].to_best is None
    assert found["cheaper"].to_best.value == pytest.approx(-0.2)
    assert found["cheap"].ranks == (1, 1)
    assert found["cheap"].pareto


def test_a_budget_leaves_direct_classifiers_beside():
    finished(first(90, 100), nfe=1000)
    finished(first(80, 100), label="class-mean", direct=True)
    table = ranked(budget=10)
    assert table.standings == []
    assert [entry.to_best for entry in table.direct] == [None]


def test_direct_classifiers_stand_beside_and_change_no_rank():
    finished(first(90, 100), label="a")
    finished(first(88, 100), label="b")
    before = [(entry.ranks, entry.to_best) for entry in ranked().standings]
    finished(first(99, 100), label="nearest-neighbour", direct=True)
    finished(first(10, 100), label="class-mean", direct=True)
    table = ranked()
    assert [(entry.ranks, entry.to_best) for entry in table.standings] == before
    assert [(entry.row.name, entry.ranks) for entry in table.direct] == [
        ("nearest-neighbour", None),
        ("class-mean", None),
    ]
    assert table.direct[0].to_best.value == pytest.approx(0.09)
    assert not any(entry.pareto for entry in table.direct)


def test_partial_runs_are_never_ranked():
    finished(first(10, 20), label="whole")
    unfinished(right(19), label="almost")
    table = ranked()
    assert [entry.row.name for entry in table.standings] == ["whole"]
    assert [(run.label, run.done) for run in table.partial] == [("almost", 19)]


def test_speeds_are_compared_on_the_machine_that_most_inversions_share():
    finished(right(20), label="a", cpu="rare")
    finished(right(20), label="b")
    finished(right(20), label="c")
    finished(right(20), label="d", precision="bfloat16")
    seeds([right(20), right(20)], label="e")
    finished(right(20), label="e", seed=2, cpu="rare")
    comparable = {name for name, entry in by_name(ranked().standings).items() if entry.comparable_speed}
    assert comparable == {"b", "c"}


def test_rows_of_several_machines_do_not_decide_whose_speed_is_shown():
    for name in ("a", "b"):
        finished(right(20), label=name)
        finished(right(20), label=name, seed=1, cpu="another processor")
    finished(right(20), label="c")
    assert [name for name, entry in by_name(ranked().standings).items() if entry.comparable_speed] == ["c"]


def test_direct_classifiers_do_not_decide_whose_speed_is_shown():
    finished(right(20), precision="bfloat16")
    for name in ("class-mean", "nearest-neighbour"):
        finished(right(20), label=name, direct=True)
    table = ranked()
    assert [entry.comparable_speed for entry in table.standings] == [True]
    assert [entry.comparable_speed for entry in table.direct] == [False, False]


def test_speeds_of_direct_classifiers_are_shown_where_nothing_is_inverted():
    finished(right(20), label="class-mean", direct=True)
    assert [entry.comparable_speed for entry in ranked().direct] == [True]


def test_no_row_takes_part_in_another_track():
    finished(first(60, 100), label="a")
    finished(first(50, 100), label="b")
    (alone,) = rank(collect([RESULTS])).tracks
    finished(first(99, 100), label="b", split="validation")
    finished(first(99, 100), label="b", images=100, digest="e" * 64)
    finished(first(99, 200), label="b")
    board = rank(collect([RESULTS]))
    assert len(board.tracks) == 4
    (same,) = (table for table in board.tracks if table.track == alone.track)
    assert [entry.ranks for entry in same.standings] == [entry.ranks for entry in alone.standings]
    assert [entry.row.accuracy for entry in same.standings] == [s.row.accuracy for s in alone.standings]


ENTRY = st.tuples(
    st.sampled_from(["a", "b", "c · d", "same"]),  # label
    st.integers(0, 2),  # seed
    st.integers(0, 20),  # images that are right
    st.sampled_from(["finished", "finished", "direct", "unfinished"]),
    st.sampled_from([100, 200]),  # steps
    st.sampled_from(["one processor", "another"]),
    st.sampled_from([20, 30]),  # images
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(entries=st.lists(ENTRY, min_size=1, max_size=8), order=st.randoms(use_true_random=False))
def test_no_order_of_records_and_folders_changes_anything(entries, order):
    for folder in ("one", "two"):
        shutil.rmtree(folder, ignore_errors=True)
    for number, (label, seed, correct, kind, steps, cpu, images) in enumerate(entries):
        said = {"label": label, "seed": seed, "steps": steps, "cpu": cpu, "folder": f"{number}"}
        results = Path("one" if number % 2 else "two")
        if kind == "unfinished":
            unfinished(first(correct, 20), results, images=30, **said)
        else:
            at = f"2026-01-0{number + 1}T00:00:00+00:00"
            finished(first(correct, images), results, at=at, direct=kind == "direct", **said)
    folders = [path for path in (Path("one"), Path("two")) if path.exists()]
    expected = printed(rank(collect(folders)))
    order.shuffle(folders)
    collection = collect(folders)
    order.shuffle(collection.records)
    assert printed(rank(collection)) == expected


def test_names_of_folders_do_not_matter():
    shuffled = random.Random(0)
    for number in range(12):
        finished(first(40 + 5 * (number % 4), 100), label="abcd"[number % 4], seed=number // 4)
    expected = leaderboard_data(rank(collect([RESULTS])))
    folders = sorted(RESULTS.iterdir())
    for number, folder in zip(shuffled.sample(range(12), 12), folders, strict=True):
        folder.rename(RESULTS / f"run-{number}")
    renamed = leaderboard_data(rank(collect([RESULTS])))

    def without_paths(data):
        return [{**row, "runs": [run["key"] for run in row["runs"]]} for row in data["tracks"][0]["rows"]]

    assert without_paths(renamed) == without_paths(expected)
