"""Products of experts with a fault each. Members are toys; those that are faulty themselves are registered here."""

import os
import random
from dataclasses import replace
from pathlib import Path

import msgspec
from faulty import Faults
from toy import LinearGenerator

from icbench import Component, Param, hookimpl
from icbench.kinds.product import Fit, Member, Product, members_digest
from icbench.plugins.component import TRAINED_ON
from icbench.running.fits import load_product
from icbench.statistics import Combination

FAULTS = Faults("product")
HOLD = "exhaustive:start=drawn,decay=none"
FIRST = Member("first", "linear", schedule=HOLD, steps=1)
SECOND = Member("second", "linear:noise_dim=2", schedule=HOLD, steps=9, form="log", sure=0.9, classes=3)
PAIR = (FIRST, SECOND)
UNTRAINED = Member("untrained", "cgan:noise_dim=7")
FITTED = (Param("fit", "", path=True), Param(TRAINED_ON, ""))
GIVEN = FITTED[:1]


def fit_of(members, /, **changed):
    """Numbers that count all members alike."""
    stages = tuple(Combination((1.0,) * (number + 1), (0.0,) * 10) for number in range(len(members)))
    made = Fit(stages, members_digest(members), "mnist/validation", 9)
    return msgspec.structs.replace(made, **changed)


def product_of(members, fit, /, **changed):
    """A product with the numbers of a file, or with some of its own."""
    return Product(members, load_product("none", members, Path(), fit).fit if fit else fit_of(members, **changed))


class Averaging(LinearGenerator):
    """Images of a batch are a little alike."""

    def forward(self, class_vector, noise):
        images = super().forward(class_vector, noise)
        return images + 0.1 * images.mean(dim=0)


class Remembering(LinearGenerator):
    """Each image is darker than the one before."""

    def __init__(self):
        super().__init__()
        self.made = 0

    def forward(self, class_vector, noise):
        self.made += 1
        return super().forward(class_vector, noise) / (1 + 0.01 * self.made)


class Blank(LinearGenerator):
    """Images are the same for all classes."""

    def forward(self, class_vector, noise):
        return 0.5 + 0 * super().forward(class_vector, noise)


class Exploding(LinearGenerator):
    """Cannot be built."""

    def __init__(self):
        raise RuntimeError("no")


@hookimpl
def icbench_generators():
    for name in ("Averaging", "Remembering", "Blank", "Exploding"):
        yield Component(name.lower(), f"faulty_products:{name}", "for a test")


@FAULTS(params=FITTED)
def sound(fit="", trained_on=""):
    """nothing is wrong with it"""
    return load_product("sound", PAIR, Path(), fit, trained_on)


@FAULTS(params=GIVEN)
def fitted(fit=""):
    """nothing is wrong with it, and it has numbers of its own"""
    return product_of(PAIR, fit)


@FAULTS("it_has_members", params=GIVEN)
def empty(fit=""):
    """has no member"""
    return Product((), None)


@FAULTS("it_has_members", params=GIVEN)
def named(fit=""):
    """has names where members are due"""
    return Product(("cgan", "class-vae"), None)


@FAULTS("members_have_names_of_their_own", params=GIVEN)
def twins(fit=""):
    """its members have one name"""
    return product_of((FIRST, replace(SECOND, name="first")), fit)


@FAULTS("members_have_names_of_their_own", params=GIVEN)
def nameless(fit=""):
    """its second member has no name"""
    return product_of((FIRST, replace(SECOND, name="")), fit)


@FAULTS("what_members_name_is_there", params=GIVEN)
def absent(fit=""):
    """a member's generator is nowhere"""
    return product_of((FIRST, replace(SECOND, generator="nowhere")), fit)


@FAULTS("what_members_name_is_there", params=GIVEN)
def mistyped(fit=""):
    """a member's schedule has no such parameter"""
    return product_of((FIRST, replace(SECOND, schedule="exhaustive:begin=drawn")), fit)


@FAULTS("members_can_be_built", params=GIVEN)
def unbuildable(fit=""):
    """a member's generator cannot be built"""
    return product_of((FIRST, replace(SECOND, generator="exploding")), fit)


@FAULTS("members_make_the_same_classes", params=GIVEN)
def mixed(fit=""):
    """a member makes other images"""
    return product_of((FIRST, replace(SECOND, generator="colour")), fit)


@FAULTS("members_say_how_they_are_asked", params=GIVEN)
def never(fit=""):
    """its second member is never asked"""
    return product_of((FIRST, replace(SECOND, sure=0.05)), fit)


@FAULTS("members_say_how_they_are_asked", params=GIVEN)
def percent(fit=""):
    """a probability in percent"""
    return product_of((FIRST, replace(SECOND, sure=97)), fit)


@FAULTS("members_say_how_they_are_asked", params=GIVEN)
def single(fit=""):
    """a member is asked about one class, which decides nothing"""
    return product_of((FIRST, replace(SECOND, classes=1)), fit)


@FAULTS("members_say_how_they_are_asked", params=GIVEN)
def backwards(fit=""):
    """a member makes fewer steps than none"""
    return product_of((FIRST, replace(SECOND, steps=-2)), fit)


@FAULTS("some_classes_can_be_searched", params=GIVEN)
def between(fit=""):
    """a member is asked about some classes, and its class vector moves between all"""
    return product_of((FIRST, replace(SECOND, schedule="joint", form="energy")), fit)


@FAULTS("the_first_member_is_asked_everything", params=GIVEN)
def modest(fit=""):
    """its first member is said to be asked only where the one before is in doubt"""
    return product_of((replace(FIRST, sure=0.9), SECOND), fit)


