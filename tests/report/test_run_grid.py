"""A grid of runs says of each how it stands, in terminals of any size."""

import fcntl
import io
import os
import pty
import struct
import subprocess
import sys
import termios
from dataclasses import replace

import pytest
from record_factory import finished, first, right, unfinished
from rich.cells import cell_len
from rich.console import Console

from icbench.records import read_record
from icbench.report.display import ECHO
from icbench.report.progress import RunProgress
from icbench.report.run_grid import RunGrid, distinct_names, duration
from icbench.running.observer import PlannedRun

SCHEDULES = ("joint", "exhaustive:restarts=2,start=drawn", "halving")
COMMON = {"generator": "cgan", "distance": "mse", "optimizer": "adam"}


def planned(*schedules, images=1000, **more):
    return [
        PlannedRun({**COMMON, "schedule": schedule, "dataset": "mnist", **more}, images)
        for schedule in schedules or SCHEDULES
    ]


def many(count):
    return planned(*(f"joint:noise_rate={number}" for number in range(count)))


def terminal(width=80, height=24):
    return Console(file=io.StringIO(), force_terminal=True, color_system=None, width=width, height=height)


def lines(grid, width=80, height=24):
    console = terminal(width, height)
    console.print(grid)
    return console.file.getvalue().splitlines()


def line(grid, name, **size):
    (found,) = [text for text in lines(grid, **size) if name in text]
    return found


def ended(grid, number, correct=900, images=1000):
    grid.runs[number].end(finished(first(correct, images), label=f"run {number}"))


def test_a_name_is_what_is_not_common_to_all():
    common, names = distinct_names([run.parts for run in planned()])
    assert common == "cgan · mse · adam · mnist"
    assert names == list(SCHEDULES)


def test_steps_and_seeds_tell_runs_of_one_entry_apart():
    parts = [planned("joint", **more)[0].parts for more in ({"steps": "2 steps"}, {}, {"seed": "seed 1"})]
    assert distinct_names(parts)[1] == ["2 steps", "cgan · mse · adam · joint", "seed 1"]


def test_direct_classifiers_keep_their_names_beside_inversions():
    parts = [*(run.parts for run in planned()), {"classifier": "nearest-neighbour", "dataset": "mnist"}]
    common, names = distinct_names(parts)
    assert common == "cgan · mse · adam · mnist"
    assert names[-1] == "nearest-neighbour"
    alone = distinct_names([planned()[0].parts, parts[-1]])
    assert alone[1] == ["cgan · mse · adam · joint", "nearest-neighbour"]


def test_each_run_says_how_it_stands():
    grid = RunGrid.of(planned("joint", "halving", "exhaustive", "evidence"))
    ended(grid, 0, 900)
    grid.runs[1].end(replace(finished(first(950, 1000), label="two", rate=50.0), reused=True))
    grid.runs[2].go_on(500.0, 400, 360, 100.0)
    assert line(grid, "joint").split()[:3] == ["done", "joint", "0.900"]
    assert line(grid, "halving").split() == ["best", "halving", "0.950", "(0.935–0.962)", "50", "0:20"]
    assert line(grid, "exhaustive").split() == ["50%", "exhaustive", "0.900", "(0.867–0.926)", "100", "0:05", "left"]
    assert line(grid, "evidence").split() == ["next", "evidence"]
    assert "2 of 4 runs (1 reused)" in lines(grid)[-1]


def test_a_run_that_is_not_complete_is_never_the_best():
    grid = RunGrid.of(planned())
    ended(grid, 0, 900)
    assert line(grid, "joint").startswith("done")
    grid.runs[1].end(read_record(unfinished(right(10), images=20, label="x", stop=("failed", "why"))))
    assert line(grid, "exhaustive").startswith("failed")
    grid.runs[2].end(read_record(unfinished(right(10), images=20, label="y")))
    assert line(grid, "halving").startswith("stopped")
    assert "best" not in "\n".join(lines(grid))
    assert "3 of 3 runs (1 failed)" in lines(grid)[-1]


def test_the_time_left_is_of_all_images_that_are_left_at_the_rates_so_far():
    grid = RunGrid.of(planned())
    assert grid.seconds_left is None
    grid.runs[0].go_on(500.0, 500, 450, 100.0)
    assert grid.seconds_left == pytest.approx(25)
    assert "about 0:25 left" in lines(grid)[-1]


@pytest.mark.parametrize("width", [30, 44, 60, 80, 140])
def test_no_line_is_too_long_and_each_run_has_one(width):
    grid = RunGrid.of(planned())
    ended(grid, 0)
    grid.runs[1].go_on(500.0, 400, 360, 100.0)
    shown = lines(grid, width)
    assert len(shown) == 6
    assert max(map(cell_len, shown)) <= width
    assert "0.900" in shown[2]
    assert "0.900" in shown[3]
    assert ("(0.880–0.917)" in shown[2]) == (width >= 60)


def test_both_ends_of_a_long_name_are_kept():
    assert "exhaustive:r…start=drawn" in line(RunGrid.of(planned()), "exhaustive", width=54)


