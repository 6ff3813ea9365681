"""Records: what each region reported, version under version. The only thing that ever changes is what is current."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any, NamedTuple

import orjson
from sqlalchemy import ColumnElement, Connection, Text, cast, func, or_, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from app.catalogue.periods import Period
from app.catalogue.values import Reported
from app.intake.change_list import ChangeList, TakenOfRun
from app.intake.laid_over import LaidOver
from app.intake.packed import HeldValues, PackedValues
from app.intake.records import ChangeSet, HeldRecord, RecordKey
from app.policy.scopes import Permit
from app.store import bulk, epochs
from app.store import tables as t
from app.store.authority import demand
from app.store.database import Write
from app.store.types import json_text

_V = t.record_version.c
_P = t.part_revision.c
_NEW_VERSION = (
    "dataset",
    "region_id",
    "period",
    "year",
    "key",
    "values",
    "submission_id",
    "epoch",
    "withdrawn",
    "reason",
)
_PART = """
SELECT id, region_id, period, key, "values" FROM record_version
WHERE dataset = {mark} AND year = {mark} AND epoch <= {mark}
  AND (superseded_epoch IS NULL OR superseded_epoch > {mark}) AND NOT withdrawn
"""
_BATCH = 5_000


class PartRow(NamedTuple):
    """One record of a part. ``key`` is JSON text of its key values, '' for none; ``values`` JSON text by element."""

    version: int
    region_id: int
    period: int
    key: str
    values: str


@dataclass(frozen=True, slots=True)
class RecordVersion:
    """One version of a record, for its history."""

    version: int
    epoch: int
    superseded_epoch: int | None
    withdrawn: bool
    reason: str | None
    submission_id: str | None
    at: datetime | None
    values: Mapping[str, Reported]


def key_text(key: Sequence[str]) -> str:
    """The key values of a record as kept: one JSON text, '' where the dataset has no key elements."""
    return json_text(list(key)) if key else ""


def key_of(text: str) -> tuple[str, ...]:
    """The inverse of ``key_text``."""
    return tuple(orjson.loads(text)) if text else ()


def held(cx: Connection, dataset: str, keys: Iterable[RecordKey]) -> dict[RecordKey, HeldRecord]:
    """What is held at these places, in one statement; withdrawn records are given as such, without values."""
    places = list({(region, period, key_text(key)) for region, period, key in keys})
    found: dict[RecordKey, HeldRecord] = {}
    for region, period, key, values, withdrawn in bulk.current_versions(cx, dataset, places) if places else ():
        found[region, period, key_of(key)] = HeldRecord(HeldValues(values), bool(withdrawn))
    return found


def apply(
    write: Write, permit: Permit, submission_id: str, dataset: str, changes: ChangeSet, none_held: bool = False
) -> int | None:
    """Write the new and changed records of a submission; gives the epoch, or None where nothing changes.

    ``none_held``: nothing at all is held at their places, withdrawn or not. The submission's row must be
    there; read ``held`` within this same write, so that nothing comes between.
    Raises ForgedError if the permit is for something else.
    """
    demand(permit, "submit", dataset)
    if not changes.new and not changes.changed:
        return None
    epoch = epoch_of(write, submission_id)
    for batch in _batches(changes):  # the texts of all at once would be most of the memory
        rows = [
            (dataset, region_id, period, year, key_text(key), document, submission_id, epoch, False, None)
            for (region_id, period, key), year, document in batch
        ]
        _replace(write, dataset, rows, epoch, none_held=none_held)
    return epoch


def _batches(changes: ChangeSet) -> Iterator[list[tuple[RecordKey, int, str]]]:
    """The changes some thousand at a time: where each record is, the year of its period, and its values as they are stored."""
    written = _written(changes)
    while batch := list(islice(written, _BATCH)):
        yield batch


def _written(changes: ChangeSet) -> Iterator[tuple[RecordKey, int, str]]:
    for changed in (changes.new, changes.changed):
        for part in changed.parts if isinstance(changed, ChangeList) else [changed]:
            if isinstance(part, TakenOfRun):
                yield from part.written()
            else:
                yield from ((each.record_key, each.period.year, _document(each.values)) for each in part)


def epoch_of(write: Write, submission_id: str) -> int:
    """The epoch at which a submission's records are written, within its write."""
    return write.epoch(f"{epochs.SUBMISSION} {submission_id}")


def withdraw(
    write: Write, permit: Permit, dataset: str, region_id: int, period: Period, key: Sequence[str], reason: str
) -> int | None:
    """Withdraw one record: a version without values takes its place. Gives the epoch, or None if none is held."""
    demand(permit, "submit", dataset)
    place = (region_id, period.ordinal, tuple(key))
    present = held(write.connection, dataset, [place]).get(place)
    if present is None or present.withdrawn:
        return None
    epoch = write.epoch(f"{epochs.WITHDRAWAL} {dataset}")
    row = (dataset, region_id, period.ordinal, period.year, key_text(key), "{}", None, epoch, True, reason)
    _replace(write, dataset, [row], epoch)
    return epoch


def _replace(
    write: Write, dataset: str, rows: Sequence[tuple[Any, ...]], epoch: int, *, none_held: bool = False
) -> None:
    if not none_held:
        bulk.supersede(write.connection, dataset, [(row[1], row[2], row[4]) for row in rows], epoch)
    bulk.insert(write.connection, t.record_version, _NEW_VERSION, rows)
    years = sorted({row[3] for row in rows})
    insert = postgresql_insert if write.connection.dialect.name == "postgresql" else sqlite_insert
    parts = [{"dataset": dataset, "year": year, "epoch": epoch} for year in years]
    write.connection.execute(insert(t.part_revision).on_conflict_do_nothing(), parts)


