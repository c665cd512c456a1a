"""Logistic regression: where the gradient of the objective, written once more by numpy, is 0."""

import numpy as np
import pytest
import torch


def gradient_by_numpy(images, labels, weight, bias, penalty):
    """The gradients of mean cross entropy + penalty / 2 |weight|^2, which is convex: where they are 0 it is least."""
    rows = images.flatten(1).double().numpy()
    logits = rows @ weight.double().numpy().T + bias.double().numpy()
    probabilities = np.exp(logits - logits.max(axis=1, keepdims=True))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    error = (probabilities - np.eye(10)[labels.numpy()]) / len(rows)
    return error.T @ rows + penalty * weight.double().numpy(), error.sum(axis=0)


@pytest.mark.parametrize("penalty", [1e-3, 1e-2, 1.0])
def test_it_finds_the_one_minimum_of_the_penalised_cross_entropy(build, digits, penalty):
    images, labels = digits("train", 1000)
    classifier = build(f"logistic-regression:penalty={penalty}")
    classifier.fit(images, labels, 10, 0)
    for gradient in gradient_by_numpy(images, labels, classifier.weight, classifier.bias, penalty):
        assert np.abs(gradient).max() < 1e-4


def test_scores_are_logits_of_the_pixels(build, digits):
    classifier = build("logistic-regression")
    classifier.fit(*digits("train", 300), 10, 0)
    asked, _ = digits("validation", 20)
    expected = asked.flatten(1).numpy() @ classifier.weight.numpy().T + classifier.bias.numpy()
    np.testing.assert_allclose(classifier.scores(asked).numpy(), expected, rtol=1e-4, atol=1e-4)


def test_a_larger_penalty_makes_smaller_coefficients(build, digits):
    lengths = []
    for penalty in (1e-4, 1e-2, 1.0):
        classifier = build(f"logistic-regression:penalty={penalty}")
        classifier.fit(*digits("train", 300), 10, 0)
        lengths.append(classifier.weight.norm().item())
    assert lengths == sorted(lengths, reverse=True)


def test_the_seed_changes_nothing(build, digits):
    scores = []
    for seed in (0, 1):
        classifier = build("logistic-regression")
        classifier.fit(*digits("train", 300), 10, seed)
        scores.append(classifier.scores(digits("validation", 20)[0]))
    assert torch.equal(*scores)
