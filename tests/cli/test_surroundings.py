"""Commands in odd surroundings."""

from pathlib import Path

import pytest
from command_line import icbench

pytestmark = pytest.mark.usefixtures("toy_plugin")

RUN = ("run", "--generator", "linear", "--dataset", "toy", "--steps", 1, "--limit", 2, "--quiet")


@pytest.fixture
def deleted_folder(tmp_path, monkeypatch):
    folder = tmp_path / "gone"
    folder.mkdir()
    monkeypatch.chdir(folder)
    folder.rmdir()


@pytest.mark.usefixtures("deleted_folder")
def test_in_a_deleted_folder_a_relative_one_is_refused_in_a_line(capsys):
    code, out, err = icbench(capsys, *RUN)
    assert (code, out) == (2, "")
    first, second = err.splitlines()
    assert "the working folder is gone" in first
    assert "--results" in second


@pytest.mark.usefixtures("deleted_folder")
def test_in_a_deleted_folder_absolute_ones_are_used(capsys, tmp_path):
    assert icbench(capsys, *RUN, "--results", tmp_path / "results")[0] == 0
    [record] = (path.parent for path in (tmp_path / "results").glob("*/record.json"))
    for verb in ("leaderboard", "show"):
        code, out, _ = icbench(capsys, verb, tmp_path / "results" if verb == "leaderboard" else record)
        assert code == 0
        assert "0." in out or "1." in out


def test_without_docstrings_a_verb_is_told_in_a_line(capsys, monkeypatch):
    """As with `python -OO`."""
    monkeypatch.setattr("icbench.cli.env.command.help", None)
    assert "facts about this machine" in icbench(capsys, "env", "--help")[1]


def test_a_dangling_link_as_results_folder_is_one_line(capsys):
    Path("link").symlink_to("nowhere")
    code, _, err = icbench(capsys, *RUN, "--results", "link")
    assert code == 2
    assert len(err.splitlines()) == 1
    assert "the results folder link cannot be written" in err


def test_a_dangling_link_among_the_results_is_named_and_stops_nothing(capsys):
    assert icbench(capsys, *RUN, "--results", "results")[0] == 0
    Path("results/link").symlink_to("nowhere")
    code, out, err = icbench(capsys, "leaderboard", "results")
    assert code in (0, 1)
    assert "linear" in out
    assert "link" in err


def test_a_dangling_link_as_plugin_file_is_one_line(capsys):
    Path("plugin.py").symlink_to("nowhere")
    code, _, err = icbench(capsys, *RUN, "--plugin-file", "plugin.py")
    assert code in (2, 4)
    assert "plugin.py" in err
