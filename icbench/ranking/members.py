"""How many images each member of a product of experts was asked about."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from icbench.records import Record


@dataclass(frozen=True)
class AskedMember:
    """One member of a product.

    Args:
        number: its place among them, from 1 on.
        name: what it is called, or empty where the record does not tell who is at this place.
        asked: how many images it was asked about.
        images: how many are done.
    """

    number: int
    name: str
    asked: int
    images: int

    @property
    def share(self) -> float:
        """Of the images that are done those that it was asked about, from 0 to 1; 0 without images."""
        return self.asked / self.images if self.images else 0.0


def asked_members(record: Record) -> list[AskedMember]:
    """The members of a product in the order in which they are asked; empty for what is none.

    Raises:
        IntegrityError: as of `Record.images`.
    """
    product = record.metadata.entry.product
    if product is None or not product.components or not record.has(["asked"]):
        return []
    asked = record.images(["asked"])["asked"]
    kept = record.metadata.members or ()
    names = kept if sorted(kept) == sorted(product.components) else _ordered(product.components)
    # A member is asked about images that all before it were asked about, and no others.
    return [AskedMember(place + 1, name, int((asked > place).sum()), len(asked)) for place, name in enumerate(names)]


def _ordered(members: Mapping[str, Any]) -> Sequence[str]:
    """The names of members in their order, as far as a record tells that was made before it kept this order."""
    # The first member is asked about all images and classes.
    names = sorted(members, key=lambda name: _is_limited(members[name]))
    limited = sum(map(_is_limited, members.values()))
    known = len(names) == 1 or (len(names) == 2 and limited == 1)
    return names if known else [""] * len(names)


def _is_limited(member: object) -> bool:
    """Whether it is not asked about all images, or not about all classes."""
    return isinstance(member, Mapping) and (member.get("sure") is not None or bool(member.get("classes")))
