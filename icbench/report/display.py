"""Signs of life on a console: a live line on a terminal, plain lines elsewhere."""

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from rich.console import Console, RenderableType
from rich.constrain import Constrain
from rich.control import Control
from rich.markup import escape
from rich.progress import BarColumn, Progress, ProgressColumn, Task, TaskID, TextColumn, TimeRemainingColumn
from rich.segment import ControlType
from rich.table import Column
from rich.text import Text

from icbench.running.observer import Observer, Work

if TYPE_CHECKING:
    from icbench.records import Record

FIRST_LINE_SECONDS = 2.0
"""Work that is over before needs no line."""
LINE_EVERY_SECONDS = 10.0
MEANINGFUL_SECONDS = 5.0
"""Estimates of less are not shown, unless a whole part of the work is behind them."""


class Display(Observer):
    """Shows on a console what goes on: one task with an end, and work that tells little of itself.

    Where there is no terminal, threads print the lines, so that they come however long a part of the work takes.

    Args:
        console: where to; its own test for a terminal decides between a live display and plain lines.
        quiet: show nothing but warnings.
    """

    def __init__(self, console: Console, quiet: bool = False) -> None:
        self.console, self.quiet = console, quiet
        self.live = _LiveView(console) if console.is_terminal and not quiet else None
        self.task: TaskID | None = None
        self.lines: _Lines | None = None
        self.begun = time.monotonic()
        self.warnings: list[str] = []

    def __enter__(self) -> Self:
        if self.live:
            self.live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.end_task()
        if self.live:
            self.live.view = None
            self.live.stop()

    def say(self, message: str) -> None:
        """Print a line above whatever is live."""
        if not self.quiet:
            self.console.print(escape(message), soft_wrap=True, highlight=False)

    def warn(self, message: str) -> None:
        self.warnings.append(message)
        self.console.print(f"[yellow]{escape(message)}[/]", soft_wrap=True, highlight=False)

    def end(self, record: "Record | None" = None) -> None:
        self.end_task()

    def show_instead(self, view: RenderableType) -> None:
        """Show this on a terminal in place of the task, until all is over."""
        if self.live:
            self.live.view = view

    def begin_task(self, what: str, total: int, done: int = 0) -> None:
        """The task with an end begins, or goes on where so much of it is done."""
        self.begun = time.monotonic()
        self.done_before = done
        self.part_is_done = False
        if self.live and not self.live.view:
            self.task = self.live.add_task(what, total=total, completed=done, **NOTHING)
        elif not self.live:
            self.lines = _Lines(self._say, what, LINE_EVERY_SECONDS)

    def show_task(self, done: float, line: str, **fields: Any) -> None:
        """So much of the task is done.

        Args:
            done, line: of its total, and what is printed of it when a line is due.
            fields: what is shown of it live: `count`, `rate`, `note` and `detail` of that.
        """
        if self.lines:
            self.lines.text = line
        elif self.live and self.task is not None:
            fresh = done > self.done_before
            self.live.update(self.task, completed=done, ready=fresh and self.is_meaningful, **fields)

    def end_task(self) -> None:
        """The task is over, or is not gone on with."""
        if self.lines:
            self.lines.end()
            self.lines = None
        if self.live and self.task is not None:
            self.live.remove_task(self.task)
            self.task = None

    @property
    def is_meaningful(self) -> bool:
        """Whether what the task has done so far says how it will go on."""
        return self.part_is_done or time.monotonic() - self.begun >= MEANINGFUL_SECONDS

    @contextmanager
    def working(self, what: str) -> Iterator[Work]:
        """Within it, a live line or one line every ten seconds says that work goes on, and for how long it has."""
        work, started = Work(what), time.monotonic()
        with self._live_work(work) if self.live else self._tell_work(work):
            yield work
        # It says nothing of how fast the task goes on.
        self.begun += time.monotonic() - started

    @contextmanager
    def _live_work(self, work: Work) -> Iterator[None]:
        assert self.live is not None
        task = self.live.add_task("", total=None, work=work, **NOTHING)
        try:
            yield
        finally:
            self.live.remove_task(task)

    @contextmanager
    def _tell_work(self, work: Work) -> Iterator[None]:
        begun = time.monotonic()
        lines = _Lines(lambda _: self._say(f"{work}, {time.monotonic() - begun:.0f} s"), "", FIRST_LINE_SECONDS)
        if self.lines:
            self.lines.silent = True
        try:
            yield
        finally:
            lines.end()
            if self.lines:
                self.lines.silent = False

    def _say(self, text: str) -> None:
        # Where nothing can be printed any more, the work goes on all the same.
        with suppress(OSError, ValueError):
            self.say(text)


