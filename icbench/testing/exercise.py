"""The least use of a component, as the engine makes it; its numbers are what is compared between builds and copies."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from icbench.kinds.dataset import SPLITS
from icbench.testing import synthetic
from icbench.testing.products import ProductInUse

if TYPE_CHECKING:
    from icbench.testing.subject import Subject

ANSWER_SECONDS = 120.0
"""How long an executor's answer is waited for: a worker may have to be started first."""


def exercise(subject: "Subject", component: Any, device: torch.device) -> list[Tensor]:
    """Use `component`, one of the subject's, on a device; returns the numbers that came out."""
    if subject.kind == "dataset":
        return _dataset(component, with_data=not subject.has("fetched"))
    if subject.kind == "product":
        return [torch.from_numpy(ProductInUse(subject.selection, component).classify()["class_scores"])]
    uses = {
        "generator": _generator,
        "distance": _distance,
        "optimizer": _optimizer,
        "schedule": _schedule,
        "classifier": _classifier,
        "executor": _executor,
    }
    return uses[subject.kind](component, device)


def _generator(generator: Any, device: torch.device) -> list[Tensor]:
    first, second = (latent.to(device).requires_grad_() for latent in synthetic.latents(generator, 3))
    images = generator(first, second)
    gradients = torch.autograd.grad(images.square().sum(), [first, second], allow_unused=True)
    return [images.detach(), *(gradient for gradient in gradients if gradient is not None)]


def _distance(distance: Any, device: torch.device) -> list[Tensor]:
    features = distance.features(synthetic.targets(3).to(device))
    results = []
    for seed in (100, 200):
        reconstruction = synthetic.reconstructions(3, seed).to(device).requires_grad_()
        values = distance.compare(reconstruction, features)
        results += [values.detach(), *torch.autograd.grad(values.sum(), reconstruction)]
        with torch.no_grad():
            results.append(distance.compare_final(reconstruction, features))
    return results


def _optimizer(optimizer: Any, device: torch.device) -> list[Tensor]:
    result = synthetic.Toy(optimizer, device=device, steps=4).invert()
    return [torch.from_numpy(values) for values in (result.class_vector, result.noise, result.energy)]


def _schedule(schedule: Any, device: torch.device) -> list[Tensor]:
    hypotheses = schedule.hypotheses(synthetic.CLASSES)
    rates = [schedule.rates(step, 5) for step in range(5)]
    vectors = synthetic.normal(6, synthetic.CLASSES).to(device)
    reset = schedule.constrain(vectors)
    prior = schedule.prior(schedule.class_vector_of(vectors, 0.5), synthetic.normal(6, 3, seed=1).to(device), 0.5)
    energy = synthetic.uniform(2, len(hypotheses.restart), seed=2).to(device)
    scores = schedule.class_scores(energy, hypotheses.class_vector.to(device).repeat(2, 1, 1))
    numbers = torch.tensor([[rate.class_vector, rate.noise] for rate in rates])
    return [hypotheses.class_vector, numbers, vectors, reset, *([] if prior is None else [prior.detach()]), scores]


def _classifier(classifier: Any, device: torch.device) -> list[Tensor]:
    images, labels = synthetic.labelled_images(40)
    classifier.fit(images.to(device), labels.to(device), synthetic.CLASSES, 0)
    with torch.no_grad():
        return [classifier.scores(synthetic.labelled_images(12, seed=1)[0].to(device))]


def _executor(executor: Any, device: torch.device) -> list[Tensor]:
    try:
        return [torch.tensor([executor.submit(pow, number, 2).result(ANSWER_SECONDS) for number in range(3)])]
    finally:
        executor.close()


def _dataset(dataset: Any, with_data: bool) -> list[Tensor]:
    with TemporaryDirectory() as folder:
        words = f"{dataset.status(Path(folder)).replace(folder, '')} {dataset.digests()}"
        splits = [dataset.split(SPLITS[-1], Path(folder))] if with_data else []
    arrays = [torch.from_numpy(array) for split in splits for array in (split.images, split.labels)]
    return [torch.tensor(list(words.encode())), *arrays]
