"""The built-in components, registered through the hooks that any plugin uses."""

from collections.abc import Iterator

from icbench.plugins.component import Component, Param
from icbench.plugins.hookspecs import hookimpl

EXHAUSTIVE = (
    Param("restarts", 1, "noise draws tried per class", low=1, high=1000),
    Param("prior_weight", 0.03, "weight of the noise's Gaussian prior in the energy", low=0.0),
    Param("noise_rate", 4.0, "the noise's learning rate, as a factor on the optimizer's", low=0.0),
    Param("start", "drawn", "where the noise starts", choices=("drawn", "encoder", "bank")),
    Param("bank", 256, "draws of the noise in the bank", low=1, high=100_000),
    Param("decay", "none", "how the rate falls over the steps", choices=("none", "cosine")),
    Param("calibrate", False, "weigh distances by how large the generator's residuals usually are"),
)

LR_HELP = "learning rate of the class vector; the schedule's rates are factors on it"


@hookimpl
def icbench_generators() -> Iterator[Component]:
    yield Component(
        "cgan",
        "icbench.builtin.generators.cgan:load_cgan",
        "conditional GAN for MNIST, 0.8 M parameters, trained by icbench",
        params=(
            Param("noise_dim", 10, "length of the noise vector", low=1, high=4096),
            Param("weights", "", "a safetensors file instead of the shipped weights", path=True),
        ),
        traits=("trained-on:mnist/train", "selected-on:mnist/validation"),
        trainer="icbench.builtin.generators.cgan_training:CGANTrainer",
    )
    yield Component(
        "cgan-post",
        "icbench.builtin.generators.cgan_post:load_cgan_post",
        "the source post's conditional GAN, 51 M parameters, to be trained",
        params=(
            Param("noise_dim", 25, "length of the noise vector", low=1, high=4096),
            Param(
                "batch_norm", "running", "whose statistics: the training's or a group's", choices=("running", "batch")
            ),
            Param("group", 4, "images of a group, for batch_norm=batch", low=2, high=1024),
            Param("weights", "", "a safetensors file instead of the one that was trained here", path=True),
        ),
        traits=("trained-on:mnist/train", "selected-on:mnist/validation", "batch-dependent"),
        trainer="icbench.builtin.generators.cgan_post_training:PostTrainer",
    )


@hookimpl
def icbench_distances() -> Iterator[Component]:
    yield Component(
        "mse",
        "icbench.builtin.distances:MSE",
        "mean squared error over pixels",
        traits=("zero-at-equality", "least-squares"),
    )


@hookimpl
def icbench_optimizers() -> Iterator[Component]:
    yield Component(
        "adam",
        "icbench.builtin.optimizers:adam",
        "Adam with the post's settings",
        params=(
            Param("lr", 0.05, LR_HELP, low=0.0, high=1e6),
            Param("beta1", 0.9, "decay of the gradient's mean", low=0.0, high=0.999999),
            Param("beta2", 0.99, "decay of the gradient's square", low=0.0, high=0.999999),
            Param("epsilon", 1e-8, "added to the root of the gradient's mean square", low=0.0),
            Param("bias_correction", True, "correct the means for having begun at zero"),
        ),
    )
    yield Component(
        "sgd",
        "icbench.builtin.optimizers:sgd",
        "gradient descent with momentum",
        params=(
            Param("lr", 5.0, LR_HELP, low=0.0, high=1e6),
            Param("momentum", 0.9, "share of the last step that is kept", low=0.0, high=0.999999),
        ),
    )


@hookimpl
def icbench_schedules() -> Iterator[Component]:
    yield Component(
        "joint",
        "icbench.builtin.schedules:Joint",
        "class vector and noise descend together",
        params=(
            Param("noise_rate", 1.0, "the noise's learning rate, as a factor on the class vector's", low=0.0),
            Param("noise_start", 0, "first steps during which the noise rests", low=0),
        ),
    )
    yield Component("class-only", "icbench.builtin.schedules:ClassOnly", "the class vector descends, the noise stays")
    noise_rate = Param("noise_rate", 1.0, "the noise's learning rate, as a factor on the class vector's", low=0.0)
    yield Component(
        "alternating",
        "icbench.builtin.schedules:Alternating",
        "class vector and noise descend in turns",
        params=(Param("turn", 5, "steps of a turn", low=1), noise_rate),
    )
    yield Component(
        "relaxed",
        "icbench.builtin.schedules:Relaxed",
        "joint, in coordinates that a map takes to the simplex",
        params=(
            Param(
                "simplex_map",
                "softmax",
                "from coordinates to class vectors",
                choices=("softmax", "sparsemax", "mirror"),
            ),
            Param("temperature", 1.0, "what coordinates are divided by at first", low=1e-3),
            Param("cooling", 1.0, "the factor on it by the last step", low=1e-3, high=1.0),
            Param("entropy", 0.0, "weight of the class vector's entropy at the last step", low=0.0),
            noise_rate,
            Param("noise_start", 0, "first steps during which the noise rests", low=0),
        ),
    )
    yield Component(
        "multi-vertex",
        "icbench.builtin.schedules:MultiVertex",
        "one free hypothesis near each vertex",
        params=(Param("nearness", 0.8, "from the middle (0) to the vertex (1)", low=0.0, high=1.0), noise_rate),
    )
    yield Component(
        "exhaustive",
        "icbench.builtin.schedules:Exhaustive",
        "one hypothesis per class; the class of least energy wins",
        params=EXHAUSTIVE,
    )
    yield Component(
        "halving",
        "icbench.builtin.schedules:Halving",
        "exhaustive, and hypotheses are dropped on the way",
        params=(
            *EXHAUSTIVE,
            Param("at", "5/15/50", "steps before which hypotheses are dropped"),
            Param("keep", "5/2/1", "how many of an image go on from each"),
        ),
    )
    yield Component(
        "evidence",
        "icbench.builtin.schedules:Evidence",
        "exhaustive, and a class pays for what else it explains",
        params=(
            *EXHAUSTIVE,
            Param("weight", 1.0, "weight of the curvature's log-determinant", low=0.0),
            Param("at", "", "steps before which hypotheses are dropped, as for halving"),
            Param("keep", "", "how many of an image go on from each"),
        ),
    )


@hookimpl
def icbench_datasets() -> Iterator[Component]:
    yield Component("mnist", "icbench.builtin.datasets.mnist:MNIST", "handwritten digits, 28x28", traits=("bundled",))
    yield Component(
        "fashion-mnist",
        "icbench.builtin.datasets.fetched:fashion_mnist",
        "clothes, 28x28",
        traits=("fetched",),
    )
    yield Component(
        "kmnist",
        "icbench.builtin.datasets.fetched:kmnist",
        "cursive Japanese characters, 28x28",
        traits=("fetched",),
    )


@hookimpl
def icbench_classifiers() -> Iterator[Component]:
    yield Component(
        "nearest-neighbour",
        "icbench.builtin.classifiers:NearestNeighbour",
        "label of the nearest training image, Euclidean",
    )
    yield Component(
        "class-mean",
        "icbench.builtin.classifiers:ClassMean",
        "nearest mean image of a class, Euclidean distance",
    )


@hookimpl
def icbench_suites() -> Iterator[Component]:
    yield Component(
        "hobbhahn2020",
        "icbench.builtin.suites:hobbhahn2020",
        "Inverse Classification with GANs: the post's three tables",
    )
