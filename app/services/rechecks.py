"""Checks of other datasets that rest on the figures of this one: judged anew when these figures come second.

Whoever brings figures that no longer go with a record held elsewhere is told, as a warning with both numbers, where it may read
that record; what it brings is kept, for nobody knows yet which of the two is wrong. The source of the record finds it among what is
due, as questioned, until it reports or looks again (``questioned_by_checks``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from itertools import islice

from sqlalchemy import Connection

from app.catalogue.model import Catalogue, Check, Dataset
from app.catalogue.periods import Period
from app.catalogue.values import Canonical, Reported, canonical
from app.errors import Finding
from app.intake import ChangeSet, Context, HeldRecord, RecordKey
from app.intake.changes import told_beyond
from app.intake.records import Place, RecordChange
from app.mapping.rules import Beyond, Rule, compile_rule
from app.policy import gate
from app.policy.scopes import Permit
from app.services.beside import Beside, Reads, by_dataset, read_by
from app.services.registry import State
from app.store import records

_AT_ONCE = 500
_MOST_KEPT = 200_000  # a trial of more changes than that tells nothing of other datasets
_Where = tuple[int, Period]


@dataclass(frozen=True, slots=True)
class Resting:
    """A check of ``dataset`` that names figures of other datasets."""

    dataset: Dataset
    check: Check
    rule: Rule

    def items(self, code: str) -> list[Beyond]:
        return [item for item in self.rule.beyond if item.element.dataset == code]


@dataclass(frozen=True, slots=True)
class Broken:
    """One record held that does not go with what is held beside it."""

    resting: Resting
    region_id: int
    period: Period
    record: HeldRecord
    words: str
    brought_by: frozenset[str]


class Elsewhere:
    """What a submission means to records of other datasets: shown its changes piece by piece, it says what to tell its sender."""

    def __init__(self, state: State, permit: Permit, context: Context) -> None:
        self._state, self._permit, self._context = state, permit, context
        self._code = context.dataset.code
        self._resting = resting_on(state.catalogue, self._code)
        self._codes = {item.element.code for one in self._resting for item in one.items(self._code)}
        self._touched: dict[_Where, tuple[Place, str]] = {}
        self._over: dict[RecordKey, HeldRecord] = {}

    def see(self, changes: ChangeSet, *, keep: bool = True) -> None:
        """Some changes; with ``keep`` they are laid over what is held, without it they are in the database by then."""
        if len(self._over) > _MOST_KEPT:
            self._resting, self._touched, self._over = [], {}, {}
        for change in (*changes.new, *changes.changed) if self._resting else ():
            if not self._codes.isdisjoint(change.changed):
                self._touched.setdefault((change.region_id, change.period), _place_of(change, self._codes))
                if keep:
                    self._over[change.region_id, change.period.ordinal, change.key] = HeldRecord(change.values)

    def findings(self, cx: Connection) -> list[Finding]:
        """One warning for each check of a record elsewhere, at the first row that bears on it."""
        if not self._touched:
            return []
        state, today = self._state, self._context.today
        reads = read_by(state, self._permit.caller, today)
        found: list[Finding] = []
        for one in self._resting:
            where: dict[_Where, tuple[Place, str]] = {}
            for (region_id, period), place in self._touched.items():
                for each in _records_resting(state, one, self._code, region_id, period, today):
                    if reads(one.dataset, *each):
                        where.setdefault(each, place)
            found += [
                _finding(state, broken, *where[broken.region_id, broken.period], today)
                for broken in broken_at(cx, state, [one], where, reads, today, {self._code: self._over})
            ]
        return found

    def told(self, cx: Connection, changes: ChangeSet) -> ChangeSet:
        """The changes of a submission in one piece, with what is to be told beside their own findings."""
        self.see(changes)
        found = self.findings(cx) if changes.acceptable else []
        return replace(changes, findings=[*changes.findings, *found]) if found else changes


def resting_on(catalogue: Catalogue, code: str) -> list[Resting]:
    """The checks of other datasets that name figures of this one."""
    return [
        one
        for _, dataset in sorted(catalogue.datasets.items())
        if dataset.code != code
        for one in checks_beyond(dataset, catalogue, f"{code}.")
        if one.items(code)
    ]


def checks_beyond(dataset: Dataset, catalogue: Catalogue, naming: str = ".") -> list[Resting]:
    """The checks of a dataset of one record a region and period that look beyond it, and whose text has ``naming``."""
    if dataset.key or dataset.frequency == "event":
        return []
    found = []
    for check in dataset.checks:
        if naming in check.rule:
            rule, _ = compile_rule(check.rule, dataset, catalogue, tolerance=check.tolerance)
            if rule is not None and rule.beyond:
                found.append(Resting(dataset, check, rule))
    return found


def broken_at(
    cx: Connection,
    state: State,
    resting: Sequence[Resting],
    where: Iterable[_Where],
    reads: Reads,
    today: date,
    over: Mapping[str, Mapping[RecordKey, HeldRecord]] | None = None,
) -> Iterator[Broken]:
    """Which records held at these places fail these checks, all of one dataset, beside what is held (``over`` laid upon it)."""
    dataset = resting[0].dataset
    items = by_dataset(item for one in resting for item in one.rule.beyond)
    rest = iter(sorted(where, key=lambda each: (each[0], each[1].ordinal)))
    while places := list(islice(rest, _AT_ONCE)):
        held = records.held(cx, dataset.code, [(region_id, period.ordinal, ()) for region_id, period in places])
        there = [(r, p) for r, p in places if (r, p.ordinal, ()) in held and not held[r, p.ordinal, ()].withdrawn]
        beside = {
            code: Beside(cx, state, state.catalogue.datasets[code], named, there, reads, today, (over or {}).get(code))
            for code, named in items.items()
        }
        for region_id, period in there:
            record = held[region_id, period.ordinal, ()]
            for one in resting:
                broken = _judged(state, one, region_id, period, record, beside)
                if broken is not None:
                    yield broken


def questioned_by_checks(
    cx: Connection, state: State, dataset: Dataset, where: Iterable[_Where], today: date
) -> list[Broken]:
    """Records of a dataset that no longer go with what their own source may read beside them."""
    resting = checks_beyond(dataset, state.catalogue)

    def reads(other: Dataset, _: int, __: Period) -> bool:
        return gate.source_reads(dataset, other)

    return list(broken_at(cx, state, resting, where, reads, today)) if resting else []


def brought_later(broken: Broken, reported: Mapping[str, datetime], looked: datetime | None) -> datetime | None:
    """When the figures beside the record were last brought, if that was after its source last reported or looked."""
    later = max((reported[each] for each in broken.brought_by if each in reported), default=None)
    return later if later is not None and (looked is None or later > looked) else None


def _judged(
    state: State, one: Resting, region_id: int, period: Period, record: HeldRecord, beside: Mapping[str, Beside]
) -> Broken | None:
    dataset, units = one.dataset, state.catalogue.units
    values: dict[str, Canonical] = {}
    for code in one.rule.elements:
        reported: Reported | None = record.values.get(code)
        values[code] = canonical(reported, dataset.by_code[code], units) if reported is not None else None
    brought: set[str] = set()
    for item in one.rule.beyond:
        other = beside[item.element.dataset]
        values[item.name] = other.figure(item, region_id, period)
        brought |= other.brought_by(item, region_id, period)
    if one.rule.holds(values) is not False:
        return None
    own = [
        told_beyond(Beyond(code, dataset.by_code[code], summed=False), values[code], state.catalogue)
        for code in one.rule.elements
    ]
    others = [told_beyond(item, values[item.name], state.catalogue) for item in one.rule.beyond]
    words = f"{one.check.message or one.check.code}（{'，'.join([*own, *others])}）"
    return Broken(one, region_id, period, record, words, frozenset(brought))


def _records_resting(
    state: State, one: Resting, code: str, region_id: int, period: Period, today: date
) -> Iterator[_Where]:
    """Where records stand whose check looks at a figure of this region and period."""
    day = today if period.frequency == "once" else period.end
    regions = set()
    for item in one.items(code):
        if not item.summed:
            regions.add(region_id)
            continue
        for each in state.regions.ancestors(region_id, day):
            held = state.regions.state(each, day)
            if held is not None and held.level == one.dataset.level:
                regions.add(each)
    for when in _periods_within(period, one.dataset, today):
        yield from ((each, when) for each in regions)


def _periods_within(period: Period, dataset: Dataset, today: date) -> Iterator[Period]:
    """The periods of a dataset that lie in another's: those of a year for one that never changes would be without end."""
    if dataset.frequency == period.frequency:
        yield period
    elif period.frequency != "once" and dataset.frequency != "once":
        first = Period.of(period.start, dataset.frequency)
        last = Period.of(period.end, dataset.frequency)
        for ordinal in range(first.ordinal, last.ordinal + 1):
            yield Period(dataset.frequency, ordinal)
    elif dataset.frequency != "once":
        present = Period.of(today, dataset.frequency)
        yield from (present, present.previous())


def _place_of(change: RecordChange, codes: set[str]) -> tuple[Place, str]:
    return change.place, min(code for code in change.changed if code in codes)


def _finding(state: State, broken: Broken, place: Place, element: str, today: date) -> Finding:
    period, dataset = broken.period, broken.resting.dataset
    held = state.regions.state(broken.region_id, today if period.frequency == "once" else period.end)
    name = held.name if held is not None else ""
    whose = f"{name}{period}“{dataset.title}”"
    cell = place.cells.get(element)
    return Finding(
        severity="warning",
        code="check_failed_elsewhere",
        message=f"与已报的{whose}不符：{broken.words}，请核对；入库后该记录列为存疑",
        message_en=f"It does not go with the record of {dataset.code} held ({name} {period}): {broken.words}; once stored, that one is questioned",
        sheet=place.sheet,
        row=int(cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")) if cell is not None else place.row,
        column=cell.rstrip("0123456789") if cell is not None else None,
        cell=cell,
        element=element,
        accepted=broken.resting.check.rule,
    )
