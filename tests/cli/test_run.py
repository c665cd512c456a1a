"""`icbench run` as a user meets it: through click's runner with toy components, and once as a process."""

import json
import os
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import icbench

from icbench import records
from icbench.compute.devices import choose_precision
from icbench.kinds.generator import Generator
from icbench.plugins.discovery import PluginSource
from icbench.records import buffer
from icbench.running import identity, session
from icbench.running.entry import component_metadata
from icbench.running.runners import InversionRunner
from icbench.running.source_closure import source_digest

TOY = ["run", "--generator", "linear", "--dataset", "toy", "--steps", "20", "--device", "cpu"]


@pytest.fixture(autouse=True)
def _toys(toy_plugin):
    pass


RUN_KEYS = {"id", "entry", "dataset", "seed", "status", "metrics", "device", "precision", "path"}
PART_KEYS = {"name", "dist", "version", "params"}
DATASET_KEYS = {"name", "split", "digest", "images"}
METRIC_KEYS = {"accuracy", "accuracy_low", "accuracy_high", "mean_distance", "nfe", "seconds"}
METRIC_KEYS |= {"images_per_second", "peak_memory_bytes", "not_finite"}


def check_run_document(document):
    """The keys that the command-line contract promises; more may be there."""
    assert set(document) == {"schema", "ok", "data", "warnings", "errors"}
    assert document["schema"] == 1
    for run in document["data"]["runs"]:
        assert set(run) >= RUN_KEYS
        assert set(run["metrics"]) >= METRIC_KEYS
        assert set(run["dataset"]) >= DATASET_KEYS
        for part in ("generator", "distance", "optimizer", "schedule"):
            assert set(run["entry"][part]) >= PART_KEYS


@contextmanager
def stopped_after(monkeypatch, evaluations, error):
    """Inside, the generator raises `error` once a run has evaluated it so often."""
    original, calls, check = Generator.__call__, [], session.Session.check

    def checked(self):
        with monkeypatch.context() as patch:
            patch.setattr(Generator, "__call__", original)
            check(self)

    def counted(self, *latents):
        calls.append(1)
        if len(calls) > evaluations:
            raise error
        return original(self, *latents)

    with monkeypatch.context() as patch:
        patch.setattr(Generator, "__call__", counted)
        patch.setattr(session.Session, "check", checked)
        yield


def test_a_run_prints_a_table_and_leaves_a_record(capsys):
    code, out, err = icbench(capsys, *TOY)
    assert code == 0
    assert "1.0000" in out
    assert "linear · mse · adam · joint" in out
    (folder,) = Path("icbench-results").iterdir()
    assert f"record: icbench-results/{folder.name}" in err
    assert (records.read_record(folder).images()["prediction"] == np.arange(50) % 10).all()


def test_json_is_one_document_of_the_contract(capsys):
    code, out, _ = icbench(capsys, *TOY, "--json", "--limit", "20")
    document = json.loads(out)
    check_run_document(document)
    (run,) = document["data"]["runs"]
    assert code == 0
    assert run["dataset"]["images"] == 20
    assert run["metrics"]["accuracy"] == 1.0


def test_quiet_says_nothing_on_stderr(capsys):
    _, _, err = icbench(capsys, *TOY, "--quiet")
    assert err == ""


def test_repeated_options_and_seeds_make_a_grid(capsys):
    schedules = ["--schedule", "joint", "--schedule", "exhaustive:restarts=2"]
    _, out, _ = icbench(capsys, *TOY, *schedules, "--seeds", "3", "--limit", "10", "--json")
    runs = json.loads(out)["data"]["runs"]
    assert [(run["entry"]["schedule"]["name"], run["seed"]) for run in runs] == [
        (name, seed) for name in ("joint", "exhaustive") for seed in range(3)
    ]
    assert len({run["id"] for run in runs}) == 6


def test_lr_and_steps_reach_the_entry(capsys):
    _, out, _ = icbench(capsys, *TOY, "--lr", "0.3", "--json")
    (run,) = json.loads(out)["data"]["runs"]
    assert run["entry"]["optimizer"]["params"]["lr"] == 0.3
    assert run["entry"]["steps"] == 20
    assert run["metrics"]["nfe"] == 41


