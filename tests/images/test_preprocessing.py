"""Pictures are brought to a generator's form, and what was done is said."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from icbench.builtin.datasets.mnist import MNIST
from icbench.errors import UsageError
from icbench.images.preprocessing import Preprocessing, preprocess
from icbench.images.reading import Picture

SHAPE = (1, 28, 28)
AS_MNIST = Preprocessing("mnist", "auto", True)


@pytest.fixture(scope="module")
def digits():
    return MNIST().split("test", None).images[:40, 0]


def picture(levels, name="it"):
    levels = np.atleast_3d(levels).astype(np.float32)
    return Picture(name, (levels.shape[1], levels.shape[0]), "L", levels)


def drawn(digit, side=10, paper=1.0, ink=0.0, place=(70, 20), canvas=(420, 500)):
    """A digit of MNIST, larger, in a colour on paper of another, somewhere."""
    levels = np.full(canvas, paper, np.float32)
    large = np.asarray(Image.fromarray(digit).resize((28 * side, 28 * side), Image.Resampling.NEAREST)) / 255
    top, left = place
    levels[top : top + 28 * side, left : left + 28 * side] = paper + (ink - paper) * large
    return levels


def test_an_image_of_mnist_stays_as_it_is(digits):
    for digit in digits:
        found = preprocess(picture(digit / 255), SHAPE, AS_MNIST)
        # The faintest pixels are taken for paper.
        np.testing.assert_allclose(found.pixels[0], digit / digit.max(), atol=0.05)
        assert not found.inverted


@pytest.mark.parametrize(("paper", "ink"), [(1.0, 0.0), (0.0, 1.0), (0.9, 0.3), (0.2, 0.5)])
def test_a_digit_drawn_anywhere_at_any_size_in_any_colour_becomes_that_of_mnist(digits, paper, ink):
    near = 0
    for digit in digits:
        found = preprocess(picture(drawn(digit, paper=paper, ink=ink)), SHAPE, AS_MNIST)
        assert found.inverted == (paper > ink)
        # A centre of mass between two pixels may be rounded to the other.
        near += np.abs(found.pixels[0] - digit / digit.max()).mean() < 0.03
    assert near >= 0.9 * len(digits)


def test_what_was_done_is_said(digits):
    found = preprocess(picture(drawn(digits[0])), SHAPE, AS_MNIST)
    exchanged, scaled, centred = found.done
    assert exchanged == "light and dark exchanged"
    assert scaled.startswith("ink of ")
    assert scaled.endswith(" scaled to 16 x 20")
    assert centred == "centred by its mass"


def test_the_ink_of_uneven_paper_is_found(digits):
    noise = np.random.default_rng(0).uniform(-0.05, 0.05, (420, 500))
    found = preprocess(picture((drawn(digits[0], paper=0.8, ink=0.1) + noise).clip(0, 1)), SHAPE, AS_MNIST)
    assert np.abs(found.pixels[0] - digits[0] / 255).mean() < 0.04


def test_the_ink_of_a_dithered_scan_is_found(digits):
    sheet = drawn(digits[0], 30, 0.9, 0.1, (150, 80), (1200, 1000))
    scan = Image.fromarray((255 * sheet).astype(np.uint8)).convert("1")
    found = preprocess(picture(np.asarray(scan).astype(np.float32)), SHAPE, AS_MNIST)
    assert np.abs(found.pixels[0] - digits[0] / 255).mean() < 0.04


def test_a_digit_on_a_large_sheet_keeps_its_details(digits):
    found = preprocess(picture(drawn(digits[0], 2, canvas=(1000, 1000))), SHAPE, AS_MNIST)
    assert np.abs(found.pixels[0] - digits[0] / 255).mean() < 0.04


def test_colours_are_exchanged_as_asked_for(digits):
    light = picture(drawn(digits[0], paper=0.0, ink=1.0))
    ways = {way: preprocess(light, SHAPE, Preprocessing("resize", way, True)) for way in ("auto", "yes", "no")}
    assert [ways[way].inverted for way in ways] == [False, True, False]
    np.testing.assert_allclose(ways["yes"].pixels, 1 - ways["no"].pixels, atol=1e-6)
    dark = picture(drawn(digits[0]))
    assert preprocess(dark, SHAPE, Preprocessing("resize", "auto", True)).inverted
    # Nothing is known of which way round the dataset is.
    assert not preprocess(dark, SHAPE, Preprocessing("resize", "auto", False)).inverted


def test_resizing_keeps_the_shape_and_fills_with_the_border():
    wide = np.full((50, 100, 3), (0.2, 0.4, 0.6), np.float32)
    wide[20:30, 40:60] = 1
    found = preprocess(picture(wide), (3, 28, 28), Preprocessing("resize"))
    assert found.pixels.shape == (3, 28, 28)
    np.testing.assert_allclose(found.pixels[:, 0, 0], (0.2, 0.4, 0.6), atol=1e-6)
    assert found.pixels[:, 13, 13].min() > 0.95
    assert found.done == ("scaled to 28 x 14", "the rest filled with its border's colour")


def test_without_preprocessing_pixels_are_as_they_are(digits):
    found = preprocess(picture(digits[0] / 255), SHAPE, Preprocessing("none", "auto", True))
    np.testing.assert_array_equal(found.pixels[0], (digits[0] / 255).astype(np.float32))
    assert found.done == ()
    with pytest.raises(UsageError, match="it has 500 x 420 pixels, and the generator makes 28 x 28"):
        preprocess(picture(drawn(digits[0])), SHAPE, Preprocessing("none"))


def test_a_blank_sheet_is_refused():
    for level in (0.0, 0.5, 1.0):
        with pytest.raises(UsageError, match="nothing is drawn on it"):
            preprocess(picture(np.full((50, 40), level)), SHAPE, AS_MNIST)


@pytest.mark.parametrize(
    ("way", "paper", "said"), [("no", 1.0, "nothing is lighter"), ("yes", 0.0, "nothing is darker")]
)
def test_ink_of_the_other_colour_than_asked_for_is_none(digits, way, paper, said):
    with pytest.raises(UsageError, match=f"--invert-colours {way} looks for .* ink, and {said}"):
        preprocess(picture(drawn(digits[0], paper=paper, ink=1 - paper)), SHAPE, Preprocessing("mnist", way, True))


@pytest.mark.parametrize("box", [(10, 0, 12, 99), (0, 50, 99, 52), (50, 50, 50, 50)])
def test_a_line_and_a_dot_fit(box):
    levels = Image.new("L", (100, 100), 255)
    ImageDraw.Draw(levels).rectangle(box, fill=0)
    found = preprocess(picture(np.asarray(levels) / 255), SHAPE, AS_MNIST)
    assert found.pixels.max() == 1
    rows, columns = np.nonzero(found.pixels[0])
    assert max(np.ptp(rows), np.ptp(columns)) == 19


def test_other_channels_are_refused():
    with pytest.raises(UsageError, match="a picture has no 2 channels"):
        preprocess(picture(np.eye(5)), (2, 28, 28), AS_MNIST)
