"""The user's own folders, and what goes on without them."""

from pathlib import Path

import platformdirs
import pytest
from command_line import icbench

from icbench import storage
from icbench.errors import FolderWarning, ResultsError
from icbench.plugins.preferences import disabled_plugins, set_disabled
from icbench.running.datasets import data_folder
from icbench.storage import cache_folder, config_folder, keep, read_kept


@pytest.fixture(autouse=True)
def _nothing_said_yet():
    storage.say_once.cache_clear()


def raise_homeless(*_):
    raise RuntimeError("could not determine the home directory")


@pytest.fixture(params=[raise_homeless, lambda name: f"~/.cache/{name}"], ids=["raises", "tilde"])
def homeless(request, monkeypatch):
    """No home, as the versions of platformdirs answer to it."""
    for variable in ("ICBENCH_CONFIG", "ICBENCH_DATA"):
        monkeypatch.delenv(variable, raising=False)
    for function in ("user_config_dir", "user_cache_dir"):
        monkeypatch.setattr(platformdirs, function, request.param)


@pytest.fixture
def barred(monkeypatch):
    """A cache folder where a file is in the way: as root, modes keep nobody out."""
    Path("barred").write_text("")
    monkeypatch.setattr(storage, "cache_folder", lambda: Path("barred/icbench"))


def test_who_has_no_home_has_no_preferences_and_no_cache_and_is_told_once(homeless):
    with pytest.warns(FolderWarning, match="no home folder is known"):
        assert config_folder() is None
    assert (cache_folder(), disabled_plugins(), read_kept("name")) == (None, set(), "")
    keep("name", "text")
    assert data_folder() == Path("icbench-data")
    assert not list(Path().iterdir())


def test_without_a_home_a_plugin_is_disabled_only_in_a_folder_that_is_named(homeless, monkeypatch):
    with pytest.warns(FolderWarning), pytest.raises(ResultsError) as caught:
        set_disabled("some", True)
    assert "ICBENCH_CONFIG" in caught.value.hint
    monkeypatch.setenv("ICBENCH_CONFIG", "config")
    set_disabled("some", True)
    assert disabled_plugins() == {"some"}


def test_commands_go_on_without_a_home(homeless, capsys):
    code, out, err = icbench(capsys, "plugins")
    assert code == 0
    assert "cgan" in out
    assert err.count("no home folder is known") == 1


def test_a_cache_that_cannot_be_written_is_told_once(barred):
    with pytest.warns(FolderWarning, match="barred/icbench cannot be written"):
        keep("one", "text")
    keep("sources/two", "text")
    assert read_kept("one") == ""


def test_what_is_kept_is_read_again_and_no_part_of_it_stays(cache):
    keep("sources/one.json", "text")
    assert read_kept("sources/one.json") == "text"
    assert [file.name for file in (cache / "sources").iterdir()] == ["one.json"]


def test_preferences_that_may_not_be_read_are_told(monkeypatch):
    def refuse(file):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.warns(FolderWarning, match="preferences are not read"):
        assert disabled_plugins() == set()
