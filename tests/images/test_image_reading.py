"""Image files of any kind are read upright and without transparency; what is none is refused in a line."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from icbench.errors import UsageError
from icbench.images import reading
from icbench.images.reading import read_picture, read_stream

SIZE = (6, 4)
RAMP = np.linspace(0, 255, 24).reshape(4, 6).round().astype(np.uint8)


def read(picture, form="PNG", **options):
    stream = io.BytesIO()
    picture.save(stream, form, **options)
    stream.seek(0)
    return read_stream(stream, "it")


def png_header(width, height):
    """A PNG of so many pixels as its header says, and without any."""

    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA", "LA", "P", "CMYK"])
def test_every_mode_has_the_same_levels(mode):
    picture = Image.fromarray(RAMP).convert("RGB")
    picture = picture.quantize(24) if mode == "P" else picture.convert(mode)
    found = read(picture, "TIFF" if mode == "CMYK" else "PNG")
    np.testing.assert_allclose(found.grey, RAMP / 255, atol=0.02)
    assert (found.size, found.mode, found.done) == (SIZE, mode, ())


def test_a_palette_with_a_transparent_colour_is_transparent_there():
    picture = Image.fromarray((RAMP > 128).astype(np.uint8), "P")
    picture.putpalette([0, 0, 0, 255, 0, 0])
    found = read(picture, transparency=1)
    np.testing.assert_array_equal(found.grey > 0.9, RAMP > 128)
    assert found.done == ("what is transparent made white",)


def test_one_bit_and_sixteen_bits_have_their_whole_range():
    bits = read(Image.fromarray(RAMP).point(lambda level: level and 255).convert("1"))
    assert set(np.unique(bits.grey)) == {0.0, 1.0}
    deep = read(Image.fromarray(RAMP.astype(np.uint16) * 257))
    np.testing.assert_allclose(deep.grey, RAMP / 255, atol=1e-6)


def test_floats_are_scaled_by_their_largest():
    found = read(Image.fromarray(RAMP.astype(np.float32) * 10), "TIFF")
    np.testing.assert_allclose(found.grey, RAMP / 255, atol=1e-6)


@pytest.mark.parametrize(("ink", "ground"), [(0, "white"), (255, "black")])
def test_what_is_transparent_becomes_what_the_drawing_is_seen_on(ink, ground):
    pixels = np.zeros((4, 6, 4), np.uint8)
    pixels[1:3, 2:4] = (ink, ink, ink, 255)
    found = read(Image.fromarray(pixels))
    assert found.grey[0, 0] == (ground == "white")
    assert found.grey[1, 2] == ink / 255
    assert found.done == (f"what is transparent made {ground}",)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "WEBP"])
def test_a_picture_is_turned_as_its_exif_tag_says(form):
    picture, exif = Image.fromarray(RAMP).convert("RGB").rotate(90, expand=True), Image.Exif()
    exif[reading.ORIENTATION] = 6
    found = read(picture, form, exif=exif.tobytes(), **({"lossless": True} if form == "WEBP" else {}))
    np.testing.assert_allclose(found.grey, RAMP / 255, atol=0.01)
    assert found.done == ("turned upright as its EXIF tag says",)


def test_an_animation_is_its_first_frame():
    frames = [Image.fromarray(RAMP), Image.fromarray(255 - RAMP)]
    found = read(frames[0], "GIF", save_all=True, append_images=frames[1:])
    np.testing.assert_allclose(found.grey, RAMP / 255, atol=0.01)
    assert found.done == ("only its first frame is used",)


@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_large_picture_is_averaged_to_a_smaller_one(form):
    picture = Image.fromarray(RAMP).resize((6000, 4000), Image.Resampling.NEAREST)
    found = read(picture, form)
    assert found.size == (6000, 4000)
    height, width = found.grey.shape
    assert reading.LARGE <= width < 2 * reading.LARGE
    centres = found.grey[height // 8 :: height // 4, width // 12 :: width // 6]
    np.testing.assert_allclose(centres[:4, :6], RAMP / 255, atol=0.02)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty: it has 0 bytes"),
        (b"seven\n" * 2000, "it is a text file, not an image"),
        ("sieben, sept, семь".encode(), "it is a text file, not an image"),
        (b"<?xml version='1.0'?><svg/>", "it is an SVG drawing, which has no pixels"),
        (bytes(range(256)), "it is a file, not an image"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "it is a text file, not an image"),
        (png_header(8001, 8000), "it has 8,001 x 8,000 pixels, more than the 64,000,000 that are read"),
        (png_header(100_000, 100_000), "it has more than the 64,000,000 pixels that are read"),
        (png_header(6, 4), "it is damaged"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) else "",
)
def test_what_is_no_image_is_refused_in_a_line(content, said):
    with pytest.raises(UsageError, match=f"^{said}") as failure:
        read_stream(io.BytesIO(content), "it")
    assert "\n" not in failure.value.message
    assert failure.value.hint


def test_too_many_pixels_are_refused_before_any_is_decoded(monkeypatch):
    monkeypatch.setattr("icbench.images.reading._decode", lambda *_: pytest.fail("it was decoded"))
    with pytest.raises(UsageError, match="64,000,000"):
        read_stream(io.BytesIO(png_header(10_000, 9_000)), "it")


def test_too_many_bytes_are_not_read(monkeypatch):
    monkeypatch.setattr("icbench.images.reading.MOST_BYTES", 2**20)
    with pytest.raises(UsageError, match="more than the 1 MiB that are read"):
        read_stream(io.BytesIO(bytes(2**20 + 1)), "it")


def test_what_is_no_file_is_refused_in_a_line(tmp_path):
    with pytest.raises(UsageError, match="is a folder") as folder:
        read_picture(tmp_path)
    assert folder.value.hint == (
        f"Give its files, such as {tmp_path}/*.png. "
        f"A folder of images for each class is a dataset: image-folder:path={tmp_path}."
    )
    with pytest.raises(UsageError, match="there is no file"):
        read_picture(tmp_path / "seven.png")


def test_a_truncated_file_is_refused(tmp_path):
    file = tmp_path / "seven.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90), np.uint8)).save(file)
    file.write_bytes(file.read_bytes()[:-2000])
    with pytest.raises(UsageError, match=r"seven\.png is damaged"):
        read_picture(file)
