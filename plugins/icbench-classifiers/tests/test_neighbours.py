"""k nearest neighbours: against loops by numpy, and in blocks."""

from math import log

import numpy as np
import pytest
import torch

from icbench_classifiers import neighbours
from icbench_classifiers.neighbours import vote


def votes_by_loops(images, labels, asked, k):
    """The shares (B, 10) of the votes, an image at a time and in float64."""
    rows, shares = images.flatten(1).double().numpy(), np.zeros((len(asked), 10))
    for number, image in enumerate(asked.flatten(1).double().numpy()):
        distances = np.linalg.norm(rows - image, axis=1)
        for nearest in np.argsort(distances)[:k]:
            shares[number, labels[nearest]] += 1 / distances[nearest]
    return shares / shares.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("k", [1, 3, 10])
def test_scores_are_the_shares_of_the_votes_of_the_k_nearest(build, digits, k):
    images, labels = digits("train", 1000)
    asked, _ = digits("validation", 50)
    classifier = build(f"knn:k={k}")
    classifier.fit(images, labels, 10, 0)
    shares = votes_by_loops(images, labels, asked, k)
    expected = np.log((k * shares + 0.1) / (k + 1))
    np.testing.assert_allclose(classifier.scores(asked).numpy(), expected, atol=1e-4)


def test_a_near_neighbour_outvotes_two_far_ones():
    scores = vote(torch.tensor([[1.0, 9.0, 9.0]]), torch.tensor([[2, 0, 0]]), 3)
    assert scores[0].tolist() == pytest.approx([log((3 * 0.4 + 1 / 3) / 4), log(1 / 12), log((3 * 0.6 + 1 / 3) / 4)])


def test_the_softmax_of_scores_is_the_share_of_the_votes_and_of_one_spread_evenly(build, digits):
    classifier = build("knn")
    classifier.fit(*digits("train", 500), 10, 0)
    shares = classifier.scores(digits("validation", 50)[0]).exp()
    torch.testing.assert_close(shares.sum(dim=1), torch.ones(50))


def test_one_neighbour_predicts_what_the_built_in_nearest_neighbour_does(build, digits):
    predictions = []
    for name in ("knn:k=1", "nearest-neighbour"):
        classifier = build(name)
        classifier.fit(*digits("train", 1000), 10, 0)
        predictions.append(classifier.scores(digits("validation", 200)[0]).argmax(dim=1))
    assert torch.equal(*predictions)


def test_a_training_image_decides_for_itself(build, digits):
    images, labels = digits("train", 500)
    classifier = build("knn:k=50")
    classifier.fit(images, labels, 10, 0)
    assert torch.equal(classifier.scores(images).argmax(dim=1), labels)


@pytest.mark.parametrize(("name", "products"), [("knn", 1), ("tangent-neighbour", 8)])
def test_memory_is_bounded_however_many_images_are_asked_about(build, digits, monkeypatch, name, products):
    classifier = build(name)
    classifier.fit(*digits("train", 100), 10, 0)
    asked, _ = digits("validation", 100)
    whole, blocks = classifier.scores(asked), []
    distances = classifier.squared_distances
    monkeypatch.setattr(neighbours, "PRODUCTS", 2400)
    monkeypatch.setattr(classifier, "squared_distances", lambda images: blocks.append(len(images)) or distances(images))
    torch.testing.assert_close(classifier.scores(asked), whole, rtol=1e-4, atol=1e-4)
    assert sum(blocks) == 100
    assert max(blocks) == 24 // products
