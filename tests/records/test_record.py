"""A record is whole, readable and anonymous, or it is not there."""

import getpass
import hashlib
import json
import socket
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from icbench import records
from icbench.compute.environment import without_folders
from icbench.errors import IntegrityError, ResultsError
from icbench.records import check_writable, read_record, result_metrics
from icbench.records.json_object import decode
from icbench.records.metadata import RecordMetadata, RunMetadata, WrittenMetadata
from icbench.records.metrics import Costs
from icbench.records.record import write_record
from icbench.records.schema import DIGEST_LINE, SCHEMA, canonical, update_schema
from icbench.records.shard_arrays import as_shard, join_shards
from icbench.records.shards import read_shards

ARRAYS = {
    "index": np.arange(4),
    "label": np.array([0, 1, 2, 3]),
    "prediction": np.array([0, 1, 3, -1]),
    "class_scores": np.eye(4, dtype=np.float32),
    "distance": np.array([0.1, 0.2, 0.3, np.nan], dtype=np.float32),
    "resets": np.array([0, 2, 0, 1]),
}
FACTS = {"schema": SCHEMA, "id": "run", "key": "k", "status": "ok", "error": "", "label": "a · b", "tier": "pixels"}
FACTS |= {"engine": "e", "suite": "", "seed": 0, "precision": "float32", "device": "cpu", "entry": {"steps": 0}}
FACTS |= {"dataset": {"name": "d", "split": "test", "digest": "0", "images": 4}, "flags": []}
FACTS |= {"environment": {"cpu": "a processor", "gpus": [], "libraries": {}}}
FACTS |= {"metrics": result_metrics(ARRAYS, Costs(5, 4, 2.0, 10)).document()}
METADATA = decode(RecordMetadata, FACTS, "a test")
OLD = Path(__file__).parent / "schema-1"


def test_a_record_is_read_back_as_it_was_written():
    record = read_record(write_record(Path("results/run"), METADATA, ARRAYS).path)
    assert record.metadata.key == "k"
    assert not record.edited
    for name, values in ARRAYS.items():
        np.testing.assert_array_equal(record.images()[name], values)
    assert list(record.images(["label"])) == ["label"]


def test_metrics_count_not_finite_as_wrong():
    metrics = result_metrics(ARRAYS, Costs(forward=5, backward=4, seconds=2.0, peak_memory=10))
    assert metrics.accuracy == 0.5
    assert metrics.not_finite == 1
    assert metrics.mean_distance == pytest.approx(0.2)
    assert metrics.nfe == 9
    assert metrics.images_per_second == 2.0
    assert metrics.class_vector_resets == 3


def test_an_image_whose_label_has_no_hypothesis_has_lost_none():
    dropped = np.array([[3, -1], [-1, 4], [2, 2], [2, 2]], np.int16)
    assert result_metrics({**ARRAYS, "class_dropped_at": dropped}, Costs()).wrongly_dropped == 2


def test_shards_are_joined_in_the_order_of_their_images():
    halves = [{name: values[rows] for name, values in ARRAYS.items()} for rows in (slice(2, 4), slice(0, 2))]
    # The most memory is the run's, whichever shard took it.
    shards = [as_shard(half, Costs(5, 4, 1.5, memory)) for half, memory in zip(halves, (10, 7), strict=True)]
    arrays, costs = join_shards(shards)
    for name, values in ARRAYS.items():
        np.testing.assert_array_equal(arrays[name], values)
    assert costs == Costs(5, 4, 3.0, 10)


def test_a_record_is_readable_line_by_line_in_the_order_of_its_keys():
    text = (write_record(Path("results/run"), METADATA, ARRAYS).path / records.RECORD_FILE).read_text()
    assert '"label": "a · b"' in text
    keys = [line.split('"')[1] for line in text.splitlines() if line.startswith('  "')]
    assert keys == sorted(keys)


def test_a_folder_that_is_a_file_is_not_writable():
    Path("results").write_text("in the way")
    with pytest.raises(ResultsError, match="cannot be written"):
        check_writable(Path("results"))


def test_checking_leaves_no_trace():
    check_writable(Path("fresh"))
    assert not Path("fresh").exists()


def test_changed_arrays_are_noticed():
    record = write_record(Path("results/run"), METADATA, ARRAYS)
    (record.path / records.IMAGES_FILE).write_bytes(b"other")
    with pytest.raises(IntegrityError, match="its record says"):
        record.images()


def test_a_record_edited_by_hand_is_noticed():
    file = write_record(Path("results/run"), METADATA, ARRAYS).path / records.RECORD_FILE
    file.write_text(file.read_text().replace('"seed": 0', '"seed": 1'))
    assert read_record(file.parent).edited


@pytest.mark.parametrize("schema", [SCHEMA + 1, 99])
def test_a_newer_schema_asks_for_an_update(schema):
    record = write_record(Path("results/run"), replace(METADATA, schema=schema), ARRAYS)
    with pytest.raises(IntegrityError, match=f"schema {schema}") as caught:
        read_record(record.path)
    assert "Update" in caught.value.hint


