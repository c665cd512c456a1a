"""Where inversions start: as drawn, where an encoder finds them, or at the nearest of a bank; and what that costs."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import LinearGenerator, NormedGenerator, ToyDigits

from icbench.builtin.schedules.exhaustive import SPREAD, Exhaustive
from icbench.engine.decode import as_target, generate
from icbench.engine.initialization import BANK, NoiseBank, draw_noise
from icbench.engine.invert import invert
from icbench.engine.preflight.compatibility import check_components
from icbench.engine.prepare import prepare
from icbench.engine.result import concatenate
from icbench.engine.settings import Settings
from icbench.errors import ComponentError, UsageError
from icbench.plugins.manager import PluginManager

CPU = torch.device("cpu")
SETTINGS = Settings()
IMAGES = ToyDigits().split("test", None).images


class Encoding(NormedGenerator):
    """Its encoder says of each class its number, and of each image its brightness."""

    def encode(self, images):
        brightness = images.flatten(1).mean(1)
        classes = torch.arange(10.0)
        return torch.stack([brightness[:, None] + 0 * classes, classes.expand(len(images), -1)], dim=2).repeat(1, 1, 2)


@pytest.fixture
def encoding(components):
    return replace(components, generator=prepare(Encoding(), CPU))


def run(components, index=range(6), settings=SETTINGS, batch_size=70):
    return concatenate(list(invert(components, IMAGES, np.asarray(index), settings, batch_size)))


def test_an_encoder_start_is_the_encoders_noise_of_the_winning_class(encoding):
    found = run(replace(encoding, schedule=Exhaustive(start="encoder")))
    brightness = as_target(IMAGES[:6], CPU).flatten(1).mean(1).numpy()
    np.testing.assert_allclose(found.noise[:, 0], brightness, rtol=1e-6)
    np.testing.assert_array_equal(found.noise[:, 1], found.prediction)
    assert (found.forward, found.backward) == (10 + 1, 0)


def test_further_restarts_begin_beside_the_first(encoding):
    schedule = Exhaustive(start="encoder", restarts=3, prior_weight=1e6)
    hypotheses = schedule.hypotheses(10)
    drawn = draw_noise(np.arange(4), hypotheses.restart, 4, 0)
    encoded = encoding.generator.encode(as_target(IMAGES[:4], CPU))

    class Offered:
        class_vector, restart = hypotheses.class_vector, hypotheses.restart

        def __init__(self):
            self.drawn = drawn

        def encoder_starts(self, count):
            return None

        def encoder_noise(self):
            return encoded

    noise = schedule.initial_noise(Offered()).view(4, 10, 3, 4)
    torch.testing.assert_close(noise[:, :, 0], encoded)
    torch.testing.assert_close(noise[:, :, 2], encoded + SPREAD * drawn.view(4, 10, 3, 4)[:, :, 2])


class Several(Encoding):
    """Its start of number n is n in the last entry, and else what it encodes."""

    def encode_starts(self, images, count):
        starts = self.encode(images)[:, :, None].repeat(1, 1, count, 1)
        starts[..., 3] = torch.arange(float(count))
        return starts


def test_where_the_encoder_knows_several_starts_each_restart_has_its_own(components):
    class Recording(Exhaustive):
        def initial_noise(self, context):
            self.found = super().initial_noise(context)
            return self.found

    schedule = Recording(start="encoder", restarts=3, prior_weight=0)
    generator = prepare(Several(), CPU)
    result = run(replace(components, generator=generator, schedule=schedule), batch_size=180)
    expected = generator.encode_starts(as_target(IMAGES[:6], CPU), 3)
    torch.testing.assert_close(schedule.found.view(6, 10, 3, 4), expected)
    assert (result.forward, result.backward) == (30 + 1, 0)


def test_several_starts_of_the_wrong_shape_are_told_before_the_run(components):
    class Wrong(Several):
        def encode_starts(self, images, count):
            return super().encode_starts(images, count + 1)

    components = replace(components, generator=prepare(Wrong(), CPU), schedule=Exhaustive(start="encoder", restarts=2))
    with pytest.raises(ComponentError, match=r"noise of shape \(4, 10, 3, 4\), not finite noise of \(4, 10, 2, 4\)"):
        check_components(components, IMAGES, replace(SETTINGS, steps=3), NAMES)


def test_a_bank_start_is_the_draw_whose_image_is_nearest(encoding):
    schedule = Exhaustive(start="bank", bank=20, prior_weight=0)
    found = run(replace(encoding, schedule=schedule), range(3))
    bits = np.random.Philox(key=np.array([0, BANK], np.uint64))
    noise = torch.from_numpy(np.random.Generator(bits).standard_normal((20, 4), np.float32))
    for row, label in enumerate(found.prediction):
        vertices = torch.eye(10)[label].expand(20, -1)
        images = generate(encoding.generator, vertices, noise, torch.float32)
        nearest = encoding.distance(images, as_target(IMAGES[row : row + 1], CPU).expand_as(images)).argmin()
        np.testing.assert_allclose(found.noise[row], noise[nearest])
        assert found.distance[row] == pytest.approx(
            float(encoding.distance(images, as_target(IMAGES[row : row + 1], CPU).expand_as(images)).min()), rel=1e-5
        )


def test_a_larger_bank_holds_the_smaller_one_and_starts_no_farther(encoding):
    distances = [
        run(replace(encoding, schedule=Exhaustive(start="bank", bank=count, prior_weight=0))).distance
        for count in (5, 50, 500)
    ]
    assert (distances[0] >= distances[1] - 1e-7).all()
    assert (distances[1] >= distances[2] - 1e-7).all()


def test_a_bank_is_decoded_once_and_counted_as_spread_over_the_split(encoding, monkeypatch):
    decoded = []
    original = NoiseBank._images
    monkeypatch.setattr(NoiseBank, "_images", lambda self, *given: (decoded.append(1), original(self, *given))[1])
    found = run(replace(encoding, schedule=Exhaustive(start="bank", bank=20)), range(50))
    assert len(decoded) == 10
    # 200 images decoded for a split of 50, and one evaluation of each of ten hypotheses.
    assert found.forward == 4 + 10


def test_a_bank_of_less_than_an_evaluation_an_image_still_counts_as_one(encoding):
    found = run(replace(encoding, schedule=Exhaustive(start="bank", bank=1)))
    assert len(IMAGES) > 10
    assert found.forward == 1 + 10


def test_without_noise_there_is_nothing_to_draw_and_a_bank_costs_nothing(components):
    found = run(replace(components, generator=prepare(LinearGenerator(noise_dim=0), CPU), schedule=Exhaustive()))
    assert found.forward == 10
    np.testing.assert_array_equal(found.prediction, ToyDigits().split("test", None).labels[:6])


def test_in_parts_a_bank_compares_as_it_does_at_once(encoding, monkeypatch):
    components = replace(encoding, schedule=Exhaustive(start="bank", bank=30))
    expected = run(components).noise
    monkeypatch.setattr("icbench.engine.initialization.COMPARED_AT_ONCE", 70)
    monkeypatch.setattr("icbench.engine.initialization.DECODED_AT_ONCE", 7)
    np.testing.assert_allclose(run(components).noise, expected, atol=1e-6)


def test_a_distance_whose_features_are_several_tensors_has_a_bank_as_well(encoding):
    class Both(type(encoding.distance)):
        def features(self, target):
            return target, target.flatten(1).mean(1)

        def compare(self, reconstruction, features):
            target, mean = features
            return (reconstruction - target).square().flatten(1).mean(1) + 0 * mean

    schedule = Exhaustive(start="bank", bank=30)
    expected = run(replace(encoding, schedule=schedule)).noise
    np.testing.assert_array_equal(run(replace(encoding, schedule=schedule, distance=Both())).noise, expected)


@pytest.mark.parametrize("start", ["encoder", "bank"])
def test_a_start_does_not_depend_on_the_batch(encoding, start):
    components = replace(encoding, schedule=Exhaustive(start=start, bank=16))
    alone = [run(components, [image]) for image in (3, 17)]
    together = run(components, range(20), batch_size=110)
    for found, image in zip(alone, (3, 17), strict=True):
        np.testing.assert_allclose(found.noise[0], together.noise[image], atol=1e-6)


NAMES = {"generator": "g", "distance": "d", "optimizer": "o", "schedule": "s"}


def test_a_generator_without_an_encoder_is_told_before_the_run(components):
    with pytest.raises(UsageError, match="no encoder to start from") as caught:
        check_components(
            replace(components, schedule=Exhaustive(start="encoder")), IMAGES, replace(SETTINGS, steps=3), NAMES
        )
    assert "start=bank" in caught.value.hint


def test_an_encoder_that_returns_the_wrong_shape_is_told_before_the_run(encoding):
    class Wrong(Encoding):
        def encode(self, images):
            return super().encode(images)[..., :3]

    components = replace(encoding, generator=prepare(Wrong(), CPU), schedule=Exhaustive(start="encoder"))
    with pytest.raises(ComponentError, match=r"noise of shape \(4, 10, 3\), not finite noise of \(4, 10, 4\)"):
        check_components(components, IMAGES, replace(SETTINGS, steps=3), NAMES)


def test_a_falling_rate_ends_at_nothing():
    schedule = Exhaustive(decay="cosine", noise_rate=2)
    rates = [schedule.rates(step, 20).noise for step in range(20)]
    assert rates[0] == 2
    assert rates[10] == pytest.approx(1)
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] > 0


def test_without_a_decay_the_rate_stays():
    schedule = PluginManager().select("schedule", "exhaustive:decay=none").build()
    assert schedule.rates(59, 60).noise == 4
