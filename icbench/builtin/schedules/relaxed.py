"""The schedule whose class vector is the image of coordinates without a constraint."""

from math import log

import torch
from torch import Tensor

from icbench.builtin.schedules.joint import Joint

SMALLEST = 1e-4
"""The least share of a class that a logarithm is taken of."""


class Relaxed(Joint):
    """`Joint` in coordinates without a constraint, which a map takes to the simplex; the start is the uniform point.

    Clamping to the simplex, as `joint` does it, lets go of a class for good where its element has fallen to 0 and its
    gradient points outwards; and nothing makes the class vector choose. Here the maps are:

    - softmax: exp(u / T), normalised. T falls geometrically, so that the class vector is soft first and hard at last.
    - sparsemax: the nearest point of the simplex to u / T (Martins and Astudillo 2016); it reaches corners.
    - mirror: exp(u), normalised, where u takes the gradient of the class vector. With `sgd` that is mirror descent
      with the entropy (Beck and Teboulle 2003), or exponentiated gradient; with `adam` its adaptive kin.

    Args:
        simplex_map: one of these.
        temperature: T at the first step; of softmax and sparsemax.
        cooling: T at the last step, as a factor on the first.
        entropy: the weight of the class vector's entropy, as a share of the greatest, in the energy of the last step.
            It begins with 0 and rises with the steps.
        noise_rate, noise_start: those of `Joint`.
    """

    def __init__(
        self,
        simplex_map: str = "softmax",
        temperature: float = 1.0,
        cooling: float = 1.0,
        entropy: float = 0.0,
        noise_rate: float = 1.0,
        noise_start: int = 0,
    ) -> None:
        super().__init__(noise_rate, noise_start)
        self.simplex_map = simplex_map
        self.temperature = temperature
        self.cooling = cooling
        self.entropy = entropy
        self.anneals = entropy != 0 or (cooling != 1 and simplex_map != "mirror")

    def coordinates(self, class_vector: Tensor) -> Tensor:
        if self.simplex_map == "sparsemax":
            return class_vector * self.temperature
        # The softmax is the same whatever is added to all logits; with a mean of 0, the uniform point is 0.
        logits = class_vector.clamp_min(SMALLEST).log()
        scale = self.temperature if self.simplex_map == "softmax" else 1.0
        return scale * (logits - logits.mean(dim=1, keepdim=True))

    def class_vector_of(self, coordinates: Tensor, progress: float) -> Tensor:
        if self.simplex_map == "mirror":
            return coordinates.softmax(dim=1).detach() + (coordinates - coordinates.detach())
        scaled = coordinates / (self.temperature * self.cooling**progress)
        return sparsemax(scaled) if self.simplex_map == "sparsemax" else scaled.softmax(dim=1)

    def constrain(self, coordinates: Tensor) -> Tensor:
        lost = ~coordinates.isfinite().all(dim=1)
        # 0 is the uniform point of each map.
        coordinates.masked_fill_(lost[:, None], 0)
        return lost

    def prior(self, class_vector: Tensor, noise: Tensor, progress: float) -> Tensor | None:
        if self.entropy == 0:
            return None
        # Floored, so that the gradient at a corner is finite.
        entropy = -(class_vector * class_vector.clamp_min(SMALLEST).log()).sum(dim=1)
        return self.entropy * progress / log(class_vector.shape[1]) * entropy


def sparsemax(scores: Tensor) -> Tensor:
    """The point of the simplex that is nearest to each row of scores (N, K) (Martins and Astudillo 2016)."""
    ordered = scores.sort(dim=1, descending=True).values
    place = torch.arange(1, scores.shape[1] + 1, device=scores.device)
    above = ordered.cumsum(dim=1) - 1
    support = (ordered * place > above).sum(dim=1, keepdim=True)
    return (scores - above.gather(1, support - 1) / support).clamp_min(0)
