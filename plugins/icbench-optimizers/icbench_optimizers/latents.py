"""The latents that move at a step, as one row of numbers for each hypothesis."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor


class Moving:
    """A view of parameter groups: the latents that do not rest, side by side as (N, D).

    Args:
        groups: an optimizer's parameter groups, each with one latent (N, ...) and its rate `lr`.
    """

    def __init__(self, groups: Iterable[dict[str, Any]]) -> None:
        moving = [group for group in groups if group["params"][0].requires_grad]
        self.names = tuple(group["name"] for group in moving)
        self._latents: list[Tensor] = [group["params"][0] for group in moving]
        self._widths = [latent.shape[1] for latent in self._latents]
        self._rates = [group["lr"] for group in moving]

    def read(self) -> Tensor:
        """The latents: (N, D), a copy."""
        return torch.cat([latent.detach() for latent in self._latents], dim=1)

    def write(self, values: Tensor) -> None:
        """Make the latents (N, D) these."""
        for latent, part in zip(self._latents, torch.split(values, self._widths, dim=1), strict=True):
            latent.copy_(part)

    def gradient(self) -> Tensor:
        """The gradients that the closure left: (N, D)."""
        parts = [torch.zeros_like(latent) if latent.grad is None else latent.grad for latent in self._latents]
        return torch.cat(parts, dim=1)

    def rates(self) -> Tensor:
        """The rate of each of the D coordinates: (D,)."""
        parts = [
            latent.new_full((width,), float(rate))
            for latent, width, rate in zip(self._latents, self._widths, self._rates, strict=True)
        ]
        return torch.cat(parts)

    def plane(self) -> "Plane":
        """The directions along which class vectors keep their sum."""
        classes = self._widths[0] if self.names[0] == "class_vector" else 0
        return Plane(torch.ones_like(self.read()), classes)

    def tangent(self, here: Tensor, gradient: Tensor) -> "Plane":
        """The directions that stay on the simplex, for a descent from `here` (N, D) against `gradient` (N, D).

        An entry of a class vector that is 0, and whose gradient is above that of the entries that are not, would only
        be clamped again: it rests (gradient projection; Nocedal and Wright 2006, section 16.7).
        """
        plane = self.plane()
        inside = (here > 0)[:, : plane.classes]
        slopes = gradient[:, : plane.classes]
        level = (slopes * inside).sum(dim=1, keepdim=True) / inside.sum(dim=1, keepdim=True)
        plane.free[:, : plane.classes] = (inside | (slopes < level)).to(here.dtype)
        return plane


class Plane:
    """Directions in which some coordinates rest, and the first few others have a sum of 0.

    Args:
        free: (N, D), 1 for a coordinate that moves and 0 for one that rests.
        classes: how many of the first coordinates are a class vector.
    """

    def __init__(self, free: Tensor, classes: int) -> None:
        self.free = free
        self.classes = classes

    def project(self, vectors: Tensor) -> Tensor:
        """The nearest directions to vectors (N, ..., D)."""
        free = self.free.view(len(self.free), *(1 for _ in vectors.shape[2:]), -1)
        rested = vectors * free
        share = free[..., : self.classes]
        mean = rested[..., : self.classes].sum(dim=-1, keepdim=True) / share.sum(dim=-1, keepdim=True).clamp(min=1)
        return torch.cat([rested[..., : self.classes] - share * mean, rested[..., self.classes :]], dim=-1)
