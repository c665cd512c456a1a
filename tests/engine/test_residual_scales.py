"""Residual scales: a class's distance counts by how large the generator's residuals usually are there."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import LinearGenerator

from icbench.builtin.schedules.evidence import Evidence
from icbench.builtin.schedules.exhaustive import Exhaustive
from icbench.engine.invert import invert
from icbench.engine.preflight.compatibility import check_components
from icbench.engine.prepare import prepare
from icbench.engine.result import concatenate
from icbench.engine.settings import Settings
from icbench.errors import UsageError

CPU = torch.device("cpu")
SETTINGS = Settings(steps=5)
FACTOR = torch.linspace(0.5, 2, 10)
SUMMAND = torch.linspace(0, 0.3, 10)
NAMES = {"generator": "g", "distance": "d", "optimizer": "o", "schedule": "s"}


class Scaled(LinearGenerator):
    """Errs more for some classes than for others, or says so."""

    def error_calibration(self, class_vector):
        return class_vector @ FACTOR, class_vector @ SUMMAND


@pytest.fixture
def scaled(components):
    return replace(components, generator=prepare(Scaled(), CPU))


def run(components, images, schedule):
    return concatenate(list(invert(replace(components, schedule=schedule), images[:20], np.arange(20), SETTINGS)))


def test_a_classs_score_is_its_scaled_distance(scaled, digits):
    options = {"noise_rate": 0.01, "prior_weight": 0}
    plain, found = (run(scaled, digits[0], Exhaustive(calibrate=flag, **options)) for flag in (False, True))
    expected = FACTOR.numpy() * -plain.class_scores + SUMMAND.numpy()
    np.testing.assert_allclose(-found.class_scores, expected, atol=1e-4)
    assert (found.prediction != plain.prediction).any()


def test_the_distance_is_said_as_it_is_and_the_energy_as_it_counts(scaled, digits):
    found = run(scaled, digits[0], Exhaustive(calibrate=True, prior_weight=0))
    winner = found.prediction
    expected = FACTOR.numpy()[winner] * found.distance + SUMMAND.numpy()[winner]
    np.testing.assert_allclose(found.energy, expected, rtol=1e-4)


def test_the_curvature_is_that_of_the_scaled_distance(components, digits):
    """Twice the distance has twice the curvature, and with two numbers of noise log det(H) grows by 2 log 2."""

    class Doubled(LinearGenerator):
        def error_calibration(self, class_vector):
            return 2 * class_vector.sum(dim=1), 0 * class_vector.sum(dim=1)

    seen = []

    class Seen(Evidence):
        def laplace_correction(self, linearisation):
            seen.append(linearisation)
            return super().laplace_correction(linearisation)

    generator = prepare(Doubled(noise_dim=2, noise_effect=0.5), CPU)
    for flag in (False, True):
        run(replace(components, generator=generator), digits[0], Seen(calibrate=flag, prior_weight=0, noise_rate=1e-9))
    plain, found = seen
    torch.testing.assert_close(found.curvature, 2 * plain.curvature, rtol=1e-4, atol=1e-9)
    torch.testing.assert_close(found.gradient, 2 * plain.gradient, rtol=1e-4, atol=1e-9)


class Doubtful(LinearGenerator):
    """Its image is the mean of a brighter and a darker one."""

    def both(self, class_vector, noise):
        image = super().forward(class_vector, noise)
        gap = 0.2 * class_vector[:, :5].sum(dim=1)
        return image, gap[:, None, None, None]

    def forward(self, class_vector, noise):
        return self.both(class_vector, noise)[0]

    def mean_and_spread(self, class_vector, noise):
        image, gap = self.both(class_vector, noise)
        return image, gap[:, 0, 0, 0].square()


class DoubtfulAndScaled(Doubtful, Scaled):
    """Says both."""


def test_with_its_spread_the_error_of_a_mean_is_the_mean_of_the_errors(components, digits):
    generator = prepare(Doubtful(noise_effect=0), CPU)
    doubtful = replace(components, generator=generator)
    schedule = Exhaustive(calibrate=True, prior_weight=0, noise_rate=0, start="drawn")
    found = concatenate(list(invert(replace(doubtful, schedule=schedule), digits[0], np.arange(5), Settings(0))))
    image, gap = generator.both(torch.eye(10), torch.zeros(10, 3))
    targets = torch.from_numpy(digits[0][:5]).float()[:, None] / 255
    errors = [(image + sign * gap - targets).square().flatten(2).mean(dim=2) for sign in (1, -1)]
    np.testing.assert_allclose(-found.class_scores, (errors[0] + errors[1]) / 2, atol=1e-6)
    winner = found.prediction
    np.testing.assert_allclose(found.energy - found.distance, gap.flatten().square()[winner], atol=1e-6)


def test_a_spread_counts_by_the_factor_of_the_class_too_and_not_where_nothing_is_calibrated(components, digits):
    both, scaled = (replace(components, generator=prepare(kind(), CPU)) for kind in (DoubtfulAndScaled, Scaled))
    options = {"prior_weight": 0, "noise_rate": 0.01}
    scores = [run(each, digits[0], Exhaustive(calibrate=True, **options)).class_scores for each in (both, scaled)]
    added = 0.04 * (np.arange(10) < 5) * FACTOR.numpy()
    np.testing.assert_allclose(scores[1] - scores[0], np.tile(added, (20, 1)), atol=1e-4)
    plain = [run(each, digits[0], Exhaustive(**options)).class_scores for each in (both, scaled)]
    np.testing.assert_array_equal(*plain)


def test_a_generator_that_knows_nothing_of_its_residuals_is_refused_before_the_run(components, digits):
    wrong = replace(components, schedule=Exhaustive(calibrate=True))
    with pytest.raises(UsageError, match="generator g does not say how large") as caught:
        check_components(wrong, digits[0], SETTINGS, NAMES)
    assert "calibrate=true" in caught.value.hint
