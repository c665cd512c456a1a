"""Every generator and variant with shipped weights passes icbench's conformance kit."""

import pytest
from icbench.testing import GeneratorTests

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
