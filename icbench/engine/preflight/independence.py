"""Whether an image's result depends on the images that it is inverted beside.

The same image is inverted beside others and beside copies of itself, in batches of one shape: what treats each row
alone then gives the same numbers, to the last bit on most machines. Alone, in a batch of its own, it may differ by
rounding and by what rounding leads to, so that is compared after two steps only and less closely.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from icbench.engine.batch import BatchInversion
from icbench.engine.decode import as_target, generate
from icbench.engine.preflight.trial import STEPS, Trial, latents
from icbench.errors import FAULT_HINT, ComponentError
from icbench.kinds.optimizer import Optimizer

EXCHANGED = 1e-3
"""A difference between batches of one shape that is no rounding, as a share of the largest number, or movement."""
ALONE = 0.02
"""Likewise between batches of different size: of half of all numbers."""
REPEATED = 10
"""How many times as far as two equal searches apart two results must be."""
EXACT = 1e-5
"""A difference within one evaluation, between batches of one shape, that is no rounding."""
SMALLEST = 1e-9
"""What is no larger counts as zero."""
ALONE_STEPS = 2
VALUES = ("distance", "energy", "class_scores")
USUAL = ("moved", "energy")


def check_mates(trial: Trial, labels: Mapping[str, str]) -> None:
    """Invert an image beside others, beside copies of itself, and alone.

    Of a generator whose rows depend on each other by groups, as it declares, a group of images stands for an image.

    Raises:
        ComponentError: the results differ; the component that does it is named.
    """
    # All is in float32: the rounding of bfloat16 would hide what is small.
    exact = replace(trial, settings=replace(trial.settings, precision=torch.float32))
    batches = _Batches.of(exact)
    if batches is not None and (_company_matters(exact, batches) or _exchange_is_seen(exact, batches)):
        raise ComponentError(
            f"{labels[_culprit(exact, batches)]} lets an image's result depend on the images that it is inverted "
            "beside, so that it would change with the batch size",
            f"Each row must be computed alone, with state and statistics of its own. {FAULT_HINT}",
        )


@dataclass(frozen=True)
class _Batches:
    """Positions of images: those looked at first in each.

    Args:
        alone: (G,) one image, or one group of them.
        company: (M,) it, and others.
        copies: (M,) it, and copies of it.
    """

    alone: NDArray[np.int64]
    company: NDArray[np.int64]
    copies: NDArray[np.int64]

    @classmethod
    def of(cls, trial: Trial) -> "_Batches | None":
        """None for a split that has no company to offer."""
        group = trial.components.generator.batch_group_size
        # A group is company enough for each of its images; groups need less of it.
        count = min(len(trial.images) // group, 3 if group == 1 else 2)
        alone = np.arange(group)
        return cls(alone, np.arange(count * group), np.tile(alone, count)) if count > 1 else None


def _exchange_is_seen(trial: Trial, batches: _Batches) -> bool:
    """As `_exchange_matters`, over more steps than are needed to see that the components work.

    What a component raises only then is left to its run, which is kept as failed and lets the others go on.
    """
    try:
        return _exchange_matters(trial, batches)
    except ComponentError:
        return False


def _exchange_matters(trial: Trial, batches: _Batches) -> bool:
    company, copies = (_ends(trial, index, STEPS) for index in (batches.company, batches.copies))
    rows = len(batches.alone)
    difference = _difference(company, copies, rows)
    if difference <= EXCHANGED:
        return False
    # Some devices do not compute the same twice.
    return difference > REPEATED * _difference(company, _ends(trial, batches.company, STEPS), rows)


def _company_matters(trial: Trial, batches: _Batches) -> bool:
    company, alone = (_ends(trial, index, ALONE_STEPS) for index in (batches.company, batches.alone))
    return any(_usual_difference(company[name][: len(alone[name])], alone[name]) > ALONE for name in USUAL)


def _ends(trial: Trial, index: NDArray[np.int64], steps: int) -> dict[str, Tensor]:
    """What a few steps lead to, a row for each image: how far latents moved, and what is made of them."""
    inversion = trial.begin(index)
    start = _latents(inversion)
    found = trial.finish(inversion, steps)
    searched = inversion.state.active.searched[:, :, None].expand(-1, -1, start.shape[2])
    moved = (_latents(inversion) - start.gather(1, searched)).flatten(1).cpu()
    values = {name: torch.from_numpy(getattr(found, name)).view(len(index), -1) for name in VALUES}
    return {"moved": moved, **values}


def _latents(inversion: BatchInversion) -> Tensor:
    """Coordinates and noise: (B, H, K + Z)."""
    together = torch.cat(latents(inversion), dim=1).detach().clone()
    return together.view(len(inversion.state.index), inversion.state.hypothesis_count, -1)


def _difference(first: dict[str, Tensor], second: dict[str, Tensor], rows: int) -> float:
    """The largest difference between the first rows, as a share of the largest number of its name."""
    return max(_largest(first[name][:rows], second[name][:rows]) for name in first)


def _largest(first: Tensor, second: Tensor) -> float:
    if not first.numel():
        return 0.0
    apart = (first - second).abs().masked_fill(first.isnan() & second.isnan(), 0).nan_to_num(nan=torch.inf).max()
    return float(apart / first.nan_to_num(nan=0, posinf=0, neginf=0).abs().max().clamp_min(SMALLEST))


def _usual_difference(first: Tensor, second: Tensor) -> float:
    """The share by which three quarters of numbers differ at least; single ones may be but the rounding of zero."""
    known = (first.abs() + second.abs()) > SMALLEST
    if not known.any():
        return 0.0
    apart = (first - second).abs()[known] / torch.maximum(first.abs(), second.abs())[known]
    return apart.float().quantile(0.25).item()


def _culprit(trial: Trial, batches: _Batches) -> str:
    """The kind of the component that mixes rows: the first on the way whose numbers differ, told the same rows."""
    for index, limit in ((batches.copies, EXACT), (batches.alone, EXCHANGED)):
        company = _on_the_way(trial, batches.company)
        for (kind, first), (_, second) in zip(company, _on_the_way(trial, index), strict=True):
            if _largest(_rows(first, batches.company, batches), _rows(second, index, batches)) > limit:
                return kind
    plain = replace(trial, components=replace(trial.components, optimizer=Optimizer(torch.optim.SGD, 1.0)))
    return "schedule" if _exchange_matters(plain, batches) or _company_matters(plain, batches) else "optimizer"


def _rows(values: Tensor, index: NDArray[np.int64], batches: _Batches) -> Tensor:
    """The rows of the images looked at; an image may have several."""
    return values[: len(values) // len(index) * len(batches.alone)].detach().cpu()


@torch.enable_grad()
def _on_the_way(trial: Trial, index: NDArray[np.int64]) -> Iterator[tuple[str, Tensor]]:
    """The numbers of the first evaluation in the order in which they come about, and the kind that they come from."""
    generator, inversion = trial.components.generator, trial.begin(index)
    state = inversion.state
    encoded = generator.encode(as_target(trial.images[index], trial.settings.device))
    if encoded is not None:
        yield "generator", encoded
    yield "schedule", state.noise
    evaluation = inversion.evaluate(0, torch.float32)
    class_vector, noise = (latent.detach().requires_grad_() for latent in (evaluation.class_vector, state.noise))
    images = generate(generator, class_vector, noise, torch.float32)
    yield "generator", images
    yield from (("generator", gradient) for gradient in _gradients(images, class_vector, noise))
    pixels = images.detach().requires_grad_()
    distance = trial.components.distance.compare(pixels, state.features)
    yield "distance", distance
    yield from (("distance", gradient) for gradient in _gradients(distance, pixels))
    yield "schedule", evaluation.energy


def _gradients(values: Tensor, *by: Tensor) -> tuple[Tensor, ...]:
    if not values.requires_grad:
        return ()
    return torch.autograd.grad(values.sum(), by, allow_unused=True, materialize_grads=True)
