"""What `import icbench` offers, as far as its own code goes."""

from dataclasses import fields
from inspect import signature
from pathlib import Path

import pytest

import icbench
from icbench.errors import UsageError
from icbench.running.session import Options


def test_an_unknown_keyword_names_those_there_are():
    with pytest.raises(UsageError, match=r"icbench\.run has no option 'limt'") as raised:
        icbench.run(limt=3)
    assert raised.value.hint.startswith("Did you mean 'limit'? The options are: ")
    assert raised.value.hint in raised.value.__notes__
    assert list(Path().iterdir()) == []


def test_every_option_of_a_run_is_a_keyword():
    # Seeds one by one; suites name themselves.
    wanted = {field.name for field in fields(Options)} - {"seeds", "suite"}
    assert wanted <= set(signature(icbench.run).parameters)


def test_a_learning_rate_and_a_classifier_can_be_given(toy_plugin):
    record = icbench.run(generator="linear", dataset="toy", steps=2, lr=0.5, limit=5, device="cpu")
    assert record.facts["entry"]["optimizer"]["params"]["lr"] == 0.5
    assert "classifier" in icbench.run(classifier="class-mean", dataset="toy", limit=5, device="cpu").facts["entry"]


def test_an_empty_folder_is_refused():
    with pytest.raises(UsageError, match="results=''"):
        icbench.run(results="")
