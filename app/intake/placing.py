"""Whether a record may stand where it says: inside the region and period asked for, within the caller's reach, and only once."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from app.catalogue.periods import Period
from app.intake.period_words import EXAMPLES
from app.intake.records import Context, RecordKey
from app.intake.region_lookup import RegionLookup
from app.intake.remarks import Remarks


@dataclass(frozen=True, slots=True)
class RowPlace:
    """Where findings about a whole row go: its number, and the columns (from 1) of its region and period cells if any."""

    row: int | None
    region_columns: tuple[int, ...] = ()
    period_column: int | None = None
    key_column: int | None = None
    value: str | None = None


class Seen(Protocol):
    """Where each record was given first; a place names one row of a submission and no other."""

    def setdefault(self, key: RecordKey, where: str, /) -> str: ...


@dataclass(slots=True)
class Placing:
    """The records seen so far in one submission, over all its sheets."""

    context: Context
    lookup: RegionLookup
    seen: Seen = field(default_factory=dict[RecordKey, str])
    _allowed: dict[tuple[int, int], bool] = field(default_factory=dict)

    def own_region(self) -> int | None:
        """The region of rows that name none: the one asked for, or the caller's own, where it is of the dataset's level."""
        context = self.context
        for region_id in (context.region_id, context.root if context.region_id is None else None):
            if region_id is None:
                continue
            on = context.period.end if context.period is not None else context.today
            state = context.regions.state(region_id, on)
            if state is not None and state.level == context.dataset.level:
                return region_id
        return None

    def own_period(self) -> Period | None:
        """The period of rows that name none: the one asked for, or the only one of a dataset without periods."""
        if self.context.dataset.frequency == "once":
            return Period("once", 0)
        period = self.context.period
        return period if period is not None and period.frequency == self.context.dataset.frequency else None

    def fits_period(self, period: Period, place: RowPlace, remarks: Remarks) -> bool:
        """Whether a period that a row names is of the dataset's frequency and the one asked for; else a finding."""
        context = self.context
        if period.frequency != context.dataset.frequency:
            remarks.add(
                "wrong_frequency",
                f"“{period}”不是本数据集的期间（频度不同）",
                f"{period} is not a period of this dataset's frequency",
                row=place.row,
                column=place.period_column,
                value=str(period),
                accepted=EXAMPLES[context.dataset.frequency],
            )
            return False
        if context.period is not None and period != context.period:
            remarks.add(
                "other_period",
                f"该行的期间是{period}，提交的却是{context.period}",
                f"The row is of {period}, but {context.period} is being submitted",
                row=place.row,
                column=place.period_column,
                value=str(period),
                accepted=str(context.period),
            )
            return False
        return True

    def fits_region(self, region_id: int, period: Period, place: RowPlace, remarks: Remarks) -> bool:
        """Whether the region lies inside the one asked for and may be written by the caller; else a finding."""
        context = self.context
        if context.region_id is not None and region_id not in context.regions.subtree(context.region_id, period.end):
            name = self.lookup.name(region_id, period.end)
            self._at_region(
                "other_region",
                f"{name}不在所提交的{self.lookup.name(context.region_id, period.end)}之内",
                f"{name} is not within the region being submitted",
                place,
                remarks,
            )
            return False
        key = (region_id, period.ordinal)
        if key not in self._allowed:
            self._allowed[key] = context.may_write(region_id, period)
        if not self._allowed[key]:
            name = self.lookup.name(region_id, period.end)
            self._at_region(
                "forbidden_region", f"无权填报{name}的数据", f"The caller may not write for {name}", place, remarks
            )
            return False
        return True

    def takes(self, key: RecordKey, where: str) -> bool:
        """Whether the record was not given before; nothing is said where it was."""
        return self.seen.setdefault(key, where) == where

    def is_first(self, key: RecordKey, place: RowPlace, remarks: Remarks, where: str) -> bool:
        """Whether the record was not given before in this submission; otherwise a finding that names the first place."""
        first = self.seen.setdefault(key, where)
        if first == where:
            return True
        column = place.key_column or (place.region_columns[0] if place.region_columns else None)
        remarks.add(
            "duplicate_record",
            f"与{first}重复：同一区划、同一期间只能有一条记录"
            if not key[2]
            else f"与{first}重复：同一区划、期间和关键项只能有一条记录",
            f"The same record is given before, at {first}",
            row=place.row,
            column=column,
            value=place.value,
        )
        return False

    @staticmethod
    def _at_region(code: str, message: str, message_en: str, place: RowPlace, remarks: Remarks) -> None:
        remarks.add(
            code,
            message,
            message_en,
            row=place.row,
            column=place.region_columns[0] if place.region_columns else None,
            value=place.value,
        )
