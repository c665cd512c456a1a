"""Checks of a product of experts: its members, its numbers, and what both come to for a few images."""

import math
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from torch import Tensor

from icbench.engine.invert import check_separable
from icbench.errors import IcbenchError, IntegrityError, PluginError, UsageError
from icbench.kinds.dataset import SPLITS
from icbench.kinds.product import Fit, Member, Product, write_fit
from icbench.plugins.component import TRAINED_ON, Selection
from icbench.plugins.manager import plugin_manager
from icbench.running.entry import Entry
from icbench.running.product_runner import LEAST, ProductRunner
from icbench.testing.assertions import Skipped, expect, expect_close, reason
from icbench.testing.products import CPU, IMAGES, ProductInUse, even_numbers
from icbench.testing.subject import Check, Subject

FIT = "fit"
"""The parameter that numbers are given by, as `icbench fit` says."""
NOBODYS = "image-folder"
"""A dataset that no numbers ship for."""
ROUNDING = 1e-3
"""By so much of the largest one log probabilities may differ that are computed with other batch mates."""


def it_has_members(subject: Subject) -> None:
    """`members` is a tuple of one `Member` or more."""
    members = subject.component.members
    expect(isinstance(members, tuple) and members, f"members is {members!r}, not a tuple that has some")
    for member in members:
        expect(isinstance(member, Member), f"{member!r} is not a Member")


def members_have_names_of_their_own(subject: Subject) -> None:
    """Each member has a name, and no two have the same: a record keeps them by name."""
    names = [member.name for member in subject.component.members]
    expect(all(isinstance(name, str) and name.strip() for name in names), f"the names are {names}")
    expect(len({*names}) == len(names), f"of the names {', '.join(names)} two are the same")


def what_members_name_is_there(subject: Subject) -> None:
    """Each member's generator, distance, optimizer and schedule are specs of components that are registered."""
    for member in subject.component.members:
        for kind, spec in member.specs.items():
            try:
                plugin_manager(warn=False).select(kind, spec)
            except IcbenchError as error:
                raise AssertionError(f"member {member.name} has {kind}={spec}: {error.line}") from None


def members_can_be_built(subject: Subject) -> None:
    """The components of all members can be built for its dataset."""
    subject.share(_in_use)


def members_make_the_same_classes(subject: Subject) -> None:
    """The generators of all members have as many classes, and images of the same shape."""
    found = [_made_by(runner.components.generator) for runner in subject.share(_in_use).runner.runners]
    for member, made in zip(subject.component.members, found, strict=True):
        expect(made == found[0], f"member {member.name} makes {made}, the first member {found[0]}")


def members_say_how_they_are_asked(subject: Subject) -> None:
    """`steps` is -1 or more, `sure` above chance and at most 1, `classes` 0 or from 2 to the number of classes."""
    classes = subject.share(_in_use).num_classes
    for member in subject.component.members:
        steps, sure, asked = member.steps, member.sure, member.classes
        expect(_is_whole(steps) and steps >= -1, f"member {member.name} has steps={steps!r}")
        # The best class is never less probable than chance, so that the member would never be asked.
        right = sure is None or 1 / classes < sure <= 1
        expect(right, f"member {member.name} has sure={sure!r}, not a probability above that of chance")
        expect(
            _is_whole(asked) and (asked == 0 or 2 <= asked <= classes),
            f"member {member.name} has classes={asked!r}, of {classes}",
        )


def the_first_member_is_asked_everything(subject: Subject) -> None:
    """The first member has neither `sure` nor `classes`: nothing is known before it."""
    first = subject.component.members[0]
    expect(first.sure is None, f"the first member, {first.name}, has sure={first.sure}, which would have no effect")
    expect(not first.classes, f"the first member, {first.name}, has classes={first.classes}, which has no effect")


def some_classes_can_be_searched(subject: Subject) -> None:
    """A member with `classes` has a schedule and a generator that can be searched for some classes only."""
    runner = subject.share(_in_use).runner
    chosen = [pair for pair in zip(subject.component.members, runner.runners, strict=True) if pair[0].classes]
    if not chosen:
        raise Skipped("all members are asked about all classes")
    for member, one in chosen:
        generator = one.components.generator
        try:
            hypotheses = one.components.schedule.hypotheses(generator.class_dim)
            check_separable(hypotheses, generator.batch_group_size)
        except UsageError as error:
            raise AssertionError(f"member {member.name} has classes={member.classes}: {error.line}") from None


def its_digest_stays(subject: Subject) -> None:
    """Two builds have the same digest, so that numbers which were fitted to it go on to hold."""
    first, second = subject.component.digest, subject.build().digest
    expect(first == second, f"one build has the digest {first[:12]}…, another {second[:12]}…")


