"""Generators beside icbench's own: class VAEs, a conditional VAE, class prototypes and row-by-row LSTMs."""

from collections.abc import Iterator

from icbench import Component, Param, hookimpl
from icbench.plugins.component import TRAINED_ON

MNIST = ("trained-on:mnist/train", "selected-on:mnist/validation")
WEIGHTS = (
    Param("weights", "", "a safetensors file instead of the shipped weights", path=True),
    Param(TRAINED_ON, "", "the dataset whose weights are used, if not the one of the run"),
)
PRODUCT = (
    Param("fit", "", "a file of numbers instead of the shipped ones", path=True),
    Param(TRAINED_ON, "", "the dataset whose numbers are used, if not the one of the run"),
)

PRODUCTS = {
    "vae-deformable": "class VAEs, and training images matched pixel by pixel where these are in doubt",
    "vae-deformable-fast": "the same with 2 steps, and 30 exemplars of 2 classes",
    "vae-deformable-denoiser": "the first, and a denoiser where both are in doubt",
    "vae-warped": "class VAEs in 2 steps, and with warped images where these are in doubt",
    "vae-warped-deformable": "the same, and training images where both are in doubt",
    "vae-warped-deformable-denoiser": "the same, and a denoiser where all three are in doubt",
    "vae-denoiser": "class VAEs at their encoders' codes, and a denoiser; no noise moves",
    "codes-deformable": "class VAEs at their encoders' codes, and training images; chosen on Fashion-MNIST",
    "contrastive-deformable": "contrastive class decoders, and training images where these are in doubt",
}


def _noise_dim(default: int) -> Param:
    return Param("noise_dim", default, "length of the noise vector", low=1, high=4096)


def _field(grid: int, scale: float, reach: float) -> tuple[Param, ...]:
    return (
        Param("grid", grid, "control points of the field along each axis", low=1, high=64),
        Param("scale", scale, "standard deviation of a displacement, in pixels", low=0.0),
        Param("reach", reach, "over how many pixels displacements are alike", low=0.1),
    )


GENERATORS = (
    Component(
        "class-vae",
        "icbench_generators.class_vae:load_class_vae",
        "one VAE decoder per class, trained apart",
        params=(
            Param("noise_dim", 0, "length of the noise vector; 0: that of the weights", low=0, high=4096),
            *WEIGHTS,
        ),
        traits=MNIST,
        trainer="icbench_generators.training.class_vae:ClassVAETrainer",
    ),
    Component(
        "warped-vae",
        "icbench_generators.warped_vae:load_warped_vae",
        "class VAEs whose images are warped by a smooth field",
        params=(
            Param("noise_dim", 0, "length of the codes; 0: that of the weights", low=0, high=4096),
            *_field(grid=7, scale=2.0, reach=4.0),
            *WEIGHTS,
        ),
        traits=(*MNIST, "weights-of:class-vae"),
    ),
    Component(
        "contrastive",
        "icbench_generators.contrastive:load_contrastive",
        "class decoders trained to reconstruct the wrong class badly",
        params=(_noise_dim(12), *WEIGHTS),
        traits=(*MNIST, "tier:label features"),
        trainer="icbench_generators.training.contrastive:ContrastiveTrainer",
    ),
    Component(
        "cvae",
        "icbench_generators.cvae:load_cvae",
        "one conditional VAE decoder, class vector times noise",
        params=(_noise_dim(12), *WEIGHTS),
        traits=MNIST,
        trainer="icbench_generators.training.cvae:CVAETrainer",
    ),
    Component(
        "prototype",
        "icbench_generators.prototype:load_prototype",
        "mixes prototype images of each class; no noise",
        params=(Param("types", 1, "prototypes per class", low=1, high=4096), *WEIGHTS),
        traits=MNIST[:1],
        trainer="icbench_generators.training.prototype:PrototypeTrainer",
    ),
    Component(
        "class-block",
        "icbench_generators.class_block:load_class_block",
        "a block of the class vector per class: its code, and in its norm the class; no noise",
        params=(Param("types", 16, "entries of a block", low=1, high=4096), *WEIGHTS),
        traits=MNIST,
        trainer="icbench_generators.training.class_block:ClassBlockTrainer",
    ),
    Component(
        "denoiser",
        "icbench_generators.denoiser:load_denoiser",
        "denoises copies of the image for a class; the class vector alone is searched",
        params=(Param("draws", 40, "noisy copies of an image", low=1, high=4096), *WEIGHTS),
        traits=MNIST,
        trainer="icbench_generators.training.denoiser:DenoiserTrainer",
    ),
    Component(
        "deformable",
        "icbench_generators.deformable:load_deformable",
        "training images, each deformed by a smooth field",
        params=(
            Param("types", 0, "exemplars per class; 0: all training images", low=0, high=1_000_000),
            *_field(grid=6, scale=1.0, reach=5.0),
            Param(TRAINED_ON, "", "the dataset whose training images are used, if not that of the run"),
        ),
        traits=(MNIST[0], "made-of-data"),
    ),
    Component(
        "lstm",
        "icbench_generators.lstm:load_lstm",
        "one row-by-row LSTM per class, trained on four images",
        params=(
            Param("picks", "centres", "a class's four training images", choices=("centres", "nearest", "random")),
            *WEIGHTS,
        ),
        traits=MNIST,
        trainer="icbench_generators.training.lstm:LSTMTrainer",
    ),
)


@hookimpl
def icbench_generators() -> Iterator[Component]:
    yield from GENERATORS


@hookimpl
def icbench_products() -> Iterator[Component]:
    for name, summary in PRODUCTS.items():
        yield Component(name, f"icbench_generators.products:{name.replace('-', '_')}", summary, PRODUCT)


@hookimpl
def icbench_suites() -> Iterator[Component]:
    yield Component(
        "hobbhahn2019",
        "icbench_generators.suites:hobbhahn2019",
        "Modular Inverse Classification: one LSTM per class",
    )
    yield Component(
        "gap",
        "icbench_generators.suites:gap",
        "from the post's accuracy to the best: accuracy against cost",
    )
    yield Component(
        "gap-fashion",
        "icbench_generators.suites:gap_fashion",
        "the same ladder on Fashion-MNIST, beside direct classifiers",
    )
    yield Component(
        "distances",
        "icbench_generators.suites:distances",
        "every distance in an inversion and in a nearest neighbour",
    )
