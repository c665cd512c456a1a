"""What a product of experts is: several inversions whose energies of a class are added up, with fitted weights."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from icbench.errors import IntegrityError
from icbench.statistics import Combination

FORMS = ("energy", "log")
"""What of a member's energies is added up: they themselves, or their logarithms."""


@dataclass(frozen=True)
class Member:
    """One inversion of a product.

    Args:
        name: what it is called in the product.
        generator, distance, optimizer, schedule: specs, as of `icbench run`. Its class scores are minus its energies,
            as those of schedules that hold the class vector are.
        steps: per hypothesis; -1 takes the schedule's own.
        form: one of `FORMS`.
        sure: it is not asked about an image whose best class has this probability by the members before it; None asks
            it about every image. The first member is always asked.
        classes: it is asked about so many classes, those that are most probable by the members before it; 0 asks about
            all.
    """

    name: str
    generator: str
    distance: str = "mse"
    optimizer: str = "adam"
    schedule: str = "exhaustive"
    steps: int = -1
    form: str = "energy"
    sure: float | None = None
    classes: int = 0

    @property
    def specs(self) -> dict[str, str]:
        """The specs of its components by kind."""
        return {
            "generator": self.generator,
            "distance": self.distance,
            "optimizer": self.optimizer,
            "schedule": self.schedule,
        }

    def __post_init__(self) -> None:
        if self.form not in FORMS:
            raise ValueError(f"member {self.name} has form={self.form!r}, which is not {' or '.join(FORMS)}")


class Fit(Struct, frozen=True, forbid_unknown_fields=True):
    """The numbers of a product, and what they were fitted to.

    Args:
        stages: one for each member: how those up to it are combined.
        members: the digest of the members that it was fitted with.
        fitted_on: the images whose labels it was fitted to, as DATASET/SPLIT.
        images: how many of the first ones.
    """

    stages: tuple[Combination, ...]
    members: str
    fitted_on: str
    images: int

    @property
    def digest(self) -> str:
        """SHA-256 of the numbers."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()


class Product:
    """Several members, cheap ones first, and how their energies are combined.

    Every class has a log probability: minus the sum of its members' energies, or of their logarithms, each times a
    weight, and an offset. Weights and offsets are fitted by likelihood to labels of validation images. A member that is
    dear is asked only about images, and classes, that those before it leave open.

    Args:
        members: at least one.
        fit: their numbers; None where there are none for the dataset, which then have to be fitted.
    """

    def __init__(self, members: tuple[Member, ...], fit: Fit | None) -> None:
        self.members, self.fit = members, fit

    @property
    def digest(self) -> str:
        """SHA-256 of what the members are, which their numbers hold for."""
        return members_digest(self.members)


def members_digest(members: tuple[Member, ...]) -> str:
    """SHA-256 of what members are."""
    return hashlib.sha256(json.dumps([vars(member) for member in members], sort_keys=True).encode()).hexdigest()


def read_fit(file: Path, members: tuple[Member, ...]) -> Fit:
    """The numbers that `icbench fit` wrote for some members.

    Raises:
        IntegrityError: the file cannot be read, or is of other members.
    """
    hint = "Fit them again: `icbench fit`."
    try:
        found = msgspec.json.decode(file.read_bytes(), type=Fit)
    except (OSError, msgspec.MsgspecError) as error:
        raise IntegrityError(f"the numbers in {file} cannot be read: {error}", hint) from error
    if found.members != members_digest(members) or len(found.stages) != len(members):
        raise IntegrityError(f"the numbers in {file} were fitted with other members", hint)
    return found


def write_fit(fit: Fit) -> str:
    """The text of a file of numbers."""
    content: dict[str, Any] = msgspec.to_builtins(fit)
    return json.dumps(content, indent=1) + "\n"
