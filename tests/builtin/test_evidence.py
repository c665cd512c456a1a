"""Laplace's evidence: exact where the energy is quadratic, and the right class wins that a flexible one outdid."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy import ToyDigits

from icbench.builtin.schedules.evidence import Evidence
from icbench.builtin.schedules.exhaustive import Exhaustive
from icbench.engine.invert import invert
from icbench.engine.preflight.compatibility import check_components
from icbench.engine.prepare import prepare
from icbench.engine.result import concatenate
from icbench.engine.settings import Settings
from icbench.errors import UsageError
from icbench.kinds.distance import Distance
from icbench.kinds.generator import Generator

CPU = torch.device("cpu")
CLASSES, NOISE, PIXELS = 3, 2, 16
WEIGHT = 0.05
SETTINGS = Settings(steps=200)


class Flat(Generator):
    """image = 1/2 + stretch of the class * noise along two directions: every energy is a parabola."""

    num_classes, noise_dim, image_shape = CLASSES, NOISE, (1, 4, 4)

    def __init__(self):
        super().__init__()
        random = torch.Generator().manual_seed(0)
        directions = torch.linalg.qr(torch.randn(PIXELS, NOISE, generator=random))[0].T
        self.register_buffer("directions", directions)
        self.register_buffer("stretch", torch.tensor([0.05, 0.2, 0.8]))

    def forward(self, class_vector, noise):
        length = (class_vector @ self.stretch)[:, None]
        return (0.5 + length * noise @ self.directions).view(-1, *self.image_shape)


@pytest.fixture
def flat(components):
    return replace(components, generator=prepare(Flat(), CPU))


def images(noise):
    generator = Flat()
    vectors = torch.eye(CLASSES)[torch.ones(len(noise), dtype=torch.long)]
    return (generator(vectors, noise) * 255).round().clamp(0, 255).to(torch.uint8).numpy()


def run(components, targets, schedule):
    return concatenate(
        list(invert(replace(components, schedule=schedule), targets, np.arange(len(targets)), SETTINGS, 64))
    )


def test_the_correction_is_the_log_determinant_of_the_curvature(flat):
    targets = images(torch.tensor([[0.3, -0.4], [1.0, 0.2]]))
    plain = run(flat, targets, Exhaustive(prior_weight=WEIGHT, noise_rate=1, decay="cosine"))
    found = run(flat, targets, Evidence(prior_weight=WEIGHT, noise_rate=1, decay="cosine", weight=3))
    stretch = np.array([0.05, 0.2, 0.8])
    curvature = 2 / PIXELS * stretch**2 + WEIGHT / NOISE
    correction = 3 * (WEIGHT / NOISE) / 2 * NOISE * np.log(curvature)
    np.testing.assert_allclose(found.class_scores, plain.class_scores - correction, atol=1e-6)


def test_it_is_the_posterior_of_a_gaussian_up_to_its_temperature(flat):
    """For a linear generator the evidence is that of a Gaussian with covariance stretch^2 D^T D + variance."""
    targets = images(torch.randn(4, NOISE, generator=torch.Generator().manual_seed(1)))
    found = run(flat, targets, Evidence(prior_weight=WEIGHT, noise_rate=1, decay="cosine"))
    temperature = WEIGHT / NOISE
    variance = temperature * PIXELS / 2
    directions = Flat().directions.numpy()
    residual = targets.reshape(4, -1) / 255 - 0.5
    logs = []
    for stretch in (0.05, 0.2, 0.8):
        covariance = stretch**2 * directions.T @ directions + variance * np.eye(PIXELS)
        logs.append(
            -np.einsum("np,pq,nq->n", residual, np.linalg.inv(covariance), residual) / 2
            - np.linalg.slogdet(covariance)[1] / 2
        )
    expected = temperature * np.stack(logs, axis=1)
    differences = found.class_scores - found.class_scores[:, :1]
    np.testing.assert_allclose(differences, expected - expected[:, :1], atol=2e-4)


def test_a_class_that_can_explain_anything_pays_for_it(flat):
    targets = images(torch.tensor([[0.2, 0.1], [-0.1, 0.2], [0.3, 0.0]]))
    weak = 0.001
    plain = run(flat, targets, Exhaustive(prior_weight=weak, noise_rate=1, decay="cosine"))
    found = run(flat, targets, Evidence(prior_weight=weak, noise_rate=1, decay="cosine"))
    assert (plain.prediction == 2).all()
    assert (found.prediction != 2).all()


def test_without_weight_it_is_exhaustive(flat):
    targets = images(torch.tensor([[0.3, -0.4]]))
    plain, found = (run(flat, targets, schedule) for schedule in (Exhaustive(), Evidence(weight=0)))
    np.testing.assert_array_equal(found.class_scores, plain.class_scores)
    # A gradient and a column of the Jacobian for each number of the noise.
    assert found.backward - plain.backward == CLASSES * (1 + NOISE)


def test_a_distance_without_residuals_is_refused_before_the_run(components):
    class Plain(Distance):
        def compare(self, reconstruction, features):
            return (reconstruction - features).abs().flatten(1).mean(1)

    names = {"generator": "g", "distance": "d", "optimizer": "o", "schedule": "s"}
    wrong = replace(components, distance=Plain(), schedule=Evidence())
    with pytest.raises(UsageError, match="schedule s needs a distance with residuals, and d has none"):
        check_components(wrong, ToyDigits().split("test", None).images, SETTINGS, names)


def test_only_what_is_left_at_the_end_pays_for_its_determinant(flat):
    targets = images(torch.randn(4, NOISE, generator=torch.Generator().manual_seed(2)))
    options = {"prior_weight": WEIGHT, "noise_rate": 1, "decay": "cosine"}
    whole, found = (run(flat, targets, Evidence(**options, **plan)) for plan in ({}, {"at": "50", "keep": "2"}))
    searched = found.class_dropped_at < 0
    assert (searched.sum(axis=1) == 2).all()
    np.testing.assert_allclose(found.class_scores[searched], whole.class_scores[searched], atol=1e-6)
    # Three hypotheses for 50 steps and at the end two: their curvature takes an evaluation and a gradient each, and a
    # gradient per number of the noise.
    assert found.backward == 50 * 3 + 150 * 2 + (1 + NOISE) * 2
    assert whole.backward == 200 * 3 + (1 + NOISE) * 3
