"""Weights files: safetensors, held against the training record that lies beside them when they are loaded."""

import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load, load_file, save
from torch import Tensor

from icbench.errors import IntegrityError, MissingWeightsError
from icbench.kinds.dataset import DataShape
from icbench.kinds.generator import Generator
from icbench.plugins.weights import weights_folders
from icbench.running.entry import DEFAULTS, dataset_key
from icbench.storage import write_output

LOG = logging.getLogger(__name__)
AnyGenerator = TypeVar("AnyGenerator", bound=Generator)


TRAINED = Path("trained")
"""Where trainings write to, under the working folder."""
SHAPE_KEY = "classes-channels-height-width"
"""What a weights file says of the data its generator is built for, such as 10x1x28x28."""
NOT_IN_A_NAME = re.compile(r"[^\w.]+")
DEFAULT_DATASET = DEFAULTS["dataset"]


def default_folder(name: str, params: Mapping[str, object], seed: int = 0, dataset: str = DEFAULT_DATASET) -> Path:
    """The folder, under the working one, that a training writes to unless told otherwise.

    Args:
        name: the generator's.
        params: its parameters that tell folders apart.
        seed: the training's.
        dataset: the spec of what is trained on; the default one is not in the name.
    """
    told = "".join(f"-{key.removesuffix('_dim')}{NOT_IN_A_NAME.sub('-', str(params[key]))}" for key in params)
    data = "" if dataset == DEFAULT_DATASET else f"-{dataset_key(dataset)}"
    return TRAINED / f"{name}{told}{data}-seed{seed}"


def find_weights(
    name: str, params: Mapping[str, object], dataset: str = "", shipped: Path | None = None, weights: str = ""
) -> Path:
    """The file with a generator's weights: the one that is named, or one that ships, or one that was trained here.

    Weights ship with the generator, or with a plugin (`icbench.plugins.weights`).

    Args:
        name: the component's.
        params: those of its parameters that weights differ by.
        dataset: the spec of what they were trained on; empty for the default one.
        shipped: the folder of the weights that ship with the generator, each with its training record.
        weights: a file that is taken instead, whatever it is of.

    Raises:
        MissingWeightsError: there are none; the message names those there are, the hint the command that makes them.
    """
    if weights:
        return Path(weights)
    dataset = dataset or DEFAULT_DATASET
    folders = [*([shipped] if shipped else []), *weights_folders()]
    records = [file for folder in dict.fromkeys(folders) for file in sorted(folder.glob("*.json"))]
    own = next((_weights_of(file) for file in records if _is_of(file, name, params, dataset)), None)
    found = own or _find_trained(name, params, dataset)
    if found is None:
        raise _missing(name, params, dataset, records)
    return found


def _usual_file(name: str, params: Mapping[str, object], dataset: str) -> Path:
    return default_folder(name, params, 0, dataset) / f"{name}.safetensors"


def _find_trained(name: str, params: Mapping[str, object], dataset: str) -> Path | None:
    usual = _usual_file(name, params, dataset)
    if usual.exists() and not usual.with_suffix(".json").exists():
        return usual
    records = [usual.with_suffix(".json"), *sorted(TRAINED.glob(f"*/{name}.json"))]
    return next((_weights_of(record) for record in records if _is_of(record, name, params, dataset)), None)


def _missing(name: str, params: Mapping[str, object], dataset: str, records: Sequence[Path]) -> MissingWeightsError:
    told = ",".join(f"{key}={value}" for key, value in params.items())
    known = [_summary(record, params) for record in records if _read_record(record).get("generator") == name]
    on = "" if dataset == DEFAULT_DATASET else f" --dataset {dataset}"
    return MissingWeightsError(
        f"there are no weights for {name}{told and ' with '}{told} trained on {dataset}; "
        f"{'shipped are ' + '; '.join(known) if known else 'none are shipped'}, "
        f"and {_usual_file(name, params, dataset)} is not there",
        f"Make them with `icbench train {name}{told and ':'}{told}{on}`, or add weights=FILE or trained_on=DATASET.",
    )


def _summary(record: Path, names: Iterable[str]) -> str:
    """What weights that ship are of, in a few words."""
    data = _read_record(record)
    told = [f"{name}={data['params'][name]}" for name in names if name in data["params"]]
    return " ".join([*told, f"on {_key_of(data)}"])


def _is_of(record: Path, name: str, params: Mapping[str, object], dataset: str) -> bool:
    """Whether a training record is of a generator, its parameters and a dataset, and of seed 0."""
    data = _read_record(record)
    return (
        data.get("generator") == name
        and data.get("seed") == 0
        and all(data["params"].get(key) == value for key, value in params.items())
        and _key_of(data) == dataset_key(dataset)
        and _weights_of(record).exists()
    )


