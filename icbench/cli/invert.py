"""`icbench invert`: any image files classified by inversion, with a live film of it."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import click

from icbench.cli.main import FAILED
from icbench.cli.options import (
    OutputFile,
    Place,
    data_dir_option,
    device_option,
    json_option,
    plugin_file_option,
    precision_option,
    quiet_option,
)
from icbench.cli.output import data, make_file, messages, say

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from icbench.images.preprocessing import Target
    from icbench.images.reading import Picture
    from icbench.report.inverted_images import Answer
    from icbench.running.image_inversion import ImageInverter
    from icbench.running.options import Options
    from icbench.running.usual_distance import UsualDistance

AnyFunction: TypeAlias = Callable[..., Any]
T = TypeVar("T")
S = TypeVar("S")

KINDS = ("generator", "distance", "optimizer", "schedule", "dataset")
STDIN = Path("-")


def _spec_option(kind: str, default: str) -> "Callable[[AnyFunction], AnyFunction]":
    text = f"{kind.capitalize()} as name:key=value,…  [default: {default}]"
    return click.option(f"--{kind}", kind, metavar="SPEC", multiple=True, help=text)


@click.command()
@click.argument("files", nargs=-1, type=Place(), metavar="[IMAGE]...")
@click.option("--index", type=click.IntRange(min=0), multiple=True, help="Image N of the dataset instead of a file.")
@click.option("--split", default="test", show_default=True, help="The split that --index is of.")
@_spec_option("generator", "cgan")
@_spec_option("distance", "mse")
@_spec_option("optimizer", "adam")
@_spec_option("schedule", "joint")
@_spec_option("dataset", "what the generator was trained on")
@click.option("--steps", type=int, help="Steps per hypothesis; 0 scores the starts.  [default: the schedule's own]")
@click.option("--lr", type=float, help="Learning rate of the optimizer.  [default: the optimizer's own]")
@click.option("--seed", type=int, default=0, show_default=True, help="Seed of the noise that inversions start from.")
@device_option
@precision_option
@click.option(
    "--preprocess",
    type=click.Choice(["mnist", "resize", "none"]),
    help="mnist: ink scaled to 20 of 28 pixels, its centre of mass in the middle; resize: as large as fits; none: "
    "pixels as they are.  [default: the dataset's own way]",
)
@click.option(
    "--invert-colours",
    type=click.Choice(["auto", "yes", "no"]),
    default="auto",
    show_default=True,
    help="Exchange light and dark; auto does so where the dataset is light on dark and a picture is not.",
)
@click.option("--gif", type=OutputFile((".gif",)), metavar="GIF", help="Save a film of one image's inversion.")
@click.option(
    "--png",
    type=OutputFile((".png",)),
    metavar="PNG",
    help="Draw target, stages of the inversion, and the best reconstruction of each class with its energy.",
)
@data_dir_option
@plugin_file_option
@json_option
@quiet_option
def command(files: tuple[Path, ...], **given: Any) -> int:
    """Classify image files by inverting a generator, and show how.

    IMAGE is a PNG, JPEG, WebP, GIF, BMP, TIFF or the like of any size and colours, up to 64 million pixels; `-` reads
    one from standard input. An image is brought to the form of the generator's training images, and the result says
    how. On a terminal the inversion of one image is shown as it goes on.

    \b
      icbench invert seven.png
      icbench invert scans/*.png --json
      icbench invert --index 7 --schedule exhaustive --gif film.gif --png stages.png

    The default is the entry of `icbench run`, which has 92 % of MNIST's test images right. The most accurate without a
    plugin is `--generator cgan:noise_dim=25 --schedule exhaustive`, with about 98 %. The best one that ships has 99.4 %
    and is in icbench-generators:

    \b
      icbench invert seven.png --generator contrastive --steps 2 \\
        --schedule exhaustive:start=encoder,decay=cosine,noise_rate=2,prior_weight=0.0015
    """
    specs = _check_request(files, given)
    pictures, refused = _each(_read, files)
    from icbench.compute.compiler import without_compiler
    from icbench.plugins.manager import plugin_manager
    from icbench.running.image_inversion import ImageInverter, entry_for_images

    entry, known = entry_for_images(plugin_manager(), specs, given["lr"])
    inverter = ImageInverter(entry, known, _options(given))
    with without_compiler():
        if files:
            answers, pixels, more = _invert_pictures(inverter, pictures, given)
            refused += more
        else:
            answers, pixels = _invert_split(inverter, given)
    lacking = _draw(inverter, answers, pixels, given)
    _report(inverter, answers, refused, lacking, given)
    return FAILED if refused or lacking else 0


def _check_request(files: tuple[Path, ...], given: dict[str, Any]) -> dict[str, str]:
    """The specs by kind, once what was asked for fits together."""
    if bool(files) == bool(given["index"]):
        raise click.UsageError(
            "name image files, or images of the dataset with --index"
            + (", not both" if files else "; `-` reads one from standard input")
        )
    twice = [f"--{kind}" for kind in KINDS if len(given[kind]) > 1]
    if twice:
        raise click.UsageError(f"{' and '.join(twice)} can be said once here; `icbench run` makes grids")
    if files.count(STDIN) > 1:
        raise click.UsageError("- is standard input, which has one image")
    if STDIN in files and sys.stdin is not None and sys.stdin.isatty():
        raise click.UsageError("- reads an image from standard input, and that is the terminal; send one with < FILE")
    count = len(files) or len(set(given["index"]))
    if given["gif"] and count > 1:
        raise click.UsageError(f"--gif shows one image, and there are {count}; --png takes several")
    own = {file.resolve() for file in files if file != STDIN}
    for option in ("gif", "png"):
        if given[option] and given[option].resolve() in own:
            raise click.UsageError(f"--{option} {given[option]} would replace the image itself; name another file")
    return {kind: given[kind][0] for kind in KINDS if given[kind]}


def _options(given: dict[str, Any]) -> "Options":
    from icbench.running.options import Options

    names = ("steps", "device", "precision", "data_dir", "split")
    return Options(seeds=(given["seed"],), **{name: given[name] for name in names})


def _each(act: Callable[[T], S], values: Sequence[T]) -> tuple[list[S], list[str]]:
    """What comes of each value, and a line for each that is refused, as long as any is not.

    Raises:
        UsageError: there is one value, and it is refused; or all are, with the first's reason.
    """
    from icbench.errors import UsageError

    found, errors = [], []
    for value in values:
        try:
            found.append(act(value))
        except UsageError as error:
            errors.append(error)
    if errors and not found:
        say([error.line for error in errors[1:]], "red")
        raise errors[0]
    return found, [error.line for error in errors]


def _read(file: Path) -> "Picture":
    from icbench.errors import UsageError
    from icbench.images.reading import read_picture, read_stream

    if file != STDIN:
        return read_picture(file)
    if sys.stdin is None:
        raise UsageError("there is no standard input", "Name a file.")
    return read_stream(sys.stdin.buffer, "standard input")


def _invert_pictures(
    inverter: "ImageInverter", pictures: "Sequence[Picture]", given: dict[str, Any]
) -> "tuple[list[Answer], NDArray[np.float32], list[str]]":
    """Answers for pictures, their targets (N, C, H, W), and a line for each that is refused."""
    import numpy as np

    from icbench.images.preprocessing import preprocess

    how = inverter.preprocessing(given["preprocess"], given["invert_colours"])
    targets, refused = _each(lambda picture: preprocess(picture, inverter.image_shape, how), pictures)
    pixels = np.stack([target.pixels for target in targets])
    names = [target.picture.name for target in targets]
    answers = _answers(inverter, pixels, range(len(targets)), names, targets, None, given)
    return answers, pixels, refused


def _invert_split(inverter: "ImageInverter", given: dict[str, Any]) -> "tuple[list[Answer], NDArray[np.float32]]":
    """Answers for images of the dataset, and these."""
    import numpy as np

    from icbench.errors import UsageError

    split, name = inverter.split(given["split"]), given["split"]
    index = sorted(set(given["index"]))
    if index[-1] >= len(split):
        raise UsageError(
            f"there is no image {index[-1]} in {inverter.source.label} {name}", f"Its last is {len(split) - 1}."
        )
    names = [f"{inverter.source.label} {name} {number}" for number in index]
    answers = _answers(inverter, split.images, index, names, None, split.labels[index].tolist(), given)
    return answers, split.images[index].astype(np.float32) / np.float32(255)


def _answers(
    inverter: "ImageInverter",
    images: Any,
    index: Sequence[int],
    names: Sequence[str],
    targets: "Sequence[Target] | None",
    labels: Sequence[int] | None,
    given: dict[str, Any],
) -> "list[Answer]":
    from icbench.report.inverted_images import Answer
    from icbench.running.image_inversion import frames_of, stages_of

    inverter.check(images)
    steps = inverter.settings.steps
    due = frames_of(steps) if len(names) == 1 else stages_of(steps) if given["png"] else set()
    with _watch(inverter, names, images[index[0]], given) as on_snapshot:
        found = list(inverter.invert(images, index, due, on_snapshot))
    usual = _find_usual(inverter, given)
    return [
        Answer(
            name,
            targets[place].done if targets else (),
            targets[place] if targets else None,
            labels[place] if labels else None,
            found[place],
            usual,
            inverter.class_names,
        )
        for place, name in enumerate(names)
    ]


@contextmanager
def _watch(
    inverter: "ImageInverter", names: Sequence[str], image: Any, given: dict[str, Any]
) -> "Iterator[Callable[[Any], None]]":
    """Within it, snapshots are shown as a film where there is one image and a terminal, else signs of life are."""
    from icbench.report.display import Display
    from icbench.report.film import Film, can_show

    console = messages()
    if len(names) == 1 and can_show(console) and not given["quiet"]:
        levels = image / 255 if image.dtype == "uint8" else image
        with Film(console, f"{names[0]}: {inverter.entry.label}", levels, inverter.class_names) as film:
            yield film.show
        return
    with Display(console, given["quiet"]) as display, display.working("inverting"):
        yield lambda snapshot: None


def _find_usual(inverter: "ImageInverter", given: dict[str, Any]) -> "UsualDistance | None":
    """What distance would be usual, or None, and said so, where it cannot be known."""
    from icbench.errors import IcbenchError
    from icbench.report.display import Display
    from icbench.running.usual_distance import usual_distance

    source, without = inverter.source, "so there is no telling whether an image is like those"
    if not inverter.known:
        reason = f"generator {inverter.entry.selections['generator'].label} does not say what it was trained on"
    elif not source.dataset.is_here(source.folder):
        reason = f"the images of {source.label} are not here"
    else:
        try:
            with Display(messages(), given["quiet"]) as display:
                return usual_distance(inverter.runner, source, inverter.settings, display)
        except IcbenchError as error:
            reason = error.message
        except KeyboardInterrupt:
            reason = "measuring what is usual was interrupted"
    if not given["quiet"]:
        say([f"{reason}, {without}"])
    return None


def _draw(
    inverter: "ImageInverter", answers: "Sequence[Answer]", pixels: "NDArray[np.float32]", given: dict[str, Any]
) -> list[str]:
    """Make the pictures that were asked for; returns what kept them from being made."""
    if not given["png"] and not given["gif"]:
        return []
    from icbench.report.inversion_pictures import draw_film, draw_strip
    from icbench.running.image_inversion import stages_of

    dark, quiet = inverter.light_on_dark, given["quiet"]
    lacking = []
    if given["png"]:
        stages = stages_of(inverter.settings.steps)
        draw = lambda: draw_strip(answers, pixels, stages, dark, given["png"])  # noqa: E731
        lacking += make_file("picture", given["png"], draw, quiet)
    if given["gif"]:
        lacking += make_file("film", given["gif"], lambda: draw_film(answers[0], pixels[0], dark, given["gif"]), quiet)
    return lacking


def _report(
    inverter: "ImageInverter",
    answers: "Sequence[Answer]",
    refused: list[str],
    lacking: list[str],
    given: dict[str, Any],
) -> None:
    warnings = [answer.warning for answer in answers if answer.warning]
    if given["as_json"]:
        click.echo(_document(inverter, answers, warnings, [*refused, *lacking]))
    else:
        _print(answers)
    say(warnings, "yellow")
    say([*refused, *lacking], "red")


def _document(
    inverter: "ImageInverter", answers: "Sequence[Answer]", warnings: list[str], errors: Iterable[str]
) -> str:
    from icbench.report.inverted_images import answer_data
    from icbench.report.json_output import envelope

    failed = list(errors)
    components = inverter.runner.describe_components()
    content = {
        "entry": {
            kind: {"name": one.name, "dist": one.dist, "version": one.version, "params": dict(one.params)}
            for kind, one in components.items()
        },
        "dataset": inverter.source.label if inverter.known else None,
        "steps": inverter.settings.steps,
        "seed": inverter.settings.seed,
        "device": str(inverter.settings.device),
        "precision": inverter.settings.precision_name,
        "images": [answer_data(answer) for answer in answers],
    }
    return envelope(content, warnings, failed, ok=not failed)


def _print(answers: "Sequence[Answer]") -> None:
    from icbench.report.inverted_images import answer_grid, answers_grid
    from icbench.report.table import terminal_table

    console = data()
    grid = answer_grid(answers[0]) if len(answers) == 1 else answers_grid(answers)
    console.print(terminal_table(grid, console.width), highlight=False)
