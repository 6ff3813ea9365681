"""States of views that a department named and keeps: part of the truth, so that they outlive every cache and journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, func, select

from app.policy.scopes import Permit
from app.store import tables as t
from app.store.authority import demand
from app.store.database import Write
from app.store.states import StoredState

_P = t.pinned_snapshot.c


@dataclass(frozen=True, slots=True)
class Pin:
    """One view under one name. ``datasets``: what it was made from; ``shown_at``: when it was shown so."""

    department: str
    name: str
    view: str
    view_version: int
    snapshot: str
    digest: str
    epoch: int
    scope: dict[str, Any]
    datasets: Sequence[str]
    shown_at: datetime
    note: str | None
    pinned_at: datetime
    pinned_by: str

    def state(self) -> StoredState:
        """The state that was named, as the journal had it."""
        return StoredState(
            self.snapshot, self.digest, self.view, self.view_version, self.epoch, self.scope, self.shown_at
        )


def insert(write: Write, permit: Permit, pins: Sequence[Pin]) -> None:
    """Keep states under names that are not taken."""
    demand(permit, "pin")
    write.connection.execute(t.pinned_snapshot.insert(), [asdict(pin) for pin in pins])


def remove(write: Write, permit: Permit, department: str, name: str) -> int:
    """Let go of a name; gives how many views it kept."""
    demand(permit, "pin")
    gone = delete(t.pinned_snapshot).where(_P.department == department, _P.name == name)
    return write.connection.execute(gone).rowcount


def every(cx: Connection, department: str | None, name: str | None = None) -> list[Pin]:
    """The pins of a department (None: of all), of one name or all, the newest first."""
    wanted = select(t.pinned_snapshot).order_by(_P.pinned_at.desc(), _P.department, _P.name, _P.view)
    if department is not None:
        wanted = wanted.where(_P.department == department)
    if name is not None:
        wanted = wanted.where(_P.name == name)
    return [Pin(**row) for row in cx.execute(wanted).mappings()]


def names_kept(cx: Connection, department: str) -> int:
    """How many names a department has."""
    counted = select(func.count(func.distinct(_P.name))).where(_P.department == department)
    return int(cx.execute(counted).scalar_one())


def named(cx: Connection, department: str, view: str, name: str) -> StoredState | None:
    """The state of a view under a department's name for it."""
    wanted = select(t.pinned_snapshot).where(_P.department == department, _P.view == view, _P.name == name)
    row = cx.execute(wanted).mappings().one_or_none()
    return Pin(**row).state() if row is not None else None


def of_snapshot(cx: Connection, snapshot: str) -> StoredState | None:
    """A state that somebody keeps, by its own name."""
    wanted = select(t.pinned_snapshot).where(_P.snapshot == snapshot).order_by(_P.pinned_at).limit(1)
    row = cx.execute(wanted).mappings().one_or_none()
    return Pin(**row).state() if row is not None else None
