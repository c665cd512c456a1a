"""Image files of any kind as numbers; what is no image, or is too large, is refused before any of it is decoded."""

import io
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

from icbench.errors import UsageError
from icbench.storage import reason

MOST_PIXELS = 64_000_000
"""How many pixels an image may have, as its header says: those of a camera do, a bomb of a few bytes does not."""
MOST_BYTES = 256 * 2**20
"""How many bytes of a file are read."""
LARGE = 1024
"""The longer side from which on an image is averaged to a smaller one before anything else is done with it."""
FORMATS = ("PNG", "JPEG", "WEBP", "GIF", "BMP", "TIFF", "PPM", "ICO", "JPEG2000", "AVIF")
"""What is read; formats whose reader starts another program are not among them."""
FORMATS_HINT = f"Give one of {', '.join(FORMATS[:6])} or the like."
ORIENTATION = 0x0112
"""The number of the EXIF tag."""
GREY, DEEP = ("1", "L"), ("I", "I;16", "I;16L", "I;16B", "I;16N", "F")
"""Modes without colours, of 8 bits or fewer and of more."""
SAMPLE = 4096
"""How many bytes are looked at to tell text from others."""


@dataclass(frozen=True)
class Picture:
    """A picture as numbers, upright and without transparency.

    Args:
        name: what the user calls it.
        size: its width and height as it is in the file.
        mode: Pillow's name of its pixels' kind, as in the file.
        levels: (h, w, C) float32 in [0, 1], C being 1 or 3; a large one has been averaged to a smaller one.
        done: what was done to it, a phrase each.
    """

    name: str
    size: tuple[int, int]
    mode: str
    levels: NDArray[np.float32]
    done: tuple[str, ...] = ()

    @property
    def grey(self) -> NDArray[np.float32]:
        """(h, w), the lightness of colours as in ITU-R BT.601."""
        if self.levels.shape[2] == 1:
            return self.levels[:, :, 0]
        return self.levels @ np.array([0.299, 0.587, 0.114], np.float32)


def read_picture(file: Path) -> Picture:
    """The picture in a file.

    Raises:
        UsageError: there is none, it is no image, or it has more than `MOST_PIXELS` pixels.
    """
    if file.is_dir():
        files, dataset = file / "*.png", f"image-folder:path={file}"
        raise UsageError(
            f"{file} is a folder",
            f"Give its files, such as {files}. A folder of images for each class is a dataset: {dataset}.",
        )
    try:
        with file.open("rb") as stream:
            return read_stream(stream, os.fspath(file))
    except FileNotFoundError:
        raise UsageError(f"there is no file {file}", "Check the path.") from None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {reason(error)}", "Give the path of an image file.") from None


def read_stream(stream: BinaryIO, name: str) -> Picture:
    """The picture that a stream has from where it is to its end.

    Raises:
        OSError: it cannot be read.
        UsageError: as for `read_picture`.
    """
    content = stream.read(MOST_BYTES + 1)
    if not content:
        raise UsageError(f"{name} is empty: it has 0 bytes", FORMATS_HINT)
    if len(content) > MOST_BYTES:
        raise UsageError(f"{name} has more than the {MOST_BYTES // 2**20} MiB that are read", "Make it smaller first.")
    with _tell_in_a_line(name, content), _open(content) as picture:
        _check_size(picture.size, name)
        return _decode(picture, name)


def _open(content: bytes) -> Image.Image:
    """A picture of which the header alone is read, by those of the formats that this Pillow has a reader for."""
    # The usual readers alone are there in a moment.
    for register in (Image.preinit, Image.init):
        register()
        try:
            return Image.open(io.BytesIO(content), formats=[name for name in FORMATS if name in Image.OPEN])
        except UnidentifiedImageError:
            continue
    raise UnidentifiedImageError("no reader knows it")


