"""Published accuracies are those that were read at their source, for the split they were measured on."""

import json

import pytest

from icbench.ranking import references
from icbench.ranking.references import Reference, published_references


@pytest.fixture
def listed(tmp_path, monkeypatch):
    """A list of references in place of the package's."""
    reference = {"name": "a", "dataset": "mnist", "split": "test", "images": 100, "accuracy": 0.5, "status": "checked"}
    others = [{"status": "reported"}, {"split": "train"}, {"dataset": "kmnist"}, {"name": "better", "accuracy": 0.9}]
    file = tmp_path / "references.json"
    file.write_text(json.dumps({"marks": [reference, *({**reference, **other} for other in others)]}))
    monkeypatch.setattr(references, "FILE", file)


def test_only_checked_references_of_the_split_are_given_best_first(listed):
    assert published_references("mnist", "test") == [
        Reference("better", "mnist", "test", 100, 0.9),
        Reference("a", "mnist", "test", 100, 0.5),
    ]


def test_a_dataset_without_references_has_none(listed):
    assert published_references("digits", "test") == []


def test_the_package_has_the_seed_post_s_best_figure():
    assert 0.728 in [reference.accuracy for reference in published_references("mnist", "test")]


def test_every_reference_says_where_it_stands():
    for reference in json.loads(references.FILE.read_text())["marks"]:
        assert reference["status"] in ("checked", "reported")
        assert 0 < reference["accuracy"] <= 1
