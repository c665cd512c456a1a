"""`icbench show` as a user meets it."""

import hashlib
import json
import re
from pathlib import Path

import numpy as np
import pytest
import toy
from command_line import icbench
from record_factory import RESULTS, finished, right, unfinished

from icbench import Component, Param, hookimpl
from icbench.engine.diagnosis import Diagnosis
from icbench.records import IMAGES_FILE, RECORD_FILE, read_record
from icbench.records.diagnosis import DIAGNOSIS_FILE
from icbench.statistics import fit_temperature

OLD = Path(__file__).parents[1] / "records" / "schema-1"
TOY = ["run", "--generator", "linear", "--dataset", "toy", "--device", "cpu", "--quiet", "--results", str(RESULTS)]


def show(capsys, *arguments):
    return icbench(capsys, "show", *arguments, "--results", RESULTS)


def data(capsys, *arguments):
    """The data of a run that can be shown."""
    code, out, _ = show(capsys, *arguments, "--json")
    document = json.loads(out)
    assert set(document) == {"schema", "ok", "data", "warnings", "errors"}
    assert (code, document["schema"], document["ok"]) == (0, 1, True)
    return document["data"]


def confused(**said):
    """Twenty images of ten classes: both of 0 taken for 1 and 2, one of 1 not finite, the others right."""
    prediction = np.arange(20) % 10
    prediction[[0, 10, 11]] = [1, 2, -1]
    return finished(prediction == np.arange(20) % 10, arrays={"prediction": prediction}, **said)


@pytest.fixture
def toy_run(capsys, toy_plugin):
    """The folder of a run of the toy generator that errs, as the learning rate is far too high."""
    icbench(capsys, *TOY, "--steps", "3", "--optimizer", "sgd:lr=5000.0")
    (path,) = RESULTS.iterdir()
    assert read_record(path).metrics.accuracy < 1
    return path


def test_a_run_s_configuration_and_figures_are_shown(capsys):
    record = confused(flags=["trained on these images"])
    code, out, err = show(capsys, record.path)
    assert (code, err) == (0, "")
    for shown in ("cgan · mse · adam · joint", "from icbench 1.0", "digits test, 20 images", "float32", "a processor"):
        assert shown in out
    assert re.search(r"seed, steps +0, 200", out)
    assert re.search(r"accuracy +0\.8500 \(0\.6396–0\.9476, 95 %\)", out)
    assert re.search(r"NFE per image +401", out)
    assert re.search(r"flags +trained on these images", out)
    assert re.search(r"not finite +1 images, counted as wrong", out)


def test_classes_and_confusions_are_counted(capsys):
    out = show(capsys, confused().path)[1]
    assert re.search(r"^ +0 +2 +0 +0\.0000 +0\.0000–0\.6576 +1 *$", out, re.MULTILINE)
    assert re.search(r"^ +1 +2 +1 +0\.5000 ", out, re.MULTILINE)
    table = out.partition("label by prediction")[2].splitlines()
    assert table[0] == ", ? where not finite"
    assert table[2].split() == [*"0123456789?"]
    assert table[4].split() == ["0", "·", "1", "1", *"········"]
    assert table[5].split() == ["1", "·", "1", *"········", "1"]
    assert table[6].split() == ["2", "·", "·", "2", *"········"]


def test_json_has_all_of_it(capsys):
    found = data(capsys, confused(seed=3).path)
    assert found["confusion"][0] == [0, 1, 1, 0, 0, 0, 0, 0, 0, 0]
    assert found["not_finite_by_class"] == [0, 1, 0, 0, 0, 0, 0, 0, 0, 0]
    zero = found["classes"][0]
    assert (zero["images"], zero["correct"], zero["accuracy"], zero["confused_with"]) == (2, 0, 0, 1)
    assert found["metrics"]["accuracy"] == 0.85
    assert (found["seed"], found["status"], found["tier"], found["flags"]) == (3, "ok", "pixels", [])
    assert found["entry"]["generator"]["name"] == "cgan"
    assert (found["calibration"], found["diagnosis"]) == (None, None)
    assert found["environment"]["cpu"] == "a processor"


