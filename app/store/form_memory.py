"""What administrators said a heading means or does not mean. Rows are only ever added; the newest stands."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from app.policy.scopes import Permit
from app.store import tables as t
from app.store.authority import demand
from app.store.bulk import among
from app.store.database import Write

_M = t.form_memory.c


@dataclass(frozen=True, slots=True)
class StoredJudgement:
    """One judgement. ``object`` is an element's path, or with ``formula`` an expression; ``relation``: exact narrow close."""

    signature: str
    subject: str
    heading: str
    relation: str
    rejected: bool
    object: str
    formula: bool
    reason: str
    form_request_id: str
    created_at: datetime | None = None
    created_by: str = ""
    id: int | None = None


def add(write: Write, permit: Permit, judgements: Sequence[StoredJudgement]) -> None:
    """Keep judgements, dated now and in the caller's name."""
    by = demand(permit, "administer")
    rows = [{**asdict(one), "created_at": write.now, "created_by": by} for one in judgements]
    for row in rows:
        row.pop("id")
    if rows:
        write.connection.execute(t.form_memory.insert(), rows)


def on_signatures(cx: Connection, signatures: Collection[str]) -> list[StoredJudgement]:
    """Every judgement on one of these headings, newest first."""
    if not signatures:
        return []
    wanted = select(t.form_memory).where(among(cx, _M.signature, sorted(set(signatures)))).order_by(_M.id.desc())
    return [StoredJudgement(**row) for row in cx.execute(wanted).mappings()]


def every(cx: Connection) -> list[StoredJudgement]:
    """Every judgement, newest first."""
    return [StoredJudgement(**row) for row in cx.execute(select(t.form_memory).order_by(_M.id.desc())).mappings()]
