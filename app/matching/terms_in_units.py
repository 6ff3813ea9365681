"""A formula's terms brought to the unit that a column asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from app.catalogue.units import UnitMismatch, UnitTable
from app.matching.columns import ReadColumn
from app.matching.formula import Formula, Term
from app.matching.resolving import Scored


def in_unit_of_column(column: ReadColumn, formula: Formula, inputs: Sequence[Scored], table: UnitTable) -> Formula:
    """Every term in the unit the form asks for; a ratio of like figures in one unit. What converts into nothing stays."""
    units = {s.entry.path: s.entry.element.unit for s in inputs}
    first = units[formula.above[0].path]
    asked = column.unit if column.unit_given else None
    upper, _, lower = (asked or "").partition("/")
    if not formula.below:
        return replace(formula, above=tuple(_to(term, units, asked or first, table) for term in formula.above))
    above = tuple(_to(term, units, upper or first, table) for term in formula.above)
    target = above[0].unit or first
    below = tuple(_to(term, units, lower or target, table) for term in formula.below)
    return replace(formula, above=above, below=below)


def _to(term: Term, units: Mapping[str, str | None], target: str | None, table: UnitTable) -> Term:
    unit = units[term.path]
    if not unit or not target or table.same(unit, target):
        return term
    try:
        factor = table.factor(unit, target)
    except UnitMismatch:
        return term
    return term if factor == 1 else replace(term, unit=target, factor=factor)
