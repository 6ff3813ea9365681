"""Meaning as data, after ISO/IEC 11179: what a term counts, how qualified, how measured, when, counted in which way."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.catalogue.model import Catalogue, Element
from app.catalogue.units import UnitTable
from app.matching.lexicon import Lexicon, Token
from app.matching.text import Heading, folded

WAYS_OF_COUNTING = frozenset({
    "户籍", "常住", "实有", "暂住", "流动", "外来", "持证", "贫困", "返贫监测",
    "同口径", "自然口径", "折纯", "人均", "规模以上", "按时", "超时", "未办结", "满意", "不满意",
})  # fmt: skip
TEXT_KINDS = frozenset({"name", "number", "contact", "kind", "level", "whether", "date", "place", "person"})
COUNTING_WORDS = {  # words for counting that may stand for each other; 户 栋 间 人 人次 never do
    "persons": "人 名 位",
    "count": "个 家 所 处 座 项 件 起 条 宗 份 部 台 盏 口 场 次 例 站 眼 辆 支 单",
    "households": "户",
    "visits": "人次",
    "household visits": "户次",
    "buildings": "栋 幢",
    "rooms": "间",
    "suites": "套",
    "beds": "张 床 床位",
    "batches": "批 批次",
    "plants": "株 棵",
    "heads": "头 只 匹 羽 头(只)",
    "pairs": "对",
}
KIND_OF_WORD = {word: kind for kind, words in COUNTING_WORDS.items() for word in words.split()}
_KIND_OF_DIMENSION = {
    (): "rate",
    (("米", 2),): "area",
    (("米", 1),): "length",
    (("米", 3),): "volume",
    (("公斤", 1),): "mass",
    (("元", 1),): "money",
    (("天", 1),): "days",
    (("瓦", 1),): "power",
}
_DONE = re.compile(r"(?<!未)(?<!待)(?<!应)完成")


@dataclass(frozen=True, slots=True)
class Facets:
    """The facets of one term.

    ``content``: object class and qualifiers as concepts, in order; ``time``: time aspects; ``measure``: the kind its
    head names, None if it names none; ``noun_kind``: the kind its last noun suggests; ``counting``: ways of counting.
    """

    surface: str
    content: tuple[str, ...]
    time: frozenset[str]
    measure: str | None
    noun_kind: str | None
    share: bool = False

    @property
    def object_class(self) -> str | None:
        """What is counted: the last noun."""
        return self.content[-1] if self.content else None

    @property
    def qualifiers(self) -> frozenset[str]:
        return frozenset(self.content[:-1])

    @property
    def counting(self) -> frozenset[str]:
        return frozenset(self.content) & WAYS_OF_COUNTING

    def document(self) -> dict[str, Any]:
        """The facets as people and programs read them; marks of unlisted words are left out."""
        plain = [concept.removeprefix("?") for concept in self.content]
        return {
            "object": plain[-1] if plain else None,
            "qualifiers": [word for word in plain[:-1] if word not in WAYS_OF_COUNTING],
            "measure": self.measure or self.noun_kind,
            "time": sorted(self.time),
            "counting": sorted(word for word in plain if word in WAYS_OF_COUNTING),
        }


def facets_of(text: str, lexicon: Lexicon) -> Facets:
    """The facets of a bare term (no numbering, no brackets)."""
    return _composed(text, lexicon.cut(text))


def facets_of_heading(heading: Heading, lexicon: Lexicon) -> Facets:
    """The facets of a heading, its notes in brackets among the qualifiers."""
    notes = [token for note in heading.notes for token in lexicon.cut(note)]
    return _composed(heading.term, (*notes, *lexicon.cut(heading.term)))


def _composed(surface: str, tokens: Iterable[Token]) -> Facets:
    content: list[str] = []
    time: set[str] = set()
    measure: str | None = None
    noun_kind: str | None = None
    share = False
    for token in tokens:
        if token.role == "time":
            time.add(token.concept)
        elif token.role == "measure":
            if token.concept == "share":
                share = True
            elif not (token.kind == "count" and measure is not None):
                measure = token.kind
        elif token.role != "filler":
            if token.concept not in content:
                content.append(token.concept)
            noun_kind = token.kind or noun_kind
    if "计划" in content and _DONE.search(surface):
        content.append("完成")  # what is done of a task is not the task
    return Facets(surface, tuple(content), frozenset(time), measure, noun_kind, share)


def kind_of_unit(unit: str | None, units: UnitTable) -> str | None:
    """The kind of figure a unit measures: ``area``, ``persons``, ``count`` …; None without unit."""
    found = units.get(unit) if unit else None
    if found is None:
        return None
    if found.dimension in _KIND_OF_DIMENSION:
        return _KIND_OF_DIMENSION[found.dimension]
    if len(found.dimension) == 1 and found.dimension[0][1] == 1:
        word = found.dimension[0][0]
        return KIND_OF_WORD.get(word, f"other:{word}")
    return "other:" + "·".join(f"{base}{exponent}" for base, exponent in found.dimension)


def kind_of_element(element: Element, facets: Facets, units: UnitTable) -> str | None:
    """How the element is measured; for facts without unit, the kind its title names."""
    by_unit = kind_of_unit(element.unit, units)
    if by_unit is not None:
        return by_unit
    if element.numeric:
        return facets.measure or facets.noun_kind
    if element.type == "boolean":
        return "whether"
    if element.type == "date":
        return "date"
    return facets.measure if facets.measure in TEXT_KINDS else "text"


def definition_concepts(element: Element, catalogue: Catalogue, lexicon: Lexicon) -> frozenset[str]:
    """Every concept the definition and the dataset's title mention."""
    dataset = catalogue.datasets[element.dataset]
    found: set[str] = set()
    for text in (element.definition, dataset.title):
        for piece in folded(text).replace("(", ",").replace(")", ",").replace("、", ",").split(","):
            found.update(t.concept for t in lexicon.cut(piece) if t.role in {"term", "threshold"})
    return frozenset(found)
