"""Whatever goes on shows it, on a terminal and elsewhere, and no estimate comes before it means something."""

import io
from threading import Event
from threading import enumerate as enumerate_threads

import pytest
from rich.console import Console

from icbench.report import display
from icbench.report.display import Display
from icbench.report.progress import RunProgress
from icbench.report.training import TrainingProgress

SOON = 0.001
PATIENCE = 60


class Stream(io.StringIO):
    """Tells when something is written that is waited for."""

    def __init__(self):
        super().__init__()
        self.awaited, self.seen = "", Event()

    def write(self, text):
        written = super().write(text)
        if self.awaited and self.awaited in self.getvalue():
            self.seen.set()
        return written

    def wait_for(self, text):
        self.awaited = text
        self.write("")
        assert self.seen.wait(PATIENCE), self.getvalue()
        self.seen.clear()


@pytest.fixture
def stream():
    return Stream()


@pytest.fixture
def plain(stream):
    return Console(file=stream, width=100)


@pytest.fixture
def terminal(stream):
    return Console(file=stream, width=100, force_terminal=True, color_system=None, force_interactive=True)


@pytest.fixture
def _soon(monkeypatch):
    monkeypatch.setattr(display, "FIRST_LINE_SECONDS", SOON)
    monkeypatch.setattr(display, "LINE_EVERY_SECONDS", SOON)


@pytest.fixture
def _never(monkeypatch):
    for name in ("FIRST_LINE_SECONDS", "LINE_EVERY_SECONDS", "MEANINGFUL_SECONDS"):
        monkeypatch.setattr(display, name, 1e6)


@pytest.mark.usefixtures("_soon")
def test_work_that_tells_nothing_is_told_again_and_again_where_there_is_no_terminal(stream, plain):
    with Display(plain) as shown, shown.working("fitting [it]") as work:
        stream.wait_for("fitting [it], 0 s\n")
        work.advance(0.25)
        stream.wait_for("fitting [it], 25%, 0 s\n")
        work.at = "second"
        stream.wait_for("fitting [it]: second, 25%, 0 s\n")
    before = stream.getvalue()
    assert set(before.splitlines()) >= {"fitting [it], 0 s"}
    assert stream.getvalue() == before


@pytest.mark.usefixtures("_never")
def test_work_that_is_soon_over_is_not_told(stream, plain):
    with Display(plain) as shown, shown.working("fitting"):
        pass
    assert stream.getvalue() == ""


@pytest.mark.usefixtures("_soon")
def test_quiet_work_is_quiet(stream, plain):
    with RunProgress(plain, quiet=True) as shown, shown.working("fitting"):
        shown.begin("entry", 10, 0)
    assert stream.getvalue() == ""


@pytest.mark.usefixtures("_soon")
def test_what_fails_ends_its_lines(stream, plain):
    with Display(plain) as shown:
        shown.begin_task("training", 10)
        lines = shown.lines
    assert not lines._thread.is_alive()
    before = set(enumerate_threads())
    with pytest.raises(ZeroDivisionError), Display(plain) as shown, shown.working("fitting"):
        _ = 1 / 0
    assert set(enumerate_threads()) == before


def test_work_is_a_live_line_on_a_terminal(stream, terminal):
    with Display(terminal) as shown, shown.working("fitting") as work:
        work.advance(0.5)
        shown.live.refresh()
        assert "fitting, 50%" in stream.getvalue()
    assert shown.live.tasks == []


@pytest.mark.usefixtures("_soon")
def test_a_run_says_where_it_is_however_long_a_batch_takes(stream, plain):
    with RunProgress(plain) as shown:
        shown.begin("entry", 1000, 0)
        stream.wait_for("0 of 1,000 images, … images/s, accuracy …\n")
        shown.on_batch(100, 90)
        stream.wait_for("100 of 1,000 images")
        stream.wait_for("accuracy 0.900")


@pytest.mark.usefixtures("_never")
def test_a_rate_waits_for_a_finished_batch(plain):
    with RunProgress(plain) as shown:
        shown.begin("entry", 1000, 400)
        shown.on_batch(400, 380)
        shown.on_step(20.0)
        assert "… images/s" in shown.lines.text
        shown.on_batch(100, 90)
        assert "… images/s" not in shown.lines.text


@pytest.mark.usefixtures("_never")
def test_the_time_left_waits_for_a_finished_batch(terminal):
    with RunProgress(terminal) as shown:
        shown.begin("entry", 1000, 400)
        shown.on_batch(400, 380)
        shown.on_step(20.0)
        assert shown.live.tasks[0].fields["ready"] is False
        shown.on_batch(100, 90)
        assert shown.live.tasks[0].fields["ready"] is True


def test_work_within_a_run_is_not_in_its_rate(plain, monkeypatch):
    with RunProgress(plain) as shown:
        shown.begin("entry", 1000, 0)
        begun = shown.begun
        now = display.time.monotonic
        with shown.working("fitting"):
            monkeypatch.setattr(display.time, "monotonic", lambda: now() + 1000)
        assert shown.begun - begun >= 1000


@pytest.mark.usefixtures("_soon")
def test_a_training_says_where_it_is_within_an_epoch_too(stream, plain):
    with TrainingProgress(plain, epochs=4) as shown:
        shown.begin("training", 20000, 5000)
        shown.begin_epoch(1, 5000)
        shown.on_batch(1000)
        shown.on_batch(1000)
        stream.wait_for("epoch 2/4: 2,000 of 5,000 images\n")
        with shown.working("judging epoch 2"):
            stream.wait_for("judging epoch 2, 0 s\n")


def test_a_training_shows_its_share_on_a_terminal(terminal):
    with TrainingProgress(terminal, epochs=4) as shown:
        shown.begin("training", 20000, 5000)
        shown.begin_epoch(1, 5000)
        shown.on_batch(2500)
        (task,) = shown.live.tasks
        assert (task.completed, task.total, task.fields["count"]) == (7500, 20000, "38%")
