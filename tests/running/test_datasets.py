"""Whatever a dataset returns is checked where it is loaded, for runs, pictures and trainings alike."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import icbench
from toy import ToyDigits
from toy_training import ToyTrainer

from icbench import Component, Param, hookimpl
from icbench.errors import ComponentError, IntegrityError, UsageError
from icbench.kinds.dataset import Dataset, Split
from icbench.running.datasets import load_split
from icbench.training.loop import TrainingObserver, train
from icbench.training.trainer import TrainingJob

SOUND = ToyDigits().split("test", None)
IMAGES, LABELS = SOUND.images, SOUND.labels


class NotASplit:
    images, labels = IMAGES, LABELS


FAULTY = {
    "labels from 1": (Split(IMAGES, LABELS + 1), "its labels go from 1 to 10, and 10 classes are numbered from 0 to 9"),
    "labels below 0": (Split(IMAGES, LABELS - 1), "its labels go from -1 to 8"),
    "huge labels": (Split(IMAGES, LABELS.astype(np.uint64) + 2**63), "its labels go from 9223372036854775808"),
    "float images": (Split(IMAGES / np.float32(255), LABELS), "its images are float32, not uint8"),
    "bool images": (Split(IMAGES > 100, LABELS), "its images are bool, not uint8"),
    "uint16 images": (Split(IMAGES.astype(np.uint16), LABELS), "its images are uint16, not uint8"),
    "int8 images": (Split((IMAGES // 2).astype(np.int8), LABELS), "its images are int8, not uint8"),
    "one-hot labels": (Split(IMAGES, np.eye(10, dtype=np.int64)[LABELS]), r"its labels have shape \(50, 10\)"),
    "a column of labels": (Split(IMAGES, LABELS[:, None]), r"its labels have shape \(50, 1\), not \(N,\)"),
    "float labels": (Split(IMAGES, LABELS.astype(np.float64)), "its labels are float64, not integers"),
    "bool labels": (Split(IMAGES, LABELS > 4), "its labels are bool, not integers"),
    "text labels": (Split(IMAGES, LABELS.astype(str)), "its labels are <U21, not integers"),
    "lists": (Split(IMAGES.tolist(), LABELS.tolist()), "its images are list, not a numpy array"),
    "a list of labels": (Split(IMAGES, LABELS.tolist()), "its labels are list, not a numpy array"),
    "tensors": (Split(torch.from_numpy(IMAGES), torch.from_numpy(LABELS)), "its images are torch.Tensor, not a numpy"),
    "masked images": (Split(np.ma.masked_equal(IMAGES, 0), LABELS), "its images are numpy.*MaskedArray, not a numpy"),
    "fewer labels": (Split(IMAGES, LABELS[1:]), "it has 50 images and 49 labels"),
    "no images": (Split(IMAGES[:0], LABELS[:0]), "it has no images"),
    "no channels": (Split(IMAGES[:, 0], LABELS), r"its images have shape \(50, 8, 8\), not \(N, C, H, W\)"),
    "no rows": (Split(IMAGES[:, :, :0], LABELS), r"its images have shape \(50, 1, 0, 8\)"),
    "nothing": (None, "it is NoneType, not an icbench.kinds.dataset.Split"),
    "a pair": ((IMAGES, LABELS), "it is tuple, not an icbench.kinds.dataset.Split"),
    "something like it": (NotASplit(), "NotASplit, not an icbench.kinds.dataset.Split"),
}


class Returning(Dataset):
    """Returns, or raises, what it is given."""

    num_classes, licence = 10, "CC0"

    def __init__(self, found="sound"):
        self.found = FAULTY[found][0] if isinstance(found, str) and found in FAULTY else found

    def split(self, name, folder):
        if isinstance(self.found, BaseException):
            raise self.found
        return self.found

    def status(self, folder):
        return "here"


class Sparse(ToyDigits):
    """Has no image of class 3 to train on, or one image in all, in each split."""

    def __init__(self, images=0):
        self.images = images

    def split(self, name, folder):
        whole = super().split(name, folder)
        rows = slice(self.images) if self.images else np.flatnonzero(whole.labels != 3)
        return Split(whole.images[rows], whole.labels[rows])


@hookimpl
def icbench_datasets():
    yield Component("sparse", "test_datasets:Sparse", "few", params=(Param("images", 0, "how many"),))
    yield Component("returning", "test_datasets:Returning", "any", params=(Param("found", "sound", "what"),))


def loaded(found, **facts):
    dataset = Returning(found)
    vars(dataset).update(facts)
    return load_split(dataset, "mine", "test", Path())


@pytest.mark.parametrize("name", FAULTY)
def test_anything_but_bytes_with_labels_is_refused_in_a_line_that_names_dataset_split_and_fault(name):
    found, fault = FAULTY[name]
    with pytest.raises(ComponentError, match=rf"^dataset mine, split test: .*{fault}") as caught:
        loaded(found)
    assert caught.value.hint


@pytest.mark.parametrize("count", [None, 1, 10.0, "10", True, np.int64(10)])
def test_the_number_of_classes_is_an_integer(count):
    with pytest.raises(ComponentError, match=r"num_classes is .*, not an integer of 2 or more"):
        loaded(SOUND, num_classes=count)


@pytest.mark.parametrize("error", [KeyError("train"), ValueError("no\nfile"), AssertionError(), SystemExit(3)])
def test_a_dataset_that_raises_is_named(error):
    named = f"^dataset mine, asked for its split test, raised {type(error).__name__}"
    with pytest.raises(ComponentError, match=named) as caught:
        loaded(error)
    assert "\n" not in caught.value.message


@pytest.mark.parametrize("error", [IntegrityError("the file is cut"), UsageError("no such thing"), KeyboardInterrupt()])
def test_what_has_a_line_of_its_own_passes(error):
    with pytest.raises(type(error)) as caught:
        loaded(error)
    assert caught.value is error


def test_a_sound_split_is_passed_on_as_it_is():
    assert loaded(SOUND) is SOUND


def test_labels_may_be_written_to_as_torch_wants_it():
    labels = LABELS.copy()
    labels.flags.writeable = False
    split = loaded(Split(IMAGES, labels))
    torch.from_numpy(split.labels)  # which warns of others
    assert split.digest == SOUND.digest


@pytest.mark.parametrize("dtype", ["uint8", "int32", ">i8", "uint64"])
def test_integer_labels_of_any_type_are_the_same_labels(dtype):
    split = loaded(Split(IMAGES, LABELS.astype(dtype)))
    assert split.labels.dtype == np.int64
    assert split.digest == SOUND.digest


@pytest.fixture
def installed(use_plugins):
    use_plugins("test_datasets", "toy")


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize("arguments", [["--generator", "linear"], ["--classifier", "class-mean"]], ids=str)
def test_a_run_refuses_it_and_writes_nothing(arguments, capsys):
    code, out, _ = icbench(capsys, "run", *arguments, "--dataset", "returning:found=labels from 1", "--json")
    (line,) = json.loads(out)["errors"]
    assert code == 2
    assert line.startswith("dataset returning:found=labels from 1, split test: its labels go from 1 to 10")
    assert not Path("icbench-results").exists()


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(("spec", "missing"), [("sparse", "3"), ("sparse:images=1", "1, 2, 3, 4, 5, 6, 7, 8, 9")])
def test_a_direct_classifier_needs_training_images_of_each_class(capsys, spec, missing):
    code, out, err = icbench(capsys, "run", "--classifier", "nearest-neighbour", "--dataset", spec)
    assert (code, out) == (2, "")
    assert err.startswith(f"{spec} has no training image of class {missing}, and a direct classifier learns from")
    assert len(err.splitlines()) == 1
    assert not Path("icbench-results").exists()


@pytest.mark.usefixtures("installed")
def test_one_image_is_inverted_like_many(capsys):
    entry = ["--generator", "linear", "--dataset", "sparse:images=1", "--schedule", "exhaustive", "--device", "cpu"]
    code, out, err = icbench(capsys, "run", *entry, "--json")
    assert code == 0, err
    assert json.loads(out)["data"]["runs"][0]["metrics"]["images"] == 1


def test_a_training_refuses_it():
    job = TrainingJob("toy", {}, Path("out"), 1, 0, torch.device("cpu"), "mine", Path())
    with pytest.raises(ComponentError, match="dataset mine, split train: it has 50 images and 49 labels"):
        train(ToyTrainer(), Returning("fewer labels"), job, TrainingObserver())