def numbers_can_be_given(subject: Subject) -> None:
    """With `fit=FILE` it has the numbers of a file that `icbench fit` wrote."""
    has = FIT in subject.selection.params and subject.record.param(FIT).path
    expect(has, f"it has no file (path=True) among its parameters called {FIT}: nobody can fit it to other images")
    with _file_of(_some_numbers(subject)) as file:
        found = _told(subject, FIT, str(file)).build_watched().fit
    expect(found == _some_numbers(subject), "with fit=FILE it has other numbers than the file")


def numbers_of_other_members_are_refused(subject: Subject) -> None:
    """With `fit=FILE` it refuses the numbers of other members, by an IntegrityError with a way out."""
    _require_parameter(subject, FIT)
    others = msgspec.structs.replace(_some_numbers(subject), members="0" * 64)
    with _file_of(others) as file:
        try:
            _told(subject, FIT, str(file)).build_watched()
        except IntegrityError as error:
            _expect_way_out(error)
            return
    raise AssertionError("it takes numbers that were fitted with other members")


def without_numbers_it_says_so(subject: Subject) -> None:
    """For a dataset that it has no numbers for it can be built, and a run is refused in one line with a way out."""
    product = _for_a_dataset_of_nobody(subject)
    expect(product.fit is None, f"for {NOBODYS}, which it was never fitted to, it has numbers")
    dataset = plugin_manager(warn=False).select("dataset", NOBODYS)
    entry = Entry({"product": _told(subject, TRAINED_ON, NOBODYS)}, dataset)
    try:
        ProductRunner(entry, CPU, subject.share(_in_use).num_classes)
    except IcbenchError as error:
        _expect_way_out(error)
        expect(f"`icbench fit {subject.record.name}" in error.line, f"it does not say how to have some: {error.line}")
        return
    raise AssertionError("it can be run without numbers")


def its_numbers_are_of_its_members(subject: Subject) -> None:
    """Its numbers were fitted with the members that it has, and there is a stage for each."""
    fit, product = _numbers(subject), subject.component
    expect(fit.members == product.digest, "its numbers were fitted with other members; fit them again: `icbench fit`")
    stages, members = len(fit.stages), len(product.members)
    expect(stages == members, f"there are {stages} stages and {members} members")


def its_weights_are_sound(subject: Subject) -> None:
    """Each stage has a finite weight, not negative, for each member up to it."""
    for number, stage in enumerate(_numbers(subject).stages):
        weights = stage.weights
        expect(len(weights) == number + 1, f"stage {number + 1} has {len(weights)} weights")
        expect(
            all(math.isfinite(weight) and weight >= 0 for weight in weights),
            f"stage {number + 1} has the weights {weights}: that of a member which says nothing is 0",
        )


def its_offsets_are_of_its_classes(subject: Subject) -> None:
    """Each stage has a finite offset for each class."""
    classes = subject.share(_in_use).num_classes
    for number, stage in enumerate(_numbers(subject).stages):
        expect(len(stage.offsets) == classes, f"stage {number + 1} has {len(stage.offsets)} offsets, not {classes}")
        expect(all(map(math.isfinite, stage.offsets)), f"stage {number + 1} has the offsets {stage.offsets}")


def it_was_fitted_to_no_test_images(subject: Subject) -> None:
    """Its numbers say what images they were fitted to: some, as DATASET/SPLIT, and not of a test split."""
    fit = _numbers(subject)
    dataset, _, split = fit.fitted_on.rpartition("/")
    expect(dataset and split in SPLITS, f"fitted_on is {fit.fitted_on!r}, not DATASET/SPLIT")
    expect(split != "test", f"it was fitted to labels of {fit.fitted_on}, which results are reported on")
    expect(fit.images >= 1, f"it was fitted to {fit.images} images")


def class_scores_are_log_probabilities(subject: Subject) -> None:
    """An image's class scores are finite, the logarithms of probabilities, and the best is the prediction."""
    arrays = subject.share(_in_batch)
    scores = torch.from_numpy(arrays["class_scores"]).double()
    expect(bool(scores.isfinite().all()), "the class scores of some images are not finite")
    total = scores.exp().sum(dim=1)
    expect_close(total, torch.ones_like(total), "an image's probabilities add up to something else than 1", ROUNDING)
    expect(bool((scores.argmax(dim=1).numpy() == arrays["prediction"]).all()), "the prediction is not the best class")


def energies_have_logarithms(subject: Subject) -> None:
    """A member whose form is `log` has energies above 0."""
    found = subject.share(_said_by_each)
    logs = [number for number, member in enumerate(subject.component.members) if member.form == "log"]
    if not logs:
        raise Skipped("no member has form=log")
    for number in logs:
        name, energies = subject.component.members[number].name, found.energies[:, :, number]
        expect(energies.min() > math.log(LEAST), f"member {name} has form=log, and energies that are not above 0")


