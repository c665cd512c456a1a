"""What a report shows of entries is made again from their records, or it says why it cannot be."""

from dataclasses import replace

import numpy as np
from toy import ToyDigits

from icbench.plugins.manager import plugin_manager
from icbench.ranking import collect, rank
from icbench.running.execute import entries_from_specs, execute
from icbench.running.exhibits import Exhibitor
from icbench.running.observer import Observer
from icbench.running.options import Options

TOY = {"dataset": ["toy"], "generator": ["linear"]}
OPTIONS = Options(steps=3, limit=12, device="cpu")


def exhibit(most=3, **specs):
    """What is shown of the only track of some runs, and the labels that were told on the way."""
    list(execute(entries_from_specs(plugin_manager(), {**TOY, **specs}), OPTIONS, Observer()))
    (table,) = rank(collect([OPTIONS.results])).tracks
    told = []
    exhibitor = Exhibitor(plugin_manager(), Options(device="cpu"), most, told.append)
    rows = [entry.row for entry in table.standings]
    return exhibitor.exhibit(table.track, rows), rows, told, exhibitor


def test_right_and_wrong_images_are_shown_with_both_reconstructions(toy_plugin):
    found, (row,), _, _ = exhibit(generator=["normed"])
    shown = found.entries[row.key].explanations
    predictions = row.records[0].images(["prediction"])["prediction"]
    np.testing.assert_array_equal(shown.prediction, predictions[shown.index])
    wrong = shown.prediction != shown.truth
    assert wrong.any()
    split = ToyDigits().split("test", None)
    np.testing.assert_allclose(shown.targets, split.images[shown.index] / 255, rtol=1e-6)
    np.testing.assert_array_equal((shown.winners != shown.truths).any(axis=(1, 2, 3)), wrong)


def test_the_true_class_is_held_for_the_reconstruction_of_a_wrong_image(toy_plugin):
    """A schedule that holds every class has kept what the true one came to."""
    found, (row,), _, _ = exhibit(generator=["normed"], schedule=["exhaustive:start=drawn"])
    shown = found.entries[row.key].explanations
    scores = row.records[0].images(["class_scores"])["class_scores"]
    assert (shown.prediction != shown.truth).any()
    np.testing.assert_allclose(shown.truth_energy, -scores[shown.index, shown.truth], rtol=1e-4)
    np.testing.assert_allclose(shown.winner_energy, -scores[shown.index].max(axis=1), rtol=1e-4)


def test_only_the_best_have_pictures_and_none_is_made_twice(toy_plugin):
    found, rows, told, exhibitor = exhibit(most=1, schedule=["joint", "class-only"])
    assert list(found.entries) == [rows[0].key]
    assert told == [rows[0].label]
    exhibitor.exhibit(rank(collect([OPTIONS.results])).tracks[0].track, rows)
    assert told == [rows[0].label]


def test_a_schedule_that_holds_the_class_vector_has_no_paths(toy_plugin):
    found, rows, _, _ = exhibit(schedule=["joint", "exhaustive"])
    paths = {row.label.rpartition(" ")[2]: found.entries[row.key].paths for row in rows}
    assert paths["exhaustive"] is None
    assert paths["joint"].path.shape[0] == 4


def test_code_that_has_changed_is_named_without_the_folder(toy_plugin):
    _, (row,), _, exhibitor = exhibit()
    record = row.records[0]
    old = replace(record, metadata=replace(record.metadata, engine="sha256:old", key="other"))
    row = replace(row, records=(old,))
    lacking = exhibitor._make(row).lacking
    assert "code of the engine has changed" in lacking
    assert record.path.name in lacking
    assert str(record.path) not in lacking


def test_images_that_depend_on_each_other_are_not_shown(toy_plugin, monkeypatch):
    monkeypatch.setattr("toy.LinearGenerator.batch_group_size", 4)
    found, (row,), _, _ = exhibit()
    assert "depend on each other" in found.entries[row.key].lacking


def test_a_dataset_that_is_not_here_costs_the_pictures_alone(toy_plugin):
    _, rows, _, exhibitor = exhibit()
    track = replace(rank(collect([OPTIONS.results])).tracks[0].track, digest="0" * 64)
    found = exhibitor.exhibit(track, rows)
    assert found.split is None
    assert "digest" in found.lacking
