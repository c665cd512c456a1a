"""Nothing that a plugin does to the process reaches anybody else, and stdout is for data alone."""

import decimal
import io
import json
import locale
import logging
import os
import random
import signal
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import icbench

from icbench.plugins.discovery import file_source
from icbench.plugins.isolation import importing, isolate, isolate_each
from icbench.plugins.manager import plugin_manager
from icbench.plugins.shared_state import changes, preserve_state, shared_state

CHANGES = {
    "seed of Python": lambda: random.seed(1),
    "seed of numpy": lambda: np.random.seed(1),
    "seed of torch": lambda: torch.manual_seed(1),
    "default dtype": lambda: torch.set_default_dtype(torch.float64),
    "default device": lambda: torch.set_default_device("meta"),
    "threads": lambda: torch.set_num_threads(2),
    "determinism": lambda: torch.use_deterministic_algorithms(True),
    "determinism, warnings": lambda: torch.use_deterministic_algorithms(True, warn_only=True),
    "grad mode": lambda: torch.set_grad_enabled(False),
    "float32 products": lambda: torch.set_float32_matmul_precision("medium"),
    "float32 products, newer": lambda: setattr(torch.backends.cuda.matmul, "fp32_precision", "tf32"),
    "float32 everywhere": lambda: setattr(torch.backends, "fp32_precision", "tf32"),
    "TF32, older": lambda: setattr(torch.backends.cuda.matmul, "allow_tf32", True),
    "oneDNN": lambda: setattr(torch.backends.mkldnn, "enabled", False),
    "cudnn": lambda: setattr(torch.backends.cudnn, "benchmark", True),
    "anomaly detection": lambda: torch.autograd.set_detect_anomaly(True),
    "autocast": lambda: torch.set_autocast_enabled("cpu", True),
    "autocast's dtype": lambda: torch.set_autocast_dtype("cpu", torch.float16),
    "errors of numpy": lambda: np.seterr(all="raise"),
    "warnings": lambda: warnings.simplefilter("ignore"),
    "showwarning": lambda: setattr(warnings, "showwarning", print),
    "captured warnings": lambda: logging.captureWarnings(True),
    "logging level": lambda: logging.getLogger().setLevel(5),
    "logging handlers": lambda: logging.getLogger().addHandler(logging.NullHandler()),
    "logging disabled": lambda: logging.disable(logging.CRITICAL),
    "environment": lambda: os.environ.update(ICBENCH_DATA="elsewhere"),
    "environment, less": lambda: os.environ.pop("ICBENCH_CONFIG"),
    "working folder": lambda: os.chdir("/"),
    "SIGINT": lambda: signal.signal(signal.SIGINT, lambda *_: None),
    "excepthook": lambda: setattr(sys, "excepthook", print),
    "locale": lambda: locale.setlocale(locale.LC_ALL, "C"),
    "decimal": lambda: setattr(decimal.getcontext(), "prec", 3),
}


@pytest.fixture(autouse=True)
def _as_before():
    """What these tests break on purpose is put back, whether the code under test does so or not."""
    locale.setlocale(locale.LC_CTYPE, "C.UTF-8")
    with preserve_state():
        yield


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_is_changed_within_is_put_back(change):
    before = shared_state()
    with isolate():
        change()
        assert changes(before)
    assert changes(before) == []


def test_all_that_is_changed_at_once_is_put_back_though_the_call_fails():
    @isolate()
    def fail():
        for change in CHANGES.values():
            change()
        raise RuntimeError("in the end")

    before = shared_state()
    with pytest.raises(RuntimeError, match="in the end"):
        fail()
    assert changes(before) == []
    assert torch.ones(1).dtype == torch.float32
    assert torch.ones(1).device.type == "cpu"


def test_a_user_s_own_settings_are_what_is_gone_back_to():
    torch.set_default_dtype(torch.float64)
    torch.set_float32_matmul_precision("high")
    with isolate():
        torch.set_default_dtype(torch.float16)
        torch.set_float32_matmul_precision("highest")
    assert (torch.get_default_dtype(), torch.get_float32_matmul_precision()) == (torch.float64, "high")


def test_a_folder_added_to_the_path_stays_importable_behind_the_others():
    before = list(sys.path)
    with isolate():
        sys.path.insert(0, "mine")
    assert sys.path == [*before, "mine"]