def _read_record(file: Path) -> dict[str, Any]:
    """A training record, or an empty one where there is none that can be read."""
    try:
        data = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    sound = isinstance(data, dict) and all(isinstance(data.get(key), dict) for key in ("params", "dataset", "weights"))
    return data if sound else {}


def _weights_of(record: Path) -> Path:
    return record.with_suffix(".safetensors")


def _key_of(data: Mapping[str, Any]) -> str:
    """The dataset of a training record, as `dataset_key` has it; older ones have the spec alone."""
    key: str = data["dataset"].get("key") or dataset_key(data["dataset"].get("name", ""))
    return key


def seen_images(data: Mapping[str, Any]) -> tuple[str, ...] | None:
    """What the weights of a training record have seen, as traits; None where it does not tell."""
    if not data:
        return None
    chosen = len(data.get("checks", ())) > 1 or bool(data.get("fitted"))
    return (f"trained-on:{_key_of(data)}/train", *([f"selected-on:{_key_of(data)}/validation"] if chosen else []))


def read_shape(file: Path, otherwise: DataShape | None = None) -> DataShape:
    """What a weights file says of the data its generator is built for.

    Args:
        file: safetensors.
        otherwise: what it is for if it does not say so.

    Raises:
        IntegrityError: it does not say, and there is nothing else to go by.
    """
    try:
        with safe_open(file, "pt") as opened:
            classes, channels, height, width = map(int, opened.metadata()[SHAPE_KEY].split("x"))
        return DataShape(classes, (channels, height, width))
    except (OSError, SafetensorError, KeyError, ValueError, TypeError) as error:
        if otherwise:
            return otherwise
        raise IntegrityError(
            f"{file} does not say which images its generator makes", "Name weights that `icbench train` wrote."
        ) from error


def load_weights(build: Callable[[], AnyGenerator], file: Path, name: str) -> AnyGenerator:
    """A generator with the weights of a file, in float32, and the file's digest.

    Args:
        build: makes the generator with whatever weights. What it draws for them leaves the caller's random numbers as
            they were.
        file: safetensors, such as `icbench train` writes. A training record beside it, of suffix `.json`, must describe
            it.
        name: what to call the generator in an error, such as `cgan with noise_dim=10`.

    Raises:
        IntegrityError: the file is unreadable, is not the one its record describes, or is for another architecture.
    """
    content = _read(file, name)
    with torch.random.fork_rng(devices=[]):
        generator = build()
    try:
        state = {key: tensor.float() for key, tensor in load(content).items()}
        missing, unexpected = generator.load_state_dict(state, strict=False)
    except (SafetensorError, RuntimeError) as error:
        raise IntegrityError(f"{file} does not hold weights of {name}: {_gist(error)}") from error
    if unexpected or any(not key.endswith("num_batches_tracked") for key in missing):
        raise IntegrityError(f"{file} does not hold weights of {name}: missing {missing}, unexpected {unexpected}")
    generator.weights_digest = hashlib.sha256(content).hexdigest()
    generator.seen = seen_images(_read_record(file.with_suffix(".json")))
    LOG.info("weights of %s from %s", name, file)
    return generator


def save_weights(weights: Mapping[str, Tensor], file: Path, shape: DataShape | None = None) -> str:
    """Write weights as float16 safetensors, whole or not at all; returns the file's SHA-256.

    Args:
        weights: by name.
        file: where to.
        shape: what their generator is built for, which is kept with them.

    Raises:
        OutputError: the file cannot be written.
    """
    # A single entry: of several the order, and with it the file's digest, would be another each time.
    said = {SHAPE_KEY: "x".join(map(str, (shape.num_classes, *shape.image_shape)))} if shape else None
    content = save({name: tensor.half().contiguous().cpu() for name, tensor in weights.items()}, said)
    write_output(file, content)
    return hashlib.sha256(content).hexdigest()


def read_weights(file: Path) -> dict[str, Tensor]:
    """The weights in a file, by name, in float32."""
    return {name: tensor.float() for name, tensor in load_file(file).items()}


def _read(file: Path, name: str) -> bytes:
    hint = f"Install the distribution again, or train the weights with `icbench train {name.split()[0]}`."
    try:
        content = file.read_bytes()
        record = file.with_suffix(".json")
        expected = json.loads(record.read_text(encoding="utf-8"))["weights"]["sha256"] if record.exists() else ""
    except (OSError, ValueError, KeyError) as error:
        raise IntegrityError(f"{file} or its training record cannot be read: {error}", hint) from error
    found = hashlib.sha256(content).hexdigest()
    if expected and found != expected:
        raise IntegrityError(f"{file} has SHA-256 {found}, its training record says {expected}", hint)
    return content


def _gist(error: Exception) -> str:
    """The first line that says something: torch's own first line only announces the others."""
    lines = str(error).splitlines()
    return lines[1].strip() if len(lines) > 1 else lines[0]
