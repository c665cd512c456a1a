"""The contract between icbench and its plugins: one hook per kind of component.

A plugin is an installed distribution with an entry point in the group `icbench`, naming a module that implements some
of these hooks. Each hook yields `Component` records; icbench imports what they point to when a run needs it. In the
plugin's `pyproject.toml`:

    [project.entry-points.icbench]
    myplugin = "myplugin.hooks"

and in `myplugin/hooks.py`, which must not import torch:

    from icbench import Component, Param, hookimpl

    @hookimpl
    def icbench_distances():
        yield Component("l4", "myplugin.distances:L4", "mean fourth power", traits=("zero-at-equality",))

The classes a factory returns are in `icbench.kinds`, one file per kind.
"""

from collections.abc import Iterable

import pluggy

from icbench.plugins.component import Component

hookspec = pluggy.HookspecMarker("icbench")
hookimpl = pluggy.HookimplMarker("icbench")


@hookspec
def icbench_generators() -> Iterable[Component]:
    """Yield generators: factories of `icbench.kinds.generator.Generator`.

    yield Component(
        "mygan",
        "myplugin.mygan:load_mygan",
        "my conditional GAN",
        params=(Param("noise_dim", 16, "size of the noise vector", low=1),),
        trainer="myplugin.training:MyTrainer",
    )
    """
    raise NotImplementedError


@hookspec
def icbench_distances() -> Iterable[Component]:
    """Yield distances: factories of `icbench.kinds.distance.Distance`.

    yield Component("l1", "myplugin.distances:L1", "mean absolute difference", traits=("zero-at-equality",))
    """
    raise NotImplementedError


@hookspec
def icbench_optimizers() -> Iterable[Component]:
    """Yield optimizers: factories of `icbench.kinds.optimizer.Optimizer`.

    lr = Param("lr", 0.1, "learning rate", low=0.0)
    yield Component("adagrad", "myplugin.optimizers:adagrad", "Adagrad", params=(lr,))
    """
    raise NotImplementedError


@hookspec
def icbench_schedules() -> Iterable[Component]:
    """Yield schedules: factories of `icbench.kinds.schedule.Schedule`.

    yield Component("noise-only", "myplugin.schedules:NoiseOnly", "the class vector stays where it starts")
    """
    raise NotImplementedError


@hookspec
def icbench_datasets() -> Iterable[Component]:
    """Yield datasets: factories of `icbench.kinds.dataset.Dataset`.

    yield Component("mydigits", "myplugin.data:MyDigits", "digits of my own, 28x28", traits=("bundled",))
    """
    raise NotImplementedError


@hookspec
def icbench_classifiers() -> Iterable[Component]:
    """Yield direct classifiers, ranked beside the inversions: factories of `icbench.kinds.classifier.Classifier`.

    yield Component("linear", "myplugin.classifiers:Linear", "logistic regression on pixels")
    """
    raise NotImplementedError


@hookspec
def icbench_products() -> Iterable[Component]:
    """Yield products of experts, several inversions as one entry: factories of `icbench.kinds.product.Product`.

    yield Component("mypair", "myplugin.products:mypair", "my GAN, and my VAEs where it is in doubt")
    """
    raise NotImplementedError


@hookspec
def icbench_suites() -> Iterable[Component]:
    """Yield suites: factories of `icbench.kinds.suite.Suite`, such as `lambda: read_suite(TOML_FILE)`.

    yield Component("mypaper", "myplugin.suites:mypaper", "all tables of my paper")
    """
    raise NotImplementedError


@hookspec
def icbench_executors() -> Iterable[Component]:
    """Yield executors, where the shards of runs are computed: factories of `icbench.kinds.executor.Executor`.

    workers = Param("workers", 2, "how many", low=1)
    yield Component("pool", "myplugin.executors:Pool", "a process pool", params=(workers,))
    """
    raise NotImplementedError
