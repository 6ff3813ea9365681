"""The tests that follow from an agreement: what has to be refused and what has to be answered under it alone.

Every test is asked of the gate and of the coverage that reads go through, on the days the agreement is about; nothing is
read from its document that they could have read wrongly in the same way: the regions are walked upwards, state by state.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from fractions import Fraction
from typing import Any

import polars as pl

from app.catalogue.model import Dataset
from app.catalogue.periods import Period
from app.errors import Problem
from app.policy import gate
from app.policy.callers import Caller
from app.policy.cell_masks import CellMask
from app.policy.scopes import Scope
from app.services.registry import Registry, State, StoredAgreement
from app.services.snapshot_sources import SnapshotSources

_ANSWERED, _REFUSED = "answered", "refused"
_DAY = timedelta(days=1)
_SIGNS = frozenset("0123456789abcdef")


@dataclass(frozen=True, slots=True)
class Trial:
    """One question under the agreement, what the answer has to be, and what it is: ``answered`` or ``refused``."""

    test: str
    expected: str
    found: str

    def document(self) -> dict[str, Any]:
        return {
            "test": self.test,
            "expected": self.expected,
            "found": self.found,
            "passed": self.expected == self.found,
        }


def tests_of(registry: Registry, caller: Caller, code: str) -> dict[str, Any]:
    """Every test of the present version with its outcome, for administrators. ``passed``: all of them."""
    gate.permit_administration(caller)
    state = registry.state()
    stored = state.agreements.get(code)
    if stored is None:
        raise Problem("not_found", f"没有协议 {code} (there is no such agreement)")
    made = [test.document() for test in _Trials(registry, state, stored).tests()]
    return {
        "agreement": code,
        "version": stored.stored.version,
        "passed": all(test["passed"] for test in made),
        "tests": made,
    }


class _Trials:
    def __init__(self, registry: Registry, state: State, stored: StoredAgreement) -> None:
        self._registry = registry
        self._state = state
        self._stored = stored
        self._agreement = stored.agreement
        today = registry.today()
        inside = self._agreement.in_force(today)
        self._day = today if inside else self._agreement.valid_from
        self._scope = self._on(self._day)

    def tests(self) -> Iterator[Trial]:
        yield from self._days()
        yield from self._elements()
        datasets = self._state.catalogue.datasets
        for code in sorted({path.partition(".")[0] for path in self._scope.by_element}):
            yield from self._places(datasets[code])
            yield from self._masks(datasets[code])

    def _on(self, day: date, department: str | None = None) -> Scope:
        """What this agreement alone gives a department on a day."""
        who = department or self._agreement.department
        caller = Caller("department", "agreement test", who, department=who)
        agreements = [self._agreement]
        return gate.scope_of_agreements(caller, agreements, self._state.roots, self._state.catalogue, day)

    def _days(self) -> Iterator[Trial]:
        first, last = self._agreement.valid_from, self._agreement.valid_until
        if first > date.min:
            yield self._of_scope(
                f"生效前一日 {first - _DAY} (the day before it begins)", _REFUSED, self._on(first - _DAY)
            )
        yield self._of_scope(f"首日 {first} (its first day)", _ANSWERED, self._on(first))
        yield self._of_scope(f"末日 {last} (its last day)", _ANSWERED, self._on(last))
        if last < date.max:
            yield self._of_scope(f"到期次日 {last + _DAY} (the day after its end)", _REFUSED, self._on(last + _DAY))
        other = next((d for d in sorted(self._state.catalogue.departments) if d != self._agreement.department), None)
        if other is not None:
            yield self._of_scope(f"另一部门 {other} (another department)", _REFUSED, self._on(self._day, other))

    def _of_scope(self, test: str, expected: str, scope: Scope) -> Trial:
        return Trial(test, expected, _ANSWERED if scope.grants else _REFUSED)

    def _elements(self) -> Iterator[Trial]:
        """Each element it names, and of each dataset the first that it does not name, and every closed one."""
        named = set(self._agreement.elements)
        for code, dataset in sorted(self._state.catalogue.datasets.items()):
            left_out = False
            for element in dataset.elements:
                listed = bool(named & {"*", f"{code}.*", element.path})
                open_to_it = listed and element.sharing != "closed"
                if not listed and left_out and element.sharing != "closed":
                    continue
                left_out = left_out or not listed
                found = _ANSWERED if self._scope.sees(element.path) else _REFUSED
                yield Trial(f"数据项 {element.path} (element)", _ANSWERED if open_to_it else _REFUSED, found)

    def _places(self, dataset: Dataset) -> Iterator[Trial]:
        """A region inside and one outside, a period inside and one outside, where there are such."""
        path = min(p for p in self._scope.by_element if p.startswith(f"{dataset.code}."))
        whole = all(grant.whole(path) for grant in self._scope.by_element[path])
        period = self._period(dataset, inside=True)
        if period is None:
            return
        day = self._day if dataset.frequency == "once" else period.end
        regions = sorted(self._state.regions.at_level(dataset.level, day))
        inside = next((region for region in regions if self._below(region, day)), None)
        outside = next((region for region in regions if not self._below(region, day)), None)
        if inside is not None and whole:
            yield self._cell(
                f"{path}：区划内 {self._named(inside, day)} {period} (a region inside)", _ANSWERED, path, inside, period
            )
        if outside is not None:
            yield self._cell(
                f"{path}：区划外 {self._named(outside, day)} {period} (a region outside)",
                _REFUSED,
                path,
                outside,
                period,
            )
        beyond = self._period(dataset, inside=False)
        if inside is not None and beyond is not None:
            yield self._cell(f"{path}：期间外 {beyond} (a period outside)", _REFUSED, path, inside, beyond)

    def _cell(self, test: str, expected: str, path: str, region: int, period: Period) -> Trial:
        pairs = pl.DataFrame(
            {"region": [region], "period": [period.ordinal]}, schema={"region": pl.Int32, "period": pl.Int32}
        )
        coverage = SnapshotSources(self._registry, self._state, self._scope, self._day).coverage
        covered = coverage.covered(path, pairs, period.frequency)[0]
        return Trial(test, expected, _ANSWERED if covered else _REFUSED)

    def _below(self, region: int, day: date) -> bool:
        """Whether a region is one of the agreement's or lies below one."""
        roots = self._stored.roots
        here: int | None = region
        while roots is not None and here is not None and here not in roots:
            state = self._state.regions.state(here, day)
            here = state.parent_id if state is not None else None
        return roots is None or here is not None

    def _named(self, region: int, day: date) -> str:
        state = self._state.regions.state(region, day)
        return f"{state.name}（{state.code}）" if state is not None else str(region)

    def _period(self, dataset: Dataset, *, inside: bool) -> Period | None:
        """The first whole period of the dataset inside the agreement's, or the last before it (or first after it)."""
        frequency = dataset.frequency
        if frequency == "once":
            return Period("once", 0) if inside else None
        first, last = self._agreement.first, self._agreement.last
        if not inside:
            if first is not None:
                return Period(frequency, Period.of(first, frequency).ordinal - 1)
            return None if last is None else Period(frequency, Period.of(last, frequency).ordinal + 1)
        found = Period.of(first or last or self._day, frequency)
        for candidate in (found, Period(frequency, found.ordinal + 1), Period(frequency, found.ordinal - 1)):
            if (first is None or first <= candidate.start) and (last is None or candidate.end <= last):
                return candidate
        return None

    def _masks(self, dataset: Dataset) -> Iterator[Trial]:
        """Of every masked element: that nothing held is shown but what its mask lets be shown."""
        masks = self._agreement.cell_masks(frozenset(self._scope.by_element))
        codes = [code for code in dataset.by_code if f"{dataset.code}.{code}" in masks]
        if not codes:
            return
        sources = SnapshotSources(self._registry, self._state, self._scope, self._day)
        rows = sources.rows(dataset.code, [code for code in codes if code not in dataset.key])
        for code in codes:
            mask = masks[f"{dataset.code}.{code}"]
            scale = rows.scale.get(code, 1)
            shown = rows.frame[code].unique().drop_nulls().to_list() if code in rows.frame.columns else []
            bare = [value for value in shown if not _kept(mask, value, scale)]
            test = f"{dataset.code}.{code}：遮蔽之外的值 (a value its mask does not let through)"
            yield Trial(test, _REFUSED, _ANSWERED if bare else _REFUSED)


def _kept(mask: CellMask, value: Any, scale: int) -> bool:
    """Whether a value that is shown is one that the mask may show."""
    if mask.kind == "hash":
        return isinstance(value, str) and len(value) == 32 and set(value) <= _SIGNS
    number = Fraction(int(value), scale)
    if mask.kind == "round":
        return (number / mask.numbers[0]).denominator == 1
    if mask.kind == "band":
        return number in mask.numbers
    return number == 0 or abs(number) >= mask.numbers[0]
