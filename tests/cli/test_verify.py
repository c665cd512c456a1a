"""`icbench verify`: an honest record holds, and each kind of forgery is found however well its digests are made."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import toy
from command_line import icbench
from record_factory import RESULTS

from icbench import Component, Param, hookimpl
from icbench.builtin.classifiers import NearestNeighbour
from icbench.compute.devices import choose_device
from icbench.plugins.manager import plugin_manager
from icbench.ranking.rows import Track
from icbench.records import IMAGES_FILE, RECORD_FILE, read_record
from icbench.records.metadata import KnownMetrics, RunIdentity, RunMetadata, run_key
from icbench.records.metrics import Costs, result_metrics
from icbench.records.record import write_record
from icbench.records.results_folder import GrowingRun
from icbench.running.entry import file_digest
from icbench.running.recomputation import round_off
from icbench.running.replay import entry_of, settings_of, split_of
from icbench.running.runners import InversionRunner

RUN = ["run", "--dataset", "toy", "--device", "cpu", "--quiet", "--results", str(RESULTS)]
FLOAT32 = ["--precision", "float32"]
LINEAR = [*FLOAT32, "--generator", "linear", "--steps", "5", "--optimizer", "adam:lr=0.5"]


class Filed(toy.LinearGenerator):
    """A generator whose noise does as much as a file says."""

    def __init__(self, weights: str) -> None:
        super().__init__(noise_effect=float(Path(weights).read_text()))
        self.weights_digest = file_digest(weights).removeprefix("sha256:")


class Measured(NearestNeighbour):
    """A classifier that is made of a component."""

    def components(self):
        return {"distance": plugin_manager().select("distance", "mse")}


@hookimpl
def icbench_classifiers():
    yield Component("measured", "test_verify:Measured", "made of a distance")


@hookimpl
def icbench_generators():
    yield Component("filed", "test_verify:Filed", "from a file", params=(Param("weights", "", path=True),))


@pytest.fixture(autouse=True)
def _plugins(use_plugins):
    use_plugins("toy", "test_verify")


def run(capsys, *arguments):
    """The record of one run."""
    known = set(RESULTS.iterdir()) if RESULTS.exists() else set()
    assert icbench(capsys, *RUN, *(arguments or LINEAR))[0] == 0
    (path,) = set(RESULTS.iterdir()) - known
    return read_record(path)


def forge(record, arrays=None, entry=None, **said):
    """The record with other arrays or claims, its figures and all of its digests made to fit."""
    arrays = {**record.images(), **(arrays or {})}
    costs = Costs.of(said.pop("metrics", record.metrics))
    metadata = replace(record.metadata, entry=entry or record.metadata.entry, **said)
    own = {name: getattr(metadata, name) for name in RunIdentity.__dataclass_fields__ if name != "unknown"}
    metadata = replace(metadata, key=run_key(RunIdentity(**own)), metrics=result_metrics(arrays, costs, record.metrics))
    forged = write_record(Path("forged") / record.path.name, metadata, arrays)
    assert not read_record(forged.path).edited
    return forged


def verify(capsys, record, *arguments):
    """The exit code, and what became of each thing that the record says."""
    path = record if isinstance(record, Path) else record.path
    code, out, _ = icbench(capsys, "verify", path, "--json", *arguments)
    document = json.loads(out)
    (found,) = document["data"]["records"]
    verdicts = {one["what"]: one["verdict"] for one in found["findings"]}
    assert (code == 1) == (not document["ok"]) == ("differs" in verdicts.values()) == (found["verdict"] == "differs")
    return found["verdict"], verdicts, found


def differing(verdicts):
    return {what for what, verdict in verdicts.items() if verdict == "differs"}


ENTRIES = {
    "inversion": LINEAR,
    "early stopping": [*LINEAR, "--steps", "60", "--stop-when", "0.1"],
    "bank": [*FLOAT32, "--generator", "normed", "--schedule", "exhaustive", "--steps", "5"],
    "dropping": [*FLOAT32, "--generator", "normed", "--schedule", "halving:at=2,keep=3", "--steps", "5"],
    "bfloat16": [*LINEAR, "--precision", "bfloat16"],
    "some images": [*LINEAR, "--limit", "20", "--batch-size", "7"],
    "classifier": ["--classifier", "nearest-neighbour"],
}


@pytest.mark.parametrize("arguments", ENTRIES.values(), ids=ENTRIES)
def test_an_honest_record_holds(capsys, arguments):
    verdict, verdicts, found = verify(capsys, run(capsys, *arguments))
    assert verdict == "holds"
    assert {what for what, one in verdicts.items() if one != "holds"} == {"time and memory"}
    sample = found["sample"]
    assert (sample["predictions_off"], sample["figures_off"], sample["explained_by_rounding"]) == ([], [], 0)


def test_images_that_are_not_finite_are_so_again(capsys, monkeypatch):
    monkeypatch.setattr(InversionRunner, "check", lambda *_: None)
    record = run(capsys, *LINEAR, "--distance", "fragile")
    assert record.metrics.not_finite == 5
    assert verify(capsys, record)[0] == "holds"
    made = np.where(record.images()["prediction"] < 0, 0, record.images()["prediction"])
    scores = np.nan_to_num(record.images()["class_scores"], nan=1.0)
    forged = forge(record, {"prediction": made, "class_scores": np.eye(10, dtype=np.float32)[made] + 0 * scores})
    assert "predictions" in differing(verify(capsys, forged)[1])


def test_the_table_says_what_was_looked_at_and_which_images(capsys):
    path = run(capsys).path
    code, out, _ = icbench(capsys, "verify", path, "--sample", "7", "--sample-seed", "3")
    assert code == 0
    for shown in ("generator linear", "engine", "dataset toy", "figures", "7 of 7 are found again"):
        assert shown in out
    assert out.splitlines()[-1] == f"{path.name} holds, by 7 images drawn with seed 3"


def test_images_are_drawn_anew_each_time_and_with_a_seed_the_same(capsys):
    record = run(capsys)
    seeds = {verify(capsys, record, "--sample", "1")[2]["sample"]["seed"] for _ in range(3)}
    assert len(seeds) == 3
    assert verify(capsys, record, "--sample", "1", "--sample-seed", "3")[2]["sample"]["seed"] == 3


def test_several_records_have_a_table_each_and_one_that_differs_is_enough(capsys):
    honest = run(capsys)
    forged = forge(honest, {"energy": honest.images()["energy"] / 2})
    code, out, _ = icbench(capsys, "verify", honest.path, forged.path)
    assert code == 1
    assert out.count("run key") == 2
    assert f"{honest.path.name} holds" in out
    assert f"{forged.path.name} is not what it says" in out


@pytest.mark.parametrize("arguments", [LINEAR, ENTRIES["classifier"]], ids=["inversion", "classifier"])
def test_forged_predictions_are_found(capsys, arguments):
    honest = run(capsys, *arguments)
    arrays = honest.images()
    prediction = arrays["prediction"].copy()
    prediction[[3, 17, 30]] = (arrays["label"][[3, 17, 30]] + 1) % 10
    scores = arrays["class_scores"].copy()
    scores[[3, 17, 30], prediction[[3, 17, 30]]] = scores.max(axis=1)[[3, 17, 30]]
    _, verdicts, found = verify(capsys, forge(honest, {"prediction": prediction, "class_scores": scores}))
    assert differing(verdicts) == {"predictions"}
    assert found["sample"]["predictions_off"] == [3, 17, 30]


def test_predictions_that_the_scores_do_not_say_are_found_without_computing(capsys):
    honest = run(capsys)
    forged = forge(honest, {"prediction": np.roll(honest.images()["prediction"], 1)})
    assert "class scores" in differing(verify(capsys, forged, "--sample", "1")[1])


def test_the_results_of_another_seed_are_found(capsys):
    first, second = run(capsys), run(capsys, *LINEAR, "--seed", "1")
    assert "energies" in differing(verify(capsys, forge(second, seed=first.metadata.seed))[1])


def test_the_results_of_fewer_steps_are_found(capsys):
    short, long = run(capsys, *LINEAR, "--steps", "3"), run(capsys)
    assert "energies" in differing(verify(capsys, forge(short, entry=long.metadata.entry))[1])


def test_the_results_of_other_weights_are_found(capsys):
    for name, effect in (("honest.weights", "0.02"), ("better.weights", "0.5")):
        Path(name).write_text(effect)
    start = [*FLOAT32, "--steps", "5", "--generator"]
    claimed, used = (run(capsys, *start, f"filed:weights={name}.weights") for name in ("honest", "better"))
    assert verify(capsys, claimed)[0] == "holds"
    forged = forge(used, entry=claimed.metadata.entry, label=claimed.label)
    assert "energies" in differing(verify(capsys, forged, "--weights", "honest.weights")[1])


def test_arrays_made_by_hand_are_found(capsys):
    honest = run(capsys)
    label = honest.images()["label"]
    scores = np.eye(10, dtype=np.float32)[label]
    made = {"prediction": label, "class_scores": scores, "energy": np.full(50, 0.01, np.float32)}
    assert differing(verify(capsys, forge(honest, {**made, "distance": made["energy"]}))[1]) >= {"energies"}


def test_labels_that_are_not_the_data_set_s_are_found(capsys):
    honest = run(capsys)
    forged = forge(honest, {"label": np.roll(honest.images()["label"], 1)})
    assert differing(verify(capsys, forged)[1]) == {"labels"}


def test_evaluations_that_were_not_counted_so_are_found(capsys):
    honest = run(capsys)
    fewer = replace(honest.metrics, nfe_forward=2, nfe_backward=1)
    assert differing(verify(capsys, forge(honest, metrics=fewer))[1]) == {"evaluations"}


def test_a_tier_that_the_components_do_not_have_is_found(capsys):
    assert differing(verify(capsys, forge(run(capsys), tier="labels"))[1]) == {"tier and flags"}


def test_an_edited_figure_and_an_edited_identity_are_found(capsys):
    path = run(capsys).path
    file = path / RECORD_FILE
    document = json.loads(file.read_bytes())
    document["metrics"]["accuracy"] = 0.123
    document["seed"] = 7
    file.write_text(json.dumps(document))
    assert differing(verify(capsys, path)[1]) >= {"record.json", "figures", "run key", "energies"}


def test_an_image_file_of_other_content_is_found_and_the_rest_is_checked(capsys):
    path = run(capsys).path
    (path / IMAGES_FILE).write_bytes(b"other")
    _, verdicts, _ = verify(capsys, path)
    assert differing(verdicts) == {"images.npz"}
    assert verdicts["generator linear"] == "holds"
    assert verdicts["predictions and energies"] == "cannot be checked"


def test_a_record_that_cannot_be_read_differs_and_does_not_stop_the_others(capsys):
    torn, honest = run(capsys), run(capsys, *LINEAR, "--seed", "1")
    (torn.path / RECORD_FILE).write_bytes(b"{")
    code, out, _ = icbench(capsys, "verify", torn.path, honest.path)
    assert code == 1
    assert "cannot be read" in out
    assert f"{honest.path.name} holds" in out


def unchecked(capsys, record, what, said):
    verdict, verdicts, found = verify(capsys, record)
    assert verdict == "cannot be checked"
    assert (verdicts[what], verdicts["predictions and energies"]) == ("cannot be checked", "cannot be checked")
    assert said in next(one["detail"] for one in found["findings"] if one["what"] == what)


def test_without_its_plugin_a_record_cannot_be_checked(capsys, use_plugins):
    record = run(capsys)
    use_plugins()
    unchecked(capsys, record, "generator linear", "linear")


OTHER_CODE = "sha256:" + "0" * 64


def detail_of(found, what):
    return next(one["detail"] for one in found["findings"] if one["what"] == what)


def with_other_source(entry, kind="generator"):
    return replace(entry, **{kind: replace(getattr(entry, kind), source=OTHER_CODE)})


def test_with_other_code_a_record_holds_if_its_images_come_out_the_same(capsys):
    honest = run(capsys)
    verdict, verdicts, found = verify(capsys, forge(honest, engine=OTHER_CODE), "--strict")
    assert verdict == "holds"
    assert (verdicts["engine"], verdicts["predictions"]) == ("cannot be checked", "holds")
    assert detail_of(found, "engine") == "its code is another one here; the images come out the same"
    forged = forge(honest, entry=with_other_source(honest.metadata.entry))
    assert verify(capsys, forged, "--strict")[0] == "holds"


@pytest.mark.parametrize("said", [{"arrays": {"energy": np.full(50, 9, np.float32)}}, {"tier": "labels"}])
def test_with_other_code_what_comes_out_otherwise_cannot_be_checked(capsys, said):
    forged = forge(run(capsys), engine=OTHER_CODE, **said)
    code, out, _ = icbench(capsys, "verify", forged.path, "--strict")
    assert (code, "could not be verified here" in out) == (1, True)
    verdict, verdicts, found = verify(capsys, forged)
    assert verdict == "cannot be checked"
    what = "energies" if "arrays" in said else "tier and flags"
    assert verdicts[what] == "cannot be checked"
    assert "the code here is another one" in detail_of(found, what)
    assert "come out the same" not in detail_of(found, "engine")


def test_other_code_excuses_nothing_that_a_record_says_of_itself(capsys):
    honest = run(capsys)
    forged = forge(honest, {"prediction": np.roll(honest.images()["prediction"], 1)}, engine=OTHER_CODE)
    assert differing(verify(capsys, forged)[1]) == {"class scores"}


def test_a_classifier_s_components_may_have_other_code_but_not_other_parameters(capsys):
    honest = run(capsys, "--classifier", "measured")
    entry = honest.metadata.entry
    used = entry.classifier.components["distance"]

    def with_component(**changed):
        components = {"distance": {**used, **changed}}
        return forge(honest, entry=replace(entry, classifier=replace(entry.classifier, components=components)))

    assert verify(capsys, with_component(source=OTHER_CODE))[0] == "holds"
    verdict, verdicts, _ = verify(capsys, with_component(params={"scale": 2.0}))
    assert (verdict, verdicts["components of measured"]) == ("cannot be checked", "cannot be checked")


def test_strict_fails_where_nothing_could_be_computed(capsys, use_plugins):
    path = run(capsys).path
    use_plugins()
    assert [icbench(capsys, "verify", path, *strict)[0] for strict in ([], ["--strict"])] == [0, 1]


def test_with_other_weights_a_record_cannot_be_checked(capsys, monkeypatch):
    record = run(capsys)
    monkeypatch.setattr(toy.LinearGenerator, "weights_digest", "0" * 64)
    unchecked(capsys, record, "weights of linear", "others are here")


def test_with_other_images_a_record_cannot_be_checked(capsys):
    record = run(capsys)
    other = replace(record.metadata.dataset, digest="0" * 64)
    unchecked(capsys, forge(record, dataset=other), "dataset toy", "others here")


def test_a_record_of_another_kind_of_device_cannot_be_checked(capsys, monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    unchecked(capsys, forge(run(capsys), device="cuda"), "computing again", "'cuda' is not here")


def test_a_component_that_fails_here_is_no_verdict_on_the_record(capsys, monkeypatch):
    record = run(capsys)

    def fail(*_):
        raise ZeroDivisionError("no luck")

    monkeypatch.setattr(toy.LinearGenerator, "forward", fail)
    unchecked(capsys, record, "computing again", "no luck")


def test_what_is_done_of_an_unfinished_run_is_verified(capsys):
    record = run(capsys)
    known = {name: getattr(record.metadata, name) for name in RunMetadata.__dataclass_fields__}
    known["metrics"] = KnownMetrics(generator_parameters=record.metrics.generator_parameters)
    growing = GrowingRun(Path("unfinished"), RunMetadata(**known), [], started=False)
    growing.add({name: values[:20] for name, values in record.images().items()}, Costs.of(record.metrics))
    verdict, verdicts, found = verify(capsys, growing.stop("interrupted", "").path)
    assert (verdict, found["sample"]["images"]) == ("holds", 20)
    assert (verdicts["unfinished.shards"], verdicts["images"]) == ("holds", "cannot be checked")


def test_a_run_that_rounds_otherwise_holds(capsys):
    """With this rate the descent leaps about, and a rounding becomes large."""
    record = run(capsys, *FLOAT32, "--generator", "linear", "--steps", "150", "--optimizer", "sgd:lr=30.0")
    manager = plugin_manager()
    split = split_of(manager, Track.of(record))
    runner = InversionRunner(entry_of(manager, record), choose_device("cpu"))
    images = round_off(split.images, 99)
    (other,) = runner.results(images, np.arange(50), settings_of(record, runner.device), 512, lambda _: None)
    verdict, _, found = verify(capsys, forge(record, {**other.arrays, "label": split.labels}))
    assert verdict == "holds"
    assert found["sample"]["explained_by_rounding"] > 10
