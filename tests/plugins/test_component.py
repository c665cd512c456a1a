"""Specs and parameters: what is accepted, and what a wrong one is answered."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from icbench import Component, Param
from icbench.errors import PluginError, UsageError
from icbench.plugins.component import Registered, Selection
from icbench.plugins.manager import PluginManager

HOST = PluginManager()


def test_a_spec_without_parameters_takes_the_defaults():
    assert HOST.select("schedule", "joint").params == {"noise_rate": 1.0, "noise_start": 0}


def test_parameters_are_typed_by_their_defaults():
    params = HOST.select("schedule", "joint:noise_rate=2,noise_start=5").params
    assert params == {"noise_rate": 2.0, "noise_start": 5}
    assert isinstance(params["noise_rate"], float)


def test_label_shows_only_what_differs_from_the_defaults():
    assert HOST.select("schedule", "joint:noise_rate=1,noise_start=5").label == "joint:noise_start=5"
    assert HOST.select("schedule", "joint").label == "joint"


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("jiont", "Did you mean 'joint'"),
        ("joint:noise_rat=1", "Did you mean 'noise_rate'"),
        ("joint:noise_rate=fast", "noise_rate=fast is not a number of 0 or more"),
        ("joint:noise_rate=-1", "is not a number of 0 or more"),
        ("joint:noise_rate=nan", "is not a number of 0 or more"),
        ("joint:noise_rate=inf", "is not a number of 0 or more"),
        ("joint:noise_start=1.5", "is not an integer of 0 or more"),
        ("joint:noise_rate", "is not key=value"),
        ("", "there is no schedule ''"),
    ],
)
def test_a_wrong_spec_is_answered_with_the_way_out(spec, said):
    with pytest.raises(UsageError) as caught:
        HOST.select("schedule", spec)
    assert said in f"{caught.value.message} {caught.value.hint}"


@given(st.text(max_size=40))
def test_any_text_is_a_spec_or_a_usage_error(text):
    for kind in ("generator", "schedule"):
        with suppress(UsageError):
            assert HOST.select(kind, text).name


@given(st.floats(0, 1e6), st.integers(0, 10**6))
def test_values_survive_the_way_through_a_spec(rate, start):
    params = HOST.select("schedule", f"joint:noise_rate={rate!r},noise_start={start}").params
    assert params == {"noise_rate": rate, "noise_start": start}


def test_choices_and_booleans():
    choice = Param("mode", "a", choices=("a", "b"))
    assert choice.parse("b") == "b"
    with pytest.raises(UsageError, match="one of a, b"):
        choice.parse("c")
    assert Param("flag", False).parse("true") is True
    with pytest.raises(UsageError, match="true or false"):
        Param("flag", False).parse("maybe")


def test_a_factory_that_cannot_be_imported_names_the_distribution():
    component = Component("ghost", "no.such.module:Ghost", "nothing")
    with pytest.raises(PluginError, match="icbench-ghost"):
        Selection(Registered("distance", component, "icbench-ghost", "1")).build()


def test_a_file_parameter_shows_its_name_and_not_its_folder():
    selection = HOST.select("generator", "cgan:weights=/home/somebody/secret/best.safetensors")
    assert selection.label == "cgan:weights=best.safetensors"
