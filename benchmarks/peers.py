"""What people would use instead of icbench, written from its description: the post's loop, and a plain one of today.

Each inverts with the settings of `joint`: class vector and noise from the uniform point and given noise, mean squared
error, Adam, the class vector clamped and normalised before each step, the class its argmax.
"""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from icbench.builtin.datasets.mnist import MNIST
from icbench.builtin.generators.cgan import load_cgan
from icbench.engine.decode import as_target
from icbench.engine.initialization import draw_noise

LR, BETAS = 0.05, (0.9, 0.99)

Generator = Callable[[Tensor, Tensor], Tensor]


def classes(loop: str, images: int, steps: int, device: torch.device) -> NDArray[np.int64]:
    """The classes (N,) that a loop finds for the first N validation images with the built-in generator.

    Args:
        loop: "posts_loop", "todays_loop" or "todays_loop_compiled".
        images: N.
        steps: of each image.
        device: where.
    """
    loops = {"posts_loop": posts_loop, "todays_loop": todays_loop, "todays_loop_compiled": todays_loop}
    # What is computed on comes from what stays on the device between calls, so that calls are not timed loading it.
    found = loops[loop](_generator(loop, device), *_starts(images, device), steps)
    return found.argmax(dim=1).cpu().numpy()


@cache
def _generator(loop: str, device: torch.device) -> torch.nn.Module:
    generator = load_cgan(10).to(device).eval().requires_grad_(loop == "posts_loop")
    return torch.compile(generator) if loop == "todays_loop_compiled" else generator


@cache
def _starts(images: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The targets, and the noise that icbench draws for them with seed 0."""
    index = np.arange(images)
    targets = as_target(MNIST().split("validation", Path()).images[index], device)
    return targets, draw_noise(index, (0,), 10, 0)[:, 0].to(device)


def posts_loop(generator: torch.nn.Module, targets: Tensor, noise: Tensor, steps: int) -> Tensor:
    """The loop of Hobbhahn (2020): four images at a time, his own Adam, gradients of the generator's weights as well.

    Args:
        generator: in eval mode (in the post's train mode no prediction could be compared).
        targets: (N, C, H, W) in [0, 1].
        noise: (N, Z), where each image starts.
        steps: of each image.

    Returns:
        (N, K), the class vectors that are found.
    """
    generator.requires_grad_(True)
    found = [_post_batch(generator, *batch, steps) for batch in zip(targets.split(4), noise.split(4), strict=True)]
    generator.zero_grad(set_to_none=True)
    return torch.cat(found)


def _post_batch(generator: torch.nn.Module, targets: Tensor, noise: Tensor, steps: int) -> Tensor:
    class_vector, noise = _uniform(generator, len(targets), targets.device), noise.clone()
    means = [torch.zeros_like(latent) for latent in (class_vector, noise)]
    squares = [torch.zeros_like(latent) for latent in (class_vector, noise)]
    for _ in range(steps):
        class_vector = _on_simplex(class_vector).requires_grad_(True)
        noise = noise.detach().requires_grad_(True)
        generator.zero_grad()
        _loss(generator(class_vector, noise), targets).backward()
        moved = []
        for latent, mean, square in zip((class_vector, noise), means, squares, strict=True):
            mean.mul_(BETAS[0]).add_(latent.grad, alpha=1 - BETAS[0])
            square.mul_(BETAS[1]).add_(latent.grad.square(), alpha=1 - BETAS[1])
            # Where there was no gradient yet, nothing moves.
            moved.append(latent.detach() - LR * mean / square.sqrt().clamp_min(torch.finfo(torch.float32).tiny))
        class_vector, noise = moved
    return _on_simplex(class_vector)


def todays_loop(generator: Generator, targets: Tensor, noise: Tensor, steps: int, batch: int = 256) -> Tensor:
    """What one would write today: batches of 256, torch's Adam, frozen weights, float32.

    Args:
        generator: in eval mode and frozen, or compiled.
        targets, noise, steps: as for `posts_loop`.
        batch: images inverted together.

    Returns:
        (N, K), the class vectors that are found.
    """
    parts = zip(targets.split(batch), noise.split(batch), strict=True)
    return torch.cat([_todays_batch(generator, *part, steps) for part in parts])


def _todays_batch(generator: Generator, targets: Tensor, noise: Tensor, steps: int) -> Tensor:
    class_vector = _uniform(generator, len(targets), targets.device).requires_grad_(True)
    noise = noise.clone().requires_grad_(True)
    optimizer = torch.optim.Adam([class_vector, noise], lr=LR, betas=BETAS)
    for _ in range(steps):
        class_vector.data = _on_simplex(class_vector.data)
        optimizer.zero_grad()
        _loss(generator(class_vector, noise), targets).backward()
        optimizer.step()
    return _on_simplex(class_vector.data)


def _uniform(generator: object, rows: int, device: torch.device) -> Tensor:
    classes = generator.num_classes  # type: ignore[attr-defined]
    return torch.full((rows, classes), 1 / classes, device=device)


def _loss(images: Tensor, targets: Tensor) -> Tensor:
    """Summed over images, so that none depends on how many there are."""
    return functional.mse_loss(images, targets, reduction="sum") / targets[0].numel()


def _on_simplex(class_vector: Tensor) -> Tensor:
    clamped = class_vector.detach().clamp(0, 1)
    total = clamped.sum(dim=1, keepdim=True)
    return torch.where(total > 0, clamped / total.clamp_min(1e-30), 1 / clamped.shape[1])
