"""Charts, as files: a suite's tables, and the paths of class vectors. matplotlib is imported to draw one."""

import io
import logging
import textwrap
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from icbench.errors import OutputError
from icbench.kinds.suite import Mark
from icbench.report.class_names import tell_outcome
from icbench.report.cost_chart import Ladder
from icbench.running.image_grid import as_drawn
from icbench.storage import write_output
from icbench.suites import ExperimentOutcome, SuiteOutcome

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from icbench.running.reconstructions import ClassPaths

WIDTH, HEIGHT, DPI = 4.2, 3.6, 300
LADDER = 2.0, 5.2
"""How wide a panel of accuracies against evaluations is, in widths, and how high the picture with one."""
LETTERS, MOST_LINES, SLANT = 50, 3, 45
"""How many letters fit beneath a panel side by side, in how many lines, and the angle of those that do not."""
HERE, THERE, FAINT, PALE, INK = "#1f6feb", "#c2410c", "#9aa4b2", "#57606a", "#24292f"
RIGHT, WRONG = "#0b5cad", "#c2410c"
STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": FAINT,
    "axes.labelcolor": INK,
    "axes.grid": True,
    "grid.color": "#e6e9ee",
    "axes.axisbelow": True,
    "legend.frameon": False,
    "xtick.color": INK,
    "ytick.color": INK,
    # Images are kept as they are, and text as text that journals take.
    "image.composite_image": False,
    "text.parse_math": False,
    "pdf.fonttype": 42,
    "svg.hashsalt": "icbench",
}
UNDATED = {"pdf": {"CreationDate": None}, "svg": {"Date": None}}
"""What keeps the same figure from being another file every time."""


def draw_suite(outcome: SuiteOutcome, file: Path) -> None:
    """One panel for each experiment: accuracies with their 95 % intervals, and the published ones with their spread.

    An experiment says what its panel is of: its cells one by one, or accuracy against generator evaluations.

    Args:
        outcome: what was run.
        file: to write, in the format that its suffix says.

    Raises:
        OutputError: nothing is complete, or the file cannot be written.
    """
    drawn = [experiment for experiment in outcome.experiments if any(cell.row for cell in experiment.cells)]
    if not drawn:
        raise OutputError("there is nothing to draw: no entry is complete", "Run the suite to its end.")
    with drawing():
        _draw(drawn, outcome.suite.marks, file)


def _draw(experiments: Sequence[ExperimentOutcome], marks: Sequence[Mark], file: Path) -> None:
    from matplotlib.figure import Figure

    ladders = [experiment.experiment.chart == "nfe" for experiment in experiments]
    widths = [LADDER[0] if ladder else 1.0 for ladder in ladders]
    size = WIDTH * sum(widths), LADDER[1] if any(ladders) else HEIGHT
    figure = Figure(figsize=size, dpi=DPI, layout="constrained")
    panels = figure.subplots(1, len(experiments), squeeze=False, sharey=not any(ladders), width_ratios=widths)[0]
    panels[0].set_ylabel("accuracy")
    settled = []
    for panel, experiment, ladder in zip(panels, experiments, ladders, strict=True):
        if ladder:
            settled.append(Ladder(panel, experiment, marks))
        else:
            _draw_experiment(panel, experiment)
    lines = {label: line for panel in panels for line, label in zip(*panel.get_legend_handles_labels(), strict=True)}
    # One panel is not as wide as two names beside each other.
    columns = max(2, len(lines)) if sum(widths) > 1 else 1
    figure.legend(lines.values(), lines.keys(), loc="outside upper left", ncols=columns)
    if settled:
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
    for drawn in settled:
        drawn.settle()
    save_figure(figure, file)


@contextmanager
def drawing() -> Iterator[None]:
    """Let matplotlib draw in this project's style, and in silence."""
    # Where there is no home it says at length that it keeps its fonts elsewhere.
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    import matplotlib

    with matplotlib.rc_context(STYLE):
        yield


def save_figure(figure: "Figure", file: Path) -> None:
    """Write a figure in the format of the file's suffix, with 300 dots an inch where it is of pixels.

    Raises:
        OutputError: the file cannot be written.
    """
    stream = io.BytesIO()
    suffix = file.suffix.lower().removeprefix(".")
    figure.savefig(stream, format=suffix, dpi=DPI, metadata=UNDATED.get(suffix))
    write_output(file, stream.getvalue())


