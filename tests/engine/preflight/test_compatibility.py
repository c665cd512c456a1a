"""Whatever a component does wrong when it is first tried is one line that names it."""

from dataclasses import replace

import pytest
import torch
from command_line import icbench
from toy import LinearGenerator, ToyDigits

from icbench import Component, Param, hookimpl
from icbench.builtin.schedules.joint import Joint
from icbench.engine.blame import describe_error
from icbench.engine.preflight.compatibility import METHODS, check_components
from icbench.engine.prepare import prepare
from icbench.engine.settings import Settings
from icbench.errors import ComponentError, UsageError
from icbench.kinds.distance import Distance
from icbench.kinds.generator import Generator
from icbench.kinds.optimizer import Optimizer
from icbench.kinds.schedule import Schedule

CPU = torch.device("cpu")
IMAGES = ToyDigits().split("test", None).images
NAMES = {"generator": "g", "distance": "d:width=3", "optimizer": "o", "schedule": "s"}
SETTINGS = Settings(steps=5)
RETURNED = {
    "forward": "an image",
    "features": None,
    "compare": [0.0, 0.0, 0.0, 0.0],
    "over": 3,
    "hypotheses": None,
    "rates": (1.0, 1.0),
    "initial_noise": None,
    "coordinates": [1.0],
    "class_vector_of": None,
    "constrain": None,
    "class_scores": None,
    "encode": [1.0],
    "prior": 0.1,
    "survivors": None,
}
KINDS = {method: kind for kind, methods in METHODS.items() for method in methods if method in RETURNED}
OWNERS = {"generator": LinearGenerator, "schedule": Joint, "optimizer": Optimizer}


def checked(components, settings=SETTINGS, images=IMAGES, **changes):
    check_components(replace(components, **changes), images, settings, NAMES)


def broken(components, method, replacement):
    """The components with one method of one component replaced, by kind."""
    part = getattr(components, KINDS[method])
    if method == "encode":
        part = prepare(LinearGenerator(), CPU)
    changed = type("Broken", (type(part),), {method: replacement})
    new = changed.__new__(changed)
    vars(new).update(vars(part))
    return {KINDS[method]: new}


def fails(error):
    def method(*_, **__):
        raise error

    return method


ERRORS = [ValueError("images must\nbe larger"), AssertionError(), SystemExit(3), RuntimeError("x" * 2000)]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("method", sorted(set(RETURNED) - {"encode"}))
def test_what_a_component_raises_names_it(components, method, error):
    kind = KINDS[method]
    with pytest.raises(ComponentError, match=f"^{kind} {NAMES[kind]} raised {type(error).__name__}") as caught:
        checked(components, **broken(components, method, fails(error)))
    assert caught.value.exit_code == 2
    assert caught.value.__cause__ is error
    assert len(caught.value.message) < 400
    assert "\n" not in caught.value.message


def test_an_encoder_that_raises_is_named(components):
    from icbench.builtin.schedules.exhaustive import Exhaustive

    encoder = broken(components, "encode", fails(ValueError("too small")))
    with pytest.raises(ComponentError, match=r"^generator g raised ValueError: too small"):
        checked(components, **encoder, schedule=Exhaustive(start="encoder"))


@pytest.mark.parametrize("method", sorted(set(RETURNED) - {"encode"}))
def test_what_a_component_returns_is_of_its_type(components, method):
    found = RETURNED[method]
    said = f"^{KINDS[method]} {NAMES[KINDS[method]]} returned {type(found).__name__} from `{method}`, not "
    with pytest.raises(ComponentError, match=said):
        checked(components, **broken(components, method, lambda *_, **__: found))


def test_an_optimizer_whose_step_raises_is_named(components):
    class Failing(torch.optim.SGD):
        def step(self, closure):
            raise KeyError("momentum")

    with pytest.raises(ComponentError, match=r"^optimizer o raised KeyError: 'momentum'"):
        checked(components, optimizer=Optimizer(Failing, 0.1))


