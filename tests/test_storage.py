"""Files that are asked for are refused before anything is computed, or written whole, or left as they were."""

import errno
import os
from pathlib import Path

import pytest

from icbench.errors import OutputError, UsageError
from icbench.storage import check_output_file, way_out, write_output

PNG = (".png",)


def test_a_file_that_can_be_written_leaves_nothing_behind():
    check_output_file(Path("out.PNG"), PNG)
    check_output_file(Path("page"))
    assert list(Path().iterdir()) == []


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("out.unknown", "names no format that can be written"),
        ("out", "names no format"),
        ("nowhere/out.png", "there is no folder"),
        ("folder.png", "is a folder"),
        ("file/out.png", "there is no folder"),
    ],
)
def test_what_cannot_be_written_is_named(file, said):
    Path("folder.png").mkdir()
    Path("file").touch()
    with pytest.raises(UsageError, match=said) as caught:
        check_output_file(Path(file), PNG)
    assert file in caught.value.message
    assert "space" not in caught.value.hint


def test_a_folder_that_may_not_be_written_to_is_named(monkeypatch):
    def refused(**_):
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refused)
    with pytest.raises(UsageError, match=r"out\.png cannot be written: Permission denied") as caught:
        check_output_file(Path("out.png"), PNG)
    assert "may write to" in caught.value.hint


def test_a_full_disk_is_found_at_once_and_its_hint_is_to_make_room(fill_disk):
    fill_disk()
    with pytest.raises(UsageError, match="No space left") as caught:
        check_output_file(Path("out.png"), PNG)
    assert "Free some space" in caught.value.hint
    assert list(Path().iterdir()) == []


def test_a_write_that_fails_leaves_the_older_file_and_no_part_of_the_new_one(fill_disk):
    fill_disk()
    Path("out.png").write_bytes(b"older")
    with pytest.raises(OutputError, match="No space left") as caught:
        write_output(Path("out.png"), b"newer")
    assert caught.value.exit_code == 1
    assert [file.name for file in Path().iterdir()] == ["out.png"]
    assert Path("out.png").read_bytes() == b"older"


def test_a_link_stays_a_link():
    Path("link.png").symlink_to("out.png")
    write_output(Path("link.png"), b"content")
    assert Path("link.png").is_symlink()
    assert Path("out.png").read_bytes() == b"content"


def test_a_device_is_written_to_and_not_replaced():
    check_output_file(Path(os.devnull))
    write_output(Path(os.devnull), b"content")
    assert not Path(os.devnull).is_file()


def test_space_is_spoken_of_only_where_it_lacks():
    assert "space" in way_out(OSError(errno.EDQUOT, "Disk quota exceeded"))
    assert way_out(OSError(errno.EROFS, "Read-only file system"), "Elsewhere.") == "Elsewhere."
