"""What lists of regions and successions may not say, whatever is held: doubles, overlaps, one region in two places."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from fractions import Fraction
from itertools import pairwise

from app.catalogue.region_files import RegionRow, SuccessionRow
from app.catalogue.region_timelines import CARRYING, ONE_DAY
from app.errors import Fault


def one_row_a_time(rows: Iterable[RegionRow], faults: list[Fault]) -> dict[str, list[RegionRow]]:
    """The rows by code, earliest first, none overlapping another; each that does is a fault and left out.

    An open end is cut by the next row's start. Beside rows with dates, one without stands for the time they leave.
    """
    by_code: dict[str, list[RegionRow]] = {}
    for row in rows:
        by_code.setdefault(row.code, []).append(row)
    for code, own in by_code.items():
        if len(own) > 1:
            by_code[code] = _apart(own, faults)
    return by_code


def _apart(rows: Sequence[RegionRow], faults: list[Fault]) -> list[RegionRow]:
    dated = [row for row in rows if row.dated]
    undated = [row for row in rows if not row.dated]
    for row in undated[1:]:
        message = f"“{row.code}”与第 {undated[0].line} 行重复（the code stands twice）"
        faults.append(Fault(row.file, row.place, message))
    if not dated:
        return undated[:1]
    if undated:
        first = min(row.valid_from or date.min for row in dated)
        last = max(row.valid_to or date.max for row in dated)
        if last < date.max:
            dated.append(undated[0]._replace(valid_from=last + ONE_DAY))
        elif first > date.min:
            dated.append(undated[0]._replace(valid_to=first - ONE_DAY))
        else:
            message = f"“{undated[0].code}”与带有效期的行重叠（overlaps a row of the same code）"
            faults.append(Fault(undated[0].file, undated[0].place, message))
    dated.sort(key=lambda row: row.valid_from or date.min)
    apart = dated[:1]
    for row in dated[1:]:
        before = apart[-1]
        first, end = row.valid_from or date.min, before.valid_to
        # One day shared is a matter of counting: the later row has it.
        if first == (before.valid_from or date.min) or (end is not None and end > first):
            message = f"“{row.code}”的有效期与第 {before.line} 行重叠（validity overlaps that row's）"
            faults.append(Fault(row.file, row.place, message))
            continue
        if end is None or end == first:
            apart[-1] = before._replace(valid_to=first - ONE_DAY)
        apart.append(row)
    return apart


def succession_faults(given: Sequence[SuccessionRow], events: Sequence[SuccessionRow]) -> list[Fault]:
    """What is wrong among the successions ``given``; ``events`` are these and those already held."""
    faults: list[Fault] = []
    seen: dict[tuple[date, str, str, str], int] = {}
    for row in given:
        first = seen.setdefault((row.date, row.kind, row.old_code, row.new_code), row.line)
        if first != row.line:
            faults.append(Fault(row.file, row.place, f"与第 {first} 行重复（the same succession twice）"))
        if row.kind in CARRYING and row.share not in (None, Fraction(1)):
            faults.append(Fault(row.file, row.place, f"{row.kind} 没有份额（{row.kind} takes no share）"))
        if row.kind == "recode" and row.old_code == row.new_code:
            faults.append(Fault(row.file, row.place, "改码须换代码（a recode needs another code）"))
    faults += _carried_twice(events)
    faults += _shares(events)
    return faults


def _carried_twice(events: Sequence[SuccessionRow]) -> list[Fault]:
    faults: list[Fault] = []
    carrying = [event for event in events if event.kind in CARRYING]
    merged = {(event.date, event.old_code): event for event in events if event.kind == "merge"}
    for side in ("old_code", "new_code"):
        ordered = sorted(carrying, key=lambda event: (getattr(event, side), event.date, event.line))
        for one, other in pairwise(ordered):
            if (getattr(one, side), one.date) != (getattr(other, side), other.date):
                continue
            if (one.old_code, one.new_code) == (other.old_code, other.new_code):
                continue  # renamed and moved on one day
            message = (
                f"“{getattr(other, side)}”同日另有沿革（第 {one.line} 行）；合并用 merge，拆分用 split（carried twice）"
            )
            faults.append(Fault(other.file, other.place, message))
    for event in carrying:
        if (event.date, event.old_code) in merged:
            message = f"“{event.old_code}”同日已并入他处，不能再延续（is merged away on that day）"
            faults.append(Fault(event.file, event.place, message))
    return faults


def _shares(events: Sequence[SuccessionRow]) -> list[Fault]:
    sums: dict[tuple[date, str], Fraction] = {}
    faults: list[Fault] = []
    for event in sorted(events, key=lambda event: event.line):
        if event.kind in CARRYING or event.share is None:
            continue
        key = event.date, event.old_code
        sums[key] = sums.get(key, Fraction(0)) + event.share
        if sums[key] > 1:
            message = f"“{event.old_code}”的份额合计超过 1（its shares sum to more than 1）"
            faults.append(Fault(event.file, event.place, message))
    return faults
