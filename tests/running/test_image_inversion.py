"""Images are inverted by an entry, which knows from its generator what they are like."""

import numpy as np
import pytest
from toy import SHAPE

from icbench.errors import UsageError
from icbench.plugins.manager import PluginManager, builtin_components, plugin_manager
from icbench.running.image_inversion import ImageInverter, entry_for_images, frames_of, stages_of
from icbench.running.observer import Observer
from icbench.running.options import Options
from icbench.running.usual_distance import FILE, _find_shipped, _read, label_of, measure, usual_distance
from icbench.storage import read_kept


def inverter(specs, manager: PluginManager | None = None, **options):
    entry, known = entry_for_images(manager or plugin_manager(), specs, None)
    return ImageInverter(entry, known, Options(**{"device": "cpu", "precision": "float32", **options}))


TOY = {"generator": "linear", "dataset": "toy"}


def test_the_dataset_is_what_the_generator_was_trained_on():
    found = inverter({})
    assert found.known
    assert found.source.label == "mnist"
    how = found.preprocessing(None, "auto")
    assert (how.method, how.light_on_dark) == ("mnist", True)
    assert found.preprocessing("none", "auto").method == "none"


def test_a_generator_that_says_nothing_has_no_dataset(toy_plugin):
    found = inverter({"generator": "linear"})
    assert not found.known
    how = found.preprocessing(None, "auto")
    assert (how.method, how.light_on_dark) == ("resize", False)
    with pytest.raises(UsageError, match="linear does not say what it was trained on"):
        found.split("test")


def test_images_inverted_together_are_as_each_alone(toy_plugin, digits):
    several = inverter({**TOY, "schedule": "exhaustive:start=drawn"}, steps=5)
    together = list(several.invert(digits[0], range(7), set()))
    for index in (0, 6):
        (alone,) = several.invert(digits[0], [index], set())
        assert alone.prediction == together[index].prediction == digits[1][index]
        np.testing.assert_allclose(alone.class_scores, together[index].class_scores, rtol=1e-5)
        assert alone.bests.images.shape == (1, 10, *SHAPE)


def test_many_images_are_inverted_a_few_at_a_time(toy_plugin, digits, monkeypatch):
    monkeypatch.setattr("icbench.running.image_inversion.TOGETHER", 3)
    found = list(inverter(TOY, steps=20).invert(digits[0], range(10), {0}))
    assert [one.prediction for one in found] == digits[1][:10].tolist()
    assert [[snapshot.step for snapshot in one.snapshots] for one in found] == [[0, 20]] * 10


def test_classes_are_ranked_by_their_scores(toy_plugin, digits):
    (found,) = inverter(TOY, steps=20).invert(digits[0], [4], set())
    assert found.ranking[0] == found.prediction == 4
    assert found.reads_shares
    assert sorted(found.ranking) == list(range(10))


@pytest.mark.parametrize("steps", [0, 1, 5, 20, 60, 200, 5000])
def test_frames_begin_at_the_start_and_end_with_the_last_step(steps):
    frames = frames_of(steps)
    assert min(frames) == 0
    assert max(frames) == steps
    assert len(frames) <= 56
    assert stages_of(steps) <= frames


def test_a_usual_distance_is_measured_once_and_kept(toy_plugin, monkeypatch):
    found = inverter(TOY, steps=10)
    made_of = found.runner, found.source, found.settings
    first = usual_distance(*made_of, Observer())
    assert first.most == pytest.approx(measure(*made_of))
    assert 0 < first.most < 0.01
    assert label_of(*made_of) in read_kept(FILE)
    monkeypatch.setattr("icbench.running.usual_distance.measure", lambda *_: pytest.fail("it was measured again"))
    assert usual_distance(*made_of, Observer()) == first


def test_a_usual_distance_is_of_its_entry_alone(toy_plugin):
    few, more = inverter(TOY, steps=1), inverter(TOY, steps=60)
    distances = [usual_distance(one.runner, one.source, one.settings, Observer()).most for one in (few, more)]
    assert distances[0] > 1.5 * distances[1]


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"it": "far"}', "null"])
def test_what_was_kept_may_be_anything(text):
    assert _read(text) == {}


@pytest.mark.parametrize("specs", [{}, {"generator": "cgan:noise_dim=25", "schedule": "exhaustive"}])
def test_what_is_usual_of_the_default_entry_ships(specs):
    found = inverter(specs, builtin_components())
    shipped = _find_shipped(found.runner, found.source, found.settings)
    assert shipped is not None, "python docs/usual_distances.py > icbench/running/usual_distances.json"
    assert 0.01 < shipped < 0.1


def test_what_ships_is_not_taken_for_components_of_others(toy_plugin):
    found = inverter({**TOY})
    assert _find_shipped(found.runner, found.source, found.settings) is None
