"""The shipped weights: small, half precision, described, checked when they are loaded, and good."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from icbench.builtin.datasets.mnist import MNIST
from icbench.engine.prepare import prepare
from icbench.engine.settings import Settings
from icbench.errors import IntegrityError, MissingWeightsError
from icbench.training.scoring import inversion_accuracy
from safetensors.torch import load_file

from icbench_generators.shipped import FOLDER

SHIPPED = {
    "class-vae-12": "class-vae",
    "contrastive-12": "contrastive",
    "cvae-12": "cvae",
    "class-block-16": "class-block",
    "denoiser": "denoiser",
    "prototype-1": "prototype",
    "prototype-300": "prototype:types=300",
    "lstm-centres": "lstm",
    "lstm-nearest": "lstm:picks=nearest",
    "lstm-random": "lstm:picks=random",
    "class-vae-32-fashion-mnist": "class-vae:trained_on=fashion-mnist",
    "cgan-10-fashion-mnist": "cgan:trained_on=fashion-mnist",
}
FASHION = [stem for stem in SHIPPED if stem.endswith("fashion-mnist")]
FASHION_DIGEST = "f6767ca9df21c8477569075dcad6ae384c300c286d101fa247c9908823aebd62"
"""Of the training images."""
EXHAUSTIVE = "exhaustive:prior_weight=0.0015"
ENCODER = f"{EXHAUSTIVE},start=encoder,decay=cosine,noise_rate=2"
FLOORS = {
    ("class-vae-12", f"{ENCODER},calibrate=true", 2): 0.97,
    ("class-vae-12", f"{ENCODER},calibrate=true", 20): 0.97,
    ("contrastive-12", ENCODER, 2): 0.97,
    ("class-block-16", "relaxed:simplex_map=mirror", 100): 0.92,
    ("class-vae-12", EXHAUSTIVE, 120): 0.95,
    ("cvae-12", EXHAUSTIVE, 120): 0.90,
    ("cvae-12", "joint", 200): 0.60,
    ("prototype-1", "exhaustive", 1): 0.75,
    ("prototype-300", "relaxed:simplex_map=mirror", 200): 0.93,
    ("denoiser", "exhaustive:start=encoder,noise_rate=0,prior_weight=0,calibrate=true", 0): 0.97,
    ("denoiser", "class-only:start=encoder,calibrate=true", 20): 0.97,
    ("lstm-centres", "exhaustive:prior_weight=0", 50): 0.80,
    ("lstm-random", "exhaustive:prior_weight=0", 50): 0.50,
}


def copied(stem: str, folder: Path) -> Path:
    """A copy of shipped weights and their record."""
    for suffix in (".json", ".safetensors"):
        shutil.copy(FOLDER / f"{stem}{suffix}", folder)
    return folder / f"{stem}.safetensors"


def test_these_weights_are_shipped_and_no_others():
    assert {file.stem for file in FOLDER.glob("*.safetensors")} == set(SHIPPED)


def test_weights_are_small():
    sizes = {file.stem: file.stat().st_size for file in FOLDER.glob("*.safetensors")}
    assert max(sizes.values()) <= 8e6
    assert sum(sizes[stem] for stem in FASHION) <= 4e6
    assert sum(sizes.values()) <= 28e6


@pytest.mark.parametrize("stem", SHIPPED)
def test_weights_are_half_precision_and_match_their_record(build, manager, stem):
    file = FOLDER / f"{stem}.safetensors"
    assert {tensor.dtype for tensor in load_file(file).values()} == {torch.float16}
    record = json.loads(file.with_suffix(".json").read_text())
    assert record["weights"]["sha256"] == build(SHIPPED[stem]).weights_digest
    selection = manager.select("generator", SHIPPED[stem])
    params = {name: value for name, value in selection.params.items() if name in record["params"] and value}
    assert record["generator"] == selection.name
    assert params.items() <= record["params"].items()
    expected = FASHION_DIGEST if stem in FASHION else MNIST().split("train", Path()).digest
    assert record["dataset"]["digest"] == expected


@pytest.mark.parametrize("stem", SHIPPED)
def test_damaged_weights_are_one_line(build, stem, tmp_path):
    file = copied(stem, tmp_path)
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(IntegrityError, match="training record says") as caught:
        build(SHIPPED[stem], weights=str(file))
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("stem", SHIPPED)
def test_torn_weights_without_a_record_are_one_line(build, stem, tmp_path):
    file = copied(stem, tmp_path)
    file.with_suffix(".json").unlink()
    file.write_bytes(file.read_bytes()[:1000])
    with pytest.raises(IntegrityError, match=f"weights of {SHIPPED[stem].partition(':')[0]}") as caught:
        build(SHIPPED[stem], weights=str(file))
    assert "\n" not in caught.value.message


def test_weights_of_another_generator_are_refused(build):
    with pytest.raises(IntegrityError, match="does not hold weights of class-vae:"):
        build("class-vae", weights=str(FOLDER / "cvae-12.safetensors"))


@pytest.mark.parametrize("name", ["class-vae", "cvae"])
def test_a_size_without_weights_names_those_there_are(build, name):
    with pytest.raises(MissingWeightsError, match="shipped are noise_dim=12 on mnist") as caught:
        build(name, noise_dim=33)
    assert f"icbench train {name}:noise_dim=33" in caught.value.hint


def test_the_class_vaes_say_how_large_their_residuals_are_and_what_they_were_fitted_to(build):
    fitted = json.loads((FOLDER / "class-vae-12.json").read_text())["completed"]["residuals"]
    assert (fitted["split"], fitted["images"]) == ("validation", 10_000)
    factor, summand = build("class-vae").error_calibration(torch.eye(10))
    assert factor.argmax() == summand.argmin() == 1


def test_traits_say_what_the_weights_have_seen(manager):
    for stem, spec in SHIPPED.items():
        record = json.loads((FOLDER / f"{stem}.json").read_text())
        traits = manager.select("generator", spec).registered.component.traits
        assert "trained-on:mnist/train" in traits
        assert ("selected-on:mnist/validation" in traits) >= (len(record["checks"]) > 1)


@pytest.mark.parametrize("stem", FASHION)
def test_weights_of_clothes_say_so(build, stem):
    seen = ("trained-on:fashion-mnist/train", "selected-on:fashion-mnist/validation")
    assert build(SHIPPED[stem]).seen == seen


@pytest.mark.slow
@pytest.mark.parametrize(("stem", "schedule", "steps"), FLOORS)
def test_shipped_weights_classify_200_validation_images_above_a_floor(build, stem, schedule, steps, validation):
    generator = prepare(build(SHIPPED[stem]), torch.device("cpu"))
    accuracy = inversion_accuracy(generator, schedule, validation, slice(200), Settings(steps))
    assert accuracy >= FLOORS[stem, schedule, steps]
    assert np.isfinite(accuracy)
