"""The verdict on one column in words: which element and why, or which formula, or how the nearest differ."""

from __future__ import annotations

from collections.abc import Sequence

from app.catalogue.model import Level
from app.matching.columns import ReadColumn
from app.matching.conversions import code_map_of, conversion_of
from app.matching.deriving import Derivation
from app.matching.explain import candidate_of, difference, reasons_for
from app.matching.features import FEATURES
from app.matching.grain import coarse_reason, too_coarse
from app.matching.outcome import Candidate, ColumnMatch
from app.matching.resolving import Resolver, Scored

SHOWN = 5
_RELATED_FROM = 0.01  # probability from which on a candidate is shown as related
_RELATED_SIMILAR = 0.9  # or how alike the words are: the same name, otherwise defined
_RELATED_COVER = 0.6  # or the share of the column's meaning that the nearest element has
_KIND_AGREES, _COVERED = FEATURES.index("kind agrees"), FEATURES.index("covered")
_SIMILAR = FEATURES.index("similar")
_MARGIN = 1.5  # log odds by which the second choice must stay behind for a proposal to be automatic
_OF_THE_FRAME = "由行政区划或报告期给出，不需填报（given by region and period, never reported）"
_FORMS_OWN = "填表管理用栏，不是数据（the form's own administration）"


def verdict_on(
    column: ReadColumn,
    ranked: Sequence[Scored],
    held: Scored | None,
    derived: Derivation | None,
    resolver: Resolver,
    level: Level | None = None,
) -> ColumnMatch:
    """The verdict on ``column``: ``held`` by an element, ``derived`` by a formula, or by what stands nearest.

    ``level``: of the places that the form asks about.
    """
    name = column.column.name
    if column.bookkeeping:
        return ColumnMatch(name, "bookkeeping", confidence=1.0, automatic=True, reasons=(_FORMS_OWN,))
    shown = _shown(column, ranked, held)
    if held is not None:
        if level is None or not too_coarse(held.entry.element, level, resolver.index):
            return _held(column, ranked, held, shown, resolver)
        why = coarse_reason(held, level, resolver.index)
        return ColumnMatch(name, "related", confidence=round(held.probability, 4), reasons=(why,), candidates=shown)
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
    frame = _frame_of(column, level)
    if frame is not None:
        return ColumnMatch(name, "held", element=frame, confidence=1.0, reasons=(_OF_THE_FRAME,), candidates=shown)
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
    return _not_held(column, ranked, shown, resolver)


def _not_held(
    column: ReadColumn, ranked: Sequence[Scored], shown: tuple[Candidate, ...], resolver: Resolver
) -> ColumnMatch:
    """What stands near the column without being it, or that nothing does."""
    name = column.column.name
    nearest = _related(ranked)
    if nearest is not None:
        chinese, english = difference(nearest.comparison, column)
        title = nearest.entry.element.title
        return ColumnMatch(
            name,
            "related",
            confidence=_surely_not(ranked),
            reasons=(f"与“{title}”相近但口径不同：{chinese}（{english}）",),
            candidates=_shown(column, ranked, nearest),
        )
    others = resolver.measured_otherwise(column)
    if others:
        element = others[0].entry.element
        measures = f"{element.unit or '其单位'}与{column.unit or '表中单位'}"
        why = f"与“{element.title}”同义，但{measures}不能换算（not convertible）"
        return ColumnMatch(
            name,
            "related",
            confidence=1.0,
            reasons=(why,),
            candidates=_shown(column, [*others, *ranked], None),
        )
    return ColumnMatch(
        name,
        "new",
        confidence=_surely_not(ranked),
        reasons=("登记册中没有相近的数据（nothing near is held）",),
        candidates=shown,
    )


def _related(ranked: Sequence[Scored]) -> Scored | None:
    """The best candidate that is near enough to be shown beside the column, and otherwise defined."""
    for scored in ranked:
        seen = scored.comparison
        mine, theirs = {one for one, _ in seen.clashes}, {other for _, other in seen.clashes}
        if mine and seen.extra <= mine and seen.missing <= theirs and seen.values[_KIND_AGREES] == 1:
            return scored  # the same but for one word that excludes the other: 实有 beside 常住
    for scored in ranked[:SHOWN]:
        values = scored.comparison.values
        alike = values[_COVERED] >= _RELATED_COVER or values[_SIMILAR] >= _RELATED_SIMILAR
        if scored.probability >= _RELATED_FROM or alike:
            return scored
    return None


def _frame_of(column: ReadColumn, level: Level | None) -> str | None:
    """What every view gives without any element: whose row it is and for when. Only asked where no element answers."""
    if level == "village" and column.kind == "name" and column.own:
        if column.own <= {"行政村", "居委会", "地区"}:
            return "region.name"
        if column.own == {"乡镇"}:
            return "region.parent"
    if column.own <= {"乡镇", "地区"} and column.own and column.kind in {"name", "number"}:
        return f"region.{'name' if column.kind == 'name' else 'code'}"
    if column.own == {"县"} and column.kind == "name":
        return "region.parent"
    if column.own == {"行政区划"} and column.kind == "number":
        return "region.code"
    return "period" if column.own == {"报告时期"} and column.unit is None else None


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
    resolver: Resolver,
) -> ColumnMatch:
    index = resolver.index
    element = held.entry.element
    reasons = reasons_for(held)
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
    sure = held.log_odds >= resolver.weights.automatic and held.log_odds - rest >= _MARGIN
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
