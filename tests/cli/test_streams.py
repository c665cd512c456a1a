"""Streams that cannot hold a character, or hold nothing more."""

import io
import os
import sys

import pytest
from command_line import icbench

from icbench.cli import main as cli
from icbench.cli.streams import StreamError, tolerant_streams

TEXT = "0.25–0.75 · −1 ◆ ρ 字"


class Broken(io.TextIOWrapper):
    """A stream whose every byte fails with an error."""

    def __init__(self, error: OSError) -> None:
        super().__init__(io.BytesIO(), "utf-8", write_through=True)
        self.error = error

    def write(self, text: str) -> int:
        raise self.error

    def flush(self) -> None:
        pass


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("ascii", "0.25-0.75 . -1 * r ?"),
        ("latin-1", "0.25-0.75 · -1 * r ?"),
        ("cp1252", "0.25–0.75 · -1 * r ?"),
        ("utf-8", TEXT),
    ],
)
def test_what_a_stream_cannot_hold_has_a_likeness_of_the_same_width(monkeypatch, encoding, said):
    held = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(held, encoding))
    with tolerant_streams():
        sys.stdout.write(TEXT)
        sys.stdout.flush()
    assert held.getvalue().decode(encoding) == said


@pytest.mark.parametrize("form", ["table", "markdown", "json"])
def test_a_table_is_printed_in_ascii(monkeypatch, form):
    from record_factory import RESULTS, finished, right

    finished(right(20, 1), label="a")
    stream = io.TextIOWrapper(io.BytesIO(), "ascii")
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        with pytest.raises(SystemExit) as end:
            cli.main(["leaderboard", str(RESULTS), "--format", form])
    stream.seek(0)
    assert end.value.code == 0
    assert "0.95" in stream.read()


def test_a_stream_that_failed_fails_again_though_somebody_only_tried_it(monkeypatch):
    monkeypatch.setattr(sys, "stdout", Broken(OSError(28, "No space left on device")))
    with tolerant_streams():
        for _ in range(2):
            with pytest.raises(StreamError, match="No space left"):
                sys.stdout.write("text")
        with pytest.raises(StreamError):
            sys.stdout.flush()


@pytest.mark.parametrize("arguments", [["plugins"], ["plugins", "--json"], ["--help"], ["run", "--help"]])
def test_a_full_stdout_is_one_line_and_exit_code_1(monkeypatch, capsys, arguments):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Broken(OSError(28, "No space left on device")))
        with pytest.raises(SystemExit) as end:
            cli.main(arguments)
    error = capsys.readouterr().err
    assert end.value.code == 1
    assert error.count("the output cannot be written: No space left on device") == 1
    assert "internal error" not in error


@pytest.mark.parametrize("arguments", [["plugins"], ["plugins", "--json"], ["run", "--steps", "-1", "--json"]])
def test_a_reader_that_has_had_enough_is_no_failure_worth_a_line(monkeypatch, capsys, arguments):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", Broken(BrokenPipeError(32, "Broken pipe")))
        with pytest.raises(SystemExit) as end:
            cli.main(arguments)
    assert end.value.code == 1
    assert "ipe" not in capsys.readouterr().err


def test_a_full_stderr_stops_nothing(monkeypatch, capsys):
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", Broken(OSError(28, "No space left on device")))
        code, _, _ = icbench(capsys, "run", "--steps", "-1")
    assert code == 2


def test_what_is_still_in_the_buffer_leads_nowhere_after_a_failure(monkeypatch):
    """So that the interpreter, which flushes at its end, has nothing to complain of."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        with tolerant_streams():
            sys.stdout.write("text")
            with pytest.raises(StreamError):
                sys.stdout.flush()
        stream.flush()


def test_the_streams_are_put_back(monkeypatch):
    before = sys.stdout, sys.stderr
    with tolerant_streams():
        assert sys.stdout is not before[0]
    assert (sys.stdout, sys.stderr) == before
