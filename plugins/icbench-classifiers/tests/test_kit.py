"""Every classifier passes icbench's conformance kit, at its defaults and away from them."""

import pytest
from icbench.testing import ClassifierTests

SPECS = [
    "knn",
    "knn:k=1",
    "knn:k=1000",
    "tangent-neighbour",
    "tangent-neighbour:sigma=0.7,k=5",
    "reranked-neighbour",
    "reranked-neighbour:candidates=5",
    "nearest-subspace",
    "nearest-subspace:dimensions=0",
    "nearest-subspace:dimensions=5",
    "logistic-regression",
    "logistic-regression:penalty=0",
    "cnn",
    "random-labels",
]


@pytest.mark.parametrize("component", SPECS, scope="class")
class TestClassifiers(ClassifierTests):
    pass
