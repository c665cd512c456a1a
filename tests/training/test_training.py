"""Training: a stopped training goes on to the same weights, and the checkpoint is chosen by figures."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from toy_training import Stop

from icbench.builtin.generators.cgan import CGAN, load_cgan
from icbench.builtin.generators.cgan_training import BATCH, CGANTrainer
from icbench.engine.settings import Settings
from icbench.kinds.dataset import Dataset, Split
from icbench.training.budget import EvalBudget, InversionBudget
from icbench.training.loop import TrainingObserver, train
from icbench.training.reference_cnn import train_reference_cnn
from icbench.training.samples import draw_samples, sample_accuracy
from icbench.training.trainer import TrainingJob

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


SHORT = InversionBudget(20, {"joint": 2, "exhaustive": 1})


class QuickTrainer(CGANTrainer):
    budget = EvalBudget(SHORT, SHORT, reserved=20, samples=200, differentiated=20)


@pytest.fixture(scope="module")
def small() -> SmallDigits:
    return SmallDigits()


def job(out: str, epochs: int = 4, **changes) -> TrainingJob:
    settings = {"params": {"noise_dim": 5}, "seed": 0, "dataset_name": "small", "check_every": 2, **changes}
    return TrainingJob(name="cgan", out=Path(out), epochs=epochs, device=CPU, data_dir=Path(), **settings)


def test_a_stopped_training_goes_on_to_the_same_weights(small):
    whole = train(QuickTrainer(5), small, job("whole"), TrainingObserver())
    with pytest.raises(KeyboardInterrupt):
        train(QuickTrainer(5), small, job("stopped"), Stop(after=3))
    resumed = train(QuickTrainer(5), small, job("stopped"), TrainingObserver())
    assert whole.weights.read_bytes() == resumed.weights.read_bytes()


def test_the_record_says_what_was_chosen_and_why(small):
    file = train(QuickTrainer(5), small, job("out"), TrainingObserver()).weights
    record = json.loads(file.with_suffix(".json").read_text())
    assert [check["epochs"] for check in record["checks"]] == [2, 4]
    best = max(record["checks"], key=lambda check: check["score"])
    assert record["chosen"]["epochs"] == best["epochs"]
    assert record["dataset"]["digest"] == small.split("train", Path()).digest
    assert record["weights"]["sha256"] == load_cgan(5, str(file)).weights_digest
    assert {path.name for path in Path("out").glob("*.png")} == {"samples-002.png", "samples-004.png"}


def test_training_leaves_the_global_random_state_alone(small):
    before = torch.random.get_rng_state()
    train(QuickTrainer(5), small, job("out", epochs=1), TrainingObserver())
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
    weights = [
        train(QuickTrainer(5), small, job(f"out{seed}", epochs=1, seed=seed), TrainingObserver()).weights.read_bytes()
        for seed in (0, 1)
    ]
    assert weights[0] != weights[1]


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
    accuracies = [sample_accuracy(draw_samples(made, 2_000, Settings()), reference) for made in (right, wrong)]
    assert accuracies[0] == pytest.approx((judged == torch.arange(10)).float().mean().item())
    assert accuracies[1] < 0.5


def test_batches_cover_the_split_once_per_epoch(small):
    seen: list[int] = []
    count: Callable[[int], None] = seen.append
    trainer = CGANTrainer(5)
    trainer.begin(small.split("train", Path()), 10, job("out"))
    trainer.epoch(0, count)
    assert sum(seen) == 3 * BATCH
    assert np.all(np.array(seen) == BATCH)
