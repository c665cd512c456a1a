"""Weights files: safetensors, held against the training record that lies beside them when they are loaded."""

import hashlib
import json
import logging
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load, load_file, save
from torch import Tensor

from icbench.errors import IntegrityError
from icbench.kinds.generator import Generator
from icbench.storage import write_output

LOG = logging.getLogger(__name__)
AnyGenerator = TypeVar("AnyGenerator", bound=Generator)


def default_folder(name: str, params: Mapping[str, object], seed: int = 0) -> Path:
    """The folder, under the working one, that a training writes to unless told otherwise.

    Args:
        name: the generator's.
        params: its parameters; only the size of the noise tells folders apart.
        seed: the training's.
    """
    noise = f"-noise{params['noise_dim']}" if "noise_dim" in params else ""
    return Path("trained") / f"{name}{noise}-seed{seed}"


def trained_file(name: str, params: Mapping[str, object]) -> Path:
    """Where the weights are, under the working folder, after a training of seed 0 that was told no other folder."""
    return default_folder(name, params) / f"{name}.safetensors"


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
    LOG.info("weights of %s from %s", name, file)
    return generator


def save_weights(weights: Mapping[str, Tensor], file: Path) -> str:
    """Write weights as float16 safetensors, whole or not at all; returns the file's SHA-256.

    Raises:
        OutputError: the file cannot be written.
    """
    content = save({name: tensor.half().contiguous().cpu() for name, tensor in weights.items()})
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