def test_a_run_can_be_named_by_its_folder_its_id_or_the_beginning_of_it(capsys):
    record = confused()
    finished(right(20), label="other")
    for name in (record.path, record.metadata.id, "cgan"):
        assert data(capsys, name)["id"] == record.metadata.id


def test_an_older_run_of_the_same_key_can_be_named_by_its_folder(capsys):
    finished(right(20), folder="older", at="2026-01-01T00:00:00+00:00")
    finished(right(20), folder="newer", at="2026-01-02T00:00:00+00:00")
    for name in ("older", "newer"):
        assert data(capsys, name)["path"] == f"results/{name}"


def test_the_beginning_of_several_ids_is_refused_with_all_of_them(capsys):
    runs = [finished(right(20), seed=seed) for seed in (0, 1)]
    code, out, err = show(capsys, "cgan")
    assert (code, out) == (2, "")
    assert "'cgan' means 2 runs" in err
    assert all(run.path.name in err for run in runs)


@pytest.mark.parametrize("results", [RESULTS, Path("nowhere")])
def test_an_unknown_run_is_one_line(capsys, results):
    confused()
    code, out, err = icbench(capsys, "show", "other", "--results", results)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert "there is no run 'other'" in err
    assert ("The runs here are: cgan" if results == RESULTS else "There are no runs here") in err


@pytest.mark.parametrize(("file", "said"), [(RECORD_FILE, "cannot be read"), (IMAGES_FILE, "its record says")])
def test_a_torn_record_is_one_line_with_its_reason(capsys, file, said):
    record = confused()
    (record.path / file).write_bytes(b"{")
    for name in (record.path, record.path.name):
        code, out, err = show(capsys, name)
        assert (code, out) == (1, "")
        assert len(err.strip().splitlines()) == 1
        assert said in err


def test_calibration_needs_a_validation_run(capsys):
    out = show(capsys, confused().path)[1]
    assert "needs a finished run of the same entry with --split validation" in out


def test_the_temperature_is_fitted_on_validation(capsys, toy_plugin):
    icbench(capsys, *TOY, "--steps", "3", "--limit", "40")
    icbench(capsys, *TOY, "--steps", "3", "--split", "validation")
    records = {read_record(path).metadata.dataset.split: read_record(path) for path in RESULTS.iterdir()}
    found = data(capsys, records["test"].path)["calibration"]
    images = records["validation"].images()
    expected = fit_temperature(images["class_scores"], images["label"].astype(int))
    assert found["temperature"] == pytest.approx(expected)
    assert {"temperature", "ece", "brier", "nll"} == set(found)
    out = show(capsys, records["test"].path)[1]
    assert f"temperature {expected:.3g}, fitted on validation images" in out
    assert f"ECE {found['ece']:.4f}, Brier score {found['brier']:.4f}, NLL {found['nll']:.4f} nats" in out


def test_a_validation_run_is_found_beside_the_record_and_in_the_results_folder(capsys):
    record = finished(right(20), Path("mine"))
    finished(right(30), Path("mine"), split="validation")
    assert data(capsys, record.path)["calibration"] is not None
    elsewhere = finished(right(20), Path("theirs"))
    assert data(capsys, elsewhere.path)["calibration"] is None
    finished(right(30), RESULTS, split="validation")
    assert data(capsys, elsewhere.path)["calibration"] is not None


def test_a_validation_run_that_cannot_be_read_is_said(capsys):
    record = confused()
    torn = finished(right(20), split="validation")
    (torn.path / IMAGES_FILE).write_bytes(b"torn")
    code, out, err = show(capsys, record.path, "--json")
    document = json.loads(out)
    assert code == 0
    assert document["data"]["calibration"] is None
    assert str(torn.path / IMAGES_FILE) in document["warnings"][0]
    assert str(torn.path / IMAGES_FILE) in err


def test_an_unfinished_run_is_shown_as_far_as_it_is(capsys):
    path = unfinished(right(5, 2))
    code, out, _ = show(capsys, path)
    assert code == 0
    assert re.search(r"status +interrupted", out)
    assert re.search(r"accuracy +0\.8000", out)
    assert sum(map(sum, data(capsys, path)["confusion"])) == 5


