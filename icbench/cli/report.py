"""`icbench report`: all records as one page."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from icbench.cli.options import Place, data_dir_option, device_option, json_option, quiet_option
from icbench.cli.output import messages, say
from icbench.errors import OutputError, UsageError

if TYPE_CHECKING:
    from icbench.ranking import Collection, Leaderboard
    from icbench.ranking.collection import State
    from icbench.report.views import Overview
    from icbench.running.exhibits import Exhibitor

PAGE = "index.html"
EVERY_SECONDS = 2.0


@click.command()
@click.argument("folders", nargs=-1, type=Place(), metavar="[DIR]...")
@click.option(
    "--out", type=Place(), default=Path("report"), show_default=True, help="The folder, or .html file, to write to."
)
@click.option(
    "--pictures",
    type=click.IntRange(min=0),
    default=3,
    show_default=True,
    metavar="K",
    help="Show reconstructions of the best K entries of each track, by inverting a few images again.",
)
@click.option("--open", "opened", is_flag=True, help="Open the page in a browser.")
@click.option("--watch", is_flag=True, help="Make the page anew whenever a record has changed, until Ctrl-C.")
@device_option
@data_dir_option
@json_option
@quiet_option
def command(**given: Any) -> int:
    """Show results folders (default: icbench-results) as one HTML page that opens from disk.

    It has what `leaderboard`, `compare` and `show` print, with interactive charts: tables to sort and filter, accuracy
    against cost, which differences are significant, confusions, reconstructions, the images that only one of two
    entries has right, and every record in full. The page needs no other file and makes no request. Its charts need
    plotly: pip install 'icbench[report]'.

    \b
      icbench report --open
      icbench report mine theirs --out comparison.html --pictures 0
      icbench report --watch
    """
    from icbench.compute.allocator import keep_freed_memory
    from icbench.ranking.collection import state_of
    from icbench.records.results_folder import DEFAULT_FOLDER
    from icbench.report.embedding import check_chart_library

    check_chart_library()
    keep_freed_memory()
    folders = given["folders"] or (Path(DEFAULT_FOLDER),)
    out: Path = given["out"]
    file = out if out.suffix.lower() in (".html", ".htm") else out / PAGE
    exhibitor = _exhibitor(given)
    # What comes while the page is made is then seen.
    known = state_of(folders)
    _make(folders, file, exhibitor, given)
    if given["opened"]:
        click.launch(file.resolve().as_uri())
    if given["watch"]:
        _watch(folders, known, lambda: _make(folders, file, exhibitor, given))
    return 0


def _check_place(file: Path) -> None:
    """Make the folder of a page, and see that it can be written there."""
    from icbench.storage import check_output_file, reason, way_out

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{file.parent} cannot be made: {reason(error)}", way_out(error)) from None
    check_output_file(file)


def _exhibitor(given: dict[str, Any]) -> "Exhibitor":
    from icbench.plugins.manager import plugin_manager
    from icbench.running.exhibits import Exhibitor
    from icbench.running.options import Options

    options = Options(device=given["device"], data_dir=given["data_dir"])
    return Exhibitor(plugin_manager(), options, given["pictures"])


def _make(folders: tuple[Path, ...], file: Path, exhibitor: "Exhibitor", given: dict[str, Any]) -> None:
    from icbench.report.display import Display
    from icbench.report.overview_page import write_overview

    with Display(messages(), given["quiet"]) as display, display.working(f"making the page {file}") as work:
        exhibitor.on_entry = lambda label: setattr(work, "at", label)
        found, board = _rank_records(folders, empty=given["watch"])
        _check_place(file)
        content = _content(found, board, exhibitor, folders)
        work.at = "writing"
        size = write_overview(content, "icbench report", file)
    say(content.problems + board.notes, "yellow")
    if given["as_json"]:
        from icbench.report.json_output import envelope

        entries = sum(len(track.entries) for track in content.tracks)
        data = {"page": str(file), "bytes": size, "tracks": len(content.tracks), "entries": entries}
        click.echo(envelope(data, content.problems + board.notes))
    elif not given["quiet"]:
        say([f"page: {file} ({size / 1e6:.1f} MB)"])


def _rank_records(folders: tuple[Path, ...], empty: bool) -> "tuple[Collection, Leaderboard]":
    """All records and their order; that there are none is refused unless some may yet come."""
    from icbench.ranking import collect, rank

    found = collect(folders)
    board = rank(found)
    if not board.tracks and not empty:
        say(board.problems, "yellow")
        where = ", ".join(map(str, folders))
        raise UsageError(f"there are no records to show in {where}", "Make some with `icbench run`.")
    return found, board


def _content(
    found: "Collection", board: "Leaderboard", exhibitor: "Exhibitor", folders: tuple[Path, ...]
) -> "Overview":
    from icbench.report.overview import overview

    exhibits = {
        table.track: exhibitor.exhibit(table.track, [entry.row for entry in table.standings]) for table in board.tracks
    }
    return overview(board, found.records, exhibits, folders)


def _watch(
    folders: tuple[Path, ...], known: "State", make: Callable[[], None], wait: Callable[[float], None] = time.sleep
) -> None:
    """Make the page whenever what is in the folders is no longer what is `known`, until the user stops it."""
    from icbench.ranking.collection import state_of

    say(["watching; Ctrl-C ends it"])
    try:
        while True:
            wait(EVERY_SECONDS)
            now = state_of(folders)
            if now != known:
                known = now
                make()
    except KeyboardInterrupt:
        return
