"""The control that must be at chance."""

import torch


def test_it_is_at_chance_where_knn_is_not(build, digits):
    images, labels = digits("train", 5000)
    asked, truth = digits("validation", 5000)
    accuracy = {}
    for name in ("random-labels", "knn:k=1"):
        classifier = build(name)
        classifier.fit(images, labels, 10, 0)
        accuracy[name] = (classifier.scores(asked).argmax(dim=1) == truth).float().mean().item()
    # Five standard deviations of a share of 0.1 among 5,000.
    assert abs(accuracy["random-labels"] - 0.1) < 0.021
    assert accuracy["knn:k=1"] > 0.9


def test_it_remembers_no_training_image(build, digits):
    images, labels = digits("train", 5000)
    classifier = build("random-labels")
    classifier.fit(images, labels, 10, 0)
    assert (classifier.scores(images).argmax(dim=1) == labels).float().mean() < 0.13


def test_the_seed_decides_the_order_of_the_labels_and_every_label_is_used_once(build, digits):
    images, labels = digits("train", 500)
    first, again, other = (build("random-labels") for _ in range(3))
    for classifier, seed in ((first, 0), (again, 0), (other, 1)):
        classifier.fit(images, labels, 10, seed)
    assert torch.equal(first.labels, again.labels)
    assert not torch.equal(first.labels, other.labels)
    assert torch.equal(first.labels.bincount(), labels.bincount())
