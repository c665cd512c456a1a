"""Images of any kind as targets: arrays, tensors, pictures, files, and lists of these.

Polarity is not decided here: light stays light. A generator can only make images such as it was trained on, which for
MNIST are light strokes on black, so it is for the caller to hand over the like; `warn_of_polarity` tells of others.
"""

import os
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from icbench.errors import UsageError

if TYPE_CHECKING:
    from PIL.Image import Image

Pixels: TypeAlias = NDArray[np.uint8] | NDArray[np.float32]
"""Images (N, C, H, W): bytes from 0 to 255, or float32 in [0, 1]."""
Shape: TypeAlias = tuple[int, int, int]

GREY, COLOURS = ("1", "L"), ("P", "RGB", "CMYK", "YCbCr")
TRANSPARENT = ("LA", "PA", "RGBA", "La", "RGBa")
DEEP = ("I;16", "I;16L", "I;16B", "I;16N")
"""Modes of pictures: their pixels are of 16 bits."""
DARK = 0.35
"""The mean of a generator's images up to which they are called dark, and from whose complement on light."""


def read_targets(images: Any, shape: Shape) -> Pixels:
    """Images for a generator that makes images of a shape.

    Args:
        images: one or several, as numpy array, torch tensor, PIL image or path of a file, or a list of these. Arrays
            are (H, W) for C = 1, (C, H, W) or (N, C, H, W): uint8, or floats in [0, 1]. Pictures become grey for C = 1.
        shape: the generator's (C, H, W).

    Returns:
        (N, C, H, W), uint8 if all are; otherwise float32, nothing rounded.

    Raises:
        UsageError: something else, in one line.
    """
    several = images if isinstance(images, list | tuple) else [images]
    read = [_read(image, shape) for image in several]
    if not sum(map(len, read)):
        raise UsageError("there are no images to invert", "Give one or more.")
    if all(pixels.dtype == np.uint8 for pixels in read):
        return np.concatenate(read)
    return np.concatenate([pixels / np.float32(255) if pixels.dtype == np.uint8 else pixels for pixels in read])


def warn_of_polarity(images: Pixels, generated: float, generator: str) -> None:
    """Warn of images that are mostly light where the generator's are dark, or the other way round.

    Args:
        images: (N, C, H, W).
        generated: the mean of the generator's pixels, in [0, 1].
        generator: its name.
    """
    if DARK < generated < 1 - DARK:
        return
    means = images.reshape(len(images), -1).mean(axis=1, dtype=np.float64) / (255 if images.dtype == np.uint8 else 1)
    wrong = int(((means > 0.5) != (generated > 0.5)).sum())
    if wrong:
        theirs, others = ("light", "dark") if generated < 0.5 else ("dark", "light")
        warnings.warn(
            f"{wrong} of {len(images)} images are mostly {theirs}, and generator {generator} makes mostly {others} "
            "ones: if they are negatives of what it was trained on, turn them around first (255 - image or 1 - image)",
            UserWarning,
            stacklevel=2,
        )


def _read(image: Any, shape: Shape) -> NDArray[Any]:
    """One image, or an array of several, as (N, C, H, W)."""
    if isinstance(image, str | os.PathLike):
        return _of_array(_of_file(Path(image), shape[0]), shape, f"{image}: ")
    if isinstance(image, np.ndarray):
        return _of_array(image, shape)
    kind = f"{type(image).__module__}.{type(image).__qualname__}"
    if hasattr(image, "detach") and hasattr(image, "cpu"):
        tensor = image.detach().cpu()
        # numpy has no bfloat16, whose numbers all are float32 too.
        return _of_array((tensor.float() if tensor.is_floating_point() else tensor).numpy(), shape)
    if hasattr(image, "getbands") and hasattr(image, "convert"):
        return _of_array(_of_picture(image, shape[0], "a picture"), shape, "a picture: ")
    raise UsageError(
        f"{kind.removeprefix('builtins.')} is no image",
        "Give numpy arrays, torch tensors, PIL images or paths of image files, or a list of these.",
    )


def _of_array(array: NDArray[Any], shape: Shape, what: str = "") -> NDArray[Any]:
    """An array checked, and brought to four dimensions."""
    whole = _with_dimensions(array, shape)
    if whole is None:
        raise UsageError(
            f"{what}an image of shape {array.shape} does not fit a generator that makes {shape}",
            f"Give (N, C, H, W), (C, H, W) or, for one channel, (H, W), with C, H, W = {', '.join(map(str, shape))}.",
        )
    if whole.dtype == np.uint8:
        return whole
    if not np.issubdtype(whole.dtype, np.floating):
        raise UsageError(f"{what}pixels are {whole.dtype}", "Give uint8 from 0 to 255, or floats from 0 to 1.")
    if not np.isfinite(whole).all():
        raise UsageError(f"{what}some pixels are not finite", "Give floats from 0 to 1.")
    low, high = (whole.min(), whole.max()) if whole.size else (0, 1)
    if low < 0 or high > 1:
        raise UsageError(
            f"{what}{whole.dtype} pixels go from {low:.4g} to {high:.4g}, not from 0 to 1",
            "Divide them by their range, or give uint8.",
        )
    return whole.astype(np.float32)


def _with_dimensions(array: NDArray[Any], shape: Shape) -> NDArray[Any] | None:
    if array.shape[-3:] == shape and array.ndim in (3, 4):
        return array.reshape(-1, *shape) if array.ndim == 3 else array
    if array.shape == shape[1:] and shape[0] == 1:
        return array[None, None]
    return None


def _of_file(file: Path, channels: int) -> NDArray[Any]:
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(file) as picture:
            picture.load()
            return _of_picture(picture, channels, str(file))
    except UnidentifiedImageError:
        raise UsageError(f"{file} is no image that can be read", "Give a PNG, JPEG or the like.") from None
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise UsageError(f"{file} cannot be read: {reason}", "Give the path of an image file.") from None


def _of_picture(picture: "Image", channels: int, what: str) -> NDArray[Any]:
    """A picture's pixels (C, H, W), grey or red, green and blue."""
    if channels not in (1, 3):
        raise UsageError(f"{what} has no {channels} channels as the generator's images have", "Give an array.")
    if picture.mode in DEEP:
        grey = np.asarray(picture).astype(np.float32) / np.float32(65535)
        return np.stack([grey] * channels)
    if picture.mode in TRANSPARENT or "transparency" in picture.info:
        picture = _without_alpha(picture, what)
    if picture.mode not in GREY + COLOURS:
        raise UsageError(f"{what} is of mode {picture.mode}", "Convert it to grey or RGB, of 8 bits a channel.")
    pixels = np.asarray(picture.convert("L" if channels == 1 else "RGB"))
    return pixels[None] if channels == 1 else np.moveaxis(pixels, 2, 0)


def _without_alpha(picture: "Image", what: str) -> "Image":
    picture = picture.convert("RGBA")
    if picture.getchannel("A").getextrema()[0] != 255:
        raise UsageError(f"{what} is transparent in places", "Put it on a background, dark or light as it should be.")
    return picture.convert("RGB")
