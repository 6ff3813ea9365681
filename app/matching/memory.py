"""What administrators confirmed or rejected before: answered first, and never proposed again after a rejection.

The relations are those of SKOS as SSSOM uses them: ``exact`` (the element is what the column asks), ``narrow`` (the
column asks for a part of it), ``close`` (near, but defined otherwise).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from app.catalogue.units import UnitTable
from app.matching.columns import ReadColumn, read_form
from app.matching.conversions import code_map_of, conversion_of
from app.matching.explain import facets_told
from app.matching.facets import kind_of_unit
from app.matching.form import Form
from app.matching.index import MatchIndex
from app.matching.outcome import Candidate, ColumnMatch, FormMatch, Verdict
from app.matching.signature import signature_of, speaks_for_itself, subject_of

MemoryRelation = Literal["exact", "narrow", "close"]
_ELEMENT = re.compile(r"[A-Za-z_]\w*\.[A-Za-z_]\w*")
_FRAME = ("region.", "period")
_STILL_RELATED = 0.05  # confidence from which on what is left is shown as related
_SAID_SO = "此前已由管理员{verdict}（{day}）（{english} by an administrator before）"


@dataclass(frozen=True, slots=True)
class Judgement:
    """One decision of an administrator on a heading. ``object`` is an element's path, or a formula over paths.

    ``day`` is the day it was made on; later judgements in a sequence given newest first stand behind earlier ones.
    """

    signature: str
    subject: str
    object: str
    formula: bool
    relation: MemoryRelation
    rejected: bool
    day: str


def elements_of(expression: str) -> frozenset[str]:
    """The paths that a formula names, without region and period."""
    return frozenset(path for path in _ELEMENT.findall(expression) if not path.startswith(_FRAME))


def same_formula(one: str, other: str) -> bool:
    """Whether two formulas are the same but for spaces."""
    return "".join(one.split()) == "".join(other.split())


def signatures(form: Form, index: MatchIndex) -> list[str]:
    """The signature of every column of ``form``, in its order."""
    return [signature_of(column, form.level, index) for column in read_form(form, index)]


def remembered(match: FormMatch, form: Form, index: MatchIndex, judgements: Sequence[Judgement]) -> FormMatch:
    """``match`` with what was judged before put first and what was rejected taken out.

    ``judgements`` come newest first. A judgement on a heading that says nothing by itself holds only for forms on the
    same subject; a rejection holds for every form with the heading.
    """
    if not judgements:
        return match
    subject = subject_of(form.title)
    columns = []
    for column, read in zip(match.columns, read_form(form, index), strict=True):
        signature = signature_of(read, form.level, index)
        mine = [one for one in judgements if one.signature == signature]
        columns.append(_judged(column, read, mine, subject, index) if mine else column)
    return FormMatch(tuple(columns))


def _judged(
    column: ColumnMatch, read: ReadColumn, mine: Iterable[Judgement], subject: str, index: MatchIndex
) -> ColumnMatch:
    own = speaks_for_itself(read)
    applicable = [one for one in mine if one.rejected or own or one.subject == subject]
    # What was said about this very subject goes before what was said elsewhere; the order is newest first in both.
    ordered = sorted(applicable, key=lambda one: one.subject != subject)
    standing: dict[str, Judgement] = {}
    for one in ordered:
        standing.setdefault(one.object, one)
    rejected = {one.object for one in standing.values() if one.rejected}
    for one in ordered:
        if standing[one.object] is one and not one.rejected:
            answered = _confirmed(column, read, one, index)
            if answered is not None:
                return _without(answered, rejected)
    return _refused(column, rejected)


def _confirmed(column: ColumnMatch, read: ReadColumn, one: Judgement, index: MatchIndex) -> ColumnMatch | None:
    """The column as it was judged, or None where the judgement does not fit the catalogue any more."""
    paths = elements_of(one.object) if one.formula else frozenset({one.object})
    if any(index.entry(path) is None for path in paths):
        return None
    verdict: Verdict = "related" if one.relation != "exact" else "derivable" if one.formula else "held"
    said = _SAID_SO.format(verdict="判定口径不同" if verdict == "related" else "确认", day=one.day, english="judged")
    base = replace(
        column,
        verdict=verdict,
        element=None,
        conversion=None,
        code_map=None,
        expr=None,
        inputs=(),
        lacking=(),
        confidence=1.0,
        automatic=verdict != "related",
        reasons=(said,),
        candidates=_first(column.candidates, one, index),
    )
    if verdict == "related":
        return base
    if one.formula:
        return replace(base, expr=one.object, inputs=tuple(sorted(paths)))
    entry = index.entry(one.object)
    if entry is None:
        return None
    element = entry.element
    if element.numeric and not _measured_alike(element.unit, read.unit, index.units):
        return None
    codes = index.catalogue.codelists.get(element.codes or "")
    return replace(
        base,
        element=element.path,
        conversion=conversion_of(element.unit, read.unit, index.units) if element.numeric else None,
        code_map=code_map_of(read.column.samples, codes)[0] if codes is not None else None,
    )


def _measured_alike(own: str | None, asked: str | None, units: UnitTable) -> bool:
    one, other = units.get(own or ""), units.get(asked or "")
    if one is None or other is None:
        return True
    return one.dimension == other.dimension or kind_of_unit(own, units) == kind_of_unit(asked, units)


def _first(candidates: tuple[Candidate, ...], one: Judgement, index: MatchIndex) -> tuple[Candidate, ...]:
    if one.formula:
        return candidates
    known = next((candidate for candidate in candidates if candidate.element == one.object), None)
    entry = index.entry(one.object)
    if known is None and entry is not None:
        element = entry.element
        known = Candidate(
            element.path,
            element.title,
            element.definition,
            element.unit,
            1.0,
            "exact" if one.relation == "exact" else "narrower" if one.relation == "narrow" else "other",
            "",
            "",
            facets_told(entry),
        )
    rest = tuple(candidate for candidate in candidates if candidate.element != one.object)
    return ((known,) if known is not None else ()) + rest[:4]


def _without(column: ColumnMatch, rejected: Iterable[str]) -> ColumnMatch:
    gone = set(rejected)
    return replace(column, candidates=tuple(c for c in column.candidates if c.element not in gone))


def _refused(column: ColumnMatch, rejected: set[str]) -> ColumnMatch:
    """The column without what was rejected; where that was the proposal, what is left is shown or it is new."""
    kept = _without(column, rejected)
    proposed = column.element in rejected or any(
        column.expr is not None and same_formula(column.expr, one) for one in rejected
    )
    if not proposed:
        return kept
    near = bool(kept.candidates) and kept.candidates[0].confidence >= _STILL_RELATED
    return replace(
        kept,
        verdict="related" if near else "new",
        element=None,
        conversion=None,
        code_map=None,
        expr=None,
        inputs=(),
        confidence=round(1 - kept.candidates[0].confidence, 4) if kept.candidates else 1.0,
        automatic=False,
        reasons=("管理员曾否决此项对应（an administrator rejected this proposal before）",),
    )
