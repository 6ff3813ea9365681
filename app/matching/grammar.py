"""How derived columns are named: shares, quotients, per head, rates, growth, last year, cumulated, remainders."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from app.matching.columns import ReadColumn
from app.matching.formula_book import FormulaBook

Pattern = Literal[
    "share",
    "share of whole",
    "quotient",
    "per",
    "per each",
    "per area",
    "per occasion",
    "density",
    "per counted",
    "named",
    "rate",
    "yield",
    "growth",
    "increase",
    "last year",
    "previous growth",
    "cumulated",
    "remainder",
    "plan share",
    "not done",
]

_LAST_YEAR = r"(?:上年同期|去年同期|上年同月|上年度|上年|去年|同期)"
_COMPARED = rf"(?:(?:与|比|较|同)?{_LAST_YEAR}(?:相比|比)?|同比)"
_GROWTH = re.compile(
    rf"(?:年均)?(?:{_COMPARED}(?:增长|增减|增加|增|升降|变化|±)?[±+\-]*(?:率|幅度|幅|百分比)?|增长率|增长速度|增速|增幅|增长幅度|增长|增减率|增减幅度|增减)$"
)
_INCREASE = re.compile(
    rf"(?:{_COMPARED})?(?:增减额|增减量|增减数|增加额|增加量|增加数|增减|增收|增支|净增加|增加|减少|增量|增长额|增长量|增额)$"
)
_PREVIOUS = re.compile(r"(?:环比|(?:比|较)上(?:月|季|期))(?:增长|增减|增幅|增速|变化)?(?:率|幅度)?$")
_WAS = re.compile(rf"^{_LAST_YEAR}(?:末|底)?(?:数|数值|完成|完成数)?|(?:的)?{_LAST_YEAR}(?:数|数值|完成|完成数)$")
_CUMULATED = re.compile(
    r"(?:(?:自|从)?年初(?:以来)?(?:至今)?累计|本年累计|全年累计|当年累计|当月累计|1-本月累计|1至本月累计|累计(?:数|完成)?$)"
)
_SHARE = re.compile(r"^(.*?)(?:占|在)(.+?)(?:的|中的?|中所占)?(?:比重|比例|百分比|百分率|比率|比|之比|份额)?$")
_SHARE_WORDS = re.compile(r"的?(?:所占比例|所占比重|占总数比例|占比|比重|比例|构成比)$")
_PLAN = re.compile(
    r"^(.*?)(?:完成|占|为|达到)?(年初|调整|全年|年度)?(?:预算数?|计划数?|任务数?|目标数?)(?:的)?(?:完成率|完成比例|百分比|比例|比重|比|进度|%)?$"
)
_PLAN_RATE = re.compile(
    r"^(.*?)(?:(年初|调整)?(?:预算|计划|任务|目标))?(?:完成率|完成比例|完成进度|执行率|竣工率|完成预算比例)$"
)
_RATE = re.compile(r"^(.+?)(?:普及率|覆盖率|普及程度|占有率|达标率|入户率|到户率|入村率|通村率|比率|比例|率)$")
_DENSITY = re.compile(r"^(.{2,})密度$")
_YIELD = re.compile(r"^(.*?)(?:平均)?(?:亩产量?|单产量?|单位面积产量|每亩产量|公顷产量|每公顷产量)$")
_NOT = re.compile(r"^(.*?)(?:尚未|未|没有|暂未)(.+)$")
_VILLAGES = frozenset({"行政村", "自然村"})
_OTHER = re.compile(r"^(?:其他|其它|其余|另外)")
_EACH = re.compile(r"^(?:平均)?每一?(?:个|所|名|户|家|座|处|栋|位)(.{3,})$")
_AREA = re.compile(r"^单位(.{0,6}?)面积(.{2,})$")
_OCCASION = re.compile(r"^次均(.{2,})$")
_COUNTED = re.compile(r"^([批件起宗处座所家栋幢间床班])均(.{2,})$")
_RATIO = re.compile(r"^(.{2,}?)(?:与|和|同|对)(.{2,}?)(?:之比|的?比例|的?比值)$")
_QUOTIENT = re.compile(r"^(.{2,})/(.{2,})$")


@dataclass(frozen=True, slots=True)
class Intent:
    """What a column's name says about how it is derived; ``first`` and ``second`` are the terms, perhaps empty."""

    pattern: Pattern
    first: str = ""
    second: str = ""
    sure: bool = True  # the name cannot mean a figure of its own


