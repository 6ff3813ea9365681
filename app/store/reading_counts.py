"""Who read what, counted from the audit as it grows: each entry once, whoever counts, in the journal.

Each writer of the audit numbers its entries without a gap and commits them in that order, so for each writer the number
of the last entry counted tells exactly what is left to count. Two who count at once: the one who comes second finds
the numbers moved and leaves everything as it is.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection, and_, func, or_, select
from sqlalchemy.dialects import postgresql, sqlite

from app.store import tables as t
from app.store.bulk import among

_A, _W = t.audit.c, t.audit_writer.c
_P, _S, _C = t.reading_progress.c, t.reading_scope.c, t.reading_count.c
_LOCK = ""  # no writer has this name


@dataclass(frozen=True, slots=True)
class Uncounted:
    """Entries not counted yet: the readings among them that came to an end, and how far this goes for each writer."""

    readings: Sequence[AnsweredReading]
    before: Mapping[str, int]
    after: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class AnsweredReading:
    """A reading that was answered, from its intent."""

    at: datetime
    caller_kind: str
    department: str | None
    action: str
    target: str
    version: int | None
    question: Mapping[str, Any]
    agreements: Sequence[str]


@dataclass(frozen=True, slots=True)
class CountedScope:
    """What readings had in common, with how often they came on a day, or up to it."""

    id: str
    document: Mapping[str, Any]
    day: date
    times: int


def uncounted(cx: Connection, actions: Collection[str], outcomes: Collection[str], limit: int) -> Uncounted:
    """The next entries to count, at most ``limit`` of them; no ``after`` when there are none."""
    done = func.coalesce(_P.position, 0)
    left = (
        select(_W.id, done.label("position"))
        .join_from(t.audit_writer, t.reading_progress, _P.writer == _W.id, isouter=True)
        .where(or_(_W.last.is_(None), _W.last > done))
        .subquery()
    )
    rows = cx.execute(
        select(_A.writer, _A.position, _A.kind, _A.action, _A.status, _A.request_id, left.c.position.label("done"))
        .join(left, and_(_A.writer == left.c.id, _A.position > left.c.position))
        .order_by(_A.id)
        .limit(limit)
    ).all()
    before = {row.writer: row.done for row in rows}
    after: dict[str, int] = {}
    closed: list[tuple[str, str]] = []
    for row in rows:
        after[row.writer] = max(row.position, after.get(row.writer, 0))
        if row.kind == "closing" and row.action in actions and row.status in outcomes:
            closed.append((row.request_id, row.action))
    return Uncounted(_intents(cx, closed), before, after)


def _intents(cx: Connection, closed: Sequence[tuple[str, str]]) -> list[AnsweredReading]:
    names = sorted({request for request, _ in closed})
    wanted = select(
        _A.at, _A.request_id, _A.caller_kind, _A.department, _A.action, _A.target, _A.version, _A.question,
        _A.agreements,
    ).where(_A.kind == "intent", among(cx, _A.request_id, names))  # fmt: skip
    begun = {(row.request_id, row.action): row for row in cx.execute(wanted)} if names else {}
    found = (begun.get(each) for each in closed)
    return [
        AnsweredReading(
            row.at, row.caller_kind, row.department, row.action, row.target or "", row.version, row.question or {},
            row.agreements or (),
        )
        for row in found
        if row is not None
    ]  # fmt: skip


def add(journal: Connection, counted: Sequence[CountedScope], once_a_day: Collection[str], batch: Uncounted) -> bool:
    """Add what was counted of a batch, in a journal transaction; False, and nothing added, if another was quicker.

    ``once_a_day``: the scopes that count once on a day, however often they come.
    """
    insert = postgresql.insert if journal.dialect.name == "postgresql" else sqlite.insert
    journal.execute(insert(t.reading_progress).values(writer=_LOCK, position=0).on_conflict_do_nothing())
    journal.execute(select(_P.position).where(_P.writer == _LOCK).with_for_update())
    wanted = select(_P.writer, _P.position).where(among(journal, _P.writer, sorted(batch.before)))
    present = {row.writer: row.position for row in journal.execute(wanted)}
    if any(present.get(writer, 0) != position for writer, position in batch.before.items()):
        return False
    for each in counted:
        scope = {"id": each.id, "department": each.document.get("department"), "document": dict(each.document)}
        journal.execute(insert(t.reading_scope).values(scope).on_conflict_do_nothing())
        once = each.id in once_a_day
        new = insert(t.reading_count).values(scope_id=each.id, day=each.day, times=1 if once else each.times)
        if once:
            journal.execute(new.on_conflict_do_nothing())
        else:
            more = {"times": _C.times + each.times}
            journal.execute(new.on_conflict_do_update(index_elements=["scope_id", "day"], set_=more))
    for writer, position in batch.after.items():
        new = insert(t.reading_progress).values(writer=writer, position=position)
        journal.execute(new.on_conflict_do_update(index_elements=["writer"], set_={"position": position}))
    return True


def counted(cx: Connection, since: date | None, until: date | None) -> list[CountedScope]:
    """Every scope that came on a day from ``since`` to ``until``: how often in all, and on which day last."""
    wanted = select(_C.scope_id, func.max(_C.day).label("day"), func.sum(_C.times).label("times")).group_by(_C.scope_id)
    if since is not None:
        wanted = wanted.where(_C.day >= since)
    if until is not None:
        wanted = wanted.where(_C.day <= until)
    found = wanted.subquery()
    rows = select(_S.id, _S.document, found.c.day, found.c.times).join(found, found.c.scope_id == _S.id)
    return [CountedScope(row.id, row.document, row.day, int(row.times)) for row in cx.execute(rows.order_by(_S.id))]