class _Lines:
    """A thread that says something now and then.

    Args:
        say: says a text.
        text: the first one; it may be changed.
        first: the seconds before it is said, and from then on every ten.
    """

    def __init__(self, say: Callable[[str], None], text: str, first: float) -> None:
        self.say, self.text, self.first = say, text, first
        self.silent = False
        self._over = Event()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def end(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        wait = self.first
        while not self._over.wait(wait):
            if not self.silent:
                self.say(self.text)
            wait = LINE_EVERY_SECONDS


NOTHING: dict[str, Any] = {"count": "", "rate": "", "note": "", "detail": "", "ready": False}
"""The fields of a task of which nothing is known yet."""


class _WhatColumn(ProgressColumn):
    """What goes on, in so many columns at most."""

    def __init__(self, most: int) -> None:
        super().__init__(table_column=Column(no_wrap=True))
        self.most = most

    def render(self, task: Task) -> Text:
        text = Text(str(task.fields.get("work", task.description)))
        text.truncate(self.most, overflow="ellipsis")
        return text


class _RemainingColumn(TimeRemainingColumn):
    """The time left, once that means something; for work that tells nothing, the time that has gone."""

    def render(self, task: Task) -> Text:
        if "work" in task.fields:
            return Text(f"{task.elapsed or 0:.0f} s", style="progress.elapsed")
        return super().render(task) if task.fields["ready"] else Text("")


WIDE = 78
"""The width of terminal from which on there is a bar, which fills the line."""
BEHIND = 14
"""The columns of them that work needs whose end is not known."""
ECHO = 2
"""The columns at the end of a line that stay free for the `^C` that a terminal writes there: it must not wrap."""


class _LiveView(Progress):
    """What is live on a terminal, in whatever size that has at the moment: tasks, beneath a view if there is one.

    Each part of a task's line has the width of terminal from which on it is shown.
    """

    def __init__(self, console: Console) -> None:
        self.view: RenderableType | None = None
        self._terminal = console
        self._drawn: RenderableType = ""
        self._drawn_width = console.width
        # A column remembers what it rendered of a task, so each view has its own.
        self._behind: tuple[tuple[int, ProgressColumn], ...] = (
            (WIDE, BarColumn(bar_width=None)),
            (0, TextColumn("{task.fields[count]}", style="progress.percentage")),
            (68, TextColumn("{task.fields[rate]}", style="cyan")),
            (54, _RemainingColumn(compact=True)),
            (0, TextColumn("{task.fields[note]}", style="bold")),
            (44, TextColumn("{task.fields[detail]}", style="bold")),
        )
        super().__init__(console=console, refresh_per_second=8)

    def get_renderable(self) -> RenderableType:
        self._go_back_over_wrapped_lines()
        self._drawn = super().get_renderable()
        return self._drawn

    def get_renderables(self) -> Iterable[RenderableType]:
        room = self._terminal.width
        shown = [column for width, column in self._behind if room >= width]
        self.columns, self.expand = (_WhatColumn(max(1, room - BEHIND)), *shown), room >= WIDE
        if self.view:
            yield self.view
        yield Constrain(self.make_tasks_table(self.tasks), room - ECHO if self.expand else room)

    def _go_back_over_wrapped_lines(self) -> None:
        """A terminal that has become narrower wrapped what was drawn: rich would go back over too few lines."""
        before, width = self._drawn_width, self._terminal.width
        self._drawn_width = width
        if width >= before or not self._terminal.is_terminal:
            return
        lines = self._terminal.render_lines(self._drawn, self._terminal.options.update(width=before), pad=False)
        lengths = [sum(segment.cell_length for segment in line) for line in lines]
        wrapped = sum(max(0, length - 1) // max(1, width) for length in lengths)
        back = ((ControlType.ERASE_IN_LINE, 2), (ControlType.CURSOR_UP, 1)) * wrapped
        self._terminal.control(Control(ControlType.CARRIAGE_RETURN, *back))
