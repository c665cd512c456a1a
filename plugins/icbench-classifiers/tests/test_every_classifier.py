"""What holds of every classifier here, beyond what the conformance kit asks."""

import subprocess
import sys

import pytest
import torch
from icbench.errors import UsageError

NAMES = ["knn", "tangent-neighbour", "reranked-neighbour", "random-labels", "nearest-subspace"]
NAMES += ["logistic-regression", "cnn"]
SHAPES = [(1, 28, 28), (3, 32, 32), (2, 5, 9), (1, 4, 4)]
WRONG = {
    "knn:k=0": "k=0 is not an integer from 1 to 1000",
    "knn:k=1.5": "k=1.5 is not an integer from 1 to 1000",
    "knn:neighbours=3": "knn has no parameter 'neighbours'",
    "tangent-neighbour:sigma=0": "sigma=0.0 is not a number from 0.4 to 5",
    "nearest-subspace:dimensions=-1": "dimensions=-1 is not an integer from 0 to 100000",
    "logistic-regression:penalty=-1": "penalty=-1.0 is not a number from 0 to 1e+06",
    "cnn:epochs=0": "epochs=0 is not an integer from 1 to 1000",
    "random-labels:k=3": "random-labels has no parameter 'k'",
}

every = pytest.mark.parametrize("name", NAMES)


def test_these_are_all_that_the_distribution_brings(manager):
    brought = [item.name for item in manager.components("classifier") if item.dist == "icbench-classifiers"]
    assert sorted(brought) == sorted(NAMES)


def test_registering_imports_no_torch():
    code = "import sys, icbench_classifiers as it; list(it.icbench_classifiers()); assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)


@pytest.mark.parametrize("spec", WRONG)
def test_a_wrong_parameter_is_one_line_that_names_the_valid_values(manager, spec):
    with pytest.raises(UsageError) as error:
        manager.select("classifier", spec)
    assert error.value.message == WRONG[spec]
    assert error.value.hint
    assert "\n" not in error.value.hint


@every
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_any_number_of_channels_and_any_size_will_do(build, name, shape):
    images = torch.rand(34, *shape, generator=torch.Generator().manual_seed(0))
    classifier = build(name)
    classifier.fit(images[:30], torch.arange(30) % 3, 3, 0)
    scores = classifier.scores(images[30:])
    assert scores.shape == (4, 3)
    assert scores.isfinite().all()
    assert classifier.parameters() > 0


@every
def test_black_white_and_training_images_have_finite_scores(build, digits, name):
    images, labels = digits("train", 200)
    classifier = build(name)
    classifier.fit(images, labels, 10, 0)
    asked = torch.cat([torch.zeros_like(images[:1]), torch.ones_like(images[:1]), images[:5]])
    assert classifier.scores(asked).isfinite().all()


@every
def test_many_images_have_the_scores_that_they_have_a_few_at_a_time(build, digits, name):
    classifier = build(name)
    classifier.fit(*digits("train", 300), 10, 0)
    asked, _ = digits("validation", 1100)
    together = classifier.scores(asked)
    apart = torch.cat([classifier.scores(part) for part in asked.split(7)])
    torch.testing.assert_close(together, apart, rtol=1e-3, atol=1e-3)


@every
def test_scores_need_no_gradient_and_follow_none(build, digits, name):
    classifier = build(name)
    with torch.no_grad():
        classifier.fit(*digits("train", 200), 10, 0)
    assert not classifier.scores(digits("validation", 3)[0]).requires_grad