def test_each_value_is_made_within_and_taken_without():
    def values():
        for number in range(3):
            torch.set_default_dtype(torch.float64)
            yield number

    for number in isolate_each(values()):
        assert torch.get_default_dtype() == torch.float32, number


def test_what_is_printed_goes_to_stderr_whichever_way(capfd):
    original = sys.__stdout__
    with isolate():
        print("by print")
        os.write(1, b"by the descriptor\n")
        subprocess.run([sys.executable, "-c", "print('by a program')"], check=True)
        original.write("by the first stream\n")
    print("data")
    captured = capfd.readouterr()
    assert captured.out == "data\n"
    assert {"by print", "by the descriptor", "by a program"} <= {*captured.err.splitlines()}


def test_streams_that_are_replaced_or_closed_are_put_back(capfd):
    streams = sys.stdin, sys.stdout, sys.stderr
    with isolate():
        sys.stdout = io.StringIO()
        sys.stderr = None
        os.close(1)
    assert (sys.stdin, sys.stdout, sys.stderr) == streams
    os.write(1, b"data\n")
    assert capfd.readouterr().out == "data\n"


def test_where_warnings_are_errors_importing_shows_them():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("error")
        with importing():
            warnings.warn("old", DeprecationWarning, stacklevel=1)
        with pytest.raises(DeprecationWarning):
            warnings.warn("old", DeprecationWarning, stacklevel=1)
    assert [str(warning.message) for warning in caught] == ["old"]


def test_a_library_that_is_loaded_within_is_as_it_was_when_loaded():
    code = (
        "import sys\n"
        "from icbench.plugins.isolation import isolate\n"
        "assert not {'torch', 'numpy', 'logging', 'signal'} & set(sys.modules)\n"
        "with isolate():\n"
        "    with isolate():\n"
        "        import torch, logging\n"
        "    torch.set_default_dtype(torch.float64)\n"
        "    torch.set_default_device('meta')\n"
        "    torch.set_num_threads(7)\n"
        "    torch.manual_seed(5)\n"
        "    logging.disable(50)\n"
        "found = (torch.get_default_dtype(), torch.get_num_threads(), logging.root.manager.disable)\n"
        "assert torch.get_default_device().type == 'cpu' and torch.initial_seed() != 5\n"
        "assert found == (torch.float32, 1, 0), found\n"
        "assert not any(type(finder).__name__ == '_Arrivals' for finder in sys.meta_path)\n"
    )
    alone = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=alone)
    assert done.returncode == 0, done.stderr


UNRULY = """
import atexit, logging, os, random, signal, sys, warnings
import numpy, torch
from icbench import Component, hookimpl
from icbench.kinds.classifier import Classifier
from icbench.kinds.dataset import Dataset
from icbench.kinds.distance import Distance
from toy import ToyDigits

def misbehave(where):
    print("printed", where)
    os.write(1, b"written\\n")
    torch.set_default_dtype(torch.float64)
    torch.set_default_device("meta")
    torch.set_grad_enabled(False)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(99)
    numpy.seterr(all="raise")
    warnings.simplefilter("error")
    logging.basicConfig(stream=sys.stdout, level=0, force=True)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    os.environ["ICBENCH_DATA"] = "/nowhere"
    os.chdir("/")
    sys.stdout = None

class Unruly(Distance):
    def __init__(self):
        misbehave("built")
    def compare(self, reconstruction, features):
        distance = (reconstruction - features).square().flatten(1).mean(dim=1)
        print("compared")
        os.write(1, b"compared\\n")
        torch.set_default_dtype(torch.float64)
        numpy.seterr(all="raise")
        return distance

class Guess(Classifier):
    def fit(self, images, labels, num_classes, seed):
        self.classes = num_classes
        misbehave("fitted")
        torch.set_default_device(None)
    def scores(self, images):
        scores = torch.zeros(len(images), self.classes, device=images.device)
        misbehave("asked")
        return scores
    def parameters(self):
        misbehave("counted")
        return 0

class Digits(ToyDigits):
    def split(self, name, folder):
        split = super().split(name, folder)
        misbehave("read")
        return split

misbehave("imported")

@hookimpl
def icbench_distances():
    misbehave("called")
    yield Component("unruly", "unruly:Unruly", "d")
    misbehave("iterated")

@hookimpl
def icbench_classifiers():
    yield Component("guess", "unruly:Guess", "c")

@hookimpl
def icbench_datasets():
    yield Component("unruly-digits", "unruly:Digits", "d")
"""
UNRULY_TRAINER = """
import os, random
import numpy, torch
from icbench import Component, hookimpl
from toy_training import ToyTrainer

def misbehave(what):
    print(what)
    os.write(1, what.encode() + b"\\n")
    torch.manual_seed(99)
    torch.use_deterministic_algorithms(True)
    numpy.random.seed(99)
    random.seed(99)
    os.chdir("/")

class Unruly(ToyTrainer):
    schedules = ("joint",)
    def __init__(self):
        misbehave("made")
    def epoch(self, number, on_batch):
        torch.use_deterministic_algorithms(True)
        print("trained")
        return super().epoch(number, on_batch)

@hookimpl
def icbench_generators():
    yield Component("learner", "toy:LinearGenerator", "g", trainer="trainers:Unruly")
"""
RUN = ["run", "--generator", "linear", "--steps", "5", "--device", "cpu"]
RUN += ["--precision", "float32", "--batch-size", "20"]


