"""A suite's file is read whole, and whatever is wrong with it is said with its place."""

from pathlib import Path

import pytest

from icbench.errors import ComponentError
from icbench.kinds.suite import Cell, Mark, read_suite
from icbench.plugins.manager import PluginManager

FILE = Path("mine.toml")
SMALL = """
title = "mine"
dataset = "mnist"
split = "test"
[setting]
generator = "cgan"
seeds = 2
[[experiment]]
name = "one"
title = "first"
parameter = "noise size"
cells = [{ label = "10", steps = 5, published = [0.5, 1] }, { label = "25", generator = "cgan:noise_dim=25" }]
[[claim]]
text = "it is better"
cell = { schedule = "exhaustive" }
than = {}
"""


def read(text):
    FILE.write_text(text)
    return read_suite(FILE)


def test_a_cell_has_the_setting_and_what_it_says_itself():
    suite = read(SMALL)
    first, second = suite.experiments[0].cells
    assert first == Cell("10", generator="cgan", steps=5, seeds=2, published=(0.5, 1.0))
    assert second == Cell("25", generator="cgan:noise_dim=25", seeds=2)
    assert suite.claims[0].cell.specs == {"generator": "cgan", "schedule": "exhaustive"}
    assert suite.published


def test_published_marks_are_read_and_are_nothing_to_reproduce():
    text = SMALL.replace(", published = [0.5, 1]", "")
    suite = read(text[: text.index("[[claim]]")] + '[[mark]]\nname = "1-NN"\naccuracy = 0.969\n')
    assert suite.marks == (Mark("1-NN", 0.969),)
    assert not suite.published


def test_a_classifier_is_the_whole_entry():
    assert Cell("x", generator="cgan", classifier="class-mean").specs == {"classifier": "class-mean"}


def test_an_experiments_own_setting_goes_before_the_suites():
    text = SMALL.replace('parameter = "noise size"', 'parameter = "noise size"\nsetting = { generator = "other" }')
    assert [cell.generator for cell in read(text).cells()] == ["other", "cgan:noise_dim=25"]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ("title =", "cannot be read"),
        (SMALL.replace('title = "mine"', ""), "the suite lacks title"),
        (SMALL.replace("steps", "stpes"), "cell 10 of experiment one has an unknown key 'stpes'"),
        (SMALL.replace("steps = 5", 'steps = "5"'), "of experiment one has steps='5': expected `int`, got `str`"),
        (SMALL.replace("steps = 5", "steps = true"), "steps=True: expected `int`"),
        (SMALL.replace("[0.5, 1]", "0.5"), "published=0.5: expected `array`"),
        (SMALL.replace("[0.5, 1]", '["high"]'), "published='high': expected `float`"),
        (SMALL.replace('label = "25"', 'label = "10"'), "in experiment one cell '10' is there more than once"),
        (SMALL.replace("than = {}", ""), "needs either 'than' or 'median_distance'"),
        (SMALL.replace("than = {}", "than = {}\nmedian_distance = 0.1"), "needs either"),
        (SMALL.replace('title = "first"', 'title = "first"\nbaseline = "9"'), "baseline '9' of experiment one is none"),
        (SMALL[: SMALL.index("cells")], "experiment one lacks cells"),
        (SMALL[: SMALL.index("cells")] + "cells = []", "experiment one has no cells"),
        (SMALL[: SMALL.index("cells")] + "cells = [1]", "experiment one has cells=1: expected `table`"),
        ("setting = 3" + SMALL.replace("[setting]", "[show]"), "setting=3 is no table"),
        ("experiment = 3", "the suite has experiment=3: expected `array`"),
        (SMALL.replace("[setting]", "[settings]"), "the suite has an unknown key 'settings'"),
        (SMALL.replace('title = "first"', 'title = "first"\nchart = "pie"'), "chart='pie', which is not cells or nfe"),
        (SMALL.replace("seeds = 2", "seeds = 0"), "cell 10 of experiment one has seeds=0: expected `int` >= 1"),
        (SMALL.replace("seeds = 2", "seeds = 3000000000"), "seeds=3000000000: expected `int` <= 10000"),
        (SMALL + '[[mark]]\nname = "1-NN"\n', "mark 1-NN lacks accuracy"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(wrong, said):
    with pytest.raises(ComponentError, match=said) as caught:
        read(wrong)
    assert "mine.toml" in str(caught.value)


def test_a_byte_order_mark_is_no_part_of_the_declaration():
    assert read("\ufeff" + SMALL) == read(SMALL)


def test_a_misspelt_key_gets_a_suggestion():
    with pytest.raises(ComponentError) as caught:
        read(SMALL.replace("steps", "stpes"))
    assert "Did you mean 'steps'?" in caught.value.hint


def suites():
    return [registered.name for registered in PluginManager().components("suite")]


@pytest.mark.parametrize("name", suites())
def test_every_spec_of_a_built_in_suite_is_one_that_icbench_has(name, manager):
    suite = manager.select("suite", name).build()
    cells = [*suite.cells(), *(cell for claim in suite.claims for cell in (claim.cell, claim.than) if cell)]
    for cell in cells:
        for kind, spec in cell.specs.items():
            manager.select(kind, spec)
    assert manager.select("dataset", suite.dataset)


def test_the_published_values_of_the_post_are_the_ones_in_its_tables(manager):
    suite = manager.select("suite", "hobbhahn2020").build()
    means = {
        experiment.name: {cell.label: round(sum(cell.published) / 5, 4) for cell in experiment.cells}
        for experiment in suite.experiments
        if not experiment.optional
    }
    assert means["noise-size"] == {"10": 0.663, "25": 0.7112, "50": 0.6814, "100": 0.6746, "200": 0.6579}
    assert means["noise-rate"] == {"0.1": 0.6467, "0.5": 0.7244, "1": 0.7112, "2": 0.6804}
    assert max(means["late-noise"], key=means["late-noise"].get) == "10"
    assert all(len(cell.published) == 5 for name in means for cell in suite.experiments[0].cells)
