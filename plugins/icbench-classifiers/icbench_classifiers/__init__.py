"""Direct classifiers for icbench, registered through the hook that any plugin uses."""

from collections.abc import Iterator

from icbench import Component, Param, hookimpl


@hookimpl
def icbench_classifiers() -> Iterator[Component]:
    yield from _neighbours()
    yield from _models()


def _neighbours() -> Iterator[Component]:
    yield Component(
        "knn",
        "icbench_classifiers.neighbours:KNN",
        "k nearest neighbours, Euclidean, votes weighted by 1 / distance",
        params=(Param("k", 3, "how many training images vote", low=1, high=1000),),
    )
    yield Component(
        "tangent-neighbour",
        "icbench_classifiers.tangent:TangentNeighbour",
        "nearest neighbour by one-sided tangent distance: the image may move a little",
        params=(
            Param("sigma", 1.0, "standard deviation of the smoothing of all images, in pixels", low=0.4, high=5.0),
            Param("k", 1, "how many training images vote", low=1, high=1000),
        ),
    )
    yield Component(
        "reranked-neighbour",
        "icbench_classifiers.reranked:RerankedNeighbour",
        "nearest neighbour by any distance, among the nearest in the Euclidean one",
        params=(
            Param("distance", "mse", "a distance, such as mse"),
            Param("candidates", 300, "how many training images are compared", low=1, high=1_000_000),
        ),
    )
    yield Component(
        "random-labels",
        "icbench_classifiers.random_labels:RandomLabels",
        "nearest neighbour fitted to shuffled labels: must be at chance",
        traits=("learns-nothing",),
    )


def _models() -> Iterator[Component]:
    yield Component(
        "nearest-subspace",
        "icbench_classifiers.subspaces:NearestSubspace",
        "class whose mean and leading principal directions leave the least residual",
        params=(Param("dimensions", 23, "principal directions per class", low=0, high=100_000),),
    )
    yield Component(
        "logistic-regression",
        "icbench_classifiers.logistic:LogisticRegression",
        "multinomial logistic regression on pixels",
        params=(Param("penalty", 1e-4, "weight of half the squared length of the coefficients", low=0.0, high=1e6),),
    )
    yield Component(
        "cnn",
        "icbench_classifiers.cnn:CNN",
        "three convolutions, trained on shifted images",
        params=(Param("epochs", 6, "how often training sees every image", low=1, high=1000),),
    )
