"""What the tests of the store start from: regions, permits, and changes as intake gives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

from app.catalogue.model import Dataset
from app.catalogue.periods import Period
from app.catalogue.values import Reported
from app.intake.records import ChangeSet, Place, RecordChange
from app.policy import gate
from app.policy.callers import OPERATOR, Caller
from app.policy.scopes import Permit
from app.store import records, submissions
from app.store import tables as t
from app.store.database import Database, Write
from app.store.ids import new_id
from app.store.submissions import StoredSubmission

CLERK = Caller("region", "clerk-1", "填报员", region_id=1, role="clerk")
ADMIN = Caller("admin", "admin-1", "管理员")


def dataset(code: str = "population", source: str = "region") -> Dataset:
    return Dataset(code, code, "year", "township", (), source, "open", None, "none", ())


def administration(caller: Caller = OPERATOR) -> Permit:
    return gate.permit_administration(caller)


def submitting(code: str = "population", caller: Caller = CLERK) -> Permit:
    return gate.permit_submission(caller, dataset(code))


def given_regions(database: Database, *ids: int) -> None:
    with database.write() as write:
        write.connection.execute(t.region.insert(), [{"id": region} for region in ids or (1, 2, 3)])


def change(
    region: int, period: str, number: str | None, key: Sequence[str] = (), element: str = "total"
) -> RecordChange:
    value = Reported(missing="未统计") if number is None else Reported(number=Decimal(number), unit="人")
    return RecordChange(
        region, Period.parse(period), tuple(key), {element: value}, frozenset({element}), Place(None, 0)
    )


def changes(*given: RecordChange) -> ChangeSet:
    return ChangeSet(new=given, changed=(), unchanged=(), findings=())


def attempt(code: str = "population", caller: Caller = CLERK, **more) -> StoredSubmission:
    told = {
        "id": new_id(), "dataset": code, "period": "2025", "region_id": caller.region_id, "mode": "apply",
        "status": "applied", "channel": "json", "created_by": caller.credential_id,
        "by_department": caller.department, "by_region_id": caller.region_id,
    }  # fmt: skip
    return StoredSubmission(**{**told, **more})


def submit_within(write: Write, *given: RecordChange, code: str = "population") -> int | None:
    permit, submission = submitting(code), attempt(code)
    submissions.insert(write, permit, submission)
    return records.apply(write, permit, submission.id, code, changes(*given))


def submit(database: Database, *given: RecordChange, code: str = "population") -> Any:
    """One submission; gives its epoch, None where nothing was to be written."""
    with database.write() as write:
        return submit_within(write, *given, code=code)


def part(database: Database, year: int, at_epoch: int, code: str = "population") -> Mapping[tuple[int, int, str], str]:
    with database.read() as cx:
        return {(row.region_id, row.period, row.key): row.values for row in records.part_rows(cx, code, year, at_epoch)}
