"""Any image files are classified by inversion; what cannot be is refused in a line."""

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from command_line import icbench
from PIL import Image
from toy import ToyDigits

from icbench import run
from icbench.builtin.datasets.mnist import MNIST

SPLIT = ToyDigits().split("test", Path())
TOY = ("--generator", "linear", "--dataset", "toy", "--device", "cpu", "--steps", 30)


@pytest.fixture
def four(toy_plugin):
    """The toy's image of a 4, larger, as a file."""
    file = Path("four.png")
    picture = Image.fromarray(SPLIT.images[4, 0])
    picture.resize((64, 64), Image.Resampling.NEAREST).save(file)
    return file


def answers(out):
    document = json.loads(out)
    assert document["schema"] == 1
    return document["data"]["images"]


def test_an_image_has_its_class_and_what_was_done_to_it(capsys, four):
    code, out, err = icbench(capsys, "invert", four, *TOY)
    assert code == 0
    assert out.startswith("four.png: class 4\n")
    assert "what was done to it: scaled to 8 x 8" in out
    assert "held: the search ended elsewhere" in out
    assert err == ""


def test_json_has_all_that_was_found(capsys, four):
    code, out, _ = icbench(capsys, "invert", four, *TOY, "--schedule", "exhaustive:start=drawn", "--json")
    (found,) = answers(out)
    assert code == 0
    assert (found["image"], found["size"], found["prediction"], found["label"]) == ("four.png", [64, 64], 4, None)
    assert found["classes"][0]["class"] == 4
    energies = [one["energy"] for one in found["classes"]]
    assert energies == sorted(energies)
    assert all(one["searched"] for one in found["classes"])
    assert found["looks_usual"] is True
    assert found["distance"] < found["usual_distance"]
    assert json.loads(out)["data"]["entry"]["generator"]["name"] == "linear"


def test_an_image_of_the_dataset_is_inverted_as_run_does(capsys, toy_plugin):
    _, out, _ = icbench(capsys, "invert", "--index", 7, *TOY, "--json")
    (found,) = answers(out)
    record = run("linear", dataset="toy", device="cpu", steps=30, limit=10)
    assert found["distance"] == pytest.approx(float(record.images(["distance"])["distance"][7]), rel=1e-5)
    assert (found["label"], found["prediction"], found["image"]) == (7, 7, "toy test 7")
    assert "toy test 7: class 7, as it is labelled" in icbench(capsys, "invert", "--index", 7, *TOY)[1]


def test_several_images_are_a_table(capsys, four):
    Image.fromarray(SPLIT.images[9, 0]).save("nine.png")
    code, out, _ = icbench(capsys, "invert", four, "nine.png", *TOY)
    assert code == 0
    rows = [line.split()[:2] for line in out.splitlines() if ".png" in line]
    assert rows == [["four.png", "4"], ["nine.png", "9"]]
    assert "what was done to it" in out


def test_several_images_of_the_dataset_are_a_table_with_labels_and_without_what_was_not_done(capsys, toy_plugin):
    code, out, _ = icbench(capsys, "invert", "--index", 7, "--index", 3, *TOY)
    assert code == 0
    headings, _, *rows = out.strip().splitlines()
    assert headings.split()[:3] == ["image", "class", "label"]
    assert "what was done to it" not in headings
    assert [row.split()[:5] for row in rows] == [["toy", "test", "3", "3", "3"], ["toy", "test", "7", "7", "7"]]


def test_standard_input_is_an_image(capsys, four, monkeypatch):
    stream = io.TextIOWrapper(io.BytesIO(four.read_bytes()))
    monkeypatch.setattr(sys, "stdin", stream)
    code, out, _ = icbench(capsys, "invert", "-", *TOY)
    assert code == 0
    assert out.startswith("standard input: class 4\n")


def test_an_image_of_another_kind_has_a_warning(capsys, four):
    noise = np.random.default_rng(0).integers(0, 256, (8, 8), np.uint8)
    Image.fromarray(noise).save("noise.png")
    _, out, err = icbench(capsys, "invert", "noise.png", *TOY, "--json")
    assert answers(out)[0]["looks_usual"] is False
    assert "noise.png does not look like an image of toy" in json.loads(out)["warnings"][0]
    assert "noise.png does not look like an image of toy" in err
    assert icbench(capsys, "invert", four, *TOY)[2] == ""


