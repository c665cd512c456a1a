"""How much memory a batch takes, known before it is inverted."""

import psutil
import torch
from torch import Tensor

from icbench.engine.decode import generate
from icbench.engine.settings import Components, Settings
from icbench.kinds.distance import Features

TARGETS = 8
"""How many targets are tried to see what a distance keeps of each."""


def batch_bytes(components: Components, rows: int, settings: Settings) -> int:
    """The bytes that a batch of so many hypotheses takes while it is inverted, besides the generator's weights.

    What a step keeps for its backward pass counts twice: its gradients, and its copies in the other precision, have
    the size of what they are of.
    """
    return rows * (2 * activation_bytes(components, settings) + feature_bytes(components, settings))


def activation_bytes(components: Components, settings: Settings) -> int:
    """The bytes that one hypothesis keeps for its backward pass, counted by torch's own record of saved tensors.

    That is what two groups of images keep more than one does, so that weights do not count.
    """
    starts = components.schedule.hypotheses(components.generator.class_dim).class_vector
    mates = components.generator.batch_group_size
    one, two = (_saved_bytes(components, starts.repeat(groups * mates, 1), settings) for groups in (1, 2))
    return max(1, -(-(two - one) // (mates * len(starts))))


def _saved_bytes(components: Components, class_vector: Tensor, settings: Settings) -> int:
    """What a backward pass needs of rows that start at class vectors (N, K)."""
    kept = 0

    def count(tensor: Tensor) -> Tensor:
        nonlocal kept
        kept += tensor.nbytes
        return tensor

    rates = [components.schedule.rates(step, settings.steps) for step in range(settings.steps)]
    class_vector = class_vector.to(settings.device).requires_grad_(any(rate.class_vector for rate in rates))
    noise = torch.zeros(len(class_vector), components.generator.noise_dim, device=settings.device)
    noise.requires_grad_(any(rate.noise for rate in rates))
    features = components.distance.features(_targets(components, len(class_vector), settings))
    with torch.autograd.graph.saved_tensors_hooks(count, lambda tensor: tensor):
        components.distance.compare(generate(components.generator, class_vector, noise, settings.precision), features)
    return kept


def feature_bytes(components: Components, settings: Settings) -> int:
    """The bytes of a target and of what the distance keeps of it, which each hypothesis has beside it."""
    target = _targets(components, TARGETS, settings)
    return (target.nbytes + _nbytes(components.distance.features(target))) // TARGETS


def free_bytes(device: torch.device) -> int:
    """The memory that is free: of the device on CUDA, of the machine on the CPU."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0]
    free: int = psutil.virtual_memory().available
    return free


def _targets(components: Components, rows: int, settings: Settings) -> Tensor:
    return torch.rand(rows, *components.generator.image_shape, generator=torch.Generator().manual_seed(0)).to(
        settings.device
    )


def _nbytes(features: Features) -> int:
    return features.nbytes if isinstance(features, Tensor) else sum(map(_nbytes, features))
