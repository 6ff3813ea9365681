"""What is left of a whole when the part beside it is held: 规模以下企业 by all enterprises and those above the limit."""

from __future__ import annotations

from dataclasses import replace

from app.matching.columns import ReadColumn
from app.matching.inputs import Inputs
from app.matching.resolving import Scored


def whole_and_other(inputs: Inputs, column: ReadColumn) -> tuple[Scored, Scored] | None:
    """The whole and the other part of a division in two of which ``column`` names one part; None unless both are held.

    Both must be the column's own meaning but for the part, in the same kind of figure.
    """
    if column.promoted or column.kind == "rate":
        return None
    for members in inputs.resolver.index.lexicon.partitions.values():
        named = column.own & set(members)
        if len(members) != 2 or len(named) != 1:
            continue
        bare = column.own - named
        whole = _exactly(inputs, replace(column, own=bare), apart=frozenset(members)) if bare else None
        other = _exactly(inputs, replace(column, own=bare | (set(members) - named)), apart=frozenset(named))
        if whole and other and whole.entry.kind == other.entry.kind and whole.entry.path != other.entry.path:
            return whole, other
    return None


def _exactly(inputs: Inputs, column: ReadColumn, *, apart: frozenset[str]) -> Scored | None:
    """The element that is just what ``column`` says and nothing of ``apart``."""
    for scored in inputs.resolver.rank(column)[:3]:
        seen = scored.comparison
        exact = not seen.extra and not seen.missing and seen.may_be_same and seen.values[2] == 0
        if exact and scored.entry.element.numeric and not apart & seen.name.content:
            return scored
    return None
