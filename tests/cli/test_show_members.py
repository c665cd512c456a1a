"""`icbench show` of a product of experts: how many images each of its members was asked about."""

import json
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from command_line import icbench
from record_factory import RESULTS, finished, right

from icbench.ranking.members import asked_members
from icbench.records.metadata import ComponentMetadata
from icbench.records.record import write_record

ASKED = np.repeat([1, 2, 3], [10, 6, 4]).astype(np.int32)
FIRST, DEAR = {"sure": None, "classes": 0}, {"sure": 0.9, "classes": 2}


def product(members, order=None):
    """The record of a product of these members, of which the first ten images need one, six two and four three."""
    whole = finished(right(20, 1), label="made", arrays={"asked": ASKED})
    made = ComponentMetadata(name="p", dist="d", version="1", params={}, source="s", components=members)
    entry = replace(whole.metadata.entry, generator=None, distance=None, optimizer=None, schedule=None, product=made)
    metadata = replace(whole.metadata, entry=entry, members=order)
    return write_record(RESULTS / "product", metadata, whole.images())


def shown(capsys, record):
    code, out, err = icbench(capsys, "show", record.path)
    assert (code, err) == (0, "")
    return out.partition("by member")[2].partition("by class")[0]


def test_each_member_is_shown_in_its_order_with_the_images_it_was_asked_about(capsys):
    record = product({"a": DEAR, "b": FIRST, "c": DEAR}, ("b", "c", "a"))
    rows = [line.split() for line in shown(capsys, record).splitlines() if "%" in line]
    assert rows == [["b", "20", "100.0%"], ["c", "10", "50.0%"], ["a", "4", "20.0%"]]


def test_json_has_the_same(capsys):
    record = product({"a": DEAR, "b": FIRST, "c": DEAR}, ("b", "c", "a"))
    code, out, _ = icbench(capsys, "show", record.path, "--json")
    members = json.loads(out)["data"]["members"]
    assert code == 0
    assert members[1] == {"number": 2, "name": "c", "asked": 10, "images": 20, "share": 0.5}
    assert [member["name"] for member in members] == ["b", "c", "a"]


def test_the_page_of_records_says_it_too(capsys):
    record = product({"a": DEAR, "b": FIRST}, ("b", "a"))
    code, _, _ = icbench(capsys, "report", record.path, "--out", "page.html", "--quiet")
    assert code == 0
    # Where a line may break is marked.
    page = Path("page.html").read_text(encoding="utf-8").replace("<wbr>", "")
    assert "b about 20 images (100.0%), a about 10 images (50.0%)" in page


@pytest.mark.parametrize(
    ("members", "names"),
    [
        ({"a": FIRST}, ["a"]),
        ({"a": DEAR, "b": FIRST}, ["b", "a"]),
        ({"a": FIRST, "b": FIRST}, ["", ""]),
        ({"a": FIRST, "b": DEAR, "c": DEAR}, ["", "", ""]),
    ],
)
def test_names_that_an_older_record_has_in_no_order_are_put_to_no_figure_that_may_be_another_s(members, names):
    assert [member.name for member in asked_members(product(members))] == names


def test_a_member_of_unknown_name_has_its_number(capsys):
    record = product({"a": FIRST, "b": DEAR, "c": DEAR})
    assert re.search(r"^ *number 2 +10 +50\.0%", shown(capsys, record), re.MULTILINE)


@pytest.mark.parametrize("order", [("c", "d"), ("b", "a", "b")])
def test_an_order_of_other_members_is_not_believed(order):
    assert [member.name for member in asked_members(product({"a": FIRST, "b": DEAR}, order))] == ["a", "b"]


def test_what_is_no_product_has_no_members(capsys):
    record = finished(right(20))
    assert asked_members(record) == []
    assert "by member" not in icbench(capsys, "show", record.path)[1]
