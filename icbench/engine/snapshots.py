"""What an inversion looks like on its way: images, distances and scores at some steps, and the best of each class.

Looking changes no number of a result, and is not counted.
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from icbench.compute.devices import float32_products
from icbench.engine.active_set import ActiveSet
from icbench.engine.batch import BatchInversion
from icbench.engine.initialization import NoiseBank
from icbench.engine.invert import whole_groups
from icbench.engine.latents import LatentState, select_features
from icbench.engine.objective import Evaluation
from icbench.engine.readout import group_by_class
from icbench.engine.result import InversionResult
from icbench.engine.settings import Components, Settings
from icbench.engine.targets import Pixels


@dataclass(frozen=True)
class Snapshot:
    """What an inversion of B images is at.

    Args:
        step: how many steps were made.
        steps: how many there are.
        class_scores: (B, classes).
        distance: (B,) of the hypothesis of least energy.
        images: (B, C, H, W), what that one makes.
    """

    step: int
    steps: int
    class_scores: NDArray[np.float32]
    distance: NDArray[np.float32]
    images: NDArray[np.float32]


@dataclass(frozen=True)
class ClassBests:
    """The best that B images have of each class: of the hypotheses that end there the one of least energy.

    Where none does, it is the class held, with the noise that the image has in the end.

    Args:
        energy, distance: (B, classes).
        images: (B, classes, C, H, W).
        searched: (B, classes) bool, whether a hypothesis ended there.
    """

    energy: NDArray[np.float32]
    distance: NDArray[np.float32]
    images: NDArray[np.float32]
    searched: NDArray[np.bool_]


def invert_watched(
    components: Components,
    images: Pixels,
    index: NDArray[np.int64],
    settings: Settings,
    due: Collection[int],
    on_snapshot: Callable[[Snapshot], None],
) -> tuple[InversionResult, ClassBests]:
    """Invert images in one batch and look on.

    Args:
        components, images, settings: as for `icbench.engine.invert.invert`; all images make all steps.
        index: (B,), ascending.
        due: after how many steps there is a snapshot; there always is one after the last.
        on_snapshot: called with each.
    """
    hypotheses = components.schedule.hypotheses(components.generator.class_dim)
    rows = whole_groups(index, components.generator.batch_group_size, len(images))
    settings = replace(settings, stop_when=None)
    with float32_products(settings.device, tf32=False):
        inversion = BatchInversion(components, hypotheses, images, rows, NoiseBank.of(components, settings), settings)
        asked_for = np.isin(rows, index)
        watch = _Watch(inversion, asked_for, due, on_snapshot)
        watch.look()
        result = inversion.run(lambda _: watch.after_step())
        return result.rows(asked_for), watch.class_bests(result)


class _Watch:
    """Looks at an inversion of all rows in its batch, and tells of those asked for."""

    def __init__(
        self,
        inversion: BatchInversion,
        asked_for: NDArray[np.bool_],
        due: Collection[int],
        on_snapshot: Callable[[Snapshot], None],
    ) -> None:
        self.inversion, self.asked_for = inversion, asked_for
        self.due, self.on_snapshot = due, on_snapshot
        self.step, self.steps = 0, inversion.settings.steps
        state, generator = inversion.state, inversion.components.generator
        rows = len(state.index), state.active.total
        device = state.noise.device
        first = torch.arange(len(state.index), device=device) * state.hypothesis_count
        self.features = select_features(state.features, first)
        self.energy, self.distance = (torch.full(rows, torch.inf, device=device) for _ in range(2))
        self.shares = torch.zeros(*rows, generator.num_classes, device=device)
        self.images = torch.zeros(*rows, *generator.image_shape, device=device)

    def after_step(self) -> None:
        """A step was made: look, if that is due, or if hypotheses go now that will not be seen again."""
        self.step += 1
        state, schedule = self.inversion.state, self.inversion.components.schedule
        last = self.step == self.steps
        drops = not last and schedule.survivors(self.step, self.steps, state.active.total) < state.hypothesis_count
        if last or drops or self.step in self.due:
            self.look()

    @torch.no_grad()
    def look(self) -> None:
        """Evaluate a copy of the latents, keep what is seen of each hypothesis, and tell if that is due."""
        last = self.step == self.steps
        state = _copy(self.inversion.state)
        evaluation = self._evaluate(state, self.inversion.progress(self.step), last)
        self._keep(state, evaluation)
        if not last and self.step not in self.due:
            return
        scores = self.inversion.readout.class_scores(state, evaluation)
        energy = evaluation.energy.view(len(state.index), -1).nan_to_num(torch.inf)
        winner = torch.arange(len(energy), device=energy.device) * state.hypothesis_count + energy.argmin(dim=1)
        seen = (scores, evaluation.distance[winner], evaluation.images[winner])
        self.on_snapshot(Snapshot(self.step, self.steps, *(_array(one)[self.asked_for] for one in seen)))

    @torch.no_grad()
    def class_bests(self, result: InversionResult) -> ClassBests:
        """The best of each class, for the result of all rows."""
        classes = torch.arange(self.shares.shape[2], device=self.energy.device)
        of_class = self.shares.argmax(dim=2)[:, None] == classes[:, None]
        energy = self.energy[:, None].nan_to_num(torch.inf).masked_fill(~of_class, torch.inf)
        place, searched = energy.argmin(dim=2), of_class.any(dim=2)
        image = torch.arange(len(place), device=place.device)[:, None]
        found = [self.energy[image, place], self.distance[image, place], self.images[image, place]]
        if not searched.all():
            held = self._hold_classes(torch.from_numpy(result.noise).to(self.energy.device))
            pairs = zip(found, held, strict=True)
            found = [torch.where(_expand(searched, one), one, other) for one, other in pairs]
        return ClassBests(*(_array(one)[self.asked_for] for one in (*found, searched)))

    def _hold_classes(self, noise: Tensor) -> list[Tensor]:
        """Energies, distances and images (B, classes, ...) of noise (B, Z) with each class held, by its best mode."""
        components, device = self.inversion.components, noise.device
        count, entries = len(noise), components.generator.class_dim
        vertices = torch.eye(entries)
        rows = torch.arange(count, device=device).repeat_interleave(entries)
        state = replace(
            self.inversion.state,
            active=ActiveSet.whole(count, vertices.to(device)),
            coordinates=components.schedule.coordinates(vertices).repeat(count, 1).to(device),
            noise=noise[rows],
            features=select_features(self.features, rows),
            restart=torch.zeros_like(rows),
            constrained=False,
        )
        evaluation = self._evaluate(_copy(state), 1.0, final=True)
        energy = group_by_class(evaluation.energy.view(count, entries), components.generator)
        best = (
            energy.argmin(dim=2) + torch.arange(energy.shape[1], device=device) * components.generator.modes_per_class
        )
        places = (torch.arange(count, device=device)[:, None] * entries + best).flatten()
        seen = (evaluation.energy, evaluation.distance, evaluation.images)
        return [one[places].view(count, -1, *one.shape[1:]) for one in seen]

    def _evaluate(self, state: LatentState, progress: float, final: bool) -> Evaluation:
        return self.inversion.objective.evaluate(state, progress, torch.float32, final)

    def _keep(self, state: LatentState, evaluation: Evaluation) -> None:
        generator, searched = self.inversion.components.generator, state.active.searched
        image = torch.arange(len(searched), device=searched.device)[:, None]
        shares = group_by_class(evaluation.class_vector, generator).sum(dim=-1)
        seen = (evaluation.energy, evaluation.distance, shares, evaluation.images)
        for kept, values in zip((self.energy, self.distance, self.shares, self.images), seen, strict=True):
            kept[image, searched] = values.view(*searched.shape, *values.shape[1:])


def _copy(state: LatentState) -> LatentState:
    """The state with copies of all that an evaluation changes."""
    changed = ("coordinates", "finite", "resets")
    return replace(state, **{name: getattr(state, name).detach().clone() for name in changed})


def _expand(mask: Tensor, values: Tensor) -> Tensor:
    """A mask (B, classes) for values (B, classes, ...)."""
    return mask.view(*mask.shape, *(1,) * (values.ndim - 2))


def _array(values: Tensor) -> NDArray[Any]:
    return values.detach().cpu().numpy().copy()
