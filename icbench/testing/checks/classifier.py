"""Checks of a direct classifier, on images of a few classes that are easy to tell apart."""

import torch
from torch import Tensor

from icbench.kinds.classifier import Classifier
from icbench.testing.assertions import Skipped, expect, expect_close, expect_unchanged
from icbench.testing.subject import Check, Subject
from icbench.testing.synthetic import CLASSES, labelled_images

TRAINED = 80
ASKED = 24
BETTER_THAN_CHANCE = 0.5
"""The share that has to be right, where chance is 0.25 and a sensible classifier gets all."""


def it_can_be_fitted(subject: Subject) -> None:
    """It can be fitted to images (N, C, H, W) in [0, 1] and labels (N,)."""
    subject.share(_fit)


def there_is_a_score_per_class(subject: Subject) -> None:
    """B images give scores (B, K)."""
    shape = tuple(_scores(subject).shape)
    expect(shape == (ASKED, CLASSES), f"{ASKED} images of {CLASSES} classes give scores of shape {shape}")


def scores_are_finite(subject: Subject) -> None:
    """No score is infinite or not a number."""
    expect(_scores(subject).isfinite().all(), "some scores are not finite")


def one_image_has_scores(subject: Subject) -> None:
    """A batch of one image is a batch."""
    shape = tuple(_scores(subject, slice(1)).shape)
    expect(shape == (1, CLASSES), f"1 image gives scores of shape {shape}, not {(1, CLASSES)}")


def it_learns(subject: Subject) -> None:
    """On classes that are easy to tell apart it is better than chance."""
    if subject.has("learns-nothing"):
        raise Skipped("it declares learns-nothing")
    right = (_scores(subject).argmax(dim=1) == labelled_images(ASKED, seed=1)[1]).float().mean().item()
    expect(right >= BETTER_THAN_CHANCE, f"{right:.0%} are right, chance is {1 / CLASSES:.0%}")


def rows_are_independent(subject: Subject) -> None:
    """An image has the same scores alone, in a batch, and in a permuted batch."""
    subject.needs_independent_rows()
    scores = _scores(subject)
    expect_close(_scores(subject, slice(None), flip=True).flip(0), scores, "a permuted batch has other scores", 1e-3)
    for row in range(4):
        alone = _scores(subject, slice(row, row + 1))
        expect_close(alone, scores[row : row + 1], f"image {row} has other scores alone than in a batch", 1e-3)


def same_seed_same_scores(subject: Subject) -> None:
    """Fitted anew under the same seed, it gives the same scores."""
    expect_close(_scores_of(_fit(subject)), _scores(subject), "fitted anew under the same seed, it gives other scores")


def fitting_starts_afresh(subject: Subject) -> None:
    """Fitted to other images after these, and to these again, it has forgotten the others."""
    classifier: Classifier = subject.ready()
    images, labels = labelled_images(TRAINED)
    classifier.fit(images, (labels + 1) % CLASSES, CLASSES, 0)
    classifier.fit(images, labels, CLASSES, 0)
    expect_close(_scores_of(classifier), _scores(subject), "what it was fitted to before shows in its scores")


def inputs_are_not_changed(subject: Subject) -> None:
    """Images and labels are the same after fitting and scoring."""
    classifier: Classifier = subject.ready()
    images, labels = labelled_images(TRAINED)
    asked = labelled_images(ASKED, seed=1)[0]
    copies = images.clone(), labels.clone(), asked.clone()
    classifier.fit(images, labels, CLASSES, 0)
    with torch.no_grad():
        classifier.scores(asked)
    for tensor, copy, name in zip((images, labels, asked), copies, ("images", "labels", "images"), strict=True):
        expect_unchanged(tensor, copy, f"the {name}")


def scoring_changes_nothing(subject: Subject) -> None:
    """Asked twice it gives the same scores: it learns nothing from the images it classifies."""
    first = _scores(subject)
    _scores(subject, slice(0, 3))
    expect_close(_scores(subject), first, "asked again it gives other scores", 1e-5)


def parameters_are_counted(subject: Subject) -> None:
    """`parameters` is an integer of 0 or more."""
    count = subject.share(_fit).parameters()
    expect(isinstance(count, int) and count >= 0, f"parameters is {count!r}")


def each_build_is_its_own(subject: Subject) -> None:
    """Two builds are two classifiers: fitting one leaves the other alone."""
    expect(subject.build() is not subject.component, "the factory returns the same object twice")


GATES: tuple[Check, ...] = (each_build_is_its_own, it_can_be_fitted, there_is_a_score_per_class, scores_are_finite)
CHECKS: tuple[Check, ...] = (
    one_image_has_scores,
    it_learns,
    rows_are_independent,
    same_seed_same_scores,
    fitting_starts_afresh,
    inputs_are_not_changed,
    scoring_changes_nothing,
    parameters_are_counted,
)


def _fit(subject: Subject) -> Classifier:
    classifier: Classifier = subject.ready()
    classifier.fit(*labelled_images(TRAINED), CLASSES, 0)
    return classifier


def _scores(subject: Subject, rows: slice = slice(None), flip: bool = False) -> Tensor:
    """The fitted classifier's scores of some of the images asked about."""
    return _scores_of(subject.share(_fit), rows, flip)


@torch.no_grad()
def _scores_of(classifier: Classifier, rows: slice = slice(None), flip: bool = False) -> Tensor:
    images = labelled_images(ASKED, seed=1)[0][rows]
    return classifier.scores(images.flip(0) if flip else images)