def part_rows(cx: Connection, dataset: str, year: int, at_epoch: int) -> Iterator[PartRow]:
    """The records of one part as of an epoch, without the withdrawn ones, in no promised order.

    Rows come as they are read: the connection stays busy until the end.
    """
    sqlite = cx.dialect.name == "sqlite"
    question = _PART.format(mark="?" if sqlite else "%s")
    driver = cx.connection.driver_connection
    assert driver is not None  # noqa: S101 - a connection inside a transaction has one
    # A named cursor leaves the rows on the server; an unnamed one would hold all of them here at once.
    cursor = driver.cursor() if sqlite else driver.cursor(name="part_rows")
    try:
        cursor.execute(question, (dataset, year, at_epoch, at_epoch))
        while rows := cursor.fetchmany(_BATCH):
            yield from map(PartRow._make, rows)
    finally:
        cursor.close()


class PartChange(NamedTuple):
    """From one epoch of a part to a later one: ids of versions no longer shown, and the rows that now are."""

    gone: list[int]
    rows: list[PartRow]


def part_changes(
    cx: Connection, dataset: str, year: int, since_epoch: int, at_epoch: int, regions: Collection[int] | None = None
) -> PartChange:
    """What changed in a part (of the ``regions``, if given) after ``since_epoch`` up to ``at_epoch``.

    Costs what was changed, not what is held.
    """
    part: tuple[ColumnElement[bool], ...] = (_V.dataset == dataset, _V.year == year)
    if regions is not None:
        part += (_V.region_id.in_(sorted(regions)),)
    gone = select(_V.id).where(
        *part, _V.superseded_epoch > since_epoch, _V.superseded_epoch <= at_epoch, _V.epoch <= since_epoch
    )
    came = select(_V.id, _V.region_id, _V.period, _V.key, cast(_V["values"], Text)).where(
        *part,
        _V.epoch > since_epoch,
        _V.epoch <= at_epoch,
        or_(_V.superseded_epoch.is_(None), _V.superseded_epoch > at_epoch),
        _V.withdrawn.is_(False),
    )
    return PartChange(list(cx.execute(gone).scalars()), [PartRow._make(row) for row in cx.execute(came)])


def part_revisions(cx: Connection, at_epoch: int | None = None, after: int = 0) -> dict[tuple[str, int], int]:
    """The revision of every part, now or at an epoch: (dataset, year) → the epoch that last changed it.

    ``after``: only of the parts that were changed after that epoch.
    """
    newest = select(_P.dataset, _P.year, func.max(_P.epoch)).group_by(_P.dataset, _P.year)
    if at_epoch is not None:
        newest = newest.where(_P.epoch <= at_epoch)
    if after:
        newest = newest.where(_P.epoch > after)
    return {(dataset, year): revision for dataset, year, revision in cx.execute(newest)}


def history(
    cx: Connection, dataset: str, region_id: int, period: Period, key: Sequence[str] = ()
) -> list[RecordVersion]:
    """Every version of one record, newest first."""
    found = cx.execute(
        select(t.record_version, t.epoch_log.c.at)
        .outerjoin(t.epoch_log, t.epoch_log.c.epoch == _V.epoch)
        .where(
            _V.dataset == dataset,
            _V.region_id == region_id,
            _V.period == period.ordinal,
            _V.key == key_text(key),
        )
        .order_by(_V.epoch.desc(), _V.id.desc())
    )
    return [
        RecordVersion(
            version=row["id"],
            epoch=row["epoch"],
            superseded_epoch=row["superseded_epoch"],
            withdrawn=row["withdrawn"],
            reason=row["reason"],
            submission_id=row["submission_id"],
            at=row["at"],
            values={code: Reported.from_document(document) for code, document in row["values"].items()},
        )
        for row in found.mappings()
    ]


def count_current(cx: Connection, dataset: str) -> int:
    """How many records of a dataset are held."""
    counted = select(func.count()).where(_V.dataset == dataset, _V.superseded_epoch.is_(None), _V.withdrawn.is_(False))
    return cx.execute(counted).scalar_one()


def count_holding(cx: Connection, dataset: str, elements: Collection[str]) -> dict[str, int]:
    """For each of these elements, how many of the records held have a value for it that is not missing."""
    counts = dict.fromkeys(elements, 0)
    for values in _current_mentioning(cx, dataset, counts) if counts else ():
        for code in counts:
            document = values.get(code)
            if document is not None and document.get("m") is None:
                counts[code] += 1
    return counts


def _current_mentioning(cx: Connection, dataset: str, elements: Collection[str]) -> Iterator[dict[str, dict[str, Any]]]:
    # The search in the text only spares the parsing of rows that cannot matter; what is in them is looked at here.
    position = func.instr if cx.dialect.name == "sqlite" else func.strpos
    mentions = or_(*(position(cast(_V["values"], Text), f'"{code}"') > 0 for code in elements))
    current = select(_V["values"]).where(
        _V.dataset == dataset, _V.superseded_epoch.is_(None), _V.withdrawn.is_(False), mentions
    )
    yield from cx.execute(current, execution_options={"yield_per": _BATCH}).scalars()


def _document(values: Mapping[str, Reported]) -> str:
    if isinstance(values, PackedValues | LaidOver):
        return values.document()
    return json_text({code: value.document() for code, value in values.items()})