def test_the_same_command_gives_the_same_numbers(capsys, monkeypatch):
    inverted, original = [], InversionRunner.results

    def counted(self, images, index, *given):
        inverted.append(len(index))
        return original(self, images, index, *given)

    monkeypatch.setattr(InversionRunner, "results", counted)
    first, second = (json.loads(icbench(capsys, *TOY, "--json", "--rerun")[1])["data"]["runs"][0] for _ in range(2))
    assert first["path"] != second["path"]
    assert inverted == [50, 50]
    arrays = [records.read_record(Path(run["path"])).images() for run in (first, second)]
    for name in arrays[0]:
        np.testing.assert_array_equal(arrays[0][name], arrays[1][name])


def test_batch_size_does_not_enter_the_run_key(capsys):
    keys = set()
    for size in ("3", "50", "auto"):
        _, out, _ = icbench(capsys, *TOY, "--batch-size", size, "--json", "--rerun")
        keys.add(records.read_record(Path(json.loads(out)["data"]["runs"][0]["path"])).metadata.key)
    assert len(keys) == 1


def test_a_limit_over_the_split_uses_all_and_says_so(capsys):
    code, out, _ = icbench(capsys, *TOY, "--limit", "999", "--json")
    document = json.loads(out)
    assert code == 0
    assert document["data"]["runs"][0]["dataset"]["images"] == 50
    assert "all of them are used" in document["warnings"][0]


def test_latents_are_kept_on_request(capsys):
    icbench(capsys, *TOY, "--save-latents")
    (folder,) = Path("icbench-results").iterdir()
    assert records.read_record(folder).images()["noise"].shape == (50, 3)


@pytest.mark.parametrize("file", ["nowhere/out.png", "out.unknown", "out", "folder.png"])
def test_a_figure_that_cannot_be_written_is_found_before_anything_is_inverted(capsys, file):
    Path("folder.png").mkdir()
    code, out, err = icbench(capsys, *TOY, "--figure", file)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert file in err
    assert not Path("icbench-results").exists()


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), ValueError("odd"), KeyboardInterrupt()])
@pytest.mark.parametrize("as_json", [False, True])
def test_what_was_computed_is_printed_though_its_figure_fails(capsys, monkeypatch, as_json, failure):
    def fails(*given):
        raise failure

    monkeypatch.setattr("icbench.storage.replace_synced", fails)
    code, out, err = icbench(capsys, *TOY, "--figure", "out.png", *(["--json"] if as_json else []))
    assert code == 1
    assert "the picture out.png is not made" in err
    assert not Path("out.png").exists()
    if as_json:
        document = json.loads(out)
        check_run_document(document)
        assert (document["ok"], len(document["errors"])) == (False, 1)
        assert document["data"]["runs"][0]["metrics"]["accuracy"] == 1
    else:
        assert "1.0000" in out


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("--batch-size=--5", "--batch-size --5"),
        ("--batch-size=²", "--batch-size ²"),
        ("--device=cuda:²", "no device 'cuda:²'"),
        ("--device=cuda:" + 30 * "9", "no device"),
        ("--seeds=3000000000", "--seeds 3000000000"),
        ("--seeds=0", "--seeds 0"),
        ("--steps=" + 30 * "9", "--steps 999"),
        ("--limit=²", "²"),
    ],
)
def test_odd_numbers_are_usage_errors(capsys, option, said):
    code, out, err = icbench(capsys, *TOY, option)
    assert (code, out) == (2, "")
    assert said in err
    assert not Path("icbench-results").exists()


