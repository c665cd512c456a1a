"""Draw samples of the shipped conditional GANs: python docs/samples.py docs/samples.png"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import torch
from numpy.typing import NDArray

from icbench.builtin.generators.cgan import load_cgan, shipped_sizes
from icbench.engine.prepare import prepare

DRAWN = 16
COLUMNS = 2


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    file = parser.parse_args().file
    sizes = shipped_sizes()
    rows = -(-len(sizes) // COLUMNS)
    figure, axes = plt.subplots(rows, COLUMNS, figsize=(9.2, 3.15 * rows), dpi=100, layout="constrained")
    for axis in axes.flat:
        axis.axis("off")
    for axis, size in zip(axes.flat, sizes, strict=False):
        axis.imshow(draw_samples(size), cmap="gray", vmin=0, vmax=1)
        axis.set_title(f"noise size {size}", fontsize=10)
    figure.savefig(file)


@torch.no_grad()
def draw_samples(size: int) -> NDArray[float]:
    """One row a class, each with noise of its own: (10 H, 16 W)."""
    generator = prepare(load_cgan(size), torch.device("cpu"))
    noise = torch.randn(10 * DRAWN, size, generator=torch.Generator().manual_seed(0))
    images = generator(torch.eye(10).repeat_interleave(DRAWN, dim=0), noise)[:, 0]
    side = images.shape[-1]
    return images.reshape(10, DRAWN, side, side).swapaxes(1, 2).reshape(10 * side, DRAWN * side).numpy()


if __name__ == "__main__":
    main()
