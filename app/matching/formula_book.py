"""The formula library as data: what comes with the matcher (``knowledge/formulas.txt``), and over it a catalogue's own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from app.catalogue.document_reader import DocumentReader
from app.catalogue.formula_documents import (
    FORMULA_KINDS,
    Alternatives,
    CatalogueFormula,
    FormulaKind,
    NamedFormula,
    read_formula,
    written_terms,
)

__all__ = ["Alternatives", "FormulaBook", "NamedFormula", "book_with", "builtin_documents", "builtin_formulas"]


@dataclass(frozen=True, slots=True)
class FormulaBook:
    named: Mapping[str, NamedFormula]
    bases: Mapping[str, tuple[str, ...]]  # process → what its rate is measured against
    wholes: Mapping[str, Alternatives]
    per: Mapping[str, tuple[Alternatives, int]]


def parse_formulas(text: str) -> list[CatalogueFormula]:
    """A formula library in the format of ``knowledge/formulas.txt``; ValueError names the line at fault."""
    found: list[CatalogueFormula] = []
    section = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        if line.startswith("["):
            section = line.strip("[]")
            continue
        left, equals, right = (part.strip() for part in line.partition("="))
        if not equals or not right or section not in FORMULA_KINDS:
            raise ValueError(f"line {number}: {raw}")
        code, *names = (name.strip() for name in left.split("|"))
        reader = DocumentReader({"code": code, "kind": section, "names": names, "formula": right}, "formulas.txt", [])
        found.append(read_formula(reader))
        if reader.faults:
            raise ValueError(f"line {number}: {reader.faults[0].message}")
    return found


def book_with(formulas: Iterable[CatalogueFormula]) -> FormulaBook:
    """The library that comes with the matcher, with a catalogue's ``formulas`` added, in its place, or turned off.

    Turning off one name turns off all names of the same formula.
    """
    named: dict[str, NamedFormula] = {}
    bases: dict[str, tuple[str, ...]] = {}
    wholes: dict[str, Alternatives] = {}
    per: dict[str, tuple[Alternatives, int]] = {}
    owners: dict[tuple[FormulaKind, str], CatalogueFormula] = {}
    for entry in (*_builtin_entries(), *formulas):
        if entry.off:
            meant = [owners[key] for name in (entry.code, *entry.names) if (key := (entry.kind, name)) in owners]
            for key in [key for key, owner in owners.items() if any(owner is one for one in meant)]:
                del owners[key]
        else:
            owners.update({(entry.kind, name): entry for name in (entry.code, *entry.names)})
    for (kind, name), entry in owners.items():
        if kind == "named" and entry.named is not None:
            named[name] = entry.named
        elif kind == "base":
            bases[name] = entry.terms
        elif kind == "whole":
            wholes[name] = entry.terms
        elif kind == "per":
            per[name] = (entry.terms, entry.times)
    return FormulaBook(named, bases, wholes, per)


@cache
def _builtin_entries() -> tuple[CatalogueFormula, ...]:
    return tuple(parse_formulas(files("app.matching").joinpath("knowledge/formulas.txt").read_text("utf-8")))


@cache
def builtin_formulas() -> FormulaBook:
    """The formula library that comes with the matcher."""
    return book_with(())


def builtin_documents() -> list[dict[str, Any]]:
    """The formulas that come with the matcher, as ``formulas.yaml`` would write them."""
    return [_document(entry) for entry in _builtin_entries()]


def _document(entry: CatalogueFormula) -> dict[str, Any]:
    if entry.named is not None:
        formula = entry.named.text()
    elif entry.kind == "base":
        formula = " ".join(entry.terms)
    else:
        formula = written_terms(entry.terms, entry.times)
    body: dict[str, Any] = {"code": entry.code}
    if entry.kind != "named":
        body["kind"] = entry.kind
    if entry.names:
        body["names"] = list(entry.names)
    return {**body, "formula": formula}
