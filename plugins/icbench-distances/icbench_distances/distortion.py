"""The image distortion model: every pixel may look for its match nearby, on its own."""

from math import hypot, sqrt

import torch
from icbench.builtin.distances import MSE
from icbench.kinds.distance import Features, LeastSquares
from torch import Tensor

from icbench_distances.filters import band, constant, separable, sobel

ROWS = 32
"""Images searched together on a CPU, so that what the search writes stays in its cache."""
ROWS_OF_COSTS = 128
"""The same where only the costs are asked for."""


class IDM(LeastSquares):
    """Mean over the target's pixels of the squared difference to the best matching pixel nearby in the reconstruction.

    The image distortion model of Keysers, Deselaers, Gollan & Ney (2007, "Deformation models for image recognition"):
    pixels move independently by up to `warp` pixels along each axis, and two pixels are compared by the Sobel slopes in
    a square around each, the paper's local context. With the best displacements held, the value is a sum of squares in
    the reconstruction whose gradient is the gradient of the minimum; where several displacements are equally good, the
    shortest counts. What lies outside an image is black and may be matched too: a digit shifted by up to `warp` pixels
    has distance 0.

    Features: the target's slopes, (B, 2 C, H + 2 context, W + 2 context).

    Args:
        warp: how far a pixel may look; 0 compares in place.
        context: radius of the square of slopes; 0 is the pixel itself, 1 is 3x3.
    """

    def __init__(self, warp: int = 2, context: int = 1) -> None:
        self.warp = warp
        self.context = context

    def features(self, target: Tensor) -> Tensor:
        return sobel(target, pad=self.context)

    def compare(self, reconstruction: Tensor, features: Features) -> Tensor:
        """As the residuals say, three times as fast.

        A slope x is compared with n slopes of the target of sum s, so the gradient of all its squares is that of
        n x^2 - 2 s x, and no pair of slopes has to be kept. Without a gradient the least costs are all that is looked
        for, which is four times as fast again.
        """
        assert isinstance(features, Tensor)
        slopes = self._slopes(reconstruction)
        if not slopes.requires_grad:
            return self._least_costs(slopes, features) / self._pairs(reconstruction)
        value, count, total = self._match_in_parts(slopes.detach(), features)
        parabolas = ((count * slopes - 2 * total) * slopes).flatten(1).sum(dim=1)
        return (value + parabolas - parabolas.detach()) / self._pairs(reconstruction)

    def residuals(self, reconstruction: Tensor, features: Features) -> Tensor:
        assert isinstance(features, Tensor)
        slopes = self._slopes(reconstruction)
        _, match = self._search(slopes.detach(), features)
        in_place = _positions(features, *match.shape[1:]).expand(match.shape)
        differences = self._contexts(slopes, match) - self._contexts(features, in_place)
        return differences.flatten(1) * sqrt(2 / self._pairs(reconstruction))

    def _slopes(self, reconstruction: Tensor) -> Tensor:
        return sobel(reconstruction, pad=self.context + self.warp)

    def _pairs(self, images: Tensor) -> int:
        """How many pairs of pixels are compared in an image."""
        return images[0].numel() * (2 * self.context + 1) ** 2

    def _least_costs(self, slopes: Tensor, sought: Tensor) -> Tensor:
        """The sum (B,) over the target's pixels of the least cost of each, of tensors as `_match` takes them."""
        rows = ROWS_OF_COSTS if slopes.device.type == "cpu" else len(slopes)
        parts = zip(torch.split(slopes, rows), torch.split(sought, rows), strict=True)
        return torch.cat([self._least_cost(*part) for part in parts])

    def _least_cost(self, slopes: Tensor, sought: Tensor) -> Tensor:
        # With the images last, every window and sum is of long runs.
        slopes, sought = (each.permute(1, 2, 3, 0).contiguous() for each in (slopes, sought))
        height, width = sought.shape[1:3]
        side = 2 * self.context + 1
        least = None
        for down, right in self._displacements():
            differences = slopes[:, down : down + height, right : right + width] - sought
            costs = _sliding_sums(_sliding_sums(differences.square_().sum(dim=0), side, 0), side, 1)
            least = costs if least is None else torch.minimum(least, costs, out=least)
        assert least is not None
        return least.flatten(0, 1).sum(dim=0)

    @torch.no_grad()
    def _match_in_parts(self, slopes: Tensor, sought: Tensor) -> list[Tensor]:
        rows = ROWS if slopes.device.type == "cpu" else len(slopes)
        parts = [self._match(*part) for part in zip(torch.split(slopes, rows), torch.split(sought, rows), strict=True)]
        return [torch.cat(part) for part in zip(*parts, strict=True)]

    def _match(self, slopes: Tensor, sought: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Match every context of the target.

        Args:
            slopes: (B, 2 C, R, S), the reconstruction's, with a margin of context + warp.
            sought: (B, 2 C, H + 2 context, W + 2 context), the target's.

        Returns:
            the sum of squared differences (B,); how many slopes of the target each of `slopes` is compared with
            (B, 1, R, S), and their sum (B, 2 C, R, S).
        """
        cost, match = self._search(slopes, sought)
        height, width = match.shape[1:]
        count = torch.zeros_like(slopes[:, :1]).flatten(2)
        total = torch.zeros_like(slopes).flatten(2)
        for down, right in self._context_offsets():
            index = (match + down * slopes.shape[-1] + right).flatten(1)[:, None]
            there = sought[:, :, down : down + height, right : right + width].flatten(2)
            count.scatter_add_(2, index, torch.ones_like(there[:, :1]))
            total.scatter_add_(2, index.expand_as(there), there)
        return cost.flatten(1).sum(dim=1), count.view_as(slopes[:, :1]), total.view_as(slopes)

    @torch.no_grad()
    def _search(self, slopes: Tensor, sought: Tensor) -> tuple[Tensor, Tensor]:
        """For each of the target's pixels, the least cost (B, H, W), and where in `slopes` that context starts.

        The place (B, H, W) is a position in a flattened channel.
        """
        height, width = sought.shape[-2:]
        displacements = self._displacements()
        costs = [
            (slopes[:, :, down : down + height, right : right + width] - sought).square_().sum(dim=1)
            for down, right in displacements
        ]
        # Of equal minima, `min` returns the first, and the displacements come shortest first.
        least, best = self._context_sums(torch.stack(costs, dim=1)).min(dim=1)
        starts = torch.tensor([down * slopes.shape[-1] + right for down, right in displacements], device=slopes.device)
        return least, starts[best] + _positions(slopes, *best.shape[1:])

    def _displacements(self) -> list[tuple[int, int]]:
        """Where a window of the target's size starts in the reconstruction with its margin, shortest first."""
        starts = [(down, right) for down in range(2 * self.warp + 1) for right in range(2 * self.warp + 1)]
        return sorted(starts, key=lambda start: hypot(start[0] - self.warp, start[1] - self.warp))

    def _context_offsets(self) -> list[tuple[int, int]]:
        side = range(2 * self.context + 1)
        return [(down, right) for down in side for right in side]

    def _context_sums(self, costs: Tensor) -> Tensor:
        """Sums over each pixel's context: (B, D, H, W) of costs (B, D, H + 2 context, W + 2 context)."""
        ones = (1.0,) * (2 * self.context + 1)
        height, width = costs.shape[-2:]
        rows = constant(costs, band, height, ones, -self.context)
        return separable(costs, rows, constant(costs, band, width, ones, -self.context))

    def _contexts(self, slopes: Tensor, starts: Tensor) -> Tensor:
        """The contexts that start at the positions `starts` (B, H, W): (B, 2 C, pairs) of slopes (B, 2 C, R, S)."""
        offsets = [down * slopes.shape[-1] + right for down, right in self._context_offsets()]
        index = (starts[..., None] + torch.tensor(offsets, device=slopes.device)).flatten(1)
        return slopes.flatten(2).gather(2, index[:, None].expand(-1, slopes.shape[1], -1))


class MSEThenIDM(MSE):
    """The mean squared error at every step; where the class is read, the image distortion model is added.

    The model's price is then paid once for each hypothesis, and it still decides between classes: of reconstructions
    that differ from the target by small shifts, it finds the one of the right shape.

    Features: the target, and those of `IDM`.

    Args:
        warp, context: those of `IDM`.
        weight: of the model, beside the squared error's 1.
    """

    def __init__(self, warp: int = 2, context: int = 2, weight: float = 10.0) -> None:
        self.model = IDM(warp, context)
        self.weight = weight

    def features(self, target: Tensor) -> Features:
        return target, self.model.features(target)

    def compare(self, reconstruction: Tensor, features: Features) -> Tensor:
        return super().compare(reconstruction, features[0])

    def residuals(self, reconstruction: Tensor, features: Features) -> Tensor:
        return super().residuals(reconstruction, features[0])

    def compare_final(self, reconstruction: Tensor, features: Features) -> Tensor:
        return self.compare(reconstruction, features) + self.weight * self.model.compare(reconstruction, features[1])


def _sliding_sums(values: Tensor, side: int, dim: int) -> Tensor:
    """The sums of `side` values that follow each other along a dimension, which gets shorter by side - 1."""
    parts = values.unfold(dim, side, 1).unbind(dim=-1)
    total = parts[0]
    for number, part in enumerate(parts[1:]):
        total = total.add_(part) if number else total + part
    return total


def _positions(plane: Tensor, height: int, width: int) -> Tensor:
    """The positions of a `height` by `width` corner in a flattened channel of `plane`: (height, width)."""
    row = torch.arange(height, device=plane.device)[:, None] * plane.shape[-1]
    return row + torch.arange(width, device=plane.device)
