"""The conditional GAN's generator of Hobbhahn (2020), "Inverse Classification with GANs", as published."""

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils.fusion import fuse_conv_bn_eval

from icbench.builtin.datasets.mnist import MNIST_SHAPE
from icbench.builtin.generators.maps import ToMaps
from icbench.kinds.dataset import DataShape
from icbench.kinds.generator import Generator
from icbench.training.weights import find_weights, load_weights, read_shape

NOISE_DIM = 25
GROUP = 4
"""The batch size of the post's inversions."""


class PostGenerator(Generator):
    """Two dense layers to 64 maps of the images' size and two transposed convolutions: for MNIST 51 million parameters.

    The post's generator was left in training mode while it was inverted, four images at a time, so each BatchNorm used
    the statistics of these four. `batch_norm="batch"` does the same for every four consecutive rows of a batch of any
    size; `batch_norm="running"` uses the statistics of the training, and no image depends on another.

    Args:
        noise_dim: Z, the length of the noise vector.
        batch_norm: "running" or "batch", whose statistics are used outside of training.
        group: how many consecutive rows share their statistics under "batch".
        shape: of the images, and how many classes they are of.
    """

    embedded = 1000
    maps = (64, 32)

    def __init__(
        self,
        noise_dim: int = NOISE_DIM,
        batch_norm: str = "running",
        group: int = GROUP,
        shape: DataShape = MNIST_SHAPE,
    ) -> None:
        super().__init__()
        self.num_classes, self.image_shape = shape.num_classes, shape.image_shape
        self.noise_dim = noise_dim
        self.batch_group_size = group if batch_norm == "batch" else 1
        colours, height, width = self.image_shape
        first, second = self.maps
        self.class_layer = nn.Linear(self.num_classes, self.embedded)
        self.dense = nn.Linear(self.embedded + noise_dim, first * height * width)
        self.to_maps = ToMaps((first, height, width))
        self.norms = nn.ModuleList(nn.BatchNorm2d(maps) for maps in self.maps)
        self.convolution = nn.ConvTranspose2d(first, second, 5, stride=1, padding=2)
        self.to_pixels = nn.ConvTranspose2d(second, colours, 5, stride=1, padding=2)

    def forward(self, class_vector: Tensor, noise: Tensor) -> Tensor:
        # Under autocast only the two large products are taken in bfloat16, as in `cgan`: rounding the latents or the
        # pixels would cost accuracy and win no time.
        with torch.autocast(class_vector.device.type, enabled=False):
            latents = torch.cat([torch.relu(self.class_layer(class_vector.float())), noise.float()], dim=1)
        maps = torch.relu(self._normalise(self.to_maps(self.dense(latents)), 0))
        maps = torch.relu(self._normalise(self.convolution(maps), 1))
        with torch.autocast(class_vector.device.type, enabled=False):
            return torch.sigmoid(self.to_pixels(maps.float()))

    def _normalise(self, maps: Tensor, place: int) -> Tensor:
        norm = self.norms[place]
        if self.training or self.batch_group_size == 1 or not isinstance(norm, nn.BatchNorm2d):
            normed: Tensor = norm(maps)
            return normed
        return group_batch_norm(maps, norm, self.batch_group_size)

    def fold(self) -> None:
        """Fold what is constant into the layers, and let the maps come out channels last, as convolutions want them."""
        first, second = self.norms
        if self.batch_group_size == 1 and isinstance(first, nn.BatchNorm2d) and isinstance(second, nn.BatchNorm2d):
            _fold_into_linear(self.dense, first)
            self.convolution = fuse_conv_bn_eval(self.convolution, second, transpose=True)
            self.norms = nn.ModuleList((nn.Identity(), nn.Identity()))
        self.to_maps.order_channels_last(self.dense)
        self.convolution.to(memory_format=torch.channels_last)


def group_batch_norm(maps: Tensor, norm: nn.BatchNorm2d, group: int) -> Tensor:
    """`norm` as in training mode over each `group` consecutive rows alone; the last group may be smaller.

    Args:
        maps: (B, C, H, W).
        norm: gives scale, shift and epsilon; its running statistics stay as they are.
        group: rows that share their statistics.

    Returns:
        (B, C, H, W).
    """
    # A call per group: several times as fast as one call of anything that keeps groups apart.
    normed = [
        functional.batch_norm(part, None, None, norm.weight, norm.bias, training=True, eps=norm.eps)
        for part in torch.split(maps, group)
    ]
    return torch.cat(normed)


def _fold_into_linear(linear: nn.Linear, norm: nn.BatchNorm2d) -> None:
    """Fold the BatchNorm of maps into the dense layer that makes them."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    shift = norm.bias - norm.running_mean * scale
    pixels = linear.out_features // norm.num_features
    scale, shift = (values.repeat_interleave(pixels) for values in (scale, shift))
    linear.weight.mul_(scale[:, None])
    linear.bias.mul_(scale).add_(shift)


def load_cgan_post(
    noise_dim: int = NOISE_DIM,
    weights: str = "",
    batch_norm: str = "running",
    group: int = GROUP,
    trained_on: str = "",
) -> PostGenerator:
    """The trained generator, from a file that `icbench train cgan-post` wrote; 100 MB are too many to ship.

    Args:
        noise_dim, batch_norm, group: as of `PostGenerator`.
        weights: a safetensors file instead of the one that a training left under the working folder.
        trained_on: the spec of the dataset whose weights are meant; empty for the default one.

    Raises:
        MissingWeightsError: there is no such file.
        IntegrityError: the weights file is unreadable or not the one its training record describes.
    """
    file = find_weights("cgan-post", {"noise_dim": noise_dim}, trained_on, weights=weights)
    shape, name = read_shape(file, MNIST_SHAPE), f"cgan-post with noise_dim={noise_dim}"
    return load_weights(lambda: PostGenerator(noise_dim, batch_norm, group, shape), file, name)
