"""The values that pass through intake: what a submission says, what is held, what would change.

The *conservation law* holds for every reading: ``rows = new + changed + unchanged + refused``, and what was passed over
(blank rows, totals, notes) is counted beside it, so that no row of a file vanishes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

from app.catalogue.model import Catalogue, Dataset
from app.catalogue.periods import Period
from app.catalogue.regions import RegionIndex
from app.catalogue.values import Reported
from app.errors import Finding
from app.intake.roles import Role

RecordKey = tuple[int, int, tuple[str, ...]]
"""(region id, period ordinal, values of the dataset's key elements): one record of a dataset."""


def anywhere(region_id: int, period: Period) -> bool:  # noqa: ARG001 - the signature of Context.may_write
    """The permission of a caller who may write everywhere."""
    return True


@dataclass(frozen=True, slots=True)
class Context:
    """What a reading is read against.

    ``root`` is the caller's own region (None: no limit); names are looked up below it. ``period`` and ``region_id`` are
    what the request gave, if it did. ``may_write`` answers for each record whether the caller may write it. ``roles`` are
    headings (undecorated, or keys of JSON rows) that say whose row it is in words of the file's own: 报送单元 → name.
    """

    dataset: Dataset
    catalogue: Catalogue
    regions: RegionIndex
    today: date
    root: int | None = None
    period: Period | None = None
    region_id: int | None = None
    may_write: Callable[[int, Period], bool] = anywhere
    roles: Mapping[str, Role] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a record stands in what was handed in.

    ``row`` is the sheet's row number from 1, or the index from 0 of a JSON row, which has no sheet and no cells.
    ``cells`` has a cell name such as ``C7`` for every element the sheet has, also where the cell is blank.
    """

    sheet: str | None
    row: int | None
    cells: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class InputRow:
    """One record as handed in. ``values`` has an entry for every element the row speaks of, missing ones included;

    an element that is not there keeps what is held. ``faulty`` are elements whose cell could not be read.
    """

    region_id: int
    period: Period
    key: tuple[str, ...]
    values: Mapping[str, Reported]
    place: Place
    faulty: frozenset[str] = frozenset()

    @property
    def record_key(self) -> RecordKey:
        return (self.region_id, self.period.ordinal, self.key)


@dataclass(frozen=True, slots=True)
class Reading:
    """Everything a file or a list of JSON rows says. ``refused`` rows could not be placed as a record at all."""

    rows: Sequence[InputRow]
    findings: Sequence[Finding]
    passed_over: int = 0
    refused: int = 0


@dataclass(frozen=True, slots=True)
class HeldRecord:
    """A record as it is held; a withdrawn one counts as not held."""

    values: Mapping[str, Reported]
    withdrawn: bool = False


@dataclass(frozen=True, slots=True)
class RecordChange:
    """One record to write: ``values`` is the whole record as it would be held, ``changed`` the elements that differ."""

    region_id: int
    period: Period
    key: tuple[str, ...]
    values: Mapping[str, Reported]
    changed: frozenset[str]
    place: Place

    @property
    def record_key(self) -> RecordKey:
        return (self.region_id, self.period.ordinal, self.key)


@dataclass(frozen=True, slots=True)
class ChangeSet:
    """What a submission would do. Only one without error findings may be written."""

    new: Sequence[RecordChange]
    changed: Sequence[RecordChange]
    unchanged: Sequence[RecordKey]
    findings: Sequence[Finding]
    passed_over: int = 0
    refused: int = 0

    @property
    def acceptable(self) -> bool:
        """Whether there is no error among the findings."""
        return not any(finding.severity == "error" for finding in self.findings)

    @property
    def counts(self) -> dict[str, int]:
        """``rows new changed unchanged``, as a submission's answer gives them."""
        new, changed, unchanged = len(self.new), len(self.changed), len(self.unchanged)
        return {
            "rows": new + changed + unchanged + self.refused,
            "new": new,
            "changed": changed,
            "unchanged": unchanged,
        }

    @property
    def ledger(self) -> dict[str, int]:
        """The counts with ``passed_over`` and ``refused`` beside them.

        Rows in the file = new + changed + unchanged + passed over + refused, always.
        """
        return {**self.counts, "passed_over": self.passed_over, "refused": self.refused}