def test_a_run_that_failed_before_its_first_image_is_shown(capsys):
    path = unfinished([], stop=("failed", "RuntimeError: no luck"))
    code, out, _ = show(capsys, path)
    assert code == 0
    assert re.search(r"status +failed: RuntimeError: no luck", out)
    assert "no image is done" in out
    assert "label by prediction" not in out
    found = data(capsys, path)
    assert (found["classes"], found["confusion"], found["metrics"]["accuracy"]) == ([], [], None)


def test_a_direct_classifier_is_shown(capsys, toy_plugin):
    classifier = ["run", "--dataset", "toy", "--classifier", "class-mean", "--quiet", "--device", "cpu"]
    icbench(capsys, *classifier, "--results", RESULTS)
    code, out, _ = show(capsys, "class-mean")
    assert code == 0
    assert re.search(r"classifier +class-mean", out)
    assert "mean distance  –" in out
    assert "diagnosis" not in out


@pytest.mark.parametrize("path", sorted(OLD.iterdir()), ids=lambda path: path.name[:30])
def test_records_of_schema_1_are_shown(capsys, path):
    code, out, err = show(capsys, path)
    assert (code, err) == (0, "")
    assert "from icbench-toy 1.0" in out


def test_a_record_edited_by_hand_is_flagged(capsys):
    file = confused().path / RECORD_FILE
    file.write_text(file.read_text().replace('"nfe": 401', '"nfe": 4'))
    assert re.search(r"flags +edited by hand", show(capsys, file.parent)[1])
    assert data(capsys, file.parent)["flags"] == ["edited by hand"]


def test_names_with_markup_and_control_characters_are_shown_as_text(capsys):
    record = confused(label="[red]a[/red] · b:smile: · \x1b[2J", dataset="d\x1b[31m")
    code, out, _ = show(capsys, record.path)
    assert code == 0
    assert "[red]a[/red] · b:smile: · \\x1b[2J" in out
    assert "\x1b" not in out


def test_the_confusion_matrix_is_coloured_unless_colours_are_unwanted(capsys, monkeypatch):
    path = confused().path
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setenv("TERM", "xterm-256color")
    background = "\x1b\\[[0-9;]*48;2;"
    assert re.search(background, show(capsys, path)[1])
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search("\x1b\\[[0-9;]*(3[0-9]|4[0-9]|38|48)[;m]", show(capsys, path)[1])


@pytest.mark.parametrize("width", ["40", "60", "80", "120", "200"])
def test_no_line_is_wider_than_the_terminal_and_no_count_is_cut(capsys, monkeypatch, width):
    path = confused().path
    for name, value in {"FORCE_COLOR": "1", "NO_COLOR": "1", "COLUMNS": width}.items():
        monkeypatch.setenv(name, value)
    text = re.sub("\x1b\\[[0-9;]*m", "", show(capsys, path)[1])
    assert max(map(len, text.splitlines())) <= int(width)
    assert "…\n" not in text.partition("by class")[2]
    rows = re.findall(r"^\d(?: +[\d·]+){11} *$", text, re.MULTILINE)
    assert len(rows) == (0 if width == "40" else 10)
    assert ("wider than this terminal" in text) == (width == "40")


def test_why_a_run_errs_is_found_kept_and_read_back(capsys, toy_run, monkeypatch):
    assert "not made yet: icbench show" in show(capsys, toy_run)[1]
    found = data(capsys, toy_run, "--diagnose")["diagnosis"]
    assert set(found) == set(Diagnosis.__dataclass_fields__)
    wrong = np.flatnonzero(read_record(toy_run).images()["prediction"] != np.arange(50) % 10)
    assert (found["images"], found["errors"]) == (50, len(wrong))
    assert found["optimizer_errors"] + found["model_errors"] == found["errors"]
    assert (toy_run / DIAGNOSIS_FILE).exists()

    monkeypatch.setattr("icbench.engine.diagnosis.diagnose", lambda *_, **__: 1 / 0)
    assert data(capsys, toy_run)["diagnosis"] == found
    out = " ".join(show(capsys, toy_run)[1].split())
    assert f"Errors looked at: {found['errors']}. The optimizer's: {found['optimizer_errors']} (" in out
    assert f"The model's: {found['model_errors']};" in out
    assert "Jacobian" in out


def test_a_run_without_errors_says_so(capsys, toy_plugin):
    icbench(capsys, *TOY, "--steps", "20", "--limit", "10")
    assert "There is no error." in show(capsys, "linear", "--diagnose")[1]