@pytest.mark.parametrize("content", ["", "{", "[]", "null", "{}", '{"schema": 2}', '{"schema": "x"}', '{"schema": 1}'])
def test_what_is_no_record_is_said_to_be_none(content):
    Path("run").mkdir()
    Path("run/record.json").write_text(content)
    with pytest.raises(IntegrityError, match=r"run/record\.json"):
        read_record(Path("run"))


@pytest.mark.parametrize(
    ("name", "status", "images"),
    [
        ("linear-mse-adam-joint-toy-s0-8c620820", "ok", 50),
        ("linear-mse-adam-exhaustive-toy-s0-fe64bb91", "ok", 50),
        ("linear-mse-adam-joint-toy-s1-f12f33a1", "interrupted", 20),
        ("linear-mse-adam-joint-toy-s2-6219638f", "failed", 20),
    ],
)
def test_records_of_schema_1_are_still_read(name, status, images):
    record = read_record(OLD / name)
    assert record.status == status
    assert record.metadata.schema == SCHEMA
    assert record.metadata.tier == "pixels"
    assert record.metrics.accuracy == 1.0
    assert record.metrics.generator_parameters is None
    assert not record.edited
    assert len(record.images()["prediction"]) == images


@pytest.mark.parametrize("path", sorted(OLD.iterdir()), ids=lambda path: path.name)
def test_an_older_record_is_written_as_it_was_read(path):
    unfinished = not (path / records.RECORD_FILE).exists()
    file = path / (records.SHARDS_FILE if unfinished else records.RECORD_FILE)
    document = update_schema(read_shards(file).document if unfinished else json.loads(file.read_bytes()), "here")
    kind = RunMetadata if unfinished else WrittenMetadata
    assert canonical(decode(kind, document, "here").document()) == canonical(document)


def test_a_record_is_written_as_it_was_read_with_all_that_is_not_known_of_it(toy_plugin):
    import icbench

    run = {"dataset": "toy", "limit": 5, "device": "cpu"}
    inversion = icbench.run(generator="linear", steps=3, stop_when=0.1, **run)
    for record in (inversion, icbench.run(classifier="class-mean", **run)):
        document = json.loads((record.path / records.RECORD_FILE).read_bytes())
        del document["digest"]
        for inside in (document, document["entry"], document["metrics"], document["environment"], document["images"]):
            inside["unknown"] = {"unknown": [1]}
        assert canonical(decode(WrittenMetadata, document, "here").document()) == canonical(document)


def test_a_record_of_a_run_names_no_user_host_or_folder(toy_plugin, monkeypatch):
    import icbench

    monkeypatch.setenv("HOME", str(Path.cwd()))
    record = icbench.run(generator="linear", dataset="toy", steps=3, device="cpu")
    text = json.dumps(json.loads((record.path / records.RECORD_FILE).read_text()))
    assert str(Path.cwd()) not in text
    assert socket.gethostname() not in text
    assert f"/{getpass.getuser()}" not in text


def test_the_results_folder_may_be_a_string(toy_plugin):
    import icbench

    record = icbench.run(generator="linear", dataset="toy", steps=3, device="cpu", results="named-by-a-string")
    assert record.path.parent == Path("named-by-a-string")


def test_a_record_names_the_plugins_that_were_installed(toy_plugin):
    import icbench

    record = icbench.run(generator="linear", dataset="toy", steps=3, device="cpu")
    assert "icbench-toy" in {component.dist for component in record.metadata.entry.components.values()}
    assert isinstance(record.metadata.environment.plugins, dict)


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        ("FileNotFoundError: [Errno 2] No such file: '/home/ann/data/mnist.npz'", "mnist.npz'"),
        ("OSError: C:\\Users\\ann\\weights.bin is locked", "weights.bin is locked"),
        ("RuntimeError: see https://pytorch.org/docs/stable, 3/4 of it", "https://pytorch.org/docs/stable, 3/4 of it"),
    ],
)
def test_an_error_that_is_kept_names_no_folder(message, kept):
    shown = without_folders(message)
    assert shown.endswith(kept)
    assert "ann" not in shown


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_a_number_that_json_has_not_is_refused_though_the_digest_is_that_of_the_bytes(number):
    path = write_record(Path("run"), METADATA, ARRAYS).path
    content = (path / records.RECORD_FILE).read_bytes().replace(b'"seconds": 2.0', f'"seconds": {number}'.encode())
    start, end = DIGEST_LINE.search(content).span()
    digest = hashlib.sha256(content[:start] + content[end:]).hexdigest()
    signed = content[:start] + f'  "digest": "{digest}",\n'.encode() + content[end:]
    (path / records.RECORD_FILE).write_bytes(signed)
    with pytest.raises(IntegrityError, match="cannot be read"):
        read_record(path)


def test_a_record_that_was_read_knows_which_images_are_right():
    written = write_record(Path("run"), METADATA, ARRAYS)
    assert written.correct is None
    assert read_record(written.path).correct.tolist() == [True, True, False, False]


def test_a_record_of_other_images_than_the_first_does_not_say_which_of_them_are_right():
    path = write_record(Path("run"), METADATA, {**ARRAYS, "index": np.array([3, 1, 2, 0])}).path
    assert read_record(path).correct is None