def test_the_figure_is_a_picture(capsys):
    from PIL import Image

    code, _, err = icbench(capsys, *TOY, "--figure", "out.png")
    assert code == 0
    assert "picture: out.png" in err
    with Image.open("out.png") as picture:
        assert picture.width > 400


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--generator", "cgna"], "Did you mean 'cgan'"),
        (["--distance", "msee"], "Did you mean 'mse'"),
        (["--schedule", "joint:noise_rat=1"], "Did you mean 'noise_rate'"),
        (["--schedule", "joint:noise_start=soon"], "not an integer of 0 or more"),
        (["--generator", "cgan:noise_dim=33"], "no weights for cgan with noise_dim=33"),
        (["--generator", "cgan:noise_dim=0"], "not an integer from 1 to 4096"),
        (["--limit", "0"], "--limit 0"),
        (["--limit", "-5"], "--limit -5"),
        (["--steps", "-1"], "--steps -1"),
        (["--batch-size", "0"], "--batch-size 0"),
        (["--batch-size", "many"], "neither auto nor a number"),
        (["--device", "cuda"], "is not here"),
        (["--device", "tpu"], "no device 'tpu'"),
        (["--split", "tset"], "no split 'tset'"),
        (["--seed", "-1"], "seed"),
        (["--seed", "1", "--seeds", "2"], "exclude each other"),
        (["--lr", "-1"], "lr=-1.0"),
        (["--lr", "nan"], "lr=nan is not a number from 0 to"),
        (["--lr", "1e30"], "lr=1e+30 is not a number from 0 to"),
        (["--generator", "linear:noise_dim=2,noise_dim=3"], "'noise_dim' is given twice in 'linear:noise_dim=2,"),
        (["--results", ""], "it is empty; name a file or folder"),
        (["--data-dir", ""], "it is empty; name a file or folder"),
        (["--plugin-file", ""], "it is empty; name a file or folder"),
        (["--figure", ""], "it is empty; name a file or folder"),
        (["--no-such-option"], "No such option"),
        (["--generator", "nan"], "generator nan returned values that are not finite"),
        (["--generator", "small"], "generator small returned images of shape (4, 1, 4, 8)"),
        (["--generator", "loud"], "generator loud returned values from"),
        (["--distance", "scalar"], "distance scalar returned shape ()"),
        (["--generator", "cgan:trained_on=mnist"], "the dataset has (1, 8, 8)"),
        (["--schedule", "exhaustive:noise_rate=0"], "moves neither class vector nor noise at step 1 of 20"),
    ],
)
def test_bad_input_is_one_line_with_exit_code_2_and_writes_nothing(capsys, monkeypatch, arguments, said):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    code, out, err = icbench(capsys, *TOY, *arguments)
    assert code == 2
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert said in err
    assert list(Path().iterdir()) == []


def test_one_bad_entry_of_a_grid_stops_it_before_the_first_run(capsys):
    code, _, _ = icbench(capsys, *TOY, "--generator", "nan")
    assert code == 2
    assert list(Path().iterdir()) == []


def test_failures_are_json_too(capsys):
    code, out, _ = icbench(capsys, *TOY, "--limit", "0", "--json")
    document = json.loads(out)
    assert code == 2
    assert document["ok"] is False
    assert "--limit 0" in document["errors"][0]


def test_a_results_folder_that_cannot_be_written_is_found_first(capsys):
    Path("taken").write_text("")
    code, _, err = icbench(capsys, *TOY, "--results", "taken")
    assert code == 2
    assert "taken cannot be written" in err
    assert Path("taken").read_text() == ""


def test_a_full_disk_is_one_line_and_leaves_no_half_record(capsys, fill_disk):
    fill_disk()
    code, _, err = icbench(capsys, *TOY, "--quiet")
    assert code == 2
    assert "No space left on device" in err
    assert len(err.strip().splitlines()) == 1
    assert not Path("icbench-results").exists()


def test_a_disk_that_fills_up_half_way_keeps_what_is_written(capsys, monkeypatch):
    original, calls = os.fsync, []

    def filling(descriptor):
        calls.append(descriptor)
        if len(calls) > 8:
            raise OSError(28, "No space left on device")
        original(descriptor)

    monkeypatch.setattr(buffer, "SHARD_IMAGES", 10)
    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", filling)
        assert icbench(capsys, *TOY, "--batch-size", "10")[0] == 2
    code, _, err = icbench(capsys, *TOY, "--batch-size", "10")
    assert code == 0
    assert "of them done before" in err
    (folder,) = Path("icbench-results").iterdir()
    assert sorted(file.name for file in folder.iterdir()) == ["images.npz", "record.json"]
    assert len(records.read_record(folder).images()["index"]) == 50