def test_without_the_dataset_there_is_no_warning_and_a_line_says_so(capsys, four):
    code, out, err = icbench(capsys, "invert", four, "--generator", "linear", "--device", "cpu")
    assert code == 0
    assert out.startswith("four.png: class 4")
    assert len(err.splitlines()) == 1
    assert "does not say what it was trained on, so there is no telling" in err


def test_data_that_would_have_to_be_fetched_is_not(capsys, monkeypatch, four):
    monkeypatch.setattr("toy.ToyDigits.is_here", lambda self, folder: False)
    monkeypatch.setattr("toy.ToyDigits.split", lambda *_: pytest.fail("it was asked for"))
    code, out, err = icbench(capsys, "invert", four, *TOY, "--json")
    assert code == 0
    assert answers(out)[0]["looks_usual"] is None
    assert "the images of toy are not here, so there is no telling" in err


def test_pictures_of_it_are_made(capsys, four):
    code, _, err = icbench(capsys, "invert", four, *TOY, "--png", "strip.png", "--gif", "film.gif")
    assert code == 0
    assert "picture: strip.png" in err
    assert "film: film.gif" in err
    with Image.open("strip.png") as strip, Image.open("film.gif") as film:
        assert strip.size[0] > 10 * 84
        assert film.n_frames > 20
        assert film.info["duration"] > 0
        film.seek(film.n_frames - 1)
        assert film.info["duration"] > 1000


def test_a_strip_has_a_band_for_each_image(capsys, four):
    icbench(capsys, "invert", four, *TOY, "--png", "one.png")
    icbench(capsys, "invert", four, four, *TOY, "--png", "two.png")
    with Image.open("one.png") as one, Image.open("two.png") as two:
        assert one.width == two.width
        assert 1.8 * one.height < two.height < 2 * one.height


def test_what_is_asked_for_wrongly_is_refused_in_a_line(capsys, four):
    Path("text.png").write_text("seven\n")
    Path("empty.png").touch()
    Path("folder").mkdir()
    for arguments, said in [
        ([], "name image files, or images of the dataset with --index"),
        ([four, "--index", 7], "not both"),
        (["text.png"], "text.png is a text file, not an image"),
        (["empty.png"], "empty.png is empty: it has 0 bytes"),
        (["folder"], "folder is a folder. Give its files, such as folder/*.png."),
        (["nowhere.png"], "there is no file nowhere.png"),
        (["-", "-"], "- is standard input, which has one image"),
        ([four, four, "--gif", "film.gif"], "--gif shows one image, and there are 2"),
        ([four, "--gif", "film.png"], "film.png names no format"),
        ([four, "--png", four.resolve()], "would replace the image itself; name another file"),
        ([four, "--preprocess", "none"], "four.png has 64 x 64 pixels, and the generator makes 8 x 8"),
        (["--index", 50], "there is no image 50 in toy test. Its last is 49."),
        (["--index", 5, "--split", "tset"], "there is no split 'tset'"),
        ([four, "--schedule", "joint", "--schedule", "halving"], "--schedule can be said once here"),
        ([four, "--steps", -1], "--steps -1"),
    ]:
        code, out, err = icbench(capsys, "invert", *TOY, *arguments)
        assert (code, out) == (2, ""), arguments
        assert said in err
        assert len(err.strip().splitlines()) == 1, err


def test_one_image_that_is_refused_does_not_lose_the_others(capsys, four):
    Path("text.png").write_text("seven\n")
    Image.new("L", (50, 50), 255).save("blank.png")
    arguments = ("invert", "text.png", four, "blank.png", *TOY, "--preprocess", "mnist")
    code, out, err = icbench(capsys, *arguments)
    assert code == 1
    assert "four.png: class" in out
    assert "text.png is a text file" in err
    assert "nothing is drawn on blank.png" in err
    document = json.loads(icbench(capsys, *arguments, "--json")[1])
    assert (document["ok"], len(document["errors"]), len(document["data"]["images"])) == (False, 2, 1)


