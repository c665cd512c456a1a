"""Records and factories with a fault each, around a distance that has none."""

import faulty_distances
from faulty import Fault, Faults

from icbench import Component, Param
from icbench.errors import UsageError

FAULTS = Faults("distance")
ZERO = ("zero-at-equality",)
SOUND = "faulty_distances:Sound"


class Sound(faulty_distances.Sound):
    """Takes any parameters."""

    def __init__(self, **params):
        self.params = params


def record(name, *caught_by, factory="faulty_records:Sound", traits=ZERO, **fields):
    """Note a record down as caught by these checks."""
    component = Component(name, factory, fields.pop("summary", "a distance"), traits=traits, **fields)
    FAULTS.append(Fault("distance", component, frozenset(caught_by)))


record("Bad Name", "record_is_sound")
record("no-summary", "record_is_sound", summary="")
record("default-out-of-bounds", "record_is_sound", params=(Param("width", 0, low=1),))
record("no-such-module", "factory_can_be_imported", factory="faulty_absent:Sound")
record("no-such-name", "factory_can_be_imported", factory="faulty_distances:Absent")
record("not-callable", "factory_can_be_imported", factory="faulty_distances:ZERO")
record("not-taken", "factory_takes_its_parameters", factory=SOUND, params=(Param("width", 1),))
record("unknown-trait", "traits_are_known", traits=(*ZERO, "fast"))
record("trait-of-another-kind", "traits_are_known", traits=(*ZERO, "stochastic"))
record("wrong-tier", "traits_are_known", traits=(*ZERO, "tier:pixels"))
record("no-split", "traits_are_known", traits=(*ZERO, "trained-on:mnist"))
record("weights-of-no-generator", "traits_are_known", traits=(*ZERO, "weights-of:cgan"))
record("comma", "parameters_round_trip", params=(Param("sizes", "3,5"),))
record("unparsable-choice", "parameters_round_trip", params=(Param("size", 3, choices=(3, 5.5)),))
record("no-trainer", "trainer_can_be_imported", trainer="faulty_distances:Absent")
record("sound", params=(Param("width", 3, low=1, high=9), Param("name", "a", choices=("a", "b")), Param("on", True)))


@FAULTS("factory_takes_its_parameters", traits=ZERO)
def greedy(width):
    """needs a parameter that is not declared"""
    return faulty_distances.Sound()


@FAULTS("declared_defaults_match", traits=ZERO, params=(Param("width", 3, low=1, high=9),))
def another_default(width=4):
    """has another default than it declares"""
    return faulty_distances.Sound()


@FAULTS("can_be_built", traits=ZERO)
def wrong_kind():
    """returns no distance"""
    return object()


@FAULTS("can_be_built", traits=ZERO)
def broken():
    """raises"""
    raise RuntimeError("no")


@FAULTS("can_be_built", traits=ZERO)
def exiting():
    """ends the program"""
    raise SystemExit(3)


@FAULTS("bounds_can_be_built", traits=ZERO, params=(Param("width", 3, low=0, high=9),))
def dividing(width):
    """divides by zero at its bound"""
    return faulty_distances.Sound() if 1 / width else None


@FAULTS(traits=ZERO, params=(Param("width", 3, low=0, high=9),))
def refusing(width):
    """nothing is wrong with it: it refuses a bound in words"""
    if width == 0:
        raise UsageError("width=0 is too narrow")
    return faulty_distances.Sound()


@FAULTS("can_be_used", traits=ZERO)
class Late(faulty_distances.Sound):
    """fails at its third comparison"""

    def __init__(self):
        self.made = 0

    def compare(self, reconstruction, features):
        self.made += reconstruction.requires_grad
        if self.made == 2:
            raise RuntimeError("no more")
        return super().compare(reconstruction, features)