@pytest.mark.parametrize(
    "damage", [lambda content: content[: len(content) // 2], lambda _: b"", lambda c: c[:-1] + b"x"]
)
def test_damaged_weights_are_named_with_exit_code_1(capsys, damage):
    from icbench.builtin.generators.cgan import WEIGHTS

    for file in WEIGHTS.glob("cgan-10.*"):
        Path(file.name).write_bytes(file.read_bytes())
    content = Path("cgan-10.safetensors").read_bytes()
    Path("cgan-10.safetensors").write_bytes(damage(content))
    weights = ["--generator", "cgan:weights=cgan-10.safetensors", "--dataset", "mnist"]
    code, _, err = icbench(capsys, *TOY[:1], *TOY[5:], *weights)
    assert code == 1
    assert "cgan-10.safetensors has SHA-256" in err
    assert err.count("SHA-256") == 1
    assert not Path("icbench-results").exists()


def test_damaged_data_is_named_with_both_digests(capsys, monkeypatch):
    from icbench.builtin.datasets import mnist

    with np.load(mnist.FILE) as arrays:
        small = {name: arrays[name][:10] for name in ("x_test", "y_test")}
    np.savez("mnist.npz", **small)
    monkeypatch.setattr(mnist.MNIST.__init__, "__defaults__", (Path("mnist.npz"),))
    code, _, err = icbench(capsys, "run", "--device", "cpu")
    assert code == 1
    assert "mnist.npz has SHA-256" in err
    assert mnist.DIGESTS["x_test"] in err
    Path("mnist.npz").write_bytes(b"PK\x03\x04 torn")
    code, _, err = icbench(capsys, "run", "--device", "cpu")
    assert code == 1
    assert "mnist.npz cannot be read" in err


def test_an_interrupted_run_keeps_what_is_finished_and_goes_on(capsys, monkeypatch):
    whole = json.loads(icbench(capsys, *TOY, "--json", "--results", "whole")[1])["data"]["runs"][0]
    with stopped_after(monkeypatch, 60, KeyboardInterrupt):
        code, out, err = icbench(capsys, *TOY, "--batch-size", "10", "--json")
    (run,) = json.loads(out)["data"]["runs"]
    assert code == 130
    assert run["status"] == "interrupted"
    assert run["metrics"]["images"] == 20
    assert "go on with: icbench" in err

    code, out, err = icbench(capsys, *TOY, "--batch-size", "10", "--json")
    (finished,) = json.loads(out)["data"]["runs"]
    assert code == 0
    assert "20 of them done before" in err
    assert finished["status"] == "ok"
    (folder,) = Path("icbench-results").iterdir()
    assert folder.name == run["id"]
    resumed, uninterrupted = records.read_record(folder).images(), records.read_record(Path(whole["path"])).images()
    np.testing.assert_array_equal(resumed["prediction"], uninterrupted["prediction"])
    np.testing.assert_allclose(resumed["distance"], uninterrupted["distance"], rtol=1e-4)


@pytest.fixture
def plugin_file(tmp_path, monkeypatch, use_plugins):
    """Returns a function that runs a distance of a plugin file, as a new process would, whose helper says `power`."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # what is changed within a second is imported anew
    (tmp_path / "powers.py").write_text(
        "from icbench import Component, hookimpl\n"
        "from icbench.kinds.distance import Distance\n"
        "class Power(Distance):\n"
        "    def compare(self, reconstruction, features):\n"
        "        from exponent import POWER\n"
        "        return (reconstruction - features).abs().pow(POWER).flatten(1).mean(dim=1)\n"
        "@hookimpl\n"
        "def icbench_distances():\n"
        "    yield Component('power', 'powers:Power', 'a power of the difference')\n"
    )
    source = PluginSource("powers", "powers.py", "1", "powers", file=tmp_path / "powers.py")
    use_plugins("toy", source)

    def run(capsys, exponent):
        (tmp_path / "exponent.py").write_text(exponent)
        for name in ("powers", "exponent"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        source_digest.cache_clear()
        _, out, _ = icbench(capsys, *TOY, "--distance", "power", "--limit", "10", "--json")
        return json.loads(out)["data"]["runs"][0]

    yield run
    source_digest.cache_clear()
    for name in ("powers", "exponent"):
        sys.modules.pop(name, None)


def test_a_changed_helper_of_a_plugin_makes_a_new_run(capsys, plugin_file):
    first = plugin_file(capsys, "POWER = 2\n")
    again = plugin_file(capsys, "# the exponent\nPOWER = (2)\n")
    other = plugin_file(capsys, "POWER = 4\n")
    assert (first["reused"], again["reused"], other["reused"]) == (False, True, False)
    assert other["metrics"]["mean_distance"] != first["metrics"]["mean_distance"]


def test_what_a_classifier_builds_for_itself_is_in_its_record(capsys, monkeypatch, manager):
    def classified():
        _, out, _ = icbench(capsys, *TOY[:1], "--dataset", "toy", "--classifier", "class-mean", "--json")
        return json.loads(out)["data"]["runs"][0]

    plain = classified()
    distance = manager.select("distance", "mse")
    monkeypatch.setattr("icbench.builtin.classifiers.ClassMean.components", lambda self: {"distance": distance})
    built = classified()
    assert built["reused"] is False
    assert "components" not in plain["entry"]["classifier"]
    assert built["entry"]["classifier"]["components"] == {"distance": component_metadata(distance).document()}


def test_a_classifier_that_names_no_selection_is_refused(capsys, monkeypatch):
    monkeypatch.setattr("icbench.builtin.classifiers.ClassMean.components", lambda self: {"distance": "mse"})
    code, _, err = icbench(capsys, *TOY[:1], "--dataset", "toy", "--classifier", "class-mean")
    assert code == 2
    assert "classifier class-mean names 'mse' as a component, not a Selection" in err


def test_a_changed_engine_makes_a_new_run(capsys, monkeypatch):
    icbench(capsys, *TOY)
    monkeypatch.setattr(identity, "engine_digest", lambda: "sha256:other")
    _, out, _ = icbench(capsys, *TOY, "--json")
    assert json.loads(out)["data"]["runs"][0]["reused"] is False


def test_an_unfinished_run_goes_on_in_the_precision_it_began_with(capsys, monkeypatch):
    auto = choose_precision("auto", torch.device("cpu"))
    begun = {"float32": "bfloat16", "bfloat16": "float32"}[auto]
    with stopped_after(monkeypatch, 60, KeyboardInterrupt):
        icbench(capsys, *TOY, "--batch-size", "10", "--precision", begun)
    code, out, err = icbench(capsys, *TOY, "--json")
    run = json.loads(out)["data"]["runs"][0]
    assert (code, run["status"], run["precision"]) == (0, "ok", begun)
    assert f"goes on in {begun}, as it was begun" in err
    _, out, err = icbench(capsys, *TOY, "--json")
    assert json.loads(out)["data"]["runs"][0]["precision"] == auto, "a finished one of another precision is another run"


def test_interrupted_before_anything_is_finished_leaves_nothing(capsys, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("icbench.engine.batch.BatchInversion.run", interrupted)
    code, _, err = icbench(capsys, *TOY, "--batch-size", "10", "--quiet")
    assert code == 130
    assert "interrupted before anything was finished" in err
    assert not Path("icbench-results").exists()


def test_an_internal_error_says_how_to_report_it(capsys, monkeypatch):
    monkeypatch.setattr("icbench.running.execute.execute", lambda *_: 1 / 0)
    code, _, err = icbench(capsys, *TOY)
    assert code == 3
    assert "internal error: ZeroDivisionError" in err
    assert "--debug" in err


@pytest.mark.slow
def test_the_main_job_runs_as_a_process():
    command = [sys.executable, "-m", "icbench", "run", "--generator", "cgan", "--distance", "mse"]
    done = subprocess.run([*command, "--limit", "200", "--json"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (run,) = json.loads(done.stdout)["data"]["runs"]
    assert run["metrics"]["accuracy"] > 0.6
    assert "\x1b" not in done.stderr


def test_a_component_that_fails_half_way_keeps_what_is_finished_and_lets_the_others_go_on(capsys, monkeypatch):
    original = Generator.__call__

    def failing(self, class_vector, noise):
        if len(class_vector) == 100:
            raise RuntimeError("too much at once")
        return original(self, class_vector, noise)

    monkeypatch.setattr(Generator, "__call__", failing)
    schedules = ["--schedule", "exhaustive", "--schedule", "joint"]
    code, out, err = icbench(capsys, *TOY, *schedules, "--batch-size", "100", "--json")
    document = json.loads(out)
    assert code == 1
    assert document["ok"] is False
    assert "too much at once" in document["errors"][0]
    assert [run["status"] for run in document["data"]["runs"]] == ["failed", "ok"]
    assert "failed after 0 images: too much at once" in err
    assert "Traceback" not in err


def test_a_failed_run_goes_on_where_it_stopped(capsys, monkeypatch):
    with stopped_after(monkeypatch, 60, RuntimeError("out of luck")):
        assert icbench(capsys, *TOY, "--batch-size", "10", "--quiet")[0] == 1
    code, _, err = icbench(capsys, *TOY, "--batch-size", "10")
    assert code == 0
    assert "20 of them done before" in err
    (folder,) = Path("icbench-results").iterdir()
    assert len(records.read_record(folder).images()["index"]) == 50


def test_torn_bytes_are_set_aside_and_said(capsys, monkeypatch):
    monkeypatch.setattr(buffer, "SHARD_IMAGES", 10)
    with stopped_after(monkeypatch, 60, KeyboardInterrupt):
        icbench(capsys, *TOY, "--batch-size", "10")
    (folder,) = Path("icbench-results").iterdir()
    shards = folder / records.SHARDS_FILE
    shards.write_bytes(shards.read_bytes()[:-500])
    with stopped_after(monkeypatch, 30, KeyboardInterrupt):
        _, _, err = icbench(capsys, *TOY, "--batch-size", "10")
    assert "torn bytes; they are set aside" in err
    assert "10 of them done before" in err
    assert list(folder.glob("torn-*"))
    code, _, _ = icbench(capsys, *TOY, "--batch-size", "10")
    assert code == 0
    assert sorted(file.name for file in folder.iterdir()) == ["images.npz", "record.json"]


def test_a_finished_run_is_taken_from_its_record(capsys, monkeypatch):
    first = json.loads(icbench(capsys, *TOY, "--json")[1])["data"]["runs"][0]
    with stopped_after(monkeypatch, 2, AssertionError("it must not run again")):
        code, out, err = icbench(capsys, *TOY, "--json")
    (second,) = json.loads(out)["data"]["runs"]
    assert code == 0
    assert "finished before" in err
    assert (first.pop("reused"), second.pop("reused")) == (False, True)
    assert first == second


def test_option_order_does_not_enter_the_run_key(capsys):
    icbench(capsys, *TOY, "--optimizer", "adam:lr=0.1,beta1=0.8")
    _, out, _ = icbench(capsys, "run", "--optimizer", "adam:beta1=0.8,lr=0.1", *TOY[1:], "--json")
    assert json.loads(out)["data"]["runs"][0]["reused"]


@pytest.mark.parametrize(
    "changed",
    [
        ["--seed", "1"],
        ["--steps", "21"],
        ["--lr", "0.1"],
        ["--limit", "49"],
        ["--split", "train"],
        ["--precision", "float32"],
        ["--schedule", "joint:noise_start=1"],
    ],
)
def test_what_changes_numbers_changes_the_run_key(capsys, changed):
    precision = [] if "--precision" in changed else ["--precision", "bfloat16"]
    icbench(capsys, *TOY, "--precision", "bfloat16")
    _, out, _ = icbench(capsys, *TOY, *precision, *changed, "--json")
    assert not json.loads(out)["data"]["runs"][0]["reused"]


@pytest.mark.parametrize(("first", "second", "done"), [("20", "50", 20), ("50", "20", 20)])
def test_another_limit_takes_over_the_images_that_are_done(capsys, monkeypatch, first, second, done):
    icbench(capsys, *TOY, "--limit", first, "--batch-size", "10")
    _, out, err = icbench(capsys, *TOY, "--limit", second, "--batch-size", "10", "--json")
    assert f"{done} of them done before" in err
    (run,) = json.loads(out)["data"]["runs"]
    taken = records.read_record(Path(run["path"]))
    _, out, _ = icbench(capsys, *TOY, "--limit", second, "--batch-size", "10", "--json", "--results", "whole")
    whole = records.read_record(Path(json.loads(out)["data"]["runs"][0]["path"]))
    assert taken.metadata.key == whole.metadata.key
    assert taken.metrics.nfe == whole.metrics.nfe
    for name, values in whole.images().items():
        np.testing.assert_array_equal(taken.images()[name], values)


def test_latents_that_a_finished_run_did_not_keep_are_made(capsys):
    icbench(capsys, *TOY)
    _, out, err = icbench(capsys, *TOY, "--save-latents", "--json")
    (run,) = json.loads(out)["data"]["runs"]
    assert "without latents" in err
    assert records.read_record(Path(run["path"])).images()["noise"].shape == (50, 3)
    assert json.loads(icbench(capsys, *TOY, "--save-latents", "--json")[1])["data"]["runs"][0]["reused"]


def test_a_second_process_waits_and_then_takes_the_record(capsys, monkeypatch):
    import filelock

    icbench(capsys, *TOY, "--results", "theirs")
    (theirs,) = Path("theirs").iterdir()
    Path("icbench-results").mkdir()
    acquire = filelock.FileLock.acquire

    def held(self, timeout=None, **_):
        if timeout == 0:
            raise filelock.Timeout(self.lock_file)
        theirs.rename(Path("icbench-results") / theirs.name)
        return acquire(self)

    monkeypatch.setattr(filelock.FileLock, "acquire", held)
    code, out, err = icbench(capsys, *TOY, "--json")
    assert code == 0
    assert "another process is at" in err
    assert json.loads(out)["data"]["runs"][0]["reused"]


def test_a_lock_left_by_a_killed_process_does_not_hold(capsys):
    icbench(capsys, *TOY, "--results", "elsewhere")
    (folder,) = Path("elsewhere").iterdir()
    Path("icbench-results").mkdir()
    Path(f"icbench-results/.{folder.name}.lock").write_text("")
    code, _, err = icbench(capsys, *TOY)
    assert code == 0
    assert "another process" not in err


def test_a_direct_classifier_is_run_beside(capsys):
    code, out, _ = icbench(capsys, *TOY, "--classifier", "nearest-neighbour", "--classifier", "class-mean", "--json")
    runs = json.loads(out)["data"]["runs"]
    assert code == 0
    assert [next(iter(run["entry"])) for run in runs] == ["generator", "classifier", "classifier"]
    assert [run["metrics"]["accuracy"] for run in runs] == [1.0, 1.0, 1.0]
    assert runs[1]["metrics"]["nfe"] == 0
    assert runs[2]["metrics"]["generator_parameters"] == 10 * 64


def test_a_classifier_alone_inverts_nothing(capsys):
    _, out, _ = icbench(capsys, "run", "--dataset", "toy", "--classifier", "class-mean", "--json", "--device", "cpu")
    (run,) = json.loads(out)["data"]["runs"]
    assert set(run["entry"]) == {"classifier", "steps"}


def memory_for(monkeypatch, rows):
    """The generator takes so many rows at once, and says that memory is full if there are more."""
    original = Generator.__call__

    def limited(self, class_vector, noise):
        if len(class_vector) > rows:
            raise torch.OutOfMemoryError("out of memory")
        return original(self, class_vector, noise)

    monkeypatch.setattr(Generator, "__call__", limited)


def test_where_memory_is_full_the_batch_is_halved_and_the_run_goes_on(capsys, monkeypatch):
    whole = json.loads(icbench(capsys, *TOY, "--json", "--results", "whole")[1])["data"]["runs"][0]
    memory_for(monkeypatch, 14)
    code, out, _ = icbench(capsys, *TOY, "--json", "--batch-size", "50")
    document = json.loads(out)
    (run,) = document["data"]["runs"]
    assert code == 0
    assert run["metrics"]["accuracy"] == whole["metrics"]["accuracy"]
    assert run["dataset"]["images"] == 50
    assert [warning.rpartition(" ")[2] for warning in document["warnings"]] == ["25", "12"]


def test_a_device_without_memory_for_the_first_images_is_one_line(capsys, monkeypatch):
    memory_for(monkeypatch, 0)
    code, _, err = icbench(capsys, *TOY)
    assert code == 2
    assert "cpu has no memory left for linear" in err
    assert "Traceback" not in err


def test_interrupting_the_second_run_of_a_grid_still_shows_the_first(capsys, monkeypatch):
    original, calls = session.Session._run, []

    def second_is_stopped(self, settings):
        calls.append(settings)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return original(self, settings)

    monkeypatch.setattr(session.Session, "_run", second_is_stopped)
    code, out, err = icbench(capsys, *TOY, "--seeds", "3", "--json")
    assert code == 130
    assert [run["status"] for run in json.loads(out)["data"]["runs"]] == ["ok"]
    assert "go on with" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--steps", "5"], "--steps 5 would have no effect"),
        (["--stop-when", "0.1"], "--stop-when 0.1 would have no effect"),
        (["--lr", "0.5", "--save-latents"], "--lr 0.5, --save-latents would have no effect"),
        (["--precision", "float32"], "--precision float32 would have no effect"),
        (["--figure", "f.png"], "--figure f.png would have no effect"),
    ],
)
def test_what_inversions_alone_have_is_refused_beside_nothing_but_classifiers(capsys, arguments, said):
    code, out, err = icbench(capsys, "run", "--classifier", "class-mean", "--dataset", "toy", *arguments)
    assert (code, out) == (2, "")
    assert said in err
    assert list(Path().iterdir()) == []
