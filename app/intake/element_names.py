"""Which element a heading means: by code, title or alias, alone or together with the headings above it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from app.catalogue.model import Catalogue, Dataset, Element
from app.intake.roles import TOTAL_HEADINGS
from app.intake.spelling import brackets_off, undecorated

_UNIT_MARKS = re.compile(r"[/,、:]|单位:?")


class Resolved(NamedTuple):
    """What a heading means. ``codes``: one element, or several where the name is not clear.

    ``notes`` are the contents of the trailing brackets that are no part of the name (a unit, perhaps), lowest first.
    ``alone``: the name was found without the headings above it.
    """

    codes: frozenset[str]
    notes: tuple[str, ...]
    alone: bool


class ElementNames:
    """The names of a dataset's elements, ready for looking up."""

    def __init__(self, dataset: Dataset, catalogue: Catalogue) -> None:
        self.dataset = dataset
        self._units = catalogue.units
        self._folded_units = catalogue.units.folded()
        self._codes: dict[str, set[str]] = {}
        self._names: dict[str, set[str]] = {}
        for element in dataset.elements:
            self._codes.setdefault(undecorated(element.code), set()).add(element.code)
            for name in (element.title, *element.aliases):
                self._names.setdefault(undecorated(name), set()).add(element.code)
        for element in dataset.elements:  # a title may carry its unit: 耕地面积(公顷)
            for name in (element.title, *element.aliases):
                rest = brackets_off(undecorated(name))
                if rest is not None and self.is_unit(rest[1]) and rest[0] not in self._names:
                    self._names.setdefault(rest[0], set()).add(element.code)

    def unit(self, text: str) -> str | None:
        """The unit that ``text`` means, whatever the case of its letters (headings are folded): a code of the catalogue."""
        if not text:
            return None
        if self._units.get(text) is not None:
            return text
        found = self._folded_units.get(text.casefold())
        return found or None

    def is_unit(self, text: str) -> bool:
        """Whether the catalogue knows ``text`` as a unit of measure."""
        return self.unit(text) is not None

    def exact(self, text: str) -> frozenset[str]:
        """The elements that an undecorated heading names as it stands: by code, otherwise by title or alias."""
        return frozenset(self._codes.get(text) or self._names.get(text) or ())

    def named(self, heading: str) -> tuple[frozenset[str], tuple[str, ...]]:
        """The elements a single heading may mean, and what its brackets say besides."""
        text = undecorated(heading)
        notes: list[str] = []
        while True:
            found = self.exact(text)
            if found:
                return found, tuple(notes)
            rest = brackets_off(text) or self._unit_behind(text)
            if rest is None:
                return frozenset(), ()
            text = undecorated(rest[0])
            notes.append(rest[1])

    def _unit_behind(self, text: str) -> tuple[str, str] | None:
        """A heading whose unit stands behind a mark instead of in brackets: 耕地面积/亩, 耕地面积，亩."""
        for mark in _UNIT_MARKS.finditer(text):
            head, unit = text[: mark.start()], text[mark.end() :]
            if head and self.is_unit(unit) and self.exact(undecorated(head)):
                return head, unit
        return None

    def resolve(self, path: Sequence[str]) -> Resolved | None:
        """The element that a path of headings means (top first); None if no element has such a name.

        The longest run of headings that names one element wins; a leaf such as 合计 stands for the heading above it.
        """
        parts = [part for part in path if part]
        if not parts:
            return None
        several: Resolved | None = None
        for start in range(len(parts)):
            tail = parts[start:]
            if len(tail) == 1:
                found, notes = self.named(tail[0])
            else:
                found, notes = self._joined(tail)
            if len(found) == 1:
                return Resolved(found, notes, alone=len(tail) == 1)
            if found:
                several = Resolved(found, notes, alone=len(tail) == 1)
        if several is None and len(parts) > 1 and undecorated(parts[-1]) in TOTAL_HEADINGS:
            return self.resolve(parts[:-1])
        return several

    def _joined(self, parts: Sequence[str]) -> tuple[frozenset[str], tuple[str, ...]]:
        leaf = undecorated(parts[-1])
        notes: list[str] = []
        above = []
        for part in parts[:-1]:
            text = undecorated(part)
            rest = brackets_off(text)
            above.append((text, rest[0] if rest is not None and self.is_unit(rest[1]) else text))
        while True:
            for pick in (0, 1):
                names = [names[pick] for names in above]
                for text in (
                    *(sign.join([*names, leaf]) for sign in ("", "/", "-", "其中", "其中:", "_", ":")),
                    f"{leaf}({''.join(names)})",
                ):
                    found = self.exact(text)
                    if found:
                        return found, tuple(notes)
            rest = brackets_off(leaf)
            if rest is None:
                return frozenset(), ()
            leaf = undecorated(rest[0])
            notes.append(rest[1])

    def near(self, heading: str, limit: int = 3) -> list[Element]:
        """Elements whose name contains the heading, or the other way round: for saying what may have been meant."""
        text = undecorated(heading)
        if len(text) < 2:
            return []
        close = [
            e
            for e in self.dataset.elements
            if any(text in undecorated(n) or undecorated(n) in text for n in (e.title, *e.aliases))
        ]
        return close[:limit]
