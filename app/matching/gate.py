"""The form gate: every column of a form against a catalogue, column by column a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.matching.assignment import assign
from app.matching.columns import ReadColumn, read_form
from app.matching.conversions import code_map_of, conversion_of
from app.matching.deriving import Derivation, Deriver
from app.matching.explain import candidate_of, difference, reasons_for
from app.matching.form import Form, refuse_hostile
from app.matching.formula import Formula, Term
from app.matching.formula_book import builtin_formulas
from app.matching.grammar import Intent, intent_of
from app.matching.index import MatchIndex
from app.matching.inputs import Inputs
from app.matching.outcome import Candidate, ColumnMatch, FormMatch
from app.matching.resolving import Resolver, Scored
from app.matching.sampling import agreement
from app.matching.scorer import Weights, trained_weights

SHOWN = 5
_CONSIDERED = 8
_RELATED_FROM = 0.01  # probability below which a candidate is not even shown as related
_MARGIN = 1.5  # log odds by which the second choice must stay behind for a proposal to be automatic
_CONTRADICTED = 0.5


def match_form(form: Form, index: MatchIndex, *, weights: Weights | None = None) -> FormMatch:
    """The verdict on every column of ``form``, in its order. Raises ``Problem`` (too_large) for a hostile form."""
    refuse_hostile(form)
    weights = weights or trained_weights()
    columns = read_form(form, index)
    resolver = Resolver(index, weights, columns[0].titled if columns else frozenset())
    ranked = [[] if column.bookkeeping else resolver.rank(column) for column in columns]
    book = builtin_formulas()
    intents = [None if column.bookkeeping else intent_of(column, book) for column in columns]
    inputs = Inputs(resolver, book, columns)
    sums = [
        _sum_of(column, scored, intent, inputs, weights)
        for column, scored, intent in zip(columns, ranked, intents, strict=True)
    ]
    held = _assigned(columns, ranked, intents, sums, weights)
    inputs.held = held
    derived = _derived(columns, intents, sums, held, Deriver(inputs, form.frequency_code()))
    made = dict(derived)
    for position, checked in agreement(columns, held, {p: d.formula for p, d in derived.items() if d.formula}).items():
        if not checked.agrees:
            made[position] = Derivation(
                derived[position].formula,
                derived[position].confidence * _CONTRADICTED,
                (),
                derived[position].why + "；" + checked.note,
            )
        else:
            made[position] = Derivation(
                derived[position].formula, derived[position].confidence, (), derived[position].why + "；" + checked.note
            )
    return FormMatch(
        tuple(
            _verdict(column, ranked[position], held.get(position), made.get(position), index, weights)
            for position, column in enumerate(columns)
        )
    )


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
        allowed = [] if column.part_of_whole or parts else [s for s in scored[:_CONSIDERED] if s.comparison.may_be_same]
        if intent is not None and intent.sure:
            allowed = [s for s in allowed if s.comparison.values[0] and not column.promoted]
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
    return found


def _sum(parts: Sequence[Scored]) -> Formula:
    return Formula(tuple(Term(part.entry.path) for part in parts))


def _verdict(
    column: ReadColumn,
    ranked: Sequence[Scored],
    held: Scored | None,
    derived: Derivation | None,
    index: MatchIndex,
    weights: Weights,
) -> ColumnMatch:
    name = column.column.name
    if column.bookkeeping:
        return ColumnMatch(
            name,
            "bookkeeping",
            confidence=1.0,
            automatic=True,
            reasons=("填表管理用栏，不是数据（the form's own administration）",),
        )
    shown = _shown(column, ranked, held)
    if held is not None:
        return _held(column, ranked, held, shown, index, weights)
    if derived is not None and derived.formula is not None:
        return ColumnMatch(
            name,
            "derivable",
            expr=derived.formula.text(),
            inputs=derived.formula.inputs,
            confidence=round(derived.confidence, 4),
            reasons=(f"可由已有数据算出：{derived.why}（derivable from what is held）",),
            candidates=shown,
        )
    lacking = derived.lacking if derived else ()
    if lacking:
        named = "、".join(lacking)
        return ColumnMatch(
            name,
            "new",
            lacking=lacking,
            confidence=_surely_not(ranked),
            reasons=(f"计算所需的“{named}”未登记（an input is not held: {named}）",),
            candidates=shown,
        )
    near = bool(ranked) and (ranked[0].probability >= _RELATED_FROM or ranked[0].comparison.values[1] >= 0.6)
    if near:
        chinese, english = difference(ranked[0].comparison, column)
        title = ranked[0].entry.element.title
        return ColumnMatch(
            name,
            "related",
            confidence=_surely_not(ranked),
            reasons=(f"与“{title}”相近但口径不同：{chinese}（{english}）",),
            candidates=shown,
        )
    return ColumnMatch(
        name,
        "new",
        confidence=_surely_not(ranked),
        reasons=("登记册中没有相近的数据（nothing near is held）",),
        candidates=shown,
    )


def _surely_not(ranked: Sequence[Scored]) -> float:
    return round(1 - ranked[0].probability, 4) if ranked else 1.0


def _shown(column: ReadColumn, ranked: Sequence[Scored], held: Scored | None) -> tuple[Candidate, ...]:
    ordered = [held, *(s for s in ranked if s is not held)] if held else list(ranked)
    return tuple(candidate_of(scored, column) for scored in ordered[:SHOWN])


def _held(
    column: ReadColumn,
    ranked: Sequence[Scored],
    held: Scored,
    shown: tuple[Candidate, ...],
    index: MatchIndex,
    weights: Weights,
) -> ColumnMatch:
    element = held.entry.element
    reasons = reasons_for(held, column)
    conversion = conversion_of(element.unit, column.unit, index.units) if element.numeric else None
    if conversion and conversion.assumed:
        reasons.append(f"表中未注明单位，按“{conversion.source}”理解（the unit is assumed）")
    elif conversion and conversion.by_counting_word:
        reasons.append(f"“{conversion.target}”与“{conversion.source}”都是计数用词（words for counting the same）")
    elif conversion and conversion.factor != "1":
        reasons.append(f"{conversion.source}换算为{conversion.target}，乘以{conversion.factor}（exact factor）")
    code_map = None
    codes = index.catalogue.codelists.get(element.codes or "")
    if codes is not None:
        code_map, unknown = code_map_of(column.column.samples, codes)
        if unknown:
            reasons.append(f"“{'、'.join(unknown[:5])}”不在代码表“{codes.title}”中（not in the code list）")
    rest = max((s.log_odds for s in ranked if s is not held), default=-40.0)
    sure = held.log_odds >= weights.automatic and held.log_odds - rest >= _MARGIN
    return ColumnMatch(
        column.column.name,
        "held",
        element=element.path,
        conversion=conversion,
        code_map=code_map,
        confidence=round(held.probability, 4),
        automatic=sure,
        reasons=tuple(reasons),
        candidates=shown,
    )
