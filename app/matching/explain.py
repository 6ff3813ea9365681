"""Saying why, and how a column and an element differ: Chinese first, English beside it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.catalogue.facet_documents import facets_document
from app.matching.columns import ReadColumn
from app.matching.features import Comparison
from app.matching.index import Entry
from app.matching.outcome import Candidate, Relation
from app.matching.resolving import Scored

_TIMES = {
    "year": "当年",
    "endpoint": "期末",
    "period": "本期",
    "month": "当月",
    "ytd": "累计",
    "lastyear": "上年",
    "previous": "上期",
    "opening": "期初",
    "new": "新增",
}


def words(concepts: Iterable[str]) -> str:
    """Concepts as people read them."""
    return "、".join(sorted(concept.removeprefix("?") for concept in concepts))


def relation_of(seen: Comparison) -> Relation:
    """How the column stands to the element: the same, a part of it, wider, or otherwise defined."""
    if seen.clashes:
        return "other"
    narrower = bool(seen.narrowed) or seen.values[3] > 0.3 or seen.values[5] > 0.3 or seen.values[16] > 0
    wider = seen.values[6] > 0.3
    if narrower and wider:
        return "other"
    if narrower:
        return "narrower"
    return "wider" if wider else "exact"


def candidate_of(scored: Scored, column: ReadColumn) -> Candidate:
    """A candidate as it is shown, with its definition and the difference in words."""
    element = scored.entry.element
    chinese, english = difference(scored.comparison, column)
    return Candidate(
        element=element.path,
        title=element.title,
        definition=element.definition,
        unit=element.unit,
        confidence=round(scored.probability, 4),
        relation=relation_of(scored.comparison),
        difference=chinese,
        difference_en=english,
        facets=facets_told(scored.entry),
    )


def facets_told(entry: Entry) -> dict[str, Any]:
    """What the element means, facet by facet; ``set`` names those that the catalogue sets itself."""
    said = entry.element.facets
    return entry.title.facets.document() | {
        "measure": entry.kind,
        "set": sorted(facets_document(said)) if said is not None else [],
    }


def difference(seen: Comparison, column: ReadColumn) -> tuple[str, str]:
    """How the column differs from the element, in one sentence each; said so if nothing is known to differ."""
    chinese: list[str] = []
    english: list[str] = []
    for mine, theirs in seen.clashes[:2]:
        chinese.append(f"表中为“{words([mine])}”，已有数据为“{words([theirs])}”")
        english.append(f"the form says {mine}, the element {theirs}")
    narrowing = seen.extra | (column.above - seen.entry.support - column.titled)
    if narrowing:
        chinese.append(f"表中多限定“{words(narrowing)}”，口径更窄")
        english.append(f"the form narrows it by {words(narrowing)}")
    if seen.missing:
        by_hand, by_hand_en = ("（目录设定）", " (as the catalogue sets)") if seen.entry.element.facets else ("", "")
        chinese.append(f"已有数据限定“{words(seen.missing)}”{by_hand}，表中未写")
        english.append(f"the element is limited to {words(seen.missing)}{by_hand_en}, which the form does not say")
    if seen.narrowed - narrowing:
        chinese.append(f"表中只指“{words(seen.narrowed)}”")
        english.append(f"the form is about {words(seen.narrowed)} only")
    if column.part_of_whole:
        chinese.append("本表另有总计栏，此栏只是其中一部分")
        english.append("the form has a total beside it, this is one part")
    if seen.values[15] >= 1:
        own = "、".join(_TIMES[t] for t in sorted(column.facets.time)) or "未限定"
        chinese.append(f"时间口径不同（表中：{own}）")
        english.append("the time aspect differs")
    if seen.values[11] == 0 and column.unit_given and seen.entry.kind not in {None, column.kind}:
        chinese.append("计量单位不同，不能换算")
        english.append("measured in units that do not convert")
    if not chinese:
        return "未见口径差别", "no difference found"
    return "；".join(chinese), "; ".join(english)


def reasons_for(scored: Scored) -> list[str]:
    """Why the column is held by the element."""
    seen = scored.comparison
    element = scored.entry.element
    found = []
    if seen.values[0]:
        named = "名称" if seen.name is scored.entry.title else "别名"
        found.append(
            f"与“{element.title}”的{named}含义相同（same meaning as the {'title' if named == '名称' else 'alias'}）"
        )
    else:
        found.append(f"与“{element.title}”含义相同（same facets）")
    if seen.supplied:
        found.append(f"“{words(seen.supplied)}”由表头或表名给出（given by headings or title）")
    if seen.only_defined:
        found.append(f"“{words(seen.only_defined)}”见于其定义（found in its definition）")
    return found
