"""Schedules whose class vector moves freely on the simplex, with the noise or alone."""

import torch
from torch import Tensor

from icbench.errors import UsageError
from icbench.kinds.schedule import Hypotheses, InitContext, Rates, Schedule, uniform_point


class Joint(Schedule):
    """Class vector and noise descend together from the uniform point (Hobbhahn 2020, experiments 1 to 3).

    Args:
        noise_rate: the noise's learning rate, as a factor on the class vector's (experiment 2).
        noise_start: the number of first steps during which the noise rests (experiment 3).
    """

    default_steps = 200

    def __init__(self, noise_rate: float = 1.0, noise_start: int = 0) -> None:
        self.noise_rate = noise_rate
        self.noise_start = noise_start

    def hypotheses(self, class_dim: int) -> Hypotheses:
        return uniform_point(1, class_dim)

    def rates(self, step: int, steps: int) -> Rates:
        return Rates(1.0, self.noise_rate if step >= self.noise_start else 0.0)


class ClassOnly(Schedule):
    """The class vector descends from the uniform point; the noise stays as it starts (Hobbhahn 2020, fixed noise).

    Args:
        start: where the noise is: as "drawn", or where the generator's own "encoder" finds it, as the mean over the
            classes.
        calibrate: weigh a class's distance by how large the generator's residuals usually are there.
    """

    default_steps = 200

    def __init__(self, start: str = "drawn", calibrate: bool = False) -> None:
        self.start = start
        self.calibrates = calibrate

    def hypotheses(self, class_dim: int) -> Hypotheses:
        return uniform_point(1, class_dim)

    def initial_noise(self, context: InitContext) -> Tensor:
        if self.start == "drawn":
            return context.drawn
        found = context.encoder_noise()
        if found is None:
            raise UsageError("the generator has no encoder to start from", "Start as drawn, or choose another one.")
        return context.class_vector @ found

    def rates(self, step: int, steps: int) -> Rates:
        return Rates(1.0, 0.0)


class Alternating(Schedule):
    """Class vector and noise descend in turns, from the uniform point: block coordinate descent.

    Args:
        turn: the number of steps of a turn; the class vector has the first.
        noise_rate: the noise's learning rate, as a factor on the class vector's.
    """

    default_steps = 200

    def __init__(self, turn: int = 5, noise_rate: float = 1.0) -> None:
        self.turn = turn
        self.noise_rate = noise_rate

    def hypotheses(self, class_dim: int) -> Hypotheses:
        return uniform_point(1, class_dim)

    def rates(self, step: int, steps: int) -> Rates:
        return Rates(1.0, 0.0) if step // self.turn % 2 == 0 else Rates(0.0, self.noise_rate)


class MultiVertex(Schedule):
    """One hypothesis near each vertex of the simplex, all free to move; the class vector of least energy is read.

    Between `joint`, which has one start for all classes, and `exhaustive`, which holds each class.

    Args:
        nearness: how far from the middle (0) towards its vertex (1) a hypothesis starts.
        noise_rate: the noise's learning rate, as a factor on the class vector's.
    """

    default_steps = 100

    def __init__(self, nearness: float = 0.8, noise_rate: float = 1.0) -> None:
        self.nearness = nearness
        self.noise_rate = noise_rate

    def hypotheses(self, class_dim: int) -> Hypotheses:
        middle = torch.full((class_dim, class_dim), 1 / class_dim)
        return Hypotheses(middle.lerp(torch.eye(class_dim), self.nearness), (0,) * class_dim)

    def rates(self, step: int, steps: int) -> Rates:
        return Rates(1.0, self.noise_rate)
