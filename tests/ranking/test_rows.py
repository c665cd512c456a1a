"""Which runs share a table, which are seeds of one row, and what a row is called."""

import numpy as np
import pytest
from record_factory import RESULTS, finished, first, right, seeds, unfinished

from icbench.ranking import collect
from icbench.ranking.rows import Track, distinct_labels, rows_of, tracks
from icbench.records import IMAGES_FILE


def rows(results=RESULTS):
    """The rows, partial runs and problems of the only track there is."""
    ((track, records),) = tracks(collect([results]).records).items()
    return rows_of(track, records)


def labels():
    return sorted(distinct_labels(collect([RESULTS]).records).values())


@pytest.mark.parametrize(
    "other", [{"dataset": "letters"}, {"split": "validation"}, {"digest": "e" * 64}, {"images": 21}]
)
def test_other_images_are_another_track(other):
    finished(right(20))
    finished(right(other.get("images", 20)), **other)
    assert len(tracks(collect([RESULTS]).records)) == 2


def test_tracks_are_in_the_order_of_dataset_and_split_and_the_most_images_first():
    for dataset, split, images in [("b", "test", 20), ("a", "test", 20), ("a", "test", 30), ("a", "a", 20)]:
        finished(right(images), dataset=dataset, split=split)
    found = [(track.dataset, track.split, track.images) for track in tracks(collect([RESULTS]).records)]
    assert found == [("a", "a", 20), ("a", "test", 30), ("a", "test", 20), ("b", "test", 20)]


def test_seeds_of_an_entry_are_one_row_in_their_order():
    for seed in (2, 0, 1):
        finished(first(seed, 20), seed=seed)
    ((row,), partial, problems) = rows()
    assert row.seeds == [0, 1, 2]
    assert row.correct.sum(axis=1).tolist() == [0, 1, 2]
    assert (partial, problems) == ([], [])


@pytest.mark.parametrize("other", [{"steps": 100}, {"precision": "bfloat16"}, {"device": "cuda"}, {"version": "2.0"}])
def test_another_setting_is_another_row(other):
    finished(right(20))
    finished(right(20), seed=1, **other)
    assert len(rows()[0]) == 2


def test_a_run_that_is_not_complete_is_partial_and_no_row():
    unfinished(right(5), seed=1)
    unfinished([], seed=2, stop=("failed", "RuntimeError: no luck"))
    finished(right(20))
    found, partial, _ = rows()
    assert [row.seeds for row in found] == [[0]]
    assert [(run.seed, run.status, run.done) for run in partial] == [(1, "interrupted", 5), (2, "failed", 0)]


def test_a_run_whose_images_are_torn_is_a_problem_and_no_row():
    record = finished(right(20))
    (record.path / IMAGES_FILE).write_bytes((record.path / IMAGES_FILE).read_bytes()[:-1])
    collection = collect([RESULTS])
    assert collection.records == []
    (problem,) = collection.problems
    assert str(record.path / IMAGES_FILE) in problem
    # One that is torn after it was collected is left out all the same.
    found, partial, (problem,) = rows_of(Track.of(record), [record])
    assert (found, partial) == ([], [])
    assert str(record.path / IMAGES_FILE) in problem


def test_a_run_of_other_images_than_it_says_is_a_problem_and_no_row():
    finished(right(20), arrays={"index": np.arange(1, 21)})
    finished(right(20), seed=1, images=1000)
    found = collect([RESULTS]).records
    for track, records in tracks(found).items():
        complete, _, (problem,) = rows_of(track, records)
        assert complete == []
        assert f"does not hold the first {track.images} images" in problem


def test_what_one_seed_lacks_the_row_lacks():
    finished(right(20), distance=0.5)
    finished(right(20), distance=None, seed=1)
    (row,) = rows()[0]
    assert row.mean_distance is None


def test_distances_are_averaged_and_speeds_have_their_median():
    for seed, (distance, rate) in enumerate([(0.25, 10.0), (0.5, 20.0), (0.75, 90.0)]):
        finished(right(20), distance=distance, rate=rate, seed=seed)
    (row,) = rows()[0]
    assert row.mean_distance == 0.5
    assert row.images_per_second == pytest.approx(20.0)


def test_seeds_from_several_machines_have_no_machine():
    seeds([right(20)] * 2)
    assert rows()[0][0].machine is not None
    finished(right(20), seed=2, cpu="another processor")
    assert rows()[0][0].machine is None


def test_gpus_make_a_machine_only_for_those_who_use_them():
    finished(right(20), label="a", gpus=["big"])
    finished(right(20), label="b", gpus=[])
    finished(right(20), label="c", gpus=["big"], device="cuda")
    finished(right(20), label="d", gpus=["small"], device="cuda")
    machines = {row.name: row.machine for row in rows()[0]}
    assert machines["a"] == machines["b"]
    assert len(set(machines.values())) == 3


def test_labels_that_are_unlike_stay_as_they_are():
    finished(right(20), label="a · b", steps=100)
    finished(right(20), label="a · c", steps=200)
    assert labels() == ["a · b", "a · c"]


@pytest.mark.parametrize(
    ("one", "other", "added"),
    [
        ({"steps": 100}, {"steps": 200}, ("steps 100", "steps 200")),
        ({"precision": "bfloat16"}, {"precision": "float32"}, ("precision bfloat16", "precision float32")),
        ({"device": "cpu"}, {"device": "cuda"}, ("device cpu", "device cuda")),
        ({"version": "1.0"}, {"version": "1.1"}, ("generator icbench 1.0", "generator icbench 1.1")),
        ({"weights": "aa"}, {"weights": "bb"}, ("generator weights aa", "generator weights bb")),
        (
            {"source": "sha256:0123456789"},
            {"source": "sha256:9876543210"},
            ("generator source 01234567", "generator source 98765432"),
        ),
    ],
)
def test_what_tells_entries_of_one_name_apart_is_added_and_nothing_else(one, other, added):
    finished(right(20), label="same", **one)
    finished(right(20), label="same", **other)
    finished(right(20), label="else")
    assert labels() == ["else", *(f"same [{what}]" for what in added)]


def test_direct_classifiers_are_told_apart_by_what_they_were_fitted_to():
    finished(right(20), label="class-mean", direct=True, training_data="aaaa")
    finished(right(20), label="class-mean", direct=True, training_data="bbbb")
    assert labels() == [f"class-mean [classifier training_data {four}]" for four in ("aaaa", "bbbb")]


def test_entries_that_differ_in_anything_have_labels_of_their_own():
    for number in range(4):
        finished(right(20), label="same", steps=100 + number // 2, something=number)
    assert len(set(labels())) == 4


def test_seeds_and_lengths_do_not_enter_labels():
    seeds([right(20)] * 3)
    finished(right(30))
    assert labels() == ["cgan · mse · adam · joint"]


def test_flags_count_not_finite_images_over_all_seeds():
    prediction = np.where(right(20, 3, 4), np.arange(20) % 10, -1)
    finished(right(20, 3, 4), arrays={"prediction": prediction}, flags=["trained on these images"])
    finished(right(20, 3, 4), arrays={"prediction": prediction}, flags=["trained on these images"], seed=1)
    assert rows()[0][0].flags == ["trained on these images", "4 not finite"]


def test_a_track_is_read_from_the_record():
    record = finished(right(20), dataset="mnist", split="train", digest="abc")
    assert Track.of(record) == Track("mnist", "train", 20, "abc")