def test_a_kept_diagnosis_is_this_run_s_as_it_was_written(capsys, toy_run):
    found = data(capsys, toy_run, "--diagnose")["diagnosis"]
    file = toy_run / DIAGNOSIS_FILE
    written = json.loads(file.read_text())
    assert written["diagnosis"] == found
    damages = [{"key": "another"}, {"diagnosis": {**found, "errors": 0}}, {"diagnosis": {}}]
    for content in ("", "{", "[]", *(json.dumps(written | damage) for damage in damages)):
        file.write_text(content)
        assert data(capsys, toy_run)["diagnosis"] is None
        assert "not made yet" in show(capsys, toy_run)[1]


def test_a_diagnosis_that_cannot_be_kept_is_shown_all_the_same(capsys, toy_run, monkeypatch):
    def no_room(*given):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("icbench.storage.replace_synced", no_room)
    code, out, err = show(capsys, toy_run, "--diagnose", "--json")
    document = json.loads(out)
    assert (code, document["ok"]) == (1, False)
    assert document["data"]["diagnosis"]["errors"] > 0
    assert "the diagnosis is not kept" in document["errors"][0]
    assert "No space left" in err
    assert not (toy_run / DIAGNOSIS_FILE).exists()


def test_a_diagnosis_does_not_make_a_record_unreadable(capsys, toy_run):
    data(capsys, toy_run, "--diagnose")
    code, _, err = icbench(capsys, "leaderboard", RESULTS, "--strict")
    assert (code, err) == (0, "")
    assert read_record(toy_run).edited is False


def refused(capsys, run, said, code=2):
    """--diagnose ends with one line and writes nothing."""
    found, out, err = show(capsys, run, "--diagnose")
    assert (found, out) == (code, "")
    assert len(err.strip().splitlines()) == 1
    assert said in err
    assert not list(RESULTS.glob(f"*/{DIAGNOSIS_FILE}"))


def test_a_run_of_other_code_is_not_diagnosed(capsys, toy_run, monkeypatch):
    from icbench.running import entry

    original = entry.source_digest
    monkeypatch.setattr(
        entry, "source_digest", lambda factory, dist: "other" if "toy" in factory else original(factory, dist)
    )
    refused(capsys, toy_run, "the code of the generator has changed since")


def test_a_run_of_other_weights_is_not_diagnosed(capsys, toy_run, monkeypatch):
    monkeypatch.setattr(toy.LinearGenerator, "weights_digest", "other")
    refused(capsys, toy_run, "the weights have changed since")


class Filed(toy.LinearGenerator):
    """Takes the strength of its noise from a file."""

    def __init__(self, weights: str) -> None:
        content = Path(weights).read_bytes()
        super().__init__(noise_effect=float(content))
        self.weights_digest = hashlib.sha256(content).hexdigest()


@hookimpl
def icbench_generators():
    yield Component("filed", "test_show:Filed", "from a file", params=(Param("weights", "", path=True),))


@pytest.fixture
def filed_run(capsys, use_plugins):
    """The folder of a run that was made with the file `mine.weights`."""
    use_plugins("toy", "test_show")
    Path("mine.weights").write_text("0.02")
    options = ["--steps", "3", "--optimizer", "sgd:lr=5000.0", "--generator", "filed:weights=mine.weights"]
    icbench(capsys, *[part for part in TOY if part not in ("--generator", "linear")], *options)
    (path,) = RESULTS.iterdir()
    return path


@pytest.mark.parametrize(
    "place", ["mine.weights", "trained/filed-seed0/filed.safetensors", "trained/filed-seed3/old/renamed.safetensors"]
)
def test_weights_of_ones_own_are_found_by_their_digest(capsys, filed_run, place):
    for decoy in ("trained/a/a.safetensors", "trained/b/b.safetensors"):
        Path(decoy).parent.mkdir(parents=True)
        Path(decoy).write_text("0.5")
    content = Path("mine.weights").read_text()
    Path("mine.weights").write_text("0.7")
    Path(place).parent.mkdir(parents=True, exist_ok=True)
    Path(place).write_text(content)
    assert data(capsys, filed_run, "--diagnose")["diagnosis"]["images"] == 50


