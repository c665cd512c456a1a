"""The nearest neighbour by any distance: the right one of the candidates, and of all where all are candidates."""

import pytest
import torch
from icbench.errors import UsageError


def fitted(build, digits, spec, count=400):
    classifier = build(spec)
    classifier.fit(*digits("train", count), 10, 0)
    return classifier


def test_with_the_squared_error_it_is_the_plain_nearest_neighbour(build, digits):
    asked, _ = digits("validation", 100)
    plain = fitted(build, digits, "nearest-neighbour").scores(asked)
    reranked = fitted(build, digits, "reranked-neighbour:candidates=400").scores(asked)
    torch.testing.assert_close(784 * reranked, plain, rtol=1e-3, atol=1e-2)


def test_the_distance_decides_among_the_candidates(build, digits, manager):
    """By hand: the nearest by the distance of the few that are nearest by the Euclidean one."""
    images, labels = digits("train", 400)
    asked, _ = digits("validation", 20)
    classifier = fitted(build, digits, "reranked-neighbour:candidates=25")
    classifier.distance = Shifted()
    found = classifier.scores(asked).argmax(dim=1)
    for image, prediction in zip(asked, found, strict=True):
        near = (images - image).flatten(1).norm(dim=1).argsort()[:25]
        best = near[(images[near] - image.roll(1, -1)).flatten(1).norm(dim=1).argmin()]
        assert labels[best] == prediction


class Shifted:
    """The squared error to the target, moved one pixel."""

    def __call__(self, reconstruction, target):
        return (reconstruction - target.roll(1, -1)).square().flatten(1).mean(dim=1)


def test_a_class_without_a_candidate_is_behind_all_others(build, digits):
    images, labels = digits("train", 400)
    scores = fitted(build, digits, "reranked-neighbour:candidates=1").scores(images[:50])
    assert scores.isfinite().all()
    assert torch.equal(scores.argmax(dim=1), labels[:50])


def test_an_unknown_distance_is_refused(build):
    with pytest.raises(UsageError, match="no distance 'msr'"):
        build("reranked-neighbour:distance=msr")
