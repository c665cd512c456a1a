"""The grammar of parameters."""

from contextlib import suppress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from icbench import Component, Param
from icbench.errors import UsageError
from icbench.plugins.component import Registered, Selection
from icbench.plugins.manager import _assignments
from icbench.plugins.spec import quote, split_params, unquote

KEYS = st.from_regex(r"[a-z_]+", fullmatch=True)
VALUES = st.text() | st.text("\"',= \n", max_size=8)


def read(text):
    return dict(_assignments(text, text, ()))


@given(st.dictionaries(KEYS, VALUES, max_size=4))
@example({"a": '"'})
@example({"a": "x\n"})
@example({"a": "'\","})
def test_whatever_is_written_is_read_again(values):
    assert read(",".join(f"{key}={quote(value)}" for key, value in values.items())) == values


@given(st.text())
def test_any_text_is_read_or_refused_as_a_usage_error(text):
    with suppress(UsageError):
        read(text)


@given(st.text(st.characters(exclude_characters="\"'")))
def test_without_quotes_commas_are_all_that_counts(text):
    assert list(split_params(text)) == [part for part in text.split(",") if part]


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ('weights="a,b.safetensors"', {"weights": "a,b.safetensors"}),
        ("weights='a,b',steps=3", {"weights": "a,b", "steps": "3"}),
        ('a = " x " , b=y', {"a": " x ", "b": "y"}),
        ('a="say ""so"""', {"a": 'say "so"'}),
        ("a=it's,b=b=c", {"a": "it's", "b": "b=c"}),
        ("a=", {"a": ""}),
    ],
)
def test_values(text, values):
    assert read(text) == values


@pytest.mark.parametrize("text", ['a="b', 'a="b"c', "a='", 'a="b,c=d'])
def test_a_quote_that_is_not_closed_is_told(text):
    with pytest.raises(UsageError, match="not closed") as caught:
        read(text)
    assert 'key="a,b"' in caught.value.hint


def test_a_plain_value_stays_plain():
    assert quote("runs/it's=1") == unquote("runs/it's=1") == "runs/it's=1"


def test_a_label_can_be_typed_again():
    component = Component("linear", "toy:LinearGenerator", "exact", params=(Param("weights", ""), Param("steps", 1)))
    selection = Selection(Registered("generator", component, "toy", "1"), {"weights": "a,b", "steps": 2})
    assert selection.label == 'linear:weights="a,b",steps=2'