@FAULTS("the_first_member_is_asked_everything", params=GIVEN)
def narrow(fit=""):
    """its first member is said to be asked about some classes"""
    return product_of((replace(FIRST, classes=3), SECOND), fit)


BUILDS = iter(range(10**6))


@FAULTS("its_digest_stays", "numbers_can_be_given", params=GIVEN)
def drifting(fit=""):
    """each build has another member, which no numbers are of"""
    members = (FIRST, replace(SECOND, name=f"build {next(BUILDS)}"))
    return load_product("drifting", members, Path(), fit)


@FAULTS("numbers_can_be_given")
def closed():
    """its numbers are its own for ever"""
    return product_of(PAIR, "")


@FAULTS("numbers_can_be_given", "numbers_of_other_members_are_refused", params=GIVEN)
def deaf(fit=""):
    """does not read the file that it is given"""
    return product_of(PAIR, "")


@FAULTS("numbers_of_other_members_are_refused", params=GIVEN)
def credulous(fit=""):
    """takes the numbers of whatever members"""
    return Product(PAIR, msgspec.json.decode(Path(fit).read_bytes(), type=Fit) if fit else fit_of(PAIR))


@FAULTS("without_numbers_it_says_so", params=FITTED)
def everybodys(fit="", trained_on=""):
    """has the same numbers for every dataset, and asks for which"""
    return product_of(PAIR, fit)


@FAULTS("without_numbers_it_says_so", params=FITTED)
def stumbling(fit="", trained_on=""):
    """cannot be built where it has no numbers"""
    if trained_on:
        Path(f"fits/{trained_on}.json").read_text()
    return product_of(PAIR, fit)


@FAULTS("its_numbers_are_of_its_members", params=GIVEN)
def outdated(fit=""):
    """a member was changed after the fit"""
    return product_of(PAIR, fit, members=members_digest((FIRST,)))


@FAULTS("its_numbers_are_of_its_members", params=GIVEN)
def unfinished(fit=""):
    """the numbers of its second member are missing"""
    return product_of(PAIR, fit, stages=fit_of(PAIR).stages[:1])


@FAULTS("its_weights_are_sound", params=GIVEN)
def contrary(fit=""):
    """a member counts against what it says"""
    return product_of(PAIR, fit, stages=(Combination((-1.0,), (0.0,) * 10), fit_of(PAIR).stages[1]))


@FAULTS("its_weights_are_sound", params=GIVEN)
def weightless(fit=""):
    """a member's weight is no number"""
    return product_of(PAIR, fit, stages=(fit_of(PAIR).stages[0], Combination((1.0, float("nan")), (0.0,) * 10)))


@FAULTS("its_weights_are_sound", params=GIVEN)
def crowded(fit=""):
    """its first stage weighs both members"""
    return product_of(PAIR, fit, stages=(fit_of(PAIR).stages[1],) * 2)


@FAULTS("its_offsets_are_of_its_classes", params=GIVEN)
def four(fit=""):
    """its offsets are of four classes"""
    stages = tuple(Combination(stage.weights, (0.0,) * 4) for stage in fit_of(PAIR).stages)
    return product_of(PAIR, fit, stages=stages)


@FAULTS("its_offsets_are_of_its_classes", params=GIVEN)
def endless(fit=""):
    """excludes a class"""
    stages = tuple(Combination(stage.weights, (-float("inf"), *(0.0,) * 9)) for stage in fit_of(PAIR).stages)
    return product_of(PAIR, fit, stages=stages)


@FAULTS("it_was_fitted_to_no_test_images", params=GIVEN)
def cheating(fit=""):
    """was fitted to test images"""
    return product_of(PAIR, fit, fitted_on="mnist/test")


@FAULTS("it_was_fitted_to_no_test_images", params=GIVEN)
def secretive(fit=""):
    """does not say what it was fitted to"""
    return product_of(PAIR, fit, fitted_on="somewhere")


@FAULTS("class_scores_are_log_probabilities", params=GIVEN)
def not_finite(fit=""):
    """a member's energies are not finite"""
    return product_of((FIRST, replace(SECOND, generator="nan")), fit)


@FAULTS("energies_have_logarithms", "every_member_tells_classes_apart", params=GIVEN)
def negative(fit=""):
    """takes logarithms of energies below 0, which all come to one number"""
    return product_of((FIRST, replace(SECOND, schedule="joint", classes=0)), fit)


@FAULTS("every_member_tells_classes_apart", params=GIVEN)
def silent(fit=""):
    """a member says nothing"""
    return product_of((FIRST, replace(SECOND, generator="blank")), fit)


@FAULTS("images_are_independent", params=GIVEN)
def averaging(fit=""):
    """a member's images depend on their batch mates"""
    return product_of((FIRST, replace(SECOND, generator="averaging")), fit)


@FAULTS("images_are_independent", "asked_again_it_says_the_same", params=GIVEN)
def remembering(fit=""):
    """a member remembers how often it was asked"""
    return product_of((FIRST, replace(SECOND, generator="remembering")), fit)


@FAULTS("random_state_is_left_alone", params=GIVEN)
def shaking(fit=""):
    """draws a random number when it is built"""
    random.random()
    return product_of(PAIR, fit)


@FAULTS("process_is_left_alone", params=GIVEN)
def announcing(fit=""):
    """leaves a word in the environment when it is built"""
    os.environ["FAULTY_PRODUCTS"] = "built"
    return product_of(PAIR, fit)


def unweighted(fit=""):
    """Nothing is wrong with it, but a member's weights are not here."""
    return load_product("unweighted", (UNTRAINED,), Path(), fit)
