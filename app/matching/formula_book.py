"""The formula library as data: ``knowledge/formulas.txt`` read once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

Alternatives = tuple[str, ...]  # terms for one input, the first that is held is taken


@dataclass(frozen=True, slots=True)
class NamedFormula:
    """``plus`` minus ``minus``, divided by ``below`` where there is one."""

    plus: tuple[Alternatives, ...]
    minus: tuple[Alternatives, ...]
    below: Alternatives | None
    times: int | None = None  # None: as the column's unit asks


@dataclass(frozen=True, slots=True)
class FormulaBook:
    named: Mapping[str, NamedFormula]
    bases: Mapping[str, tuple[str, ...]]  # process → what its rate is measured against
    wholes: Mapping[str, Alternatives]
    per: Mapping[str, tuple[Alternatives, int]]


def parse_formulas(text: str) -> FormulaBook:
    """A formula library in the format of ``knowledge/formulas.txt``; ValueError names the line at fault."""
    named: dict[str, NamedFormula] = {}
    bases: dict[str, tuple[str, ...]] = {}
    wholes: dict[str, Alternatives] = {}
    per: dict[str, tuple[Alternatives, int]] = {}
    section = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        if line.startswith("["):
            section = line.strip("[]")
            continue
        left, equals, right = (part.strip() for part in line.partition("="))
        if not equals or not right:
            raise ValueError(f"line {number}: {raw}")
        names = [name.strip() for name in left.split("|")]
        if section == "named":
            named.update(dict.fromkeys(names, _formula(right)))
        elif section == "base":
            bases[left] = tuple(right.split())
        elif section == "whole":
            wholes[left] = _alternatives(right)
        elif section == "per":
            term, _, times = right.partition("*")
            per.update(dict.fromkeys(names, (_alternatives(term), int(times))))
        else:
            raise ValueError(f"line {number}: unknown section {section}")
    return FormulaBook(named, bases, wholes, per)


def _formula(text: str) -> NamedFormula:
    text, _, times = text.partition(" * ")
    above, _, below = text.partition(" / ")
    first, *others = above.replace(" - ", " + -").split(" + ")
    plus = [first, *(term for term in others if not term.startswith("-"))]
    minus = [term[1:] for term in others if term.startswith("-")]
    return NamedFormula(
        tuple(_alternatives(term) for term in plus),
        tuple(_alternatives(term) for term in minus),
        _alternatives(below) if below else None,
        int(times) if times else None,
    )


def _alternatives(text: str) -> Alternatives:
    return tuple(part.strip() for part in text.strip().strip("()").split("|"))


@cache
def builtin_formulas() -> FormulaBook:
    """The formula library that comes with the matcher."""
    return parse_formulas(files("app.matching").joinpath("knowledge/formulas.txt").read_text("utf-8"))
