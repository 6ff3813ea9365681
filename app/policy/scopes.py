"""What the gate gives out: a Scope to read with, a Permit to write with. Only the gate can make either.

The seal is an ``InitVar``, so that neither the constructor nor ``dataclasses.replace`` works without the token
that lives in this module and is imported by ``app.policy.gate`` alone (kept by a house test).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import InitVar, dataclass, field
from datetime import date
from typing import Any

from app.policy.callers import Caller
from app.policy.cell_masks import CellMask, mask_from_document

_SEAL = object()


class ForgedError(TypeError):
    """Something other than the gate tried to make a Scope or a Permit."""


@dataclass(frozen=True, slots=True)
class Grant:
    """One rectangle of what may be seen: these elements, of these regions with all below them, in this time.

    ``roots`` None stands for every region. A record is inside when one of the roots is the record's region or
    above it in the hierarchy of the record's period, and the period lies wholly between ``first`` and ``last``.
    ``where``: (dataset, expression) pairs, all of which a record of that dataset has to meet. ``masks``: (path, mask)
    pairs, what is shown in the place of a value; a path without one is shown as it is.
    """

    name: str
    elements: frozenset[str]
    roots: frozenset[int] | None
    first: date | None = None
    last: date | None = None
    where: tuple[tuple[str, str], ...] = ()
    masks: tuple[tuple[str, CellMask], ...] = ()

    @property
    def unbounded(self) -> bool:
        return self.roots is None and self.first is None and self.last is None

    def conditions(self, dataset: str) -> tuple[str, ...]:
        """What a record of the dataset has to meet."""
        return tuple(text for limited, text in self.where if limited == dataset)

    def mask(self, path: str) -> CellMask | None:
        return dict(self.masks).get(path)

    def whole(self, path: str) -> bool:
        """Whether all that lies inside is covered: no condition on its records, and no mask that hides values."""
        mask = self.mask(path)
        return not self.conditions(path.partition(".")[0]) and (mask is None or not mask.may_hide)

    def document(self) -> dict[str, Any]:
        """As JSON. Conditions and masks only where there are any: without them it is what it always was."""
        further: dict[str, Any] = {}
        if self.where:
            further["where"] = sorted([dataset, text] for dataset, text in self.where)
        if self.masks:
            further["masks"] = {path: mask.document() for path, mask in sorted(self.masks, key=lambda each: each[0])}
        return {
            "name": self.name,
            "elements": sorted(self.elements),
            "roots": None if self.roots is None else sorted(self.roots),
            "first": self.first.isoformat() if self.first else None,
            "last": self.last.isoformat() if self.last else None,
            **further,
        }


def grant_from_document(document: Mapping[str, Any]) -> Grant:
    return Grant(
        name=document["name"],
        elements=frozenset(document["elements"]),
        roots=None if document["roots"] is None else frozenset(document["roots"]),
        first=date.fromisoformat(document["first"]) if document["first"] else None,
        last=date.fromisoformat(document["last"]) if document["last"] else None,
        where=tuple((dataset, text) for dataset, text in document.get("where", ())),
        masks=tuple((path, mask_from_document(mask)) for path, mask in document.get("masks", {}).items()),
    )


@dataclass(frozen=True)
class Scope:
    """All that one caller may see of the elements it names. Grants only add."""

    grants: tuple[Grant, ...]
    seal: InitVar[object] = None
    by_element: Mapping[str, tuple[Grant, ...]] = field(init=False, repr=False, compare=False)
    fingerprint: str = field(init=False, compare=False)

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise ForgedError("a Scope is made by the gate alone")
        table: dict[str, list[Grant]] = {}
        for grant in self.grants:
            for path in grant.elements:
                table.setdefault(path, []).append(grant)
        object.__setattr__(self, "by_element", {path: tuple(grants) for path, grants in table.items()})
        # Names of agreements say nothing about what is seen, so that a renewal leaves the state as it was.
        bare = sorted({json.dumps({**g.document(), "name": ""}, sort_keys=True) for g in self.grants})
        object.__setattr__(self, "fingerprint", hashlib.sha256("\n".join(bare).encode()).hexdigest())

    @property
    def agreements(self) -> tuple[str, ...]:
        return tuple(sorted({grant.name for grant in self.grants}))

    def sees(self, path: str) -> bool:
        """Whether anything at all of the element is covered."""
        return path in self.by_element

    def refined(self, path: str) -> bool:
        """Whether any grant has a condition on the element's records or a mask for it."""
        dataset = path.partition(".")[0]
        return any(grant.conditions(dataset) or grant.mask(path) for grant in self.by_element.get(path, ()))


@dataclass(frozen=True)
class Permit:
    """The right to one kind of change: who, what action, on which dataset, within which regions (None: all)."""

    caller: Caller
    action: str
    dataset: str | None = None
    roots: frozenset[int] | None = None
    seal: InitVar[object] = None

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise ForgedError("a Permit is made by the gate alone")