def every_member_tells_classes_apart(subject: Subject) -> None:
    """No member says the same of all classes of every image."""
    energies = subject.share(_said_by_each).energies
    for number, member in enumerate(subject.component.members):
        said = energies[:, :, number]
        # Those of classes that it is not asked about are infinite.
        differs = np.isfinite(said) & (said != said.min(axis=1, keepdims=True))
        expect(differs.any(), f"member {member.name} has one energy for all classes")


def images_are_independent(subject: Subject) -> None:
    """An image's class scores are the same in a batch, alone, and without one of its batch mates."""
    _require_independent_members(subject)
    used, expected = subject.share(_in_use), _scores(subject.share(_in_batch))
    alone = torch.cat([_scores(used.classify([number])) for number in range(IMAGES)])
    expect_close(alone, expected, "alone an image has other class scores than in a batch", ROUNDING)
    some = [number for number in range(IMAGES) if number != 1]
    fewer = _scores(used.classify(some))
    expect_close(fewer, expected[some], "without one of its batch mates an image has other class scores", ROUNDING)


def asked_again_it_says_the_same(subject: Subject) -> None:
    """The same images have the same class scores a second time: no member remembers the first."""
    again = _scores(subject.share(_in_use).classify())
    expect_close(again, _scores(subject.share(_in_batch)), "asked again about the same images it says something else")


GATES: tuple[Check, ...] = (
    it_has_members,
    members_have_names_of_their_own,
    what_members_name_is_there,
    members_can_be_built,
    members_make_the_same_classes,
    members_say_how_they_are_asked,
    some_classes_can_be_searched,
    its_numbers_are_of_its_members,
    its_weights_are_sound,
    its_offsets_are_of_its_classes,
    class_scores_are_log_probabilities,
)
CHECKS: tuple[Check, ...] = (
    the_first_member_is_asked_everything,
    its_digest_stays,
    numbers_can_be_given,
    numbers_of_other_members_are_refused,
    without_numbers_it_says_so,
    it_was_fitted_to_no_test_images,
    energies_have_logarithms,
    every_member_tells_classes_apart,
    images_are_independent,
    asked_again_it_says_the_same,
)


def _in_use(subject: Subject) -> ProductInUse:
    return ProductInUse(subject.selection, subject.component)


def _in_batch(subject: Subject) -> Any:
    return subject.share(_in_use).classify()


def _said_by_each(subject: Subject) -> Any:
    return subject.share(_in_use).ask_each()


def _scores(arrays: Any) -> Tensor:
    return torch.from_numpy(arrays["class_scores"])


def _made_by(generator: Any) -> str:
    return f"{generator.num_classes} classes of {tuple(generator.image_shape)}"


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _numbers(subject: Subject) -> Fit:
    """Those that it has.

    Raises:
        Skipped: it has none.
    """
    fit = subject.component.fit
    if fit is None:
        raise Skipped("it has no numbers for its dataset")
    expect(isinstance(fit, Fit), f"fit is {fit!r}")
    found: Fit = fit
    return found


def _some_numbers(subject: Subject) -> Fit:
    return even_numbers(subject.component, subject.share(_in_use).num_classes)


@contextmanager
def _file_of(fit: Fit) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "fit.json")
        file.write_text(write_fit(fit), encoding="utf-8")
        yield file


def _for_a_dataset_of_nobody(subject: Subject) -> Product:
    """It, as it is built for a dataset that it was not fitted to.

    Raises:
        Skipped: its numbers are the same for all datasets.
    """
    _require_parameter(subject, TRAINED_ON)
    if subject.selection.params.get(FIT):
        raise Skipped("it was given its numbers")
    try:
        product: Product = _told(subject, TRAINED_ON, NOBODYS).build_watched()
    except PluginError as error:
        raise AssertionError(f"for {NOBODYS}, which it has no numbers for, {reason(error)}") from error
    except IcbenchError as error:
        _expect_way_out(error)
        raise Skipped("it says itself that it has none") from None
    return product


def _require_parameter(subject: Subject, name: str) -> None:
    """Go on only where it has a parameter.

    Raises:
        Skipped: it has none.
    """
    if name not in subject.selection.params:
        raise Skipped(f"it has no parameter called {name}")


def _told(subject: Subject, name: str, value: str) -> Selection:
    """It, with another value of a parameter."""
    return replace(subject.selection, params={**subject.selection.params, name: value})


def _expect_way_out(error: IcbenchError) -> None:
    expect(error.hint, f"it says no way out: {error.message}")
    expect("\n" not in error.line, f"it takes more than a line: {error.line!r}")


def _require_independent_members(subject: Subject) -> None:
    """Go on only where no member's images depend on each other.

    Raises:
        Skipped: those of a member do, and it declares so.
    """
    for member, runner in zip(subject.component.members, subject.share(_in_use).runner.runners, strict=True):
        group = runner.components.generator.batch_group_size
        if group > 1:
            raise Skipped(f"member {member.name} declares that images depend on each other, in groups of {group}")
