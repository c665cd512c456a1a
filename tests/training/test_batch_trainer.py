"""What trainers share that make a step with each batch."""

from pathlib import Path

import pytest
import torch
from torch import nn
from toy import LinearGenerator, ToyDigits

from icbench.kinds.dataset import Split
from icbench.training.batch_trainer import BatchTrainer, full_batches
from icbench.training.trainer import TrainingJob

DIGITS = ToyDigits().split("train", Path())


class MeanTrainer(BatchTrainer):
    """Learns a number from noise, and notes what it is shown."""

    default_epochs = 2
    images_per_batch = 8
    losses = ("first", "second")
    trained = ("model", "optimizer")

    def begin(self, split: Split, num_classes: int, job: TrainingJob) -> None:
        super().begin(split, num_classes, job)
        self.model = nn.Linear(1, 1)
        nn.init.zeros_(self.model.weight)
        nn.init.zeros_(self.model.bias)
        self.optimizer = torch.optim.Adam(self.model.parameters())
        self.seen = []

    def train_batch(self, batch):
        self.seen.append((self.step, batch.tolist()))
        loss = (self.model(torch.randn(4, 1, generator=self.random)) - 1).square().mean()
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()
        return loss, 2 * loss

    def snapshot(self):
        return LinearGenerator()


def begun(seed=0, images=20):
    trainer = MeanTrainer()
    split = Split(DIGITS.images[:images], DIGITS.labels[:images])
    trainer.begin(split, 10, TrainingJob("mean", {}, Path("out"), 2, seed, torch.device("cpu"), "toy", Path()))
    return trainer


def weights(trainer):
    return [value.item() for value in trainer.model.parameters()]


def test_an_epoch_shows_each_image_once_in_full_batches_and_tells_of_each():
    trainer, told = begun(), []
    losses = trainer.epoch(0, told.append)
    rows = [row for _, batch in trainer.seen for row in batch]
    assert len(set(rows)) == len(rows) == 16
    assert told == [8, 8]
    assert losses["second"] == pytest.approx(2 * losses["first"])


def test_what_an_epoch_draws_is_of_its_number_and_the_seed():
    one, again, other = begun(), begun(), begun(seed=1)
    for trainer in (one, again, other):
        trainer.epoch(0, lambda images: None)
    assert weights(one) == weights(again) != weights(other)
    assert one.seen == again.seen != other.seen
    one.epoch(1, lambda images: None)
    assert [rows for _, rows in one.seen[2:]] != [rows for _, rows in one.seen[:2]]


def test_a_restored_trainer_goes_on_to_the_same_weights_and_counts_on():
    whole, stopped, resumed = begun(), begun(), begun()
    for number in range(2):
        whole.epoch(number, lambda images: None)
    stopped.epoch(0, lambda images: None)
    resumed.restore(stopped.state())
    resumed.epoch(1, lambda images: None)
    assert weights(resumed) == weights(whole)
    assert [step for step, _ in resumed.seen] == [2, 3]


def test_a_checkpoint_has_the_step_and_what_is_trained_by_name():
    assert list(begun().state()) == ["step", "model", "optimizer"]


def test_a_checkpoint_without_a_step_can_be_gone_on_with():
    state = begun().state()
    del state["step"]
    trainer = begun()
    trainer.restore(state)
    assert trainer.step == 0


@pytest.mark.parametrize(("images", "rows"), [(1, [[0, 0, 0]]), (2, [[0, 1, 0]]), (3, [[0, 1, 2]]), (5, [[0, 1, 2]])])
def test_batches_are_full_however_few_images_there_are(images, rows):
    assert full_batches(torch.arange(images), 3).tolist() == rows