@contextmanager
def _tell_in_a_line(name: str, content: bytes) -> Iterator[None]:
    """Tell what Pillow makes of a file in a line, and nothing that it only remarks."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    except UsageError:
        raise
    except UnidentifiedImageError:
        raise _no_image(name, content) from None
    except Image.DecompressionBombError:
        raise UsageError(f"{name} has more than the {MOST_PIXELS:,} pixels that are read", "Make it smaller.") from None
    except Exception as error:  # its readers raise whatever a damaged file makes them stumble over
        said = " ".join(str(error).split()) or type(error).__name__
        raise UsageError(f"{name} is damaged: {said}", "Save the image anew.") from None


def _no_image(name: str, content: bytes) -> UsageError:
    if b"<svg" in content[:SAMPLE]:
        return UsageError(f"{name} is an SVG drawing, which has no pixels", "Save it as PNG first.")
    try:
        text = content[:SAMPLE].decode("utf-8", "strict" if len(content) < SAMPLE else "ignore")
    except UnicodeDecodeError:
        text = "\0"
    is_text = all(character.isprintable() or character.isspace() for character in text)
    return UsageError(f"{name} is {'a text file' if is_text else 'a file'}, not an image", FORMATS_HINT)


def _check_size(size: tuple[int, int], name: str) -> None:
    width, height = size
    if width * height > MOST_PIXELS:
        raise UsageError(
            f"{name} has {width:,} x {height:,} pixels, more than the {MOST_PIXELS:,} that are read",
            "Make it smaller first.",
        )


def _decode(picture: Image.Image, name: str) -> Picture:
    size, mode, done = picture.size, picture.mode, []
    if getattr(picture, "is_animated", False):
        done.append("only its first frame is used")
    if picture.getexif().get(ORIENTATION, 1) != 1:
        done.append("turned upright as its EXIF tag says")
    # A JPEG can be decoded at half its size or less, as long as that is still large.
    picture.draft(None, (LARGE, LARGE))
    upright = ImageOps.exif_transpose(picture)
    whole = _smaller(_plain(upright))
    levels, said = _opaque(whole)
    return Picture(name, size, mode, levels, (*done, *said))


def _plain(picture: Image.Image) -> Image.Image:
    """The same in one of the modes F (0 to 1), L, RGB and RGBA."""
    if picture.mode in DEEP:
        return Image.fromarray(_unit(np.asarray(picture), picture.mode))
    if picture.mode in ("LA", "PA", "RGBA", "La", "RGBa") or "transparency" in picture.info:
        return picture.convert("RGBA")
    return picture.convert("L" if picture.mode in GREY else "RGB")


def _unit(numbers: NDArray[np.generic], mode: str) -> NDArray[np.float32]:
    """Numbers of more than 8 bits in [0, 1]: 16 bits by their range, others by the largest number there is."""
    values = np.nan_to_num(numbers.astype(np.float32)).clip(0)
    highest = float(values.max())
    whole = 65535.0 if mode != "F" and highest <= 65535 else max(highest, 1.0)
    return (values / np.float32(whole)).astype(np.float32)


def _smaller(picture: Image.Image) -> Image.Image:
    factor = max(picture.size) // LARGE
    return picture.reduce(factor) if factor > 1 else picture


def _opaque(picture: Image.Image) -> tuple[NDArray[np.float32], tuple[str, ...]]:
    """The levels (h, w, C) of a plain picture, and what was done about transparency.

    What is transparent becomes white, unless what is drawn is rather light, which would vanish on white: then black.
    """
    scale = 1 if picture.mode == "F" else 255
    levels = np.atleast_3d(np.asarray(picture)).astype(np.float32) / np.float32(scale)
    if picture.mode != "RGBA":
        return levels, ()
    colours, alpha = levels[:, :, :3], levels[:, :, 3:]
    if alpha.min() == 1:
        return colours, ()
    drawn = float((colours * alpha).sum() / max(3 * float(alpha.sum()), 1e-6))
    ground = 0.0 if drawn > 0.5 else 1.0
    said = f"what is transparent made {'white' if ground else 'black'}"
    return colours * alpha + np.float32(ground) * (1 - alpha), (said,)
