"""Write the tables of README and docs from results/ and benchmarks/results/: python docs/tables.py

A table stands between the comments `<!-- table NAME -->` and `<!-- end of table -->`, and is made here.
"""

import io
import json
import re
import sys
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path

import speeds
from rich.console import Console, RenderableType
from speeds import pipes

from icbench.kinds.suite import Suite
from icbench.plugins.discovery import PluginSource
from icbench.plugins.manager import PluginManager
from icbench.ranking import collect, rank
from icbench.records import Record
from icbench.report.leaderboard import track_grids
from icbench.report.results import results_table
from icbench.report.suites import suite_grids, suite_heading
from icbench.report.table import Grid, markdown_table, terminal_tables
from icbench.suites import CellOutcome, SuiteOutcome, evaluate_suite, records_of_cells, select_experiments

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "results"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
TABLE = re.compile(r"(<!-- table ([a-z0-9-]+) -->\n)(.*?)(<!-- end of table -->)", re.DOTALL)
ON_PAPER = 120
IN_THE_GUIDE = 92
"""The columns of a terminal as wide as a block of the site, and of one that shows what a narrower one leaves out."""

README = {
    "cGAN, joint": "`cgan`, schedule `joint` (the default)",
    "cGAN, exhaustive": "`cgan`, schedule `exhaustive`",
    "+ evidence": "class VAEs, evidence of all classes",
    "all four families": "class VAEs; warped images, training images and a denoiser where these are in doubt "
    "*(fitted to labels of validation images)*",
    "contrastive": "contrastive class decoders, which also learn from wrong labels",
    "1-NN": "*for comparison:* 1-NN",
    "small CNN": "*for comparison:* a small CNN",
}
"""The rows of the suite `gap` that the README has, and what it calls them."""
BOARDS = {
    "hobbhahn2020": "The source post's settings",
    "distances": "Every distance",
    "schedules": "Three schedules, three seeds",
}
"""Folders with a leaderboard of their own, and its heading; all others share one."""
BOARD_COLUMNS = ("rank", "entry", "accuracy", "95 % interval", "± seeds", "to best", "p", "NFE", "images/s", "size")
BOARD_COLUMNS += ("tier", "flags")


def plugins() -> PluginManager:
    """All components of this checkout, whether or not their distributions are installed."""
    sources = []
    for file in sorted(ROOT.glob("plugins/*/pyproject.toml")):
        sys.path.insert(0, str(file.parent))
        project = tomllib.loads(file.read_text())["project"]
        for name, value in project["entry-points"]["icbench"].items():
            sources.append(PluginSource(name, project["name"], "", value))
    return PluginManager(sources)


def outcome_of(name: str) -> SuiteOutcome:
    """What the published records of a suite come to."""
    manager = plugins()
    suite: Suite = manager.select("suite", name).build()
    part = select_experiments(suite)
    cells = list(part.cells())
    records = records_of_cells(manager, suite, cells, published(name))
    return evaluate_suite(part, records, {cell: cell.seeds for cell in cells})


def published(*folders: str) -> list[Record]:
    """The records in folders of results/."""
    return collect([RESULTS / folder for folder in folders]).records


def in_a_terminal(*parts: RenderableType, width: int = ON_PAPER) -> str:
    """What icbench prints, as a block of code."""
    stream = io.StringIO()
    console = Console(file=stream, width=width, highlight=False)
    for part in parts:
        console.print(part)
    lines = [line.rstrip() for line in stream.getvalue().strip("\n").splitlines()]
    return "\n".join(["```", *lines, "```"])


def without(grid: Grid, *headings: str) -> Grid:
    """A table without some of its columns."""
    return grid.only([number for number, column in enumerate(grid.columns) if column.heading not in headings])


def accuracy(cell: CellOutcome) -> tuple[str, str]:
    """The accuracy of a cell and its interval."""
    assert cell.row, f"{cell.cell.label} has no records"
    found = cell.row.accuracy
    return f"{found.value:.4f}", f"{found.low:.4f}–{found.high:.4f}"


def readme() -> str:
    (ladder,) = outcome_of("gap").experiments
    cells = {cell.cell.label: cell for cell in ladder.cells}
    rows = []
    for label, called in README.items():
        row = cells[label].row
        assert row
        rows.append([called, *accuracy(cells[label]), f"{row.nfe:,}" if row.nfe else ""])
    return pipes(["entry", "accuracy", "95 % interval", "NFE"], rows)


