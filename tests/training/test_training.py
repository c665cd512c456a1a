"""Training: a stopped training goes on to the same weights, and the checkpoint is chosen by figures."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from icbench.builtin.generators.cgan import CGAN, load_cgan
from icbench.builtin.generators.cgan_training import BATCH, CGANTrainer
from icbench.engine.invert import Settings
from icbench.errors import IntegrityError, ResultsError, UsageError
from icbench.kinds.dataset import Dataset, Split
from icbench.training import selection
from icbench.training import trainer as training
from icbench.training.reference_cnn import train_reference_cnn
from icbench.training.selection import Effort, Quality, sample_accuracy
from icbench.training.trainer import Check, Monitor, TrainingJob, train

CPU = torch.device("cpu")


class SmallDigits(Dataset):
    """A few real digits, so that a training takes a second."""

    num_classes = 10
    licence = "CC BY-SA 3.0"

    def __init__(self) -> None:
        from icbench.builtin.datasets.mnist import MNIST

        whole = MNIST().split("validation", Path())
        self.parts = {name: Split(whole.images[rows], whole.labels[rows]) for name, rows in self.rows().items()}

    @staticmethod
    def rows() -> dict[str, slice]:
        return {"train": slice(0, 3 * BATCH), "validation": slice(3 * BATCH, 3 * BATCH + 40)}

    def split(self, name: str, folder: Path) -> Split:
        return self.parts[name]

    def status(self, folder: Path) -> str:
        return "in memory"


@pytest.fixture(autouse=True)
def _short_checks(monkeypatch):
    monkeypatch.setattr("icbench.training.selection.STEPS", {"joint": 2, "exhaustive": 1})
    monkeypatch.setattr("icbench.training.selection.IMAGES", 20)
    monkeypatch.setattr(training, "FINAL_STEPS", {"joint": 2, "exhaustive": 1})
    monkeypatch.setattr(training, "FINAL_IMAGES", 20)


@pytest.fixture(scope="module")
def small() -> SmallDigits:
    return SmallDigits()


def job(out: str, epochs: int = 4, **changes) -> TrainingJob:
    settings = {"params": {"noise_dim": 5}, "seed": 0, "dataset_name": "small", "check_every": 2, **changes}
    return TrainingJob(name="cgan", out=Path(out), epochs=epochs, device=CPU, data_dir=Path(), **settings)


class Stop(Monitor):
    """Interrupts after some epochs."""

    def __init__(self, after: int) -> None:
        self.after = after

    def begin_epoch(self, number: int, images: int) -> None:
        if number == self.after:
            raise KeyboardInterrupt


def test_a_stopped_training_goes_on_to_the_same_weights(small):
    whole = train(CGANTrainer(5), small, job("whole"), Monitor())
    with pytest.raises(KeyboardInterrupt):
        train(CGANTrainer(5), small, job("stopped"), Stop(after=3))
    resumed = train(CGANTrainer(5), small, job("stopped"), Monitor())
    assert whole.read_bytes() == resumed.read_bytes()


@pytest.mark.parametrize("begun_with", ["sha256:one", ""])
def test_a_stopped_training_does_not_go_on_with_other_code(small, begun_with):
    with pytest.raises(KeyboardInterrupt):
        train(CGANTrainer(5), small, job("stopped", source=begun_with), Stop(after=3))
    kept = Path("stopped/checkpoint.pt").read_bytes()
    with pytest.raises(UsageError, match="stopped holds a training with other code"):
        train(CGANTrainer(5), small, job("stopped", source="sha256:two"), Monitor())
    assert Path("stopped/checkpoint.pt").read_bytes() == kept
    file = train(CGANTrainer(5), small, job("stopped", source=begun_with), Monitor())
    assert json.loads(file.with_suffix(".json").read_text())["source"] == begun_with


def test_the_record_says_what_was_chosen_and_why(small):
    file = train(CGANTrainer(5), small, job("out"), Monitor())
    record = json.loads(file.with_suffix(".json").read_text())
    assert [check["epochs"] for check in record["checks"]] == [2, 4]
    best = max(record["checks"], key=lambda check: check["score"])
    assert record["chosen"]["epochs"] == best["epochs"]
    assert record["dataset"]["digest"] == small.split("train", Path()).digest
    assert record["weights"]["sha256"] == load_cgan(5, str(file)).weights_digest
    assert {path.name for path in Path("out").glob("*.png")} == {"samples-002.png", "samples-004.png"}


def test_the_best_check_is_kept_and_not_the_last(small, monkeypatch):
    qualities = iter([Quality({"joint": 0.9}, 0.9), Quality({"joint": 0.1}, 0.1)])
    monkeypatch.setattr(training, "judge", lambda *_: next(qualities))
    kept: list[bytes] = []

    class Watch(Monitor):
        def on_check(self, check: Check, best: bool) -> None:
            kept.append(Path("out/cgan.safetensors").read_bytes())

    file = train(CGANTrainer(5), small, job("out"), Watch())
    assert file.read_bytes() == kept[0]
    assert json.loads(file.with_suffix(".json").read_text())["chosen"]["epochs"] == 2


def test_a_trainer_of_a_large_generator_says_how_much_a_check_may_cost(small, monkeypatch):
    inversions: list[tuple[int, Settings]] = []
    invert = selection.invert

    def counted(parts, images, index, settings):
        inversions.append((len(index), settings))
        return invert(parts, images, index, settings)

    monkeypatch.setattr(selection, "invert", counted)
    monkeypatch.setattr(CGANTrainer, "effort", Effort(7, {"joint": 3, "exhaustive": 1}, "bfloat16"))
    file = train(CGANTrainer(5), small, job("out", epochs=1), Monitor())
    check, final = inversions[0], inversions[2]
    assert (check[0], check[1].steps, check[1].precision) == (7, 3, torch.bfloat16)
    assert (final[1].steps, final[1].precision) == (2, torch.bfloat16)
    assert "first 7 validation images" in json.loads(file.with_suffix(".json").read_text())["chosen"]["why"]


def test_a_folder_with_other_settings_is_not_touched(small):
    train(CGANTrainer(5), small, job("out", epochs=1), Monitor())
    before = Path("out/cgan.safetensors").read_bytes()
    with pytest.raises(UsageError, match="other settings"):
        train(CGANTrainer(5), small, job("out", epochs=1, seed=1), Monitor())
    assert Path("out/cgan.safetensors").read_bytes() == before


def test_a_checkpoint_may_be_chosen_by_its_inversions_alone(small, monkeypatch):
    qualities = [Quality({"joint": 0.6}, 0.2), Quality({"joint": 0.5}, 0.9)]
    assert qualities[1].score > qualities[0].score
    both = [Quality(one.inversion_accuracy, one.sample_accuracy, by_samples=False) for one in qualities]
    assert both[0].score > both[1].score
    monkeypatch.setattr(CGANTrainer, "by_samples", False)
    record = json.loads(train(CGANTrainer(5), small, job("out", epochs=1), Monitor()).with_suffix(".json").read_text())
    check = record["checks"][0]
    assert check["score"] == pytest.approx((check["joint_accuracy"] + check["exhaustive_accuracy"]) / 2)
    assert "samples" not in record["chosen"]["why"]


def test_only_a_training_that_says_so_goes_on_to_more_epochs(small, monkeypatch):
    monkeypatch.setattr(CGANTrainer, "extends", False)
    train(CGANTrainer(5), small, job("out", epochs=1), Monitor())
    with pytest.raises(UsageError, match="other settings"):
        train(CGANTrainer(5), small, job("out", epochs=2), Monitor())
    monkeypatch.setattr(CGANTrainer, "extends", True)
    longer = train(CGANTrainer(5), small, job("out", epochs=2), Monitor())
    record = json.loads(longer.with_suffix(".json").read_text())
    assert record["epochs"] == 2
    assert len(record["checks"]) == 2


def test_a_torn_checkpoint_is_named(small):
    Path("out").mkdir()
    Path("out/checkpoint.pt").write_bytes(b"torn")
    with pytest.raises(IntegrityError, match="cannot be read"):
        train(CGANTrainer(5), small, job("out"), Monitor())


def test_a_folder_that_cannot_be_written_is_found_before_training(small):
    Path("out").write_text("in the way")
    with pytest.raises(ResultsError, match="cannot be written"):
        train(CGANTrainer(5), small, job("out"), Monitor())


def test_training_leaves_the_global_random_state_alone(small):
    before = torch.random.get_rng_state()
    train(CGANTrainer(5), small, job("out", epochs=1), Monitor())
    assert torch.equal(before, torch.random.get_rng_state())


def test_fewer_images_than_a_batch_are_trained_on_all_the_same(small):
    split = small.split("train", Path())
    trainer = CGANTrainer(5)
    trainer.begin(Split(split.images[:3], split.labels[:3]), 10, job("out"))
    before = trainer.generator.state_dict()["linears.0.weight"].clone()
    losses = trainer.epoch(0, lambda _: None)
    assert all(np.isfinite(list(losses.values())))
    assert not torch.equal(trainer.generator.state_dict()["linears.0.weight"], before)


def test_two_seeds_give_two_generators(small):
    files = [train(CGANTrainer(5), small, job(f"out{seed}", epochs=1, seed=seed), Monitor()) for seed in (0, 1)]
    assert files[0].read_bytes() != files[1].read_bytes()


def test_a_snapshot_has_statistics_of_the_averaged_weights(small):
    trainer = CGANTrainer(5)
    trainer.begin(small.split("train", Path()), 10, job("out"))
    trainer.epoch(0, lambda _: None)
    snapshot = trainer.snapshot()
    trained = {name for name, _ in snapshot.named_parameters()}
    for name, parameter in trainer.average.named_parameters():
        assert torch.equal(parameter, snapshot.get_parameter(name))
    running = [name for name, _ in snapshot.named_buffers() if name.endswith("running_mean")]
    assert running
    assert trained
    for name in running:
        assert not torch.equal(trainer.average.get_buffer(name), snapshot.get_buffer(name))


def test_sample_accuracy_knows_perfect_samples_from_wrong_ones(small):
    split = small.split("train", Path())
    reference = train_reference_cnn(split, 10, CPU)
    prototypes = torch.stack([torch.from_numpy(split.images[split.labels == k][0]).float() / 255 for k in range(10)])
    judged = reference(prototypes).argmax(dim=1)

    class Copy(CGAN):
        shift = 0

        def forward(self, class_vector, noise):
            return prototypes[(class_vector.argmax(dim=1) + self.shift) % 10]

    right, wrong = Copy(5), Copy(5)
    wrong.shift = 1
    settings = Settings()
    assert sample_accuracy(right, reference, settings) == pytest.approx(
        (judged == torch.arange(10)).float().mean().item()
    )
    assert sample_accuracy(wrong, reference, settings) < 0.5


def test_batches_cover_the_split_once_per_epoch(small):
    seen: list[int] = []
    count: Callable[[int], None] = seen.append
    trainer = CGANTrainer(5)
    trainer.begin(small.split("train", Path()), 10, job("out"))
    trainer.epoch(0, count)
    assert sum(seen) == 3 * BATCH
    assert np.all(np.array(seen) == BATCH)