@pytest.mark.usefixtures("toy_plugin")
def test_a_built_in_beside_an_unruly_plugin_has_the_figures_it_has_alone(capfd, use_plugins):
    alone = document(icbench(capfd, *RUN, "--dataset", "toy", "--results", "alone", "--json"))
    Path("unruly.py").write_text(UNRULY)
    use_plugins("toy", file_source(Path("unruly.py")))
    before = shared_state()
    unruly = ("--dataset", "toy", "--dataset", "unruly-digits", "--distance", "unruly", "--distance", "mse")
    both = document(icbench(capfd, *RUN, *unruly, "--classifier", "guess", "--results", "both", "--json"))
    assert changes(before) == []
    assert [run["status"] for run in both] == ["ok"] * 6
    mse = [run for run in both if run.get("entry", {}).get("distance", {}).get("name") == "mse"]
    assert len(mse) == 2
    for run in mse:
        for name in ("accuracy", "mean_distance", "nfe"):
            assert run["metrics"][name] == alone[0]["metrics"][name]


def test_a_component_that_is_built_leaves_the_process_alone(capfd, monkeypatch):
    Path("unruly.py").write_text(UNRULY)
    monkeypatch.setenv("ICBENCH_PLUGIN_FILES", "unruly.py")
    before = shared_state()
    selection = plugin_manager().select("distance", "unruly")
    assert changes(before) == []
    selection.build()
    assert changes(before) == []
    assert capfd.readouterr().out == ""


@pytest.mark.usefixtures("toy_plugin")
def test_an_unruly_trainer_leaves_the_process_and_the_document_alone(capfd, use_plugins):
    Path("trainers.py").write_text(UNRULY_TRAINER)
    use_plugins("toy", file_source(Path("trainers.py")))
    icbench(capfd, "--version")  # Sets how warnings are shown.
    before = shared_state()
    code, out, err = icbench(
        capfd, "train", "learner", "--dataset", "toy", "--epochs", "1", "--device", "cpu", "--json"
    )
    assert code == 0, err
    assert json.loads(out)["ok"]
    assert {"made", "trained"} <= {*err.splitlines()}
    assert [change.name for change in changes(before)] == []


def document(outcome):
    """The runs of the one document on stdout."""
    code, out, err = outcome
    assert code == 0, err
    return json.loads(out)["data"]["runs"]


@pytest.mark.parametrize("verb", [("plugins",), ("plugins", "show", "unruly"), ("plugins", "doctor"), ("data",)])
def test_an_unruly_plugin_leaves_the_document_of_other_verbs_alone(capfd, monkeypatch, verb):
    Path("unruly.py").write_text(UNRULY)
    monkeypatch.setenv("ICBENCH_PLUGIN_FILES", "unruly.py")
    _, out, err = icbench(capfd, *verb, "--json")
    assert json.loads(out)["ok"]
    assert "printed" in err
    assert plugin_manager().find("distance", "unruly")