def test_a_distance_that_fails_in_a_step_is_named_and_not_the_optimizer(components):
    class Failing(type(components.distance)):
        def compare(self, reconstruction, features):
            if reconstruction.requires_grad:
                raise ValueError("no gradients, please")
            return super().compare(reconstruction, features)

    with pytest.raises(ComponentError, match=r"^distance d:width=3 raised ValueError"):
        checked(components, distance=Failing())


def test_features_that_lack_a_row_are_named(components):
    class Short(type(components.distance)):
        def features(self, target):
            return target[1:]

    with pytest.raises(ComponentError, match=r"distance d:width=3 returned features of \[3\] rows for 4 images"):
        checked(components, distance=Short())


def test_coordinates_of_another_length_are_the_schedules_fault(components):
    class Short(Joint):
        def coordinates(self, class_vector):
            return class_vector[:, :3]

    with pytest.raises(ComponentError, match=r"schedule s moves class vectors of shape \(1, 3\), not .* \(1, 10\)"):
        checked(components, schedule=Short())


def test_what_cannot_be_put_down_to_one_names_all_four(components):
    class Losing(type(components.distance)):
        def compare(self, reconstruction, features):
            found = super().compare(reconstruction, features)
            return found[:3] if reconstruction.requires_grad else found

    with pytest.raises(
        ComponentError, match="inverting a few images with generator g, distance d:width=3, optimizer o"
    ):
        checked(components, distance=Losing())


@pytest.mark.parametrize("error", [UsageError("say it otherwise"), KeyboardInterrupt(), torch.OutOfMemoryError("full")])
def test_what_has_a_line_of_its_own_passes(components, error):
    with pytest.raises(type(error)) as caught:
        checked(components, **broken(components, "compare", fails(error)))
    assert caught.value is error


def test_components_without_a_dictionary_are_checked_all_the_same(components):
    class Slotted(Distance):
        __slots__ = ()

        def compare(self, reconstruction, features):
            return (reconstruction - features).square().flatten(1).mean(1)

    checked(components, distance=Slotted())


def test_checking_leaves_components_and_threads_as_they_were(components):
    before = {kind: dict(vars(getattr(components, kind))) for kind in METHODS}
    threads = torch.get_num_threads()
    checked(components)
    assert {kind: dict(vars(getattr(components, kind))) for kind in METHODS} == before
    assert torch.get_num_threads() == threads


def test_an_error_without_text_is_the_line_that_raised_it():
    with pytest.raises(AssertionError) as caught:
        unexplained(3)
    assert (
        describe_error(caught.value)
        == "AssertionError in test_compatibility.py, line "
        + str(unexplained.__code__.co_firstlineno + 2)
        + ": raise AssertionError"
    )


def unexplained(number):
    if number:
        raise AssertionError


class Picky(Distance):
    def __init__(self, least):
        self.least = least

    def compare(self, reconstruction, features):
        if reconstruction.shape[-1] < self.least:
            raise ValueError(f"images must be at least {self.least} wide")
        return (reconstruction - features).square().flatten(1).mean(1)


@hookimpl
def icbench_distances():
    yield Component("picky", "test_compatibility:Picky", "picky", params=(Param("least", 9, "least width"),))


def test_the_command_line_names_the_distance_with_its_parameters(capsys, use_plugins):
    use_plugins("test_compatibility", "toy")
    command = ["run", "--generator", "linear", "--dataset", "toy", "--device", "cpu"]
    code, _, err = icbench(capsys, *command, "--distance", "picky:least=41")
    assert code == 2
    assert "distance picky:least=41 raised ValueError: images must be at least 41 wide." in " ".join(err.split())


def test_the_kinds_have_these_methods():
    bases = {"generator": Generator, "distance": Distance, "optimizer": Optimizer, "schedule": Schedule}
    extra = {"residuals"}
    for kind, methods in METHODS.items():
        assert all(hasattr(bases[kind], method) for method in set(methods) - extra), kind
