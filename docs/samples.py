"""Draw samples of the shipped conditional GANs: python docs/samples.py docs/samples.png"""

import argparse
from pathlib import Path

import matplotlib.pyplot as plt
import torch

from icbench.builtin.generators.cgan import load_cgan, shipped_sizes
from icbench.engine.decode import sample_images
from icbench.engine.prepare import prepare
from icbench.running.image_grid import image_grid

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
        generator = prepare(load_cgan(size), torch.device("cpu"))
        axis.imshow(image_grid(sample_images(generator, DRAWN, torch.device("cpu")).numpy(), light_on_dark=False))
        axis.set_title(f"noise size {size}", fontsize=10)
    figure.savefig(file)


if __name__ == "__main__":
    main()
