"""Schedules that hold the class vector at each class in turn."""

from itertools import pairwise
from math import cos, log, pi
from typing import Any

import torch
from torch import Tensor

from icbench.errors import UsageError
from icbench.kinds.schedule import Hypotheses, InitContext, Rates, Schedule

SPREAD = 0.5
"""How far from a chosen start, in deviations of the noise's prior, further restarts begin."""


class Exhaustive(Schedule):
    """One hypothesis per class and restart, its class vector held at the class; the class of least energy wins.

    This is classification by analysis by synthesis (Schott et al. 2018, section 4) with the noise as the only latent.

    Args:
        restarts: hypotheses per class.
        prior_weight: factor on the energy term |noise|^2 / (2 Z), the negative log density of N(0, 1) per dimension.
        noise_rate: the noise's learning rate, as a factor on the optimizer's. Above 1 by default: with the class given,
            the noise has few steps and no competitor.
        start: where the noise starts: as "drawn"; where the generator's own "encoder" finds the class; or at the
            nearest of a "bank" of draws (Schott et al. take 8,000). Of these two, restarts after the first start beside
            them, by `SPREAD` of their draw; an encoder that knows several starts of a class gives each restart its own.
            From a bank, 30 steps do what 60 do from drawn noise.
        bank: the number of draws in the bank.
        decay: the rate stays with "none", and falls to zero with "cosine".
        calibrate: weigh a class's distance by how large the generator's residuals usually are there.
        softness: T of a soft minimum over a class's restarts, -T log mean exp(-E / T), in units of the energy; 0 is the
            least. With exemplars as starts, exp of it is a kernel density estimate (Parzen 1962).
    """

    default_steps = 30

    def __init__(
        self,
        restarts: int = 1,
        prior_weight: float = 0.03,
        noise_rate: float = 4.0,
        start: str = "bank",
        bank: int = 1024,
        decay: str = "cosine",
        calibrate: bool = False,
        softness: float = 0.0,
    ) -> None:
        self.restarts = restarts
        self.prior_weight = prior_weight
        self.noise_rate = noise_rate
        self.start = start
        self.bank = bank
        self.decay = decay
        self.calibrates = calibrate
        self.softness = softness

    def hypotheses(self, class_dim: int) -> Hypotheses:
        restart = tuple(number for _ in range(class_dim) for number in range(self.restarts))
        return Hypotheses(torch.eye(class_dim).repeat_interleave(self.restarts, dim=0), restart)

    def initial_noise(self, context: InitContext) -> Tensor:
        if self.start == "drawn":
            return context.drawn
        starts = context.encoder_starts(self.restarts) if self.start == "encoder" else None
        if starts is not None:
            return starts[:, context.class_vector.argmax(dim=1), list(context.restart)]
        found = context.encoder_noise() if self.start == "encoder" else context.nearest_noise(self.bank)
        if found is None:
            raise UsageError(
                "the generator has no encoder to start from", "Start from a bank (start=bank), or choose another one."
            )
        of_class = found[:, context.class_vector.argmax(dim=1)]
        beside = torch.tensor([0.0 if number == 0 else SPREAD for number in context.restart])
        return of_class + beside.to(of_class)[:, None] * context.drawn

    def rates(self, step: int, steps: int) -> Rates:
        falling = (1 + cos(pi * step / steps)) / 2 if self.decay == "cosine" else 1.0
        return Rates(0.0, self.noise_rate * falling)

    def prior(self, class_vector: Tensor, noise: Tensor, progress: float) -> Tensor | None:
        if self.prior_weight == 0 or noise.shape[1] == 0:
            return None
        return self.prior_weight * noise.square().mean(dim=1) / 2

    def class_scores(self, energy: Tensor, class_vector: Tensor) -> Tensor:
        """Minus the least energy over each class's restarts, or the soft minimum: (B, K)."""
        restarts = energy.view(len(energy), -1, self.restarts)
        if self.softness == 0:
            return -restarts.amin(dim=2)
        return self.softness * ((-restarts / self.softness).logsumexp(dim=2) - log(self.restarts))


class Halving(Exhaustive):
    """`Exhaustive` by successive halving: the hypotheses of least energy go on, the others are dropped on the way.

    Successive halving is from bandits (Jamieson and Talwalkar 2016); here an image's hypotheses are its arms. Whether
    the true class is dropped wrongly is counted in the record.

    Args:
        at: the steps before which hypotheses are dropped, such as "5/10/20"; none are where both are empty.
        keep: how many of an image's hypotheses go on from each, such as "5/3/2".
        options: those of `Exhaustive`.

    Raises:
        UsageError: `at` does not rise, `keep` does not fall, or they are not of one length.
    """

    def __init__(self, at: str = "5/10/20", keep: str = "5/3/2", **options: Any) -> None:
        super().__init__(**options)
        steps, counts = _numbers(at), _numbers(keep)
        rising = all(one < other for one, other in pairwise(steps))
        falling = all(one > other for one, other in pairwise(counts))
        unclear = bool(at) != bool(steps) or bool(keep) != bool(counts)
        if unclear or len(steps) != len(counts) or not rising or not falling or counts[-1:] == [0]:
            raise UsageError(
                f"at={at},keep={keep} is no plan of halving",
                "Give as many rising steps as falling counts, such as at=5/10/20,keep=5/3/2.",
            )
        self.plan = list(zip(steps, counts, strict=True))

    def survivors(self, step: int, steps: int, hypotheses: int) -> int:
        kept = [count for begin, count in self.plan if step >= begin]
        return min([hypotheses, *kept[-1:]])


def _numbers(text: str) -> list[int]:
    """The numbers in "5/10/20"; empty where it is something else."""
    parts = text.split("/")
    return [int(part) for part in parts] if all(part.isascii() and part.isdigit() for part in parts) else []