def test_many_runs_collapse_to_what_runs_what_is_next_and_counts():
    grid = RunGrid.of(many(100))
    for number in range(10):
        ended(grid, number, 900 + number)
    grid.runs[10].go_on(500.0, 400, 360, 100.0)
    states = [text.split()[:2] for text in lines(grid)[2:-1]]
    assert states == [
        ["best", "joint:noise_rate=9"],
        ["50%", "joint:noise_rate=10"],
        ["next", "joint:noise_rate=11"],
        ["waiting", "joint:noise_rate=12"],
        ["waiting", "joint:noise_rate=13"],
    ]
    assert "10 of 100 runs" in lines(grid)[-1]


@pytest.mark.parametrize("height", [8, 10, 24, 50])
def test_the_view_fits_into_the_height_of_the_terminal(height):
    grid = RunGrid.of(many(40))
    ended(grid, 0)
    ended(grid, 1)
    grid.runs[2].go_on(500.0, 400, 360, 100.0)
    assert len(lines(grid, height=height)) <= height - 2


@pytest.mark.parametrize(("seconds", "shown"), [(0.4, "0:00"), (59.6, "1:00"), (725, "12:05"), (7384, "2:03:04")])
def test_times_are_minutes_and_seconds(seconds, shown):
    assert duration(seconds) == shown


def run_all(progress):
    """Three runs, of which the second was finished before."""
    progress.plan(planned())
    progress.begin("first", 1000, 0)
    progress.on_batch(1000, 900)
    progress.end(finished(first(900, 1000), label="first"))
    progress.end(replace(finished(first(800, 1000), label="second"), reused=True))
    progress.begin("third", 1000, 0)
    progress.on_batch(500, 450)


def test_on_a_terminal_the_grid_takes_the_place_of_the_bar_and_goes_with_the_end():
    console = terminal()
    with RunProgress(console) as progress:
        run_all(progress)
        progress.live.refresh()
        states = [run.state for run in progress.grid.runs]
        assert states == ["done", "reused", "running"]
        assert progress.live.tasks == []
        shown = console.file.getvalue()
        assert "2 of 3 runs (1 reused)" in shown
        assert "finished before" not in shown
    assert "3 runs" not in console.file.getvalue()[len(shown) :]


def test_elsewhere_there_are_plain_lines_as_of_one_run():
    console = Console(file=io.StringIO(), width=100)
    with RunProgress(console) as progress:
        run_all(progress)
    said = console.file.getvalue().splitlines()
    assert said[0] == "run 1 of 3 · first: 1,000 images"
    assert said[1].startswith("second: finished before, taken from ")
    assert said[2] == "run 3 of 3 · third: 1,000 images"


def test_one_run_is_a_bar_as_ever():
    console = terminal()
    with RunProgress(console) as progress:
        progress.plan(planned("joint"))
        progress.begin("entry", 1000, 0)
        assert progress.grid is None
        assert len(progress.live.tasks) == 1
    assert "run 1" not in console.file.getvalue()


@pytest.mark.parametrize("width", [54, 60, 80, 140])
def test_work_within_a_run_is_one_line_beneath_the_grid(width):
    console = terminal(width)
    with RunProgress(console) as progress:
        run_all(progress)
        with progress.working("measuring a batch size for cgan:noise_dim=50 · mse · adam · joint"):
            console.file.truncate(0)
            progress.live.refresh()
            total, work = [text for text in console.file.getvalue().splitlines() if text.strip()][-2:]
    assert "2 of 3 runs" in total
    assert "measuring" in work
    assert work.rstrip().endswith("0 s")
    assert cell_len(work) <= width - ECHO


def test_a_terminal_that_became_narrower_is_cleared_of_what_it_wrapped():
    console = terminal(80)
    with RunProgress(console) as progress:
        progress.plan(planned("joint", "halving"))
        progress.live.refresh()
        console.width = 30
        wrapped = sum((cell_len(text) - 1) // 30 for text in lines(progress.grid, 80))
        console.file.truncate(0)
        progress.live.refresh()
        up = console.file.getvalue().count("\x1b[1A")
    assert wrapped > 0
    # The table of tasks is an empty line of the view.
    assert up == wrapped + len(lines(progress.grid, 80)) - 1


LIVE = """
from rich.console import Console
from icbench.report.progress import RunProgress
from icbench.running.observer import PlannedRun

parts = [{"schedule": name, "dataset": "mnist"} for name in ("joint", "exhaustive:restarts=2")]
with RunProgress(Console(stderr=True)) as progress:
    progress.plan([PlannedRun(each, 1000) for each in parts])
    progress.begin("joint", 1000, 0)
    progress.on_batch(500, 450)
    progress.live.refresh()
"""


@pytest.mark.parametrize("width", [60, 80, 140])
def test_a_real_terminal_has_lines_of_its_width(width):
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    environment = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    code = [sys.executable, "-c", LIVE]
    subprocess.run(code, stdin=theirs, stdout=theirs, stderr=theirs, env={**environment, "TERM": "xterm"}, check=True)
    shown = os.read(ours, 100_000).decode()
    os.close(ours)
    os.close(theirs)
    assert "\x1b[1;36m" in shown
    assert "50%" in shown
    assert ("images/s" in shown) == (width >= 80)
