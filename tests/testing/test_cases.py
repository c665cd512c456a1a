"""The classes that third parties subclass."""

import ast
from pathlib import Path

import pytest

import icbench.testing
from icbench.errors import UsageError
from icbench.plugins.component import Component, Param
from icbench.plugins.manager import PluginManager
from icbench.testing.registry import KITS
from icbench.testing.subject import claim, subject_of

CASES = {kind: getattr(icbench.testing, f"{kind.capitalize()}Tests") for kind in KITS}
SOUND, ROOT = (
    Component(name.lower(), f"faulty_distances:{name}", "a distance", traits=("zero-at-equality",))
    for name in ("Sound", "Root")
)


@pytest.mark.parametrize("kind", KITS)
def test_a_class_has_a_test_for_each_of_dozens_of_checks(kind):
    names = {f"test_{check.__name__}" for check in KITS[kind].all}
    assert len(names) == len(KITS[kind].all) >= 24
    assert {name for name in dir(CASES[kind]) if name.startswith("test_")} == names


@pytest.mark.parametrize("kind", KITS)
def test_every_check_has_a_claim_in_one_sentence(kind):
    for check in KITS[kind].all:
        assert claim(check) == check.__doc__.strip()
        assert claim(check).endswith(".")


def test_pytest_is_imported_by_no_module_of_the_kit():
    for file in Path(icbench.testing.__file__).parent.glob("*.py"):
        at_top = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.Import | ast.ImportFrom)]
        names = {alias.name for node in at_top for alias in node.names} | {
            getattr(node, "module", "") for node in at_top
        }
        assert "pytest" not in names, file


@pytest.mark.parametrize(
    "given",
    ["mse", "icbench/mse", SOUND, PluginManager().select("distance", "mse")],
    ids=["spec", "spec with distribution", "record", "selection"],
)
def test_the_fixture_gives_a_spec_a_record_or_a_selection(given):
    CASES["distance"]().test_gradient_is_right(given)


def test_parameters_of_a_spec_reach_the_component():
    assert subject_of("optimizer", "adam:lr=0.5").component.lr == 0.5


def test_a_test_fails_with_what_was_found():
    with pytest.raises(AssertionError, match="the gradient is not finite for equal images"):
        CASES["distance"]().test_gradient_is_finite_at_equality(ROOT)


def test_a_prior_that_fails_without_noise_is_told_of_it():
    averaged = Component("averaged", "faulty_schedules:AveragedPrior", "a schedule")
    with pytest.raises(AssertionError, match="as a generator without noise has it"):
        CASES["schedule"]().test_prior_is_one_number_per_row(averaged)


def test_a_test_that_does_not_apply_is_skipped_with_the_reason():
    with pytest.raises(pytest.skip.Exception, match="it has no residuals"):
        CASES["distance"]().test_residuals_are_honest(SOUND)


def test_a_test_behind_a_failed_gate_is_skipped_and_names_it():
    scalar = Component("scalar", "faulty_distances:Scalar", "a distance")
    with pytest.raises(AssertionError, match="5 images give shape"):
        CASES["distance"]().test_there_is_one_number_per_image(scalar)
    with pytest.raises(pytest.skip.Exception, match="there_is_one_number_per_image has to pass first"):
        CASES["distance"]().test_gradient_is_right(scalar)


def test_an_unknown_spec_says_what_there_is():
    with pytest.raises(UsageError, match="there is no distance 'mes'"):
        CASES["distance"]().test_gradient_is_right("mes")


def test_batch_dependence_that_is_declared_is_not_held_against_a_component():
    record = Component("grouped", "faulty_generators:Grouped", "a generator", traits=("batch-dependent",))
    with pytest.raises(pytest.skip.Exception, match="declares batch-dependent, in groups of 2"):
        CASES["generator"]().test_rows_are_independent(record)


def test_a_generator_without_its_weights_is_skipped_and_says_how_to_make_them():
    with pytest.raises(pytest.skip.Exception, match=r"no weights for cgan with noise_dim=7.*`icbench train cgan"):
        CASES["generator"]().test_can_be_built("cgan:noise_dim=7")


def test_a_product_of_members_without_their_weights_is_skipped_and_says_how_to_make_them():
    record = Component("unweighted", "faulty_products:unweighted", "a product", (Param("fit", "", path=True),))
    for test in ("members_can_be_built", "images_are_independent", "can_be_used"):
        with pytest.raises(pytest.skip.Exception, match=r"no weights for cgan with noise_dim=7.*`icbench train cgan"):
            getattr(CASES["product"](), f"test_{test}")(record)
