"""Any images can be inverted, whatever they come as; what would be misread is refused in a line."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from toy import ToyDigits, patterns

from icbench import invert
from icbench.engine.decode import as_target
from icbench.engine.targets import read_targets, warn_of_polarity
from icbench.errors import UsageError

GREY, COLOUR = (1, 8, 8), (3, 8, 8)
BYTES = ToyDigits().split("test", None).images[:3]
FLOATS = BYTES / 255
COLOURS = np.random.default_rng(0).integers(0, 256, (2, *COLOUR), np.uint8)
CPU = torch.device("cpu")


def picture(array, mode=None):
    return Image.fromarray(array, mode) if mode else Image.fromarray(array)


@pytest.mark.parametrize(
    ("given", "count"),
    [
        (BYTES, 3),
        (BYTES[0], 1),
        (BYTES[0, 0], 1),
        (torch.from_numpy(BYTES), 3),
        (torch.from_numpy(BYTES[0, 0]), 1),
        (picture(BYTES[0, 0]), 1),
        ([*BYTES], 3),
        ([BYTES[0], torch.from_numpy(BYTES[1:])], 3),
        ((picture(BYTES[0, 0]), BYTES[1, 0]), 2),
        (BYTES[:, :, ::-1][:, :, ::-1], 3),
    ],
)
def test_bytes_stay_bytes(given, count):
    found = read_targets(given, GREY)
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found, BYTES[:count])


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", ">f4"])
@pytest.mark.parametrize("shape", [(3, 1, 8, 8), (1, 8, 8), (8, 8)])
def test_floats_are_not_rounded(dtype, shape):
    given = FLOATS[: shape[0] if len(shape) == 4 else 1].reshape(shape).astype(dtype)
    found = read_targets(given, GREY)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found.reshape(shape), given.astype(np.float32))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16])
def test_tensors_are_read_with_their_gradients_left_behind(dtype):
    given = torch.tensor(FLOATS, dtype=dtype, requires_grad=True)
    np.testing.assert_array_equal(read_targets(given, GREY), given.detach().float().numpy())


def test_bytes_and_floats_together_are_one_scale():
    found = read_targets([BYTES[0], FLOATS[1].astype(np.float32)], GREY)
    np.testing.assert_allclose(found, FLOATS[:2], atol=1e-7)


@pytest.mark.parametrize("images", [BYTES, FLOATS.astype(np.float32), BYTES[::-1], BYTES[:, :, ::-1]])
def test_targets_are_between_zero_and_one_whatever_they_come_as(images):
    before = images.copy()
    images.flags.writeable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        target = as_target(images, CPU)
    scale = 255 if images.dtype == np.uint8 else 1
    np.testing.assert_allclose(target.numpy(), before / scale, atol=1e-7)


@pytest.mark.parametrize("suffix", ["png", "bmp", "tiff"])
@pytest.mark.parametrize("kind", [str, Path])
def test_files_are_read_by_path(suffix, kind):
    file = Path(f"seven.{suffix}")
    picture(BYTES[0, 0]).save(file)
    np.testing.assert_array_equal(read_targets(kind(file), GREY), BYTES[:1])
    np.testing.assert_array_equal(read_targets([kind(file), BYTES[1]], GREY), BYTES[:2])


def test_pictures_become_grey_or_coloured_as_the_generator_is():
    coloured = picture(np.moveaxis(COLOURS[0], 0, 2))
    np.testing.assert_array_equal(read_targets(coloured, COLOUR), COLOURS[:1])
    np.testing.assert_array_equal(read_targets(coloured, GREY)[0, 0], np.asarray(coloured.convert("L")))
    np.testing.assert_array_equal(read_targets(picture(BYTES[0, 0]), COLOUR)[0], np.repeat(BYTES[0], 3, axis=0))
    bits = picture(BYTES[0, 0]).point(lambda value: 255 * (value > 99)).convert("1")
    np.testing.assert_array_equal(read_targets(bits, GREY)[0, 0], 255 * (BYTES[0, 0] > 99))


def test_pictures_of_16_bits_keep_them():
    deep = (FLOATS[0, 0] * 65535).astype(np.uint16)
    Image.fromarray(deep).save("deep.png")
    np.testing.assert_allclose(read_targets("deep.png", GREY)[0, 0], deep / 65535, atol=1e-7)


def test_an_opaque_picture_may_have_an_alpha_channel():
    coloured = picture(np.moveaxis(COLOURS[0], 0, 2)).convert("RGBA")
    np.testing.assert_array_equal(read_targets(coloured, COLOUR), COLOURS[:1])
    coloured.putalpha(100)
    with pytest.raises(UsageError, match="transparent in places"):
        read_targets(coloured, COLOUR)


def with_pixel(value):
    images = FLOATS.copy()
    images[1, 0, 2, 3] = value
    return images


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (with_pixel(np.nan), "some pixels are not finite"),
        (with_pixel(np.inf), "some pixels are not finite"),
        (with_pixel(-0.01), r"float64 pixels go from -0\.01 to .*, not from 0 to 1"),
        (FLOATS * 255, "float64 pixels go from 0 to 23"),
        (BYTES.astype(np.int64), "pixels are int64"),
        (BYTES.astype(np.uint16), "pixels are uint16"),
        (BYTES > 99, "pixels are bool"),
        (torch.from_numpy(BYTES).int(), "pixels are int32"),
        (BYTES.astype(complex), "pixels are complex128"),
        (BYTES.astype(str), "pixels are <U3"),
        (BYTES[:, 0], r"shape \(3, 8, 8\) does not fit a generator that makes \(1, 8, 8\)"),
        (BYTES[:, :, :4], r"shape \(3, 1, 4, 8\) does not fit"),
        (COLOURS, r"shape \(2, 3, 8, 8\) does not fit"),
        (BYTES[None], r"shape \(1, 3, 1, 8, 8\) does not fit"),
        (np.zeros(64, np.uint8), r"shape \(64,\) does not fit"),
        (np.float32(0.5), "numpy.float32 is no image"),
        (BYTES[:0], "there are no images"),
        ([], "there are no images"),
        (None, "NoneType is no image"),
        (BYTES.tolist(), "list is no image"),
        ({"image": BYTES}, "dict is no image"),
        (picture(np.zeros((9, 8), np.uint8)), r"a picture: an image of shape \(1, 9, 8\) does not fit"),
        (picture(np.zeros((8, 8), np.float32)), "a picture is of mode F"),
        ("nothing.png", "nothing.png cannot be read: No such file"),
        ("folder", "folder cannot be read: Is a directory"),
        ("text.png", "text.png is no image that can be read"),
        ("cut.png", "cut.png cannot be read"),
    ],
)
def test_anything_else_is_refused_in_a_line(given, said):
    Path("folder").mkdir()
    Path("text.png").write_text("no picture")
    picture(np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)).save("whole.png")
    Path("cut.png").write_bytes(Path("whole.png").read_bytes()[:80])
    with pytest.raises(UsageError, match=said) as caught:
        read_targets(given, GREY)
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_one_channel_is_not_guessed_for_a_generator_of_colours():
    with pytest.raises(UsageError, match=r"shape \(8, 8\) does not fit a generator that makes \(3, 8, 8\)"):
        read_targets(BYTES[0, 0], COLOUR)


@pytest.mark.usefixtures("toy_plugin")
def test_a_drawing_is_the_same_digit_as_bytes_and_as_floats():
    drawn = patterns().numpy().reshape(10, 1, 8, 8)[[7, 2]]
    options = {"generator": "linear", "steps": 30, "device": "cpu", "precision": "float32"}
    as_bytes = invert((drawn * 255).astype(np.uint8), **options)
    assert as_bytes.prediction.tolist() == [7, 2]
    for given in (drawn, torch.from_numpy(drawn), list(drawn), [drawn[0, 0], drawn[1, 0]]):
        found = invert(given, **options)
        np.testing.assert_array_equal(found.class_vector, as_bytes.class_vector)


@pytest.mark.usefixtures("toy_plugin")
def test_negatives_are_told():
    drawn = patterns().numpy().reshape(10, 1, 8, 8)[[7, 2]]
    options = {"generator": "linear", "steps": 1, "device": "cpu", "precision": "float32"}
    with pytest.warns(UserWarning, match="1 of 2 images are mostly light, and generator linear makes mostly dark ones"):
        invert([1 - drawn[0], drawn[1]], **options)


@pytest.mark.parametrize(("generated", "mostly"), [(0.1, "light"), (0.9, "dark")])
def test_polarity_is_told_both_ways(generated, mostly):
    light = np.full((2, *GREY), 200, np.uint8)
    images = light if mostly == "light" else 255 - light
    for given in (images, (images / 255).astype(np.float32)):
        with pytest.warns(UserWarning, match=f"2 of 2 images are mostly {mostly}"):
            warn_of_polarity(given, generated, "g")
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warn_of_polarity(given, 1 - generated, "g")
            warn_of_polarity(given, 0.5, "g")
