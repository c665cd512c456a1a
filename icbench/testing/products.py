"""A product of experts as the kit runs it: few images that its first member makes, few steps, all members asked."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from icbench.engine.decode import generate
from icbench.engine.settings import Settings
from icbench.errors import MissingDataError, MissingWeightsError
from icbench.kinds.product import Fit, Product
from icbench.plugins.component import TRAINED_ON, Selection
from icbench.plugins.manager import plugin_manager
from icbench.records.files import Arrays
from icbench.running.entry import DEFAULTS, Entry
from icbench.running.options import Options
from icbench.running.product_runner import Evidence, ProductRunner
from icbench.statistics import Combination
from icbench.testing.assertions import Lacking
from icbench.testing.synthetic import normal

CPU = torch.device("cpu")
IMAGES = 4
STEPS = 2
"""More are not made of any member."""
ROWS = 64
"""Hypotheses that are computed together."""


def even_numbers(product: Product, num_classes: int) -> Fit:
    """Numbers as they could have been fitted to a product: its members count alike, and no class is preferred."""
    stages = (Combination((1.0,) * (number + 1), (0.0,) * num_classes) for number in range(len(product.members)))
    return Fit(tuple(stages), product.digest, "mnist/validation", IMAGES)


@dataclass(frozen=True)
class _Made(Entry):
    """An entry whose product is made already."""

    product: Product | None = None

    def build(self, kind: str) -> Any:
        return self.product if kind == "product" else super().build(kind)


class ProductInUse:
    """A product with its members built.

    Args:
        selection: the product's.
        product: as its factory returned it.

    Raises:
        Lacking: a member's weights or data are not here.
    """

    def __init__(self, selection: Selection, product: Product) -> None:
        # Its numbers are those for the dataset that it is told, or for the default one.
        dataset = str(selection.params.get(TRAINED_ON) or DEFAULTS["dataset"])
        entry = _Made({"product": selection}, plugin_manager(warn=False).select("dataset", dataset), product)
        try:
            # Whether the numbers of classes agree is a check of its own.
            self.runner = ProductRunner(entry, CPU, 0, fitted=False)
        except (MissingWeightsError, MissingDataError) as error:
            raise Lacking(error.line) from None
        first = self.runner.runners[0].components.generator
        self.num_classes = self.runner.num_classes = first.num_classes
        members = tuple(replace(member, steps=self._few(number)) for number, member in enumerate(product.members))
        self.quick = Product(members, self._numbers(product))

    def _few(self, number: int) -> int:
        return min(STEPS, self.runner._steps(number))

    def _numbers(self, product: Product) -> Fit:
        """Those of the product, or where it has none those that any could have."""
        return even_numbers(product, self.num_classes) if product.fit is None else product.fit

    def images(self) -> NDArray[np.uint8]:
        """`IMAGES` images (N, C, H, W): of the first member's classes, each mixed with one of the next class."""
        generator = self.runner.runners[0].components.generator
        labels = torch.arange(2 * IMAGES) // 2 % generator.num_classes
        labels[1::2] = (labels[1::2] + 1) % generator.num_classes
        entries = labels * generator.modes_per_class
        noise = normal(2 * IMAGES, generator.noise_dim)
        with torch.no_grad():
            made = generate(generator, torch.eye(generator.class_dim)[entries], noise, torch.float32)
        mixed = 0.6 * made[::2] + 0.4 * made[1::2]
        pixels: NDArray[np.uint8] = (mixed.clamp(0, 1) * 255).round().to(torch.uint8).numpy()
        return pixels

    def classify(self, index: Sequence[int] = range(IMAGES)) -> Arrays:
        """What a record would have of some images, in ascending order; of few steps, and every member is asked."""
        settings = self._ask_everywhere()
        results = list(self.runner.results(self.images(), np.array(index), settings, ROWS, lambda count: None))
        return {name: np.concatenate([result.arrays[name] for result in results]) for name in results[0].arrays}

    def ask_each(self) -> Evidence:
        """What every member says of each image and of the classes that it is asked about, with few steps."""
        settings = self._ask_everywhere()
        found = Evidence.none(IMAGES, self.num_classes, len(self.runner.runners))
        for number, stage in enumerate(self.runner.fit.stages):
            found = self.runner.ask(number, found, self.images(), np.arange(IMAGES), settings, ROWS)
            found = self.runner.combine(number, found, stage)
        return found

    def _ask_everywhere(self) -> Settings:
        """Let the runner ask every member about each image; how it is run."""
        everywhere = tuple(replace(member, sure=None) for member in self.quick.members)
        self.runner.product = Product(everywhere, self.quick.fit)
        return self.runner.settings(Options(device="cpu", precision="float32"), 0)
