"""Every generator and variant with shipped weights passes icbench's conformance kit, and so do products."""

from importlib.util import find_spec

import pytest
from icbench.testing import GeneratorTests, ProductTests

SPECS = [
    "class-vae",
    "warped-vae",
    "contrastive",
    "cvae",
    "prototype",
    "class-block",
    "denoiser:draws=4",
    "deformable:types=200",
    "lstm",
    "lstm:picks=nearest",
    "lstm:picks=random",
]


@pytest.mark.parametrize("component", SPECS, scope="class")
class TestGenerators(GeneratorTests):
    pass


@pytest.mark.slow
@pytest.mark.skipif(find_spec("icbench_distances") is None, reason="exemplars need icbench-distances")
@pytest.mark.parametrize("component", ["vae-warped-deformable-denoiser", "contrastive-deformable"], scope="class")
class TestProducts(ProductTests):
    pass
