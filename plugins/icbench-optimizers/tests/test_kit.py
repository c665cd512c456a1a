"""Every optimizer passes icbench's conformance kit, at its defaults and away from them."""

import pytest
from icbench.testing import OptimizerTests

SPECS = [
    "rmsprop",
    "rmsprop:momentum=0.5,centered=true,lr=0.01",
    "rprop",
    "rprop:shrink=0.3,grow=1.1,lr=0.01",
    "adamw",
    "adamw:weight_decay=0.01,beta1=0.5",
    "lbfgs",
    "lbfgs:lr=1.0,history=3",
    "levenberg-marquardt",
    "levenberg-marquardt:trials=1,factor=2.0,lr=1.0",
    "langevin",
    "langevin:temperature=0.01,half_life=0",
]


@pytest.mark.parametrize("component", SPECS, scope="class")
class TestOptimizers(OptimizerTests):
    pass
