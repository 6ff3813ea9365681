"""The form gate: every column of a form against a catalogue, column by column a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from app.matching.assignment import assign
from app.matching.columns import ReadColumn, read_form
from app.matching.deriving import Derivation, Deriver
from app.matching.form import Form, refuse_hostile
from app.matching.formula import Formula, Term
from app.matching.grain import asked_level, kept_to_grain
from app.matching.grammar import Intent, intent_of
from app.matching.index import MatchIndex
from app.matching.inputs import Inputs
from app.matching.outcome import FormMatch
from app.matching.resolving import Resolver, Scored
from app.matching.sampling import agreement
from app.matching.scorer import Weights, trained_weights
from app.matching.verdicts import verdict_on

_CONSIDERED = 8
_CONTRADICTED = 0.5


def match_form(form: Form, index: MatchIndex, *, weights: Weights | None = None) -> FormMatch:
    """The verdict on every column of ``form``, in its order. Raises ``Problem`` (too_large) for a hostile form."""
    refuse_hostile(form)
    weights = weights or trained_weights()
    columns = read_form(form, index)
    resolver = Resolver(index, weights, columns[0].titled if columns else frozenset())
    ranked = [[] if column.bookkeeping else resolver.rank(column) for column in columns]
    book = index.book
    intents = [None if column.bookkeeping else intent_of(column, book) for column in columns]
    inputs = Inputs(resolver, book, columns)
    sums = [
        _sum_of(column, scored, intent, inputs, weights)
        for column, scored, intent in zip(columns, ranked, intents, strict=True)
    ]
    held = _assigned(columns, ranked, intents, sums, weights)
    inputs.held = held
    derived = _derived(columns, intents, sums, held, Deriver(inputs, form.frequency_code()))
    asked = asked_level(form.level)
    made = {p: kept_to_grain(one, asked, index) for p, one in _checked(columns, held, derived).items()}
    return FormMatch(
        tuple(
            verdict_on(column, ranked[position], held.get(position), made.get(position), resolver, asked)
            for position, column in enumerate(columns)
        )
    )


def _checked(
    columns: Sequence[ReadColumn], held: Mapping[int, Scored], derived: Mapping[int, Derivation]
) -> dict[int, Derivation]:
    """Every formula beside the samples, where the form has them: borne out, or half as sure and said so."""
    made = dict(derived)
    formulas = {position: one.formula for position, one in derived.items() if one.formula}
    for position, checked in agreement(columns, held, formulas).items():
        one = derived[position]
        confidence = one.confidence if checked.agrees else one.confidence * _CONTRADICTED
        made[position] = replace(one, confidence=confidence, why=f"{one.why}；{checked.note}")
    return made


def _sum_of(
    column: ReadColumn, ranked: Sequence[Scored], intent: Intent | None, inputs: Inputs, weights: Weights
) -> list[Scored]:
    """The parts that make the column as a sum, unless one element is the column itself."""
    if column.bookkeeping or (intent and intent.sure) or not ranked or column.part_of_whole:
        return []
    parts = inputs.parts(column)
    if not parts or min(part.log_odds for part in parts) < weights.threshold - 0.5:
        return []
    paths = {part.entry.path for part in parts}
    for scored in ranked[:3]:
        seen = scored.comparison
        itself = scored.entry.path not in paths and not seen.missing and seen.values[3] <= 0.05 and not seen.clashes
        if itself and scored.log_odds >= weights.threshold:
            return []
    return parts


def _assigned(
    columns: Sequence[ReadColumn],
    ranked: Sequence[Sequence[Scored]],
    intents: Sequence[Intent | None],
    sums: Sequence[Sequence[Scored]],
    weights: Weights,
) -> dict[int, Scored]:
    gains: list[dict[str, float]] = []
    for column, scored, intent, parts in zip(columns, ranked, intents, sums, strict=True):
        allowed = [] if parts else [s for s in scored[:_CONSIDERED] if s.comparison.may_be_same]
        if intent is not None and intent.sure:
            allowed = [s for s in allowed if s.comparison.values[0] and not column.promoted]
        if intent is not None and intent.pattern == "remainder":  # 其他收入 is never all income
            allowed = [s for s in allowed if any(word in s.entry.names_text for word in ("其他", "其它", "其余"))]
        gains.append({s.entry.path: s.log_odds - weights.threshold for s in allowed if s.log_odds > weights.threshold})
    given = assign(gains)
    held = {}
    for position, path in enumerate(given):
        if path is not None:
            held[position] = next(s for s in ranked[position] if s.entry.path == path)
    return held


def _derived(
    columns: Sequence[ReadColumn],
    intents: Sequence[Intent | None],
    sums: Sequence[Sequence[Scored]],
    held: Mapping[int, Scored],
    deriver: Deriver,
) -> dict[int, Derivation]:
    found: dict[int, Derivation] = {}
    for position, (column, intent, parts) in enumerate(zip(columns, intents, sums, strict=True)):
        if column.bookkeeping or position in held or column.part_of_whole:
            continue
        if intent is not None:
            found[position] = deriver.derive(position, intent)
        if parts and (intent is None or found[position].formula is None):
            confidence = min(part.probability for part in parts) ** 0.5
            found[position] = Derivation(_sum(parts), confidence, why="登记册按分项保存，此栏为各分项之和")
        if intent is None and not parts and (left := deriver.complement(position)) is not None:
            found[position] = left
    return found


def _sum(parts: Sequence[Scored]) -> Formula:
    return Formula(tuple(Term(part.entry.path) for part in parts))