def _draw_experiment(panel: "Axes", outcome: ExperimentOutcome) -> None:
    labels = [cell.cell.label for cell in outcome.cells]
    # A line between settings would say that there is something between them.
    line = "-" if all(map(_is_number, labels)) else ""
    known = [(place, *cell.published) for place, cell in enumerate(outcome.cells) if cell.published]
    if known:
        there = np.array(known).T
        _draw_points(panel, there, there[2:], f"s{line and '--'}", THERE, "published, mean ± deviation of its repeats")
    estimates = [(place, cell.row.accuracy) for place, cell in enumerate(outcome.cells) if cell.row]
    here = np.array([(place, one.value, one.value - one.low, one.high - one.value) for place, one in estimates]).T
    _draw_points(panel, here, here[2:].clip(0), f"o{line}", HERE, "here, mean and 95 % interval")
    _name_cells(panel, labels)
    panel.set_xlabel(outcome.experiment.parameter)
    panel.margins(x=0.08)


def _draw_points(
    panel: "Axes", places: NDArray[np.float64], spread: NDArray[np.float64], form: str, colour: str, name: str
) -> None:
    size = spread if len(spread) > 1 else spread[0]
    panel.errorbar(places[0], places[1], size, fmt=form, color=colour, capsize=2, linewidth=1, markersize=4, label=name)


def _is_number(label: str) -> bool:
    try:
        float(label)
    except ValueError:
        return False
    return True


def _name_cells(panel: "Axes", labels: Sequence[str]) -> None:
    """Beneath the panel: level and wrapped where that fits, else slanted on one line, as two would touch the next."""
    room = max(4, int(LETTERS / len(labels)))
    level = [textwrap.wrap(label, room, break_long_words=False) for label in labels]
    if all(len(line) <= room for lines in level for line in lines) and max(map(len, level)) <= MOST_LINES:
        panel.set_xticks(range(len(labels)), ["\n".join(lines) for lines in level])
        return
    slanted: dict[str, Any] = {"rotation": SLANT, "rotation_mode": "anchor", "ha": "right", "va": "center"}
    panel.set_xticks(range(len(labels)), labels, **slanted)
    panel.tick_params(axis="x", pad=6)


def draw_class_paths(paths: "ClassPaths", file: Path) -> None:
    """The class vectors over the steps, one panel for each image, the image itself in its corner.

    Args:
        paths: of N images.
        file: to write, in the format that its suffix says.
    """
    count, columns = len(paths.truth), 3
    rows = -(-count // columns)
    with drawing():
        from matplotlib.figure import Figure

        figure = Figure(figsize=(3.6 * columns, 2.5 * rows), dpi=DPI, layout="constrained")
        panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True).flatten()
        for number, panel in enumerate(panels):
            panel.set_visible(number < count)
            if number < count:
                _draw_path(panel, paths, number)
        for panel in panels[max(0, count - columns) : count]:
            panel.set_xlabel("step")
            panel.tick_params(labelbottom=True)
        for panel in panels[::columns]:
            panel.set_ylabel("class vector")
        save_figure(figure, file)


def _draw_path(panel: "Axes", paths: "ClassPaths", number: int) -> None:
    path, truth = paths.path[:, number], int(paths.truth[number])
    final = int(path[-1].argmax())
    for label in np.argsort(path.max(axis=0)):
        colour = RIGHT if label == truth else WRONG if label == final else FAINT
        panel.plot(path[:, label], color=colour, linewidth=1.6 if label in (truth, final) else 0.8)
    panel.set_ylim(0, 1.05)
    said = tell_outcome(truth, final, paths.class_names)
    panel.set_title(said, fontsize=9, color=RIGHT if final == truth else WRONG, loc="left", y=1.0)
    corner = panel.inset_axes((0.82, 0.98, 0.18, 0.26))
    corner.imshow(as_drawn(paths.targets[number], paths.light_on_dark), cmap="gray", vmin=0, vmax=1)
    corner.axis("off")