def default_run() -> str:
    return in_a_terminal(results_table(published("default"), ON_PAPER))


def gap(name: str = "gap") -> str:
    (grid,) = suite_grids(outcome_of(name))
    return in_a_terminal(terminal_tables([replace(without(grid, "images/s"), title="")], ON_PAPER))


def hobbhahn2020() -> str:
    outcome = outcome_of("hobbhahn2020")
    return in_a_terminal(suite_heading(outcome), terminal_tables(suite_grids(outcome), ON_PAPER))


def distances() -> str:
    inversion, neighbour = outcome_of("distances").experiments
    best = [max(cell.row.accuracy.value for cell in part.cells if cell.row) for part in (inversion, neighbour)]
    rows = []
    for cell, other in zip(inversion.cells, neighbour.cells, strict=True):
        assert cell.row
        assert other.row
        figures = [accuracy(each) for each in (cell, other)]
        bold = [
            f"**{text}**" if each.row and each.row.accuracy.value == most else text
            for (text, _), each, most in zip(figures, (cell, other), best, strict=True)
        ]
        speed = f"{cell.row.images_per_second:,.0f}" if cell.row.images_per_second else ""
        rows.append([f"`{cell.cell.label}`", bold[0], figures[0][1], speed, bold[1], figures[1][1]])
    interval = "95 % interval"
    return pipes(["distance", "inversion", interval, "images/s", "nearest neighbour", interval], rows)


def noise_size() -> str:
    """What the shipped weights' records of training say of validation images."""
    weights = ROOT / "icbench/builtin/generators/weights"
    sizes = sorted(int(file.stem.removeprefix("cgan-")) for file in weights.glob("cgan-*.json"))
    found = {size: json.loads((weights / f"cgan-{size}.json").read_text())["validation"] for size in sizes}
    head = ["`noise_dim`", *(f"{size} (default)" if size == sizes[0] else str(size) for size in sizes)]
    rows = [
        [f"`{schedule}`", *(f"{found[size][f'{schedule}_accuracy']:.3f}" for size in sizes)]
        for schedule in ("joint", "exhaustive")
    ]
    return pipes(head, rows)


def guide() -> str:
    board = rank(collect([RESULTS / "schedules"]))
    return in_a_terminal(terminal_tables(track_grids(board), IN_THE_GUIDE), width=IN_THE_GUIDE)


def tutorial() -> str:
    """As if only the tutorial's command had been given."""
    found = collect([RESULTS / "schedules"])
    own = [
        record for record in found.records if not record.metadata.seed and record.label.startswith("cgan · mse · adam")
    ]
    board = rank(type(found)(own, [], []))
    return in_a_terminal(terminal_tables(track_grids(board), ON_PAPER))


def boards() -> str:
    """The leaderboards of all folders."""
    names = sorted(path.name for path in RESULTS.iterdir() if path.is_dir())
    shared = [name for name in names if name not in (*BOARDS, "default")]
    parts = [("All entries", shared), *((heading, [name]) for name, heading in BOARDS.items() if name in names)]
    return "\n".join(_board(heading, folders) for heading, folders in parts)


def _board(heading: str, folders: Sequence[str]) -> str:
    command = "icbench leaderboard " + " ".join(f"results/{name}" for name in folders)
    grids = track_grids(rank(collect([RESULTS / name for name in folders])))
    others = [column.heading for grid in grids for column in grid.columns if column.heading not in BOARD_COLUMNS]
    tables = [markdown_table(without(grid, *others)) for grid in grids]
    return "\n".join([f"## {heading}\n", f"```\n{command}\n```\n", *tables])


MADE: dict[str, Callable[[], str]] = {
    "readme": readme,
    "default": default_run,
    "noise-size": noise_size,
    "gap": gap,
    "gap-fashion": partial(gap, "gap-fashion"),
    "distances": distances,
    "hobbhahn2020": hobbhahn2020,
    "guide": guide,
    "tutorial": tutorial,
    "leaderboards": boards,
    **speeds.MADE,
}
"""What makes the table of each name."""


def rewrite(text: str) -> str:
    """A page's text with its tables made anew."""
    return TABLE.sub(lambda found: f"{found[1]}{MADE[found[2]]()}\n{found[4]}", text)


def main() -> None:
    for page in PAGES:
        text = page.read_text()
        made = rewrite(text)
        if made != text:
            page.write_text(made)
            print(f"{page.relative_to(ROOT)} is written")


if __name__ == "__main__":
    main()
