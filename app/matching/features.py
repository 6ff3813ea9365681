"""How a column and an element compare: a vector of named numbers, each with a plain meaning."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from app.catalogue.units import UnitMismatch
from app.matching.columns import PLACES, POPULATIONS, ReadColumn, text_like
from app.matching.facets import TEXT_KINDS
from app.matching.index import Entry, MatchIndex, Name

COUNTABLE = frozenset(
    {
        "persons",
        "households",
        "count",
        "visits",
        "buildings",
        "rooms",
        "beds",
        "batches",
        "plants",
        "heads",
        "pairs",
        "household visits",
        "suites",
        "days",
    }
)
WEIGHABLE = frozenset({"mass", "volume", "plants", "energy"})
_INCOMES = frozenset({"收入", "收益", "资产", "产值", "负债", "利润", "损失", "投资", "财产", "零售", "预算"})
FEATURES = (
    "same name",  # name equals a title or alias, as concepts and measure
    "covered",  # share of the column's own meaning that the element's name has
    "by definition",  # weight of own concepts found only in definition or other names
    "extra",  # weight of own concepts the element does not have: the column is narrower
    "extra in brackets",
    "extra above",  # weight of restricting headings' concepts that the element does not have
    "missing",  # weight of the element's concepts found nowhere around the column
    "from above",  # weight of the element's concepts that the headings supply
    "from title",  # weight of the element's concepts that only the form's title supplies
    "excluding",  # concepts that exclude each other, in the name
    "excluding above",
    "kind agrees",
    "kind open",
    "similar",  # character pairs of the name against titles and aliases
    "similar in full",
    "time differs",
    "part of whole",
    "around",  # share of the title's and headings' meaning that the element supports
    "rival",  # weight of the context that another element, which fits the name as well, explains and this one does not
)
_TIME_DIFFERS, _PART_OF_WHOLE = FEATURES.index("time differs"), FEATURES.index("part of whole")


@dataclass(frozen=True, slots=True)
class Comparison:
    """A column beside an element: the features and what they were made of, for the reasons."""

    entry: Entry
    values: tuple[float, ...]
    extra: frozenset[str]
    missing: frozenset[str]
    clashes: tuple[tuple[str, str], ...]
    name: Name
    only_defined: frozenset[str]
    supplied: frozenset[str]
    narrowed: frozenset[str]  # groups of people above the column, of whom the element does not speak

    @property
    def may_be_same(self) -> bool:
        """False where the definitions are known to differ: concepts that exclude each other, another time."""
        return (
            not self.clashes
            and not self.narrowed
            and self.values[_TIME_DIFFERS] < 1
            and self.values[_PART_OF_WHOLE] == 0
        )


def kind_fits(column: ReadColumn, entry: Entry, index: MatchIndex) -> float:
    """1 where column and element are measured alike, 0.5 where that stays open, 0 where they cannot be the same."""
    textual = not entry.element.numeric
    if textual and entry.kind != "text" and entry.kind not in TEXT_KINDS:
        textual = False
    if textual:
        return _text_fits(column, entry)
    if text_like(column):
        return 0.0
    if column.unit_given:
        return _unit_fits(column, entry, index)
    if column.kind is not None:
        return _measure_fits(column.kind, entry)
    if column.soft_kind in {None, entry.kind}:
        return 0.5
    return 0.5 if entry.kind in COUNTABLE and column.soft_kind in COUNTABLE else 0.25


def _text_fits(column: ReadColumn, entry: Entry) -> float:
    if column.unit_given:
        return 0.0
    if column.kind is None:
        return 0.5 if column.numeric is not True or entry.kind == "text" else 0.0
    if column.kind == entry.kind:
        return 1.0
    return 0.5 if entry.kind == "text" and column.kind in {"name", "kind", "level", "date"} else 0.0


def _unit_fits(column: ReadColumn, entry: Entry, index: MatchIndex) -> float:
    unit = column.unit or ""
    if index.units.get(unit) is None:
        return 0.25
    try:
        index.units.factor(entry.element.unit or "", unit)
        return 1.0
    except UnitMismatch:
        return 1.0 if column.kind == entry.kind and column.kind in COUNTABLE else 0.0


def _measure_fits(kind: str, entry: Entry) -> float:
    if kind in {entry.kind, entry.title.facets.measure}:
        return 1.0
    if kind == "count":
        return (
            0.8 if entry.kind in COUNTABLE or entry.kind in WEIGHABLE or (entry.kind or "").startswith("other") else 0.0
        )
    if kind == "mass":
        return 0.8 if entry.kind in WEIGHABLE else 0.0
    if kind in {"heads", "money"}:
        return 0.0
    return 0.5 if entry.kind is None else 0.0


def compare(column: ReadColumn, entry: Entry, index: MatchIndex, *, fit: float | None = None) -> Comparison:
    """The features of ``column`` against ``entry``, by the name of the entry that fits best."""
    best: Comparison | None = None
    best_cost = 0.0
    for name in entry.names:
        seen = _against(column, entry, name, index)
        cost = (
            seen.values[3]
            + seen.values[6]
            - seen.values[0]
            - 0.3 * seen.values[1]
            + 0.5 * seen.values[2]
            + 0.1 * seen.values[8]
        )
        if best is None or cost < best_cost:
            best, best_cost = seen, cost
    if best is None:
        raise ValueError(f"{entry.path} has no name")
    fit = kind_fits(column, entry, index) if fit is None else fit
    values = list(best.values)
    values[11] = 1.0 if fit >= 0.8 else 0.0
    values[12] = 1.0 if fit < 0.5 else 0.0
    return replace(best, values=tuple(values))


def _against(column: ReadColumn, entry: Entry, name: Name, index: MatchIndex) -> Comparison:
    weight = index.weight
    own = column.own
    content = name.content
    stated = {c for c in own & entry.support if c.startswith("age")}  # an age that the definition states
    shared = (own & entry.named) | stated
    partly = {concept: _in_text(concept, entry) for concept in own - content if concept.startswith("?")}
    defined = frozenset(c for c in own - shared if c in entry.support)
    defined = frozenset(c for c in defined if not index.lexicon.narrower_than(c, content))
    implied = frozenset(c for c in own - shared if index.lexicon.is_implied(c, content | entry.domain))
    shared, defined = shared | implied, defined - implied
    extra = frozenset(c for c in own - shared - defined if partly.get(c, 0.0) < 0.6)
    wanted = content - own
    noted = wanted & column.notes
    above = (wanted & column.above) - noted
    around = (wanted & (column.around | column.titled)) - above - noted
    missing = wanted - noted - above - around
    missing -= frozenset(c for one in own for c in index.lexicon.implied.get(one, ()))
    if column.kind == "money" and not column.own & _INCOMES and "支出" in missing:
        missing -= {"支出"}  # money for something is money spent on it, unless it is called income
        around |= {"支出"}
    if entry.domain & (column.own | column.context):
        around |= missing & entry.domain  # a form about the dataset's subject need not repeat it
        missing -= entry.domain
    own_weight = index.total(own) or 1.0
    above_extra = frozenset(c for c in column.above - entry.support if not index.lexicon.is_implied(c, content))
    clashes = index.lexicon.exclude(own, content)
    said = (own | column.above | column.around) & POPULATIONS
    if said and entry.support & POPULATIONS and not said & entry.support:
        clashes.append((min(said), min(entry.support & POPULATIONS)))
    clashes += _two_places(column, entry, index)
    # A form about the hotline does not mean petitions, though the element may be called without its subject.
    if not entry.domain & (own | column.context):
        clashes += index.lexicon.exclude(column.titled, entry.domain)
    clashes_above = index.lexicon.exclude(column.above - own, content - own)
    similar = _dice(column.pairs, name.pairs)
    context = (column.above | column.around | column.titled) - own
    known = frozenset(c for c in context if c in index.weights)
    same = own == content and (column.kind or "count") in {name.facets.measure or "count", entry.kind, "count"}
    extra_weight = sum(weight(c) * (0.4 if len(c) == 2 and c.startswith("?") else 1.0) for c in extra)
    apart = _time_differs(column, name, entry)
    values = (
        1.0 if same and apart < 1 else 0.0,
        index.total(shared) / own_weight,
        index.total(defined) + sum(0.5 for c, share in partly.items() if share >= 0.6),
        min(extra_weight, 2.5),
        min(index.total(column.notes - entry.support), 2.0),
        min(index.total(above_extra), 2.5),
        min(sum(max(weight(c), 0.5) * (0.5 if c in entry.optional else 1.0) for c in missing), 2.5),
        index.total(above),
        index.total(around),
        float(min(len(clashes), 2)),
        float(min(len(clashes_above), 2)),
        0.0,
        0.0,
        similar,
        max(similar, _dice(column.full_pairs, name.pairs)),
        apart,
        1.0 if column.part_of_whole and not _is_the_part(column, entry) else 0.0,
        index.total(known & entry.support) / index.total(known) if known else 0.5,
        0.0,
    )
    groups = (column.above & index.lexicon.people) - entry.support
    narrowed = frozenset(c for c in groups if not _whole_of(own, c, index))
    supplied = above | around | noted
    return Comparison(entry, values, extra, missing, tuple(clashes + clashes_above), name, defined, supplied, narrowed)


def compare_all(column: ReadColumn, entries: Iterable[Entry], index: MatchIndex) -> list[Comparison]:
    """The comparisons with every entry that the unit and the measure let through."""
    found = []
    for entry in entries:
        fit = kind_fits(column, entry, index)
        if fit > 0:
            found.append(compare(column, entry, index, fit=fit))
    return _with_rivals(found)


def _with_rivals(found: list[Comparison]) -> list[Comparison]:
    explained = [seen.values[7] + seen.values[8] for seen in found]
    whole = [seen.values[6] <= 0.05 and seen.values[3] <= 0.05 and not seen.clashes for seen in found]
    answer = []
    for seen, mine in zip(found, explained, strict=True):
        better = [
            other - mine
            for rival, other, fits in zip(found, explained, whole, strict=True)
            if fits
            and other > mine
            and rival.values[1] >= seen.values[1] - 0.01
            and rival.values[11] >= seen.values[11]
        ]
        if better:
            values = (*seen.values[:-1], min(max(better), 1.5))
            if any(rival.values[7] > seen.values[7] + 0.3 and fits for rival, fits in zip(found, whole, strict=True)):
                values = (0.0, *values[1:])  # the headings ask for more than the name alone says
            seen = replace(seen, values=values)  # noqa: PLW2901 - the comparison with its last feature filled in
        answer.append(seen)
    return answer


def _two_places(column: ReadColumn, entry: Entry, index: MatchIndex) -> list[tuple[str, str]]:
    """行政村（社区）数 counts both, hence neither alone."""
    places = (column.own | column.notes) & PLACES
    return index.lexicon.exclude(places - entry.support, places & entry.support) if len(places) == 2 else []


def _is_the_part(column: ReadColumn, entry: Entry) -> bool:
    """Whether the element is by its own names the part that the heading says: 城市 of a split into 城市 and 农村."""
    part = column.headings[0].content - entry.domain
    return bool(part) and part <= entry.named


def _whole_of(own: frozenset[str], concept: str, index: MatchIndex) -> bool:
    """Whether ``concept`` is wider than one of ``own``: 教职工 above 专任教师 restricts nothing."""
    return any(index.lexicon.narrower_than(one, {concept}) for one in own)


def _in_text(concept: str, entry: Entry) -> float:
    run = concept[1:]
    if run in entry.names_text:
        return 1.0
    if run in entry.text:
        return 0.8
    if len(run) < 3:
        return 0.0
    pairs = [run[i : i + 2] for i in range(len(run) - 1)]
    return sum(pair in entry.text for pair in pairs) / len(pairs) * 0.7


def _dice(one: frozenset[str], other: frozenset[str]) -> float:
    return 2 * len(one & other) / (len(one) + len(other)) if one and other else 0.0


def _time_differs(column: ReadColumn, name: Name, entry: Entry) -> float:
    asked, told = column.facets.time, name.facets.time
    element_time = entry.title.facets.time | told
    if asked & {"lastyear", "previous", "opening"} and not asked & element_time:
        return 1.0
    if ("new" in asked) != ("new" in element_time):
        return 1.0
    if "month" in asked and any(
        sign in entry.element.definition for sign in ("自年初", "累计", "当年", "年内", "全年")
    ):
        return 1.0
    if "ytd" in asked and entry.element.measure == "flow" and "累计" not in entry.text:
        return 0.3
    return 0.0