def intent_of(column: ReadColumn, book: FormulaBook) -> Intent | None:
    """How the column is derived by its name, None if the name says nothing of the kind."""
    term = column.heading.term
    rate_like = column.kind == "rate" or column.facets.measure == "rate" or column.facets.share or _percent(column)
    if rate_like and column.heading.notes and (column.own | column.notes) & _VILLAGES:
        return _by_rate(term)  # 自来水普及率（行政村） is one of villages, whatever the usual formula counts
    found = _by_named(term, book) or _by_quotient(term, book)
    found = found or _by_time(term, column, rate_like=rate_like) or _by_per(term, book, nested=bool(column.column.path))
    if found is not None:
        return found
    if rate_like:
        return _by_rate(term)
    if _OTHER.match(term):
        return Intent("remainder", term, sure=False)
    refused = _NOT.match(term)
    if refused:
        return Intent("not done", refused[1], refused[2], sure=False)
    return None


def _percent(column: ReadColumn) -> bool:
    return column.unit in {"%", "‰"} or any(sample.strip().endswith(("%", "‰")) for sample in column.column.samples)


def _by_named(term: str, book: FormulaBook) -> Intent | None:
    for name in sorted(book.named, key=len, reverse=True):
        if term == name or (len(name) >= 3 and term.endswith(name)):
            return Intent("named", name, term[: len(term) - len(name)])
    return None


def _by_quotient(term: str, _: FormulaBook) -> Intent | None:
    match = _QUOTIENT.match(term) or _RATIO.match(term)
    return Intent("quotient", match[1], match[2]) if match else None


def _by_per(term: str, book: FormulaBook, *, nested: bool) -> Intent | None:
    produced = _YIELD.match(term)
    if produced:
        return Intent("yield", produced[1])
    for word in sorted(book.per, key=len, reverse=True):
        before, found, after = term.partition(word)
        if found and (before + after or (word.endswith("均") and nested)):
            return Intent("per", word, before + after.removeprefix("拥有").removeprefix("占有"), sure=False)
    each = _EACH.match(term)
    if each:
        return Intent("per each", "", each[1])
    area = _AREA.match(term)
    if area:
        return Intent("per area", area[1], area[2])
    spread = _DENSITY.match(term)
    if spread:
        return Intent("density", "", spread[1])
    occasion = _OCCASION.match(term)
    if occasion:
        return Intent("per occasion", "次均", occasion[1])
    counted = _COUNTED.match(term)
    return Intent("per counted", counted[1], counted[2]) if counted else None


def _by_time(term: str, column: ReadColumn, *, rate_like: bool) -> Intent | None:
    previous = _PREVIOUS.search(term)
    if previous:
        return Intent("previous growth", term[: previous.start()])
    growth, increase = _GROWTH.search(term), _INCREASE.search(term)
    if growth and (rate_like or "率" in growth.group() or "幅" in growth.group() or "速" in growth.group()):
        return Intent("growth", term[: growth.start()])
    if increase and ("同比" in term or "比" in increase.group() or increase.start() == 0 or len(increase.group()) > 2):
        return Intent("increase", term[: increase.start()])
    if growth and growth.group() != "同期" and ("增" in growth.group() or "±" in growth.group()):
        return Intent("growth" if column.unit is None or rate_like else "increase", term[: growth.start()])
    was = _WAS.search(term)
    if was:
        return Intent("last year", term[: was.start()] + term[was.end() :])
    cumulated = _CUMULATED.search(term)
    if cumulated:
        return Intent("cumulated", term[: cumulated.start()] + term[cumulated.end() :], cumulated.group(), sure=False)
    return None


def _by_rate(term: str) -> Intent | None:
    planned = _PLAN.match(term)
    if planned:
        return Intent("plan share", planned[1].removesuffix("占").removesuffix("完成"), planned[2] or "")
    planned = _PLAN_RATE.match(term)
    if planned:
        return Intent("plan share", planned[1], planned[2] or "")
    share = _SHARE.match(term)
    if share and len(share[2]) >= 2 and not _SHARE_WORDS.fullmatch("占" + share[2]):
        return Intent("share", share[1], share[2])
    bare = _SHARE_WORDS.search(term)
    if bare:
        return Intent("share of whole", term[: bare.start()])
    rate = _RATE.match(term)
    return Intent("rate", rate[1]) if rate else None
