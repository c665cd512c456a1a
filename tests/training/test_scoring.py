"""A score is what it says, and which images choose and measure follows from the budget."""

from dataclasses import replace

import pytest

from icbench.training.budget import EvalBudget, InversionBudget
from icbench.training.scoring import CheckpointScore


def test_a_score_is_the_mean_with_samples_or_without():
    poor, rich = ({"joint": 0.6}, 0.2), ({"joint": 0.5}, 0.9)
    assert CheckpointScore(*rich).value > CheckpointScore(*poor).value
    assert CheckpointScore(*rich, by_samples=False).value < CheckpointScore(*poor, by_samples=False).value


def test_a_generator_whose_samples_are_all_alike_scores_less():
    varied, alike = (CheckpointScore({"joint": 0.5}, 0.9, coverage) for coverage in (0.8, 0.1))
    assert varied.value == pytest.approx((0.5 + 0.9 + 0.8) / 3)
    assert varied.value > alike.value
    assert replace(varied, by_samples=False).value == replace(alike, by_samples=False).value == 0.5


@pytest.mark.parametrize("by_samples", [True, False])
@pytest.mark.parametrize("coverage", [0.5, None])
def test_a_score_is_read_from_its_figures(coverage, by_samples):
    score = CheckpointScore({"joint": 0.25, "exhaustive": 0.5}, 0.75, coverage, by_samples)
    assert CheckpointScore.from_figures(score.figures(), by_samples) == score


@pytest.mark.parametrize(("images", "choosing", "unseen"), [(1, 1, (1, 1)), (9, 5, (5, 9)), (5000, 200, (1000, 1500))])
def test_what_chooses_is_not_what_measures_however_few_images_choose(images, choosing, unseen):
    budget = EvalBudget(check=InversionBudget(200, {}))
    assert budget.choosing_rows(images) == slice(0, choosing)
    assert budget.unseen_rows(images, 500) == slice(*unseen)
