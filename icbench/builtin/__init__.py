"""The built-in components, registered through the hooks that any plugin uses."""

from collections.abc import Iterator

from icbench.builtin.executors import EXECUTORS
from icbench.builtin.schedules import SCHEDULES
from icbench.plugins.component import TRAINED_ON, Component, Param
from icbench.plugins.hookspecs import hookimpl

WEIGHTS_OF = Param(TRAINED_ON, "", "the dataset whose weights are used, if not the one of the run")
LR_HELP = "learning rate of the class vector; the schedule's rates are factors on it"


@hookimpl
def icbench_generators() -> Iterator[Component]:
    yield Component(
        "cgan",
        "icbench.builtin.generators.cgan:load_cgan",
        "conditional GAN, 0.8 M parameters for MNIST, trained by icbench",
        params=(
            Param("noise_dim", 10, "length of the noise vector", low=1, high=4096),
            Param("weights", "", "a safetensors file instead of the shipped weights", path=True),
            WEIGHTS_OF,
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
            WEIGHTS_OF,
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
    yield from SCHEDULES


@hookimpl
def icbench_datasets() -> Iterator[Component]:
    yield Component("mnist", "icbench.builtin.datasets.mnist:MNIST", "handwritten digits, 28x28", traits=("bundled",))
    yield _fetched("fashion-mnist", "fashion_mnist", "clothes, 28x28")
    yield _fetched("kmnist", "kmnist", "cursive Japanese characters, 28x28")
    parts = Param("part", "balanced", "which of its parts", choices=("balanced", "letters", "digits"))
    yield _fetched("emnist", "emnist", "handwritten letters and digits, 28x28, 10 to 47 classes", parts)
    yield _fetched("usps", "usps", "handwritten digits of the post, 16x16")
    yield _fetched("svhn", "svhn", "house numbers, 32x32 in colour")
    yield _fetched("cifar10", "cifar10", "animals and vehicles, 32x32 in colour")
    yield _fetched("cifar100", "cifar100", "a hundred kinds of things, 32x32 in colour")

    yield Component("digits", "icbench.builtin.datasets.digits:Digits", "handwritten digits of scikit-learn, 8x8")
    yield Component(
        "image-folder",
        "icbench.builtin.datasets.image_folder:ImageFolder",
        "images of your own, a folder for each class",
        params=(
            Param("path", "", "the folder", path=True),
            Param("size", 0, "height and width to bring images to; 0: those of the first", low=0, high=256),
            Param("channels", 0, "1 for grey, 3 for colours; 0: those of the first", choices=(0, 1, 3)),
            Param("validation", 0.15, "the share of images that are for validation", low=0.0, high=0.9),
            Param("test", 0.15, "the share of images that are for the test", low=0.0, high=0.9),
        ),
    )


def _fetched(name: str, factory: str, summary: str, *params: Param) -> Component:
    return Component(name, f"icbench.builtin.datasets.catalogue:{factory}", summary, params, ("fetched",))


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
def icbench_products() -> Iterator[Component]:
    yield Component(
        "cgan-pair",
        "icbench.builtin.products:cgan_pair",
        "two cGANs, the second asked where the first is in doubt",
        params=(
            Param("fit", "", "a file of numbers instead of the shipped ones", path=True),
            Param(TRAINED_ON, "", "the dataset whose numbers are used, if not the one of the run"),
        ),
    )


@hookimpl
def icbench_suites() -> Iterator[Component]:
    yield Component(
        "hobbhahn2020",
        "icbench.builtin.suites:hobbhahn2020",
        "Inverse Classification with GANs: the post's three tables",
    )


@hookimpl
def icbench_executors() -> Iterator[Component]:
    yield from EXECUTORS
