"""What `import icbench` offers, as far as its own code goes."""

import re
import subprocess
import sys
from dataclasses import fields
from inspect import getdoc, signature
from pathlib import Path

import pytest

import icbench
from icbench.api import RunOptions
from icbench.errors import UsageError
from icbench.running.options import Options


def test_an_unknown_keyword_names_those_there_are():
    with pytest.raises(UsageError, match=r"icbench\.run has no option 'limt'") as raised:
        icbench.run(limt=3)
    assert raised.value.hint.startswith("Did you mean 'limit'? The options are: ")
    assert raised.value.hint in raised.value.__notes__
    assert list(Path().iterdir()) == []


def test_every_option_of_a_run_is_a_keyword():
    # Seeds one by one; suites name themselves; a program has its own clock.
    wanted = {field.name for field in fields(Options)} - {"seeds", "suite", "deadline"}
    assert wanted <= {*signature(icbench.run).parameters, *RunOptions.__annotations__}


def test_help_tells_what_each_keyword_means():
    arguments = getdoc(icbench.run).partition("Args:\n")[2].partition("\n\n")[0]
    told = re.findall(r"^    ([a-z_, ]+): \S", arguments, re.MULTILINE)
    known = [*(name for name in signature(icbench.run).parameters if name != "options"), *RunOptions.__annotations__]
    assert ", ".join(told).split(", ") == known


def test_a_learning_rate_and_a_classifier_can_be_given(toy_plugin):
    record = icbench.run(generator="linear", dataset="toy", steps=2, lr=0.5, limit=5, device="cpu")
    assert record.metadata.entry.optimizer.params["lr"] == 0.5
    assert icbench.run(classifier="class-mean", dataset="toy", limit=5, device="cpu").metadata.entry.direct


def test_an_empty_folder_is_refused():
    with pytest.raises(UsageError, match="results=''"):
        icbench.run(results="")


def test_a_name_that_it_does_not_offer_is_an_attribute_error():
    assert set(icbench.__all__) <= set(dir(icbench))
    with pytest.raises(AttributeError, match="no attribute 'inver'"):
        _ = icbench.inver


def test_a_contract_loads_no_more_than_the_ground_floor():
    code = "import sys, icbench.kinds.generator; print(*(name for name in sys.modules if name.startswith('icbench')))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name for name in loaded if not name.startswith("icbench.kinds")} == {"icbench", "icbench.version"}