def test_trained_weights_are_found_beside_the_results_folder(capsys, filed_run, monkeypatch):
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    assert icbench(capsys, "show", Path("..") / filed_run, "--diagnose", "--json")[0] == 0


def test_weights_that_are_elsewhere_are_named_and_have_to_be_the_same(capsys, filed_run):
    Path("mine.weights").rename("moved")
    refused(capsys, filed_run, "Say where it is with --weights FILE")
    Path("other").write_text("0.5")
    code, _, err = show(capsys, filed_run, "--diagnose", "--weights", "other")
    assert code == 2
    assert "other has the digest sha256:" in err
    assert show(capsys, filed_run, "--diagnose", "--weights", "gone")[0] == 1
    assert data(capsys, filed_run, "--diagnose", "--weights", "moved")["diagnosis"]["images"] == 50
    assert "--weights is for --diagnose alone" in show(capsys, filed_run, "--weights", "moved")[2]


def test_a_run_of_other_images_is_not_diagnosed(capsys, toy_run, monkeypatch):
    darker = 0.5 * toy.patterns()
    monkeypatch.setattr(toy, "patterns", lambda: darker)
    refused(capsys, toy_run, "toy test here has the digest", code=1)


def test_a_run_whose_components_are_not_here_is_not_diagnosed(capsys):
    refused(capsys, confused(dataset="nowhere").path, "there is no dataset 'nowhere'")
    refused(capsys, finished(right(20), dataset="mnist", label="gone · mse · adam · joint").path, "no generator")


def test_a_direct_classifier_is_not_diagnosed(capsys):
    refused(capsys, finished(right(20), label="class-mean", direct=True).path, "is no inversion of one generator")


def test_an_unfinished_run_is_not_diagnosed(capsys):
    refused(capsys, unfinished(right(5)), "is not finished")


def test_an_edited_record_is_not_diagnosed(capsys, toy_run):
    file = toy_run / RECORD_FILE
    file.write_text(file.read_text().replace('"steps": 3', '"steps": 4'))
    refused(capsys, toy_run, "was edited by hand")


def test_an_unknown_device_is_one_line(capsys, toy_run):
    code, _, err = show(capsys, toy_run, "--diagnose", "--device", "tpu")
    assert code == 2
    assert "no device 'tpu'" in err


def test_the_runs_that_a_name_means_are_told_apart(capsys):
    finished(right(20), at="2026-01-01T10:00:00+00:00")
    finished(right(20), seed=1, steps=50, at="2026-01-02T11:30:00+00:00")
    _, _, err = show(capsys, "cgan")
    first, *lines = err.strip().splitlines()
    assert first.endswith("Say one of:")
    assert [re.split(r"  +", line.strip())[1:] for line in lines] == [
        ["2026-01-02 11:30", "20 of 20 images", "seed 1", "cgan · mse · adam · joint [steps 50]"],
        ["2026-01-01 10:00", "20 of 20 images", "seed 0", "cgan · mse · adam · joint [steps 200]"],
    ]
    assert len({line.index("20 of 20") for line in lines}) == 1


def test_of_many_runs_ten_are_listed(capsys):
    for seed in range(12):
        finished(right(20), seed=seed)
    err = show(capsys, "cgan")[2]
    assert err.count("seed ") == 10
    assert "and 2 more" in err


def test_the_latest_run_has_a_name(capsys):
    finished(right(20), at="2026-01-02T00:00:00+00:00", seed=3)
    finished(right(20), at="2026-01-01T00:00:00+00:00", seed=4)
    assert data(capsys, "latest")["seed"] == 3
    unfinished(right(10), seed=5)
    assert data(capsys, "latest")["seed"] == 5


def test_the_digits_that_an_id_ends_with_name_a_run(capsys):
    finished(right(20))
    record = finished(right(20), seed=1)
    assert data(capsys, record.metadata.key[:6])["id"] == record.metadata.id


def test_an_empty_name_means_no_run(capsys):
    confused()
    code, _, err = show(capsys, "")
    assert code == 2
    assert "an empty text names no run" in err


def test_the_suite_of_a_run_is_shown(capsys):
    record = finished(right(20), suite="paper")
    assert re.search(r"suite +paper", show(capsys, record.path)[1])
