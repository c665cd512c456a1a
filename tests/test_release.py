"""What is released says the same of itself in every place, and is whole."""

import re
import tomllib
from pathlib import Path

import pytest

from icbench.version import __version__

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_citation_is_of_this_version_and_licence():
    citation = (ROOT / "CITATION.cff").read_text()
    said = dict(re.findall(r"^(\S+): (.+)$", citation, re.MULTILINE))
    assert (said["version"], said["license"]) == (__version__, PROJECT["project"]["license"])


def test_the_changelog_speaks_of_this_version():
    assert __version__ in (ROOT / "CHANGELOG.md").read_text().partition("### ")[0]


@pytest.mark.parametrize("included", PROJECT["tool"]["hatch"]["build"]["targets"]["sdist"]["include"])
def test_what_the_sdist_has_is_there(included):
    assert (ROOT / included).exists()