def test_what_is_refused_is_refused_before_torch_is_imported():
    Path("text.png").write_text("seven\n")
    code = (
        "import sys\nfrom icbench.cli.main import main\n"
        "try:\n    main(['invert', 'text.png'])\nexcept SystemExit as end:\n    assert end.code == 2\n"
        "assert 'torch' not in sys.modules\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_an_inversion_imports_nothing_that_is_slow_and_not_needed():
    code = (
        "import sys\nfrom icbench.cli.main import main\n"
        "try:\n    main(['invert', '--index', '7', '--steps', '2', '--device', 'cpu'])\n"
        "except SystemExit as end:\n    assert end.code == 0\n"
        "print({'sympy', 'torch._dynamo', 'torchvision'} & set(sys.modules), file=sys.stderr)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.splitlines()[-1]) == (0, "set()"), done.stderr


def as_scan(digit):
    """Dark blue on light paper, somewhere on a sheet."""
    sheet = Image.new("RGB", (700, 500), (236, 232, 220))
    ink = Image.fromarray(digit).resize((336, 336), Image.Resampling.BICUBIC)
    sheet.paste((20, 30, 90), (250, 90), ink)
    return sheet


def as_turned(digit):
    turned = as_scan(digit).rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.info["exif"] = exif.tobytes()
    return turned


def as_deep(digit):
    return Image.fromarray(digit.astype(np.uint16) * 257)


def as_drawing(digit):
    """Ink on nothing."""
    drawing = Image.new("RGBA", (28, 28), (0, 0, 0, 0))
    drawing.putalpha(Image.fromarray(digit))
    return drawing.resize((280, 280))


@pytest.fixture(scope="module")
def ten_digits():
    split = MNIST().split("test", Path())
    return split.images[:10, 0], split.labels[:10]


@pytest.mark.parametrize("make", [Image.fromarray, as_scan, as_turned, as_deep, as_drawing])
def test_digits_of_mnist_are_read_right_whatever_they_are_saved_as(capsys, ten_digits, make):
    images, labels = ten_digits
    for number, digit in enumerate(images):
        picture = make(digit)
        picture.save(f"{number}.png", exif=picture.info.get("exif", b""))
    files = [f"{number}.png" for number in range(10)]
    best = ("--generator", "cgan:noise_dim=25", "--schedule", "exhaustive", "--device", "cpu")
    code, out, _ = icbench(capsys, "invert", *files, *best, "--json")
    assert code == 0
    found = answers(out)
    assert [one["prediction"] for one in found] == labels.tolist()
    assert sum(one["looks_usual"] for one in found) >= 9


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize(("columns", "lines"), [(60, 24), (80, 24), (140, 40)])
def test_on_a_terminal_there_is_a_film_as_wide_as_it(columns, lines):
    digit = Image.fromarray(MNIST().split("test", Path()).images[0, 0])
    digit.save("seven.png")
    shown = _on_terminal(["invert", "seven.png", "--steps", "20", "--device", "cpu"], columns, lines)
    from rich.text import Text

    rows = [line.rstrip() for line in Text.from_ansi(shown.replace("\r\n", "\n")).plain.splitlines()]
    text = "\n".join(rows)
    assert "seven.png: cgan" in text
    assert "reconstruction" in text
    assert "step 20 of 20" in text
    assert "distance 0.0" in text
    assert "seven.png: class 7" in text
    wide = {60: 18, 80: 28, 140: 56}[columns]
    blocks = [row for row in rows if "▀" in row]
    assert all(row.count("▀") == 2 * wide for row in blocks)
    # The film redraws itself with the cursor, so that all of its pictures are in what was sent.
    assert "\x1b[1A" in shown


def _on_terminal(arguments, columns, lines):
    """What a command sends to a pseudo-terminal of a size."""
    import fcntl
    import pty
    import struct
    import termios

    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    surroundings = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor", "OMP_NUM_THREADS": "1"}
    for name in ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR"):
        surroundings.pop(name, None)
    command = [sys.executable, "-m", "icbench", *arguments]
    process = subprocess.Popen(command, stdin=follower, stdout=follower, stderr=follower, env=surroundings)
    os.close(follower)
    parts = []
    try:
        while part := os.read(leader, 65536):
            parts.append(part)
    except OSError:  # Linux says so that nobody writes any more
        pass
    os.close(leader)
    assert process.wait() == 0
    return b"".join(parts).decode()
