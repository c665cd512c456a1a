"""Weights files: held against their record, and loaded without a trace."""

import json
import shutil

import pytest
import torch

from icbench.builtin.generators.cgan import CGAN, WEIGHTS
from icbench.errors import IntegrityError
from icbench.training.weights import load_weights


def load(file):
    return load_weights(lambda: CGAN(10), file, "cgan with noise_dim=10")


@pytest.fixture
def file(tmp_path):
    for suffix in (".json", ".safetensors"):
        shutil.copy(WEIGHTS / f"cgan-10{suffix}", tmp_path)
    return tmp_path / "cgan-10.safetensors"


def test_loading_leaves_the_global_random_state_alone(file):
    before = torch.random.get_rng_state()
    load(file)
    assert torch.equal(before, torch.random.get_rng_state())


def test_weights_that_are_not_those_of_their_record_are_refused(file):
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(IntegrityError, match="its training record says"):
        load(file)


def test_weights_without_a_record_are_taken(file):
    digest = load(file).weights_digest
    file.with_suffix(".json").unlink()
    assert load(file).weights_digest == digest


@pytest.mark.parametrize("record", ["", "{}", json.dumps({"weights": {}})])
def test_a_damaged_record_is_named(file, record):
    file.with_suffix(".json").write_text(record)
    with pytest.raises(IntegrityError, match="training record cannot be read"):
        load(file)


def test_torn_weights_are_one_line(file):
    file.with_suffix(".json").unlink()
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(IntegrityError, match="does not hold weights of cgan with noise_dim=10") as caught:
        load(file)
    assert "\n" not in caught.value.message


def test_the_log_says_which_file_weights_are_from(file, caplog):
    caplog.set_level("INFO", "icbench")
    load(file)
    assert caplog.messages == [f"weights of cgan with noise_dim=10 from {file}"]
