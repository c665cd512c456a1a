"""A product of experts: members asked where those before them are in doubt, and an entry like any other."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from command_line import icbench

from icbench import Component, Param, hookimpl
from icbench.errors import IntegrityError, UsageError
from icbench.kinds.product import Fit, Member, Product, read_fit, write_fit
from icbench.kinds.suite import Cell, Experiment, Suite
from icbench.plugins.manager import plugin_manager
from icbench.records import read_record
from icbench.running.datasets import Source
from icbench.running.execute import entries_from_specs, execute
from icbench.running.fitting import fit_product
from icbench.running.observer import Observer
from icbench.running.options import Options
from icbench.running.product_runner import Evidence, ProductRunner
from icbench.statistics import Combination

CPU = torch.device("cpu")
HOLD = "exhaustive:start=drawn,decay=none"
CHEAP = Member("cheap", "normed", schedule=HOLD, steps=1)
DEAR = Member("dear", "linear", schedule=HOLD, steps=3, form="log", sure=0.9, classes=3)
EVERY = replace(DEAR, sure=None, classes=0)
OPTIONS = Options(device="cpu", precision="float32", batch_size=30, results=Path("there"))
RUN = ["run", "--dataset", "toy", "--device", "cpu", "--precision", "float32", "--quiet", "--results", "there"]


def fit_of(members, weights=(1.0, 1.0), fitted_on="toy/validation"):
    """Numbers that weigh the members as given, and no class more than another."""
    stages = tuple(Combination(weights[: number + 1], (0.0,) * 10) for number in range(len(members)))
    return Fit(stages, Product(members, None).digest, fitted_on, 50)


def pair(fit=""):
    """Two members; the second has the last word on what the first leaves open."""
    return Product((CHEAP, DEAR), read_fit(Path(fit), (CHEAP, DEAR)) if fit else fit_of((CHEAP, DEAR), (10_000.0, 5.0)))


def unfitted():
    return Product((CHEAP,), None)


def labelled():
    return Product((replace(CHEAP, generator="taught"), DEAR), fit_of((replace(CHEAP, generator="taught"), DEAR)))


def between():
    """Its second member cannot be asked about some classes alone."""
    members = (CHEAP, replace(DEAR, schedule="joint", form="energy"))
    return Product(members, fit_of(members))


def every():
    return Product((CHEAP, EVERY), fit_of((CHEAP, EVERY), (0.0, 5.0)))


def turned():
    """The names of its members are not in alphabetical order."""
    members = (replace(CHEAP, name="second"), replace(DEAR, name="first"))
    return Product(members, fit_of(members))


def fragile():
    members = (replace(EVERY, distance="fragile"), EVERY)
    return Product(members, fit_of(members))


@hookimpl
def icbench_products():
    yield Component("pair", "test_product_entries:pair", "two", params=(Param("fit", "", path=True),))
    for name in ("unfitted", "labelled", "between", "every", "fragile", "turned"):
        yield Component(name, f"test_product_entries:{name}", "for a test")


def pairs():
    """A suite of one cell."""
    cells = (Cell("the pair", product="pair"),)
    return Suite("one", "toy", "test", (Experiment("all", "all", "entry", cells),))


@hookimpl
def icbench_suites():
    yield Component("pairs", "test_product_entries:pairs", "a suite")


@hookimpl
def icbench_generators():
    yield Component("taught", "toy:NormedGenerator", "knows labels", traits=("tier:label features",))


@pytest.fixture(autouse=True)
def _plugins(use_plugins):
    use_plugins("toy", "test_product_entries", "toy_executors")


def entry(product):
    return entries_from_specs(plugin_manager(), {"dataset": ["toy"], "product": [product]})[0]


def record_of(product, **options):
    (run,) = execute([entry(product)], replace(OPTIONS, **options), Observer())
    return run.record


def runner_of(product):
    return ProductRunner(entry(product), CPU, 10)


def source():
    selection = plugin_manager().select("dataset", "toy")
    return Source(selection.build(), Path(), "toy")


def test_a_product_is_run_like_any_entry():
    record = record_of("pair")
    assert record.status == "ok"
    assert record.metrics.images == 50
    assert record.label == "pair"
    asked = record.images(["asked"])["asked"]
    assert set(asked) == {1, 2}
    # A class more costs the first member as much as it does alone, the second member only what it was asked about.
    cheap, dear = (1 * 2 + 1) * 10, (3 * 2 + 1) * 3
    assert record.metrics.nfe == pytest.approx(cheap + dear * (asked == 2).mean(), abs=1)


def test_the_member_that_knows_decides():
    assert record_of("every").metrics.accuracy == 1.0


def test_only_what_is_in_doubt_is_asked_on():
    found = Evidence.none(3, 4, 2)
    first = replace(found, log_probabilities=np.log([[0.97, 0.01, 0.01, 0.01], [0.4, 0.3, 0.2, 0.1], [0.25] * 4]))
    first = replace(first, asked=np.ones(3, np.int32), finite=np.array([True, True, False]))
    assert found.undecided(0, DEAR).tolist() == [0, 1, 2]
    assert first.undecided(1, DEAR).tolist() == [1]
    assert first.undecided(1, replace(DEAR, sure=None)).tolist() == [0, 1]
    assert first.open_classes(1, np.array([1]), replace(DEAR, classes=2)).tolist() == [[0, 1]]
    assert first.open_classes(1, np.array([1]), replace(DEAR, classes=0)) is None
    # Who was not asked by a member is not asked by a later one either.
    skipped = replace(first, asked=np.array([1, 2, 2], np.int32))
    assert skipped.undecided(2, replace(DEAR, sure=0.99)).tolist() == [1]
    # Whoever its batch mates are: alone it is not asked either.
    assert skipped.select(np.array([0])).undecided(2, replace(DEAR, sure=0.99)).tolist() == []


def test_what_is_left_to_open_classes_is_divided_among_them_anew():
    runner = runner_of("pair")
    before = np.log([[0.5, 0.3, *[0.025] * 8]])
    energies = np.full((1, 10, 2), np.inf)
    energies[:, :2, 0] = 0.0
    energies[:, :2, 1] = [[2.0, 1.0]]
    found = replace(Evidence.none(1, 10, 2), energies=energies, asked=np.array([2], np.int32), log_probabilities=before)
    after = np.exp(runner.combine(1, found, Combination((1.0, 1.0), (0.0,) * 10)).log_probabilities)
    share = np.exp(-1) / (1 + np.exp(-1))
    np.testing.assert_allclose(after[0, :2], [0.8 * share, 0.8 * (1 - share)])
    np.testing.assert_allclose(after[0, 2:], 0.025)


def test_results_do_not_depend_on_batches_or_on_who_computes_them():
    one = record_of("pair").images(["index", "class_scores", "asked"])
    other = record_of("pair", executor="inline", batch_size=70, results=Path("other")).images(
        ["index", "class_scores", "asked"]
    )
    np.testing.assert_allclose(one["class_scores"], other["class_scores"], rtol=1e-4, atol=1e-5)
    assert (one["asked"] == other["asked"]).all()


def test_images_without_finite_results_are_wrong_and_no_others(monkeypatch):
    # The check before a run looks at the first images, of which one is such.
    monkeypatch.setattr(ProductRunner, "check", lambda *_: None)
    record = record_of("fragile")
    arrays = record.images(["label", "prediction"])
    assert ((arrays["prediction"] == -1) == (arrays["label"] == 0)).all()
    assert record.metrics.not_finite == 5


def test_the_tier_is_the_highest_of_the_members():
    assert record_of("pair").metadata.tier == "pixels"
    assert record_of("labelled").metadata.tier == "label features"


@pytest.mark.parametrize(
    ("split", "told"),
    [("test", "fitted to labels of validation images"), ("validation", "fitted to labels of these images")],
)
def test_every_record_tells_what_numbers_were_fitted_to(split, told):
    assert told in record_of("pair", split=split).metadata.flags


def test_a_record_names_members_with_their_code_and_numbers():
    component = record_of("pair").metadata.entry.product
    assert component.components.keys() == {"cheap", "dear"}
    assert component.components["dear"]["generator"]["name"] == "linear"
    assert component.components["dear"]["sure"] == 0.9
    assert component.weights == pair().fit.digest


def test_other_numbers_make_another_run():
    file = Path("fit.json")
    file.write_text(write_fit(fit_of((CHEAP, DEAR), (1.0, 2.0))))
    (found,) = entries_from_specs(plugin_manager(), {"dataset": ["toy"], "product": [f"pair:fit={file}"]})
    (run,) = execute([found], OPTIONS, Observer())
    assert run.record.metadata.key != record_of("pair").metadata.key


def test_a_product_ranks_among_the_inversions(capsys):
    icbench(capsys, *RUN, "--product", "every", "--classifier", "class-mean")
    code, out, _ = icbench(capsys, "leaderboard", "there", "--json")
    (track,) = json.loads(out)["data"]["tracks"]
    assert code == 0
    assert [row["label"] for row in track["rows"]] == ["every"]
    assert [row["label"] for row in track["direct"]] == ["class-mean"]


def test_its_record_is_verified(capsys):
    record = record_of("pair")
    code, out, _ = icbench(capsys, "verify", record.path, "--sample", "20", "--strict")
    assert (code, "differs" in out) == (0, False)


def test_its_record_is_shown_and_reported(capsys):
    record = record_of("turned")
    code, out, _ = icbench(capsys, "show", record.path, "--json")
    members = json.loads(out)["data"]["members"]
    assert code == 0
    # In the order in which they are asked, which is not that of their names.
    assert [member["name"] for member in members] == ["second", "first"]
    assert members[1]["asked"] == (record.images(["asked"])["asked"] == 2).sum() > 0
    assert icbench(capsys, "report", "there", "--out", "page.html", "--quiet")[0] == 0


@pytest.mark.parametrize("option", [["--steps", "3"], ["--stop-when", "0.1"], ["--lr", "1.0"], ["--save-latents"]])
def test_options_of_one_inversion_are_refused(capsys, option):
    code, _, err = icbench(capsys, *RUN, "--product", "pair", *option)
    assert code == 2
    assert f"{' '.join(option)} would have no effect: products say themselves how they invert" in " ".join(err.split())


def test_weights_that_two_members_have_count_once():
    runner = ProductRunner(entry("pair"), CPU, 10)
    cheap, dear = runner.runners
    assert runner.parameters() == cheap.kept + dear.kept > 0
    for member in (cheap, dear):
        member.components.generator.weights_digest = "the same"
    assert runner.parameters() == max(cheap.kept, dear.kept)


def test_steps_are_refused_beside_an_inversion_too(capsys):
    code, _, err = icbench(capsys, *RUN, "--product", "pair", "--generator", "linear", "--steps", "3")
    assert (code, "says itself how many steps" in err) == (2, True)


def test_a_product_without_numbers_says_how_to_have_them(capsys):
    code, _, err = icbench(capsys, *RUN, "--product", "unfitted")
    assert code == 2
    assert (
        "product unfitted has no numbers for toy. Fit them: `icbench fit unfitted --dataset toy --out FILE`"
        in " ".join(err.split())
    )


def test_numbers_of_other_members_are_refused():
    file = Path("fit.json")
    file.write_text(write_fit(fit_of((CHEAP, EVERY))))
    with pytest.raises(IntegrityError, match="fitted with other members"):
        pair(str(file))
    file.write_text("{")
    with pytest.raises(IntegrityError, match="cannot be read"):
        pair(str(file))


def test_numbers_for_other_classes_are_refused():
    runner = runner_of("pair")
    runner.product.fit = replace_offsets(runner.fit, 4)
    with pytest.raises(UsageError, match="are for 4 classes, toy has 10"):
        runner.check(source().split("test").images, runner.settings(OPTIONS, 0))


def replace_offsets(fit, classes):
    stages = tuple(Combination(stage.weights, (0.0,) * classes) for stage in fit.stages)
    return Fit(stages, fit.members, fit.fitted_on, fit.images)


def test_a_member_that_cannot_be_asked_about_some_classes_is_refused_before_anything_is_computed():
    with pytest.raises(UsageError, match="some classes cannot be searched"):
        record_of("between")


def test_a_fit_finds_who_knows(capsys):
    code, out, _ = icbench(capsys, "fit", "pair", "--dataset", "toy", "--device", "cpu", "--out", "fit.json", "--json")
    assert code == 0
    data = json.loads(out)["data"]
    assert [stage["member"] for stage in data["stages"]] == ["cheap", "dear"]
    assert data["stages"][1]["images"] <= data["stages"][0]["images"] == 50
    found = read_fit(Path("fit.json"), (CHEAP, DEAR))
    assert (found.fitted_on, found.images) == ("toy/validation", 50)
    # Where the linear generator is asked it is right, so it counts.
    assert found.stages[1].weights[1] > 0
    code, _, _ = icbench(capsys, *RUN, "--product", "pair:fit=fit.json")
    assert code == 0


def test_a_fit_judges_images_by_numbers_that_they_had_no_part_in():
    found = fit_product(entry("every"), source(), replace(OPTIONS, split="validation"), Observer())
    assert [stage.images for stage in found.stages] == [50, 50]
    assert found.stages[1].cross_validated == found.stages[1].accuracy == 1.0
    # A random network tells little: what its offsets make of images of the fit is more than it knows.
    assert found.stages[0].cross_validated <= found.stages[0].accuracy < 1.0


def test_a_fit_needs_a_few_images():
    with pytest.raises(UsageError, match="4 images are too few"):
        fit_product(entry("pair"), source(), replace(OPTIONS, split="validation", limit=4), Observer())


def test_a_member_of_unknown_form_is_a_fault():
    with pytest.raises(ValueError, match="form='root'"):
        Member("one", "linear", form="root")


def test_a_suite_has_products_as_cells(capsys):
    code, out, _ = icbench(capsys, "suite", "run", "pairs", "--device", "cpu", "--results", "there", "--quiet")
    assert code == 0
    assert "the pair" in out
    assert read_record(next(Path("there").iterdir())).label == "pair"
