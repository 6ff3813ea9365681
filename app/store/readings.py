"""What was read and by whom, taken from the audit: each reading once, its intent and its closing put together."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, select

from app.store import tables as t
from app.store.bulk import among

_A = t.audit.c


@dataclass(frozen=True, slots=True)
class AnsweredReading:
    """One reading that was answered. ``rows`` is how many records went out, ``epoch`` the state that was answered from."""

    at: datetime
    caller_kind: str
    department: str | None
    action: str
    target: str
    question: Mapping[str, Any]
    agreements: Sequence[str]
    rows: int
    epoch: int | None = None


def answered_readings(
    cx: Connection, actions: Collection[str], *, since: datetime, department: str | None = None
) -> Iterator[AnsweredReading]:
    """Every reading since an instant that ended with its answer, in the order of asking."""
    wanted = (
        select(
            _A.at, _A.kind, _A.request_id, _A.caller_kind, _A.department, _A.action, _A.target, _A.question,
            _A.agreements, _A.status, _A.rows, _A.epoch,
        )
        .where(among(cx, _A.action, sorted(actions)), _A.at >= since)
        .order_by(_A.id)
    )  # fmt: skip
    if department is not None:
        wanted = wanted.where(_A.department == department)
    begun: dict[tuple[str, str], Any] = {}
    for row in cx.execute(wanted):
        key = (row.request_id, row.action)
        if row.kind == "intent":
            begun[key] = row
            continue
        intent = begun.pop(key, None)
        if intent is None or row.kind != "closing" or row.status not in ("sent", "not_modified"):
            continue
        yield AnsweredReading(
            intent.at,
            intent.caller_kind,
            intent.department,
            intent.action,
            intent.target or "",
            intent.question or {},
            intent.agreements or (),
            row.rows or 0,
            intent.epoch,
        )
