"""Optimizers for icbench, as records; the code behind them is imported when a run needs it."""

from collections.abc import Iterator

from icbench import Component, Param, hookimpl

BELOW_1 = 0.999999
LR_HELP = "learning rate of the class vector; the schedule's rates are factors on it"


@hookimpl
def icbench_optimizers() -> Iterator[Component]:
    yield Component(
        "rmsprop",
        "icbench_optimizers.torch_optimizers:rmsprop",
        "gradient over the root of its mean square",
        params=(
            Param("lr", 0.02, LR_HELP, low=0.0, high=1e6),
            Param("alpha", 0.99, "decay of the gradient's square", low=0.0, high=BELOW_1),
            Param("momentum", 0.0, "share of the last step that is kept", low=0.0, high=BELOW_1),
            Param("centered", False, "divide by the standard deviation instead"),
        ),
    )
    yield Component(
        "rprop",
        "icbench_optimizers.torch_optimizers:rprop",
        "step lengths from the gradient's signs",
        params=(
            Param(
                "lr",
                0.1,
                "first step length of the class vector; rates count at a latent's first step",
                low=0.0,
                high=1e6,
            ),
            Param("shrink", 0.5, "factor on a step length when the sign turns", low=0.01, high=0.99),
            Param("grow", 1.2, "factor on a step length when the sign stays", low=1.01, high=10.0),
            Param("step_min", 1e-6, "least step length", low=0.0),
            Param("step_max", 1.0, "greatest step length", low=0.0),
        ),
    )
    yield Component(
        "adamw",
        "icbench_optimizers.torch_optimizers:adamw",
        "Adam with decoupled weight decay",
        params=(
            Param("lr", 0.05, LR_HELP, low=0.0, high=1e6),
            Param("beta1", 0.9, "decay of the gradient's mean", low=0.0, high=BELOW_1),
            Param("beta2", 0.99, "decay of the gradient's square", low=0.0, high=BELOW_1),
            Param("weight_decay", 0.1, "share of a latent, times its rate, that each step takes away", low=0.0),
        ),
    )
    yield Component(
        "lbfgs",
        "icbench_optimizers.lbfgs:lbfgs",
        "L-BFGS with a history and a line search for each image",
        params=(
            Param("lr", 0.2, "length of the first step and of the longest, at rate 1", low=1e-9, high=1e6),
            Param("history", 10, "steps that are remembered", low=1, high=1000),
        ),
    )
    yield Component(
        "levenberg-marquardt",
        "icbench_optimizers.levenberg_marquardt:LevenbergMarquardt",
        "damped Gauss-Newton steps, for distances with the trait least-squares",
        params=(
            Param("lr", 100.0, "1 over the first damping, at rate 1", low=1e-9),
            Param("trials", 3, "dampings tried with each Jacobian", low=1, high=100),
            Param("factor", 5.0, "between one damping and the next", low=1.01, high=1000.0),
        ),
    )
    yield Component(
        "langevin",
        "icbench_optimizers.langevin:langevin",
        "gradient descent with noise of a temperature that falls",
        params=(
            Param("lr", 5.0, LR_HELP, low=0.0),
            Param("temperature", 3e-4, "in units of the energy", low=0.0),
            Param("half_life", 20, "steps in which the temperature falls by half; 0 keeps it", low=0),
        ),
        traits=("stochastic",),
    )
