"""Where a record is, from the texts of a request: dataset, region, period and key, as they are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from app.catalogue.model import Dataset
from app.catalogue.periods import Period
from app.errors import Problem
from app.intake.cells import CellReader
from app.intake.key_text import key_text
from app.intake.quantities import CellFault
from app.intake.records import RecordKey
from app.services.registry import State
from app.services.writable_texts import refuse_unwritable

_LONGEST_REASON = 2_000


@dataclass(frozen=True, slots=True)
class RecordPlace:
    """One record's place: the region that held the code in the period, and the key as it is kept."""

    dataset: Dataset
    region_id: int
    period: Period
    key: tuple[str, ...]

    @property
    def record_key(self) -> RecordKey:
        return self.region_id, self.period.ordinal, self.key


def day_of(period: Period, today: date) -> date:
    """The day by which a period tells its regions: its last; today's where there are no periods."""
    return today if period.frequency == "once" else period.end


def read_period(dataset: Dataset, text: str | None) -> Period:
    """The period of a record of the dataset. Raises Problem ``bad_request``."""
    if dataset.frequency == "once":
        if text:
            raise Problem("bad_request", "该数据集不分期间 (the dataset has no periods)")
        return Period("once", 0)
    if not text:
        raise Problem("bad_request", "须给出 period (a period is needed)")
    try:
        return Period.parse(text, dataset.frequency)
    except ValueError as error:
        raise Problem("bad_request", f"期间 {text!r} 不合要求: {error}") from error


def read_key(state: State, dataset: Dataset, given: Mapping[str, str]) -> tuple[str, ...]:
    """The key as it is kept, from texts as a sheet would have them: a code by its label, a number with a leading zero."""
    if set(given) != set(dataset.key):
        raise Problem("bad_request", f"须给出主键 {', '.join(dataset.key) or '（无）'} (exactly the key elements)")
    key: list[str] = []
    for name in dataset.key:
        read = CellReader(dataset.by_code[name], state.catalogue).read(given[name])
        text = None if isinstance(read, CellFault) else key_text(read)
        if text is None:
            raise Problem("bad_request", f"主键 {name} 的值 {given[name]!r} 不合要求 (not a value of the key element)")
        key.append(text)
    return tuple(key)


def read_region(state: State, code: str | None, period: Period, today: date) -> int:
    """The region that holds the code in the period. Raises Problem: 400 without a code, 404 for an unknown one."""
    if not code:
        raise Problem("bad_request", "须给出 region (a region is needed)")
    found = state.regions.holder(code, day_of(period, today))
    if found is None:
        raise Problem("not_found", f"没有行政区划 {code} (there is no such region)")
    return found


def within(state: State, roots: frozenset[int] | None, region_id: int, period: Period, today: date) -> bool:
    """Whether a region is one of ``roots`` or below one in the period's hierarchy; None stands for all."""
    return roots is None or bool(roots & {region_id, *state.regions.ancestors(region_id, day_of(period, today))})


def shown_place(state: State, region_id: int, period: Period, today: date) -> dict[str, Any]:
    """``region``, ``region_name``, ``period`` as they are told."""
    found = state.regions.state(region_id, day_of(period, today))
    return {
        "region": found.code if found is not None else None,
        "region_name": found.name if found is not None else None,
        "period": str(period) or None,
    }


def given_reason(reason: Any) -> str:
    """A reason that someone gave, stripped. Raises Problem ``bad_request`` where there is none."""
    if not isinstance(reason, str) or not reason.strip():
        raise Problem("bad_request", '须说明理由: {"reason": "…"} (a reason is needed)')
    if len(reason) > _LONGEST_REASON:
        raise Problem("bad_request", f"理由最多 {_LONGEST_REASON} 字 (the reason is too long)")
    refuse_unwritable(reason)
    return reason.strip()
