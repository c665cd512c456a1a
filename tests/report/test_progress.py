"""What is shown while a run goes on."""

import io

import pytest
from rich.console import Console

from icbench.report.progress import RunProgress


def live(width, correct=9000, images=10_000):
    """The bar of a run that is at its end, in so many columns."""
    console = Console(file=io.StringIO(), force_terminal=True, color_system=None, width=width)
    with RunProgress(console) as progress:
        progress.begin("entry", images, 0)
        progress.begun -= 100
        progress.on_batch(images, correct)
        progress.live.refresh()
    return next(line for line in reversed(console.file.getvalue().splitlines()) if "accuracy 0" in line)


@pytest.mark.parametrize("width", [30, 43, 44, 54, 60, 68, 78, 80, 120])
def test_the_accuracy_is_whole_at_any_width_and_its_interval_from_44_columns(width):
    line = live(width)
    assert "10,000/10,000" in line
    assert "accuracy 0.900" in line
    assert ("(0.894–0.906)" in line) == (width >= 44)
    assert line.count("…") == line.count("… images/s")


def test_eighty_columns_have_the_rate_too():
    assert "images/s" in live(80)
    assert "images/s" not in live(60)
