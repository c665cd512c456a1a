"""What is published in results/ is whole, and the tables of README and docs are made of it and of benchmarks."""

import importlib.util
import re
import sys
from functools import cache
from pathlib import Path

import pytest

from icbench.records import read_record
from icbench.records.checks import check_arrays, check_document, read_images
from icbench.records.record import LATENTS

ROOT = Path(__file__).parent.parent
RECORDS = sorted(file.parent for file in ROOT.glob("results/*/*/record.json"))
MOST_BYTES = 10_000_000
FIGURE = re.compile(r"(?<![\d.])0\.\d{4}(?!\d)")
PAGES = ["README.md", *(f"docs/{page}.md" for page in ("results", "distances", "hobbhahn2020", "guide", "tutorial"))]
TYPED = {
    "docs/results.md": {"0.9897", "0.9914", "0.9921", "0.9905", "0.9945", "0.9950", "0.9955", "0.9959"},
    "docs/distances.md": {"0.9895", "0.9897"},
}
"""Figures in sentences that are of validation images or other trainings, whose records are not published."""


@pytest.fixture(scope="module")
def tables():
    """The script that makes the tables."""
    path = list(sys.path)
    sys.path.insert(0, str(ROOT / "docs"))
    spec = importlib.util.spec_from_file_location("tables", ROOT / "docs/tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.MADE = {name: cache(make) for name, make in module.MADE.items()}
    yield module
    sys.path[:] = path


def stated(page):
    """The text of a page without what stands in blocks of code and in tables."""
    return re.sub(r"```.*?```|^\|.*?$", "", (ROOT / page).read_text(), flags=re.DOTALL | re.MULTILINE)


@pytest.mark.parametrize("path", RECORDS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_a_published_record_is_as_it_was_written(path):
    record = read_record(path)
    arrays, file = read_images(record)
    findings = [*check_document(record), file, *check_arrays(record, arrays)]
    assert [one for one in findings if one.verdict != "holds"] == []
    assert path.name == record.metadata.id
    assert not record.has(["class_scores"])
    assert not record.has(LATENTS)


def test_what_is_published_is_small():
    assert sum(file.stat().st_size for file in ROOT.glob("results/**/*") if file.is_file()) <= MOST_BYTES


def test_the_tables_of_all_pages_are_those_of_the_records(tables):
    stale = [str(page) for page in tables.PAGES if tables.rewrite(page.read_text()) != page.read_text()]
    assert stale == [], "python docs/tables.py"


def test_every_table_that_can_be_made_is_in_a_page(tables):
    found = {name for page in tables.PAGES for _, name, *_ in tables.TABLE.findall(page.read_text())}
    assert found == set(tables.MADE)


def test_the_leaderboard_has_every_folder(tables):
    text = (ROOT / "docs/leaderboard.md").read_text()
    for folder in {path.parent.name for path in RECORDS} - {"default"}:
        assert f"results/{folder}" in text


@pytest.mark.parametrize("page", PAGES)
def test_figures_in_sentences_are_those_of_the_tables(tables, page):
    made = "\n".join(make() for make in tables.MADE.values())
    assert set(FIGURE.findall(stated(page))) - TYPED.get(page, set()) <= set(FIGURE.findall(made))
