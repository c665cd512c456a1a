"""What a record says of where it was made."""

import subprocess
from pathlib import Path

import pytest

from icbench.compute import environment
from icbench.compute.environment import git_revision


@pytest.fixture
def repository(tmp_path, monkeypatch):
    """Returns a function that makes a repository with one commit, and gives its folder and revision."""
    for name in ("HOME", "XDG_CONFIG_HOME"):
        monkeypatch.setenv(name, str(tmp_path))

    def make(name, message):
        folder = tmp_path / name
        author = ("-c", "user.name=a", "-c", "user.email=a@example.org")
        for command in (["init", "-q"], [*author, "commit", "-q", "--allow-empty", "-m", message]):
            folder.mkdir(exist_ok=True)
            subprocess.run(["git", "-C", str(folder), *command], check=True)
        head = subprocess.run(
            ["git", "-C", str(folder), "rev-parse", "HEAD"], check=True, capture_output=True, text=True
        )
        return folder, head.stdout.strip()

    return make


def run_from(monkeypatch, root: Path) -> None:
    """As if icbench lay in `root`."""
    monkeypatch.setattr(environment, "__file__", str(root / "icbench" / "compute" / "environment.py"))


@pytest.fixture
def checkout(repository, monkeypatch):
    """Icbench in a checkout of its own; its revision."""
    root, revision = repository("checkout", "icbench")
    (root / "pyproject.toml").touch()
    run_from(monkeypatch, root)
    return revision


def test_the_revision_is_that_of_the_checkout(checkout):
    assert git_revision() == checkout


def test_another_repository_in_the_environment_is_not_icbenchs(checkout, repository, monkeypatch):
    other, _ = repository("other", "another")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_WORK_TREE", str(other))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / "index"))
    assert git_revision() == checkout


def test_without_git_there_is_no_revision(checkout, monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_revision() == ""


@pytest.mark.parametrize("inside", ["", "lib/site-packages"])
def test_a_repository_that_icbench_is_installed_in_is_not_its_own(repository, monkeypatch, inside):
    root, _ = repository("users", "their own")
    run_from(monkeypatch, root / inside)
    assert git_revision() == ""


def test_a_checkout_that_git_does_not_take_for_one_is_not_looked_for_further_up(repository, monkeypatch):
    outer, _ = repository("outer", "another")
    root = outer / "icbench"
    (root / ".git").mkdir(parents=True)
    (root / "pyproject.toml").touch()
    run_from(monkeypatch, root)
    assert git_revision() == ""


def test_a_checkout_without_a_commit_has_no_revision(monkeypatch, tmp_path):
    subprocess.run(["git", "init", "-q", str(tmp_path / "new")], check=True)
    (tmp_path / "new" / "pyproject.toml").touch()
    run_from(monkeypatch, tmp_path / "new")
    assert git_revision() == ""
