"""Every distance passes icbench's conformance kit, at its defaults and away from them."""

import pytest
from icbench.testing import DistanceTests

SPECS = [
    "l1",
    "huber",
    "huber:delta=0.01",
    "bernoulli",
    "bernoulli:flip=0.2",
    "gradient",
    "blur",
    "blur:sigma=0.5,levels=4,growth=3.0",
    "imed",
    "imed:sigma=3.0",
    "tangent",
    "tangent:sigma=2.0,spring=0.5",
    "idm",
    "idm:warp=1,context=2",
    "mse-idm",
    "mse-idm:warp=1,context=0,weight=1",
    "ssim",
    "ssim:sigma=0.8,k2=0.2",
    "ms-ssim",
    "ms-ssim:scales=5",
    "sliced-wasserstein",
    "sliced-wasserstein:projections=3,mass_weight=0.0,seed=7",
]


@pytest.mark.parametrize("component", SPECS, scope="class")
class TestDistances(DistanceTests):
    pass
