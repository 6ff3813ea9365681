"""Regions: their states with validity, and what became of whom. A correction supersedes, nothing is overwritten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from fractions import Fraction

from sqlalchemy import ColumnElement, Connection, Table, bindparam, func, or_, select, update

from app.catalogue.region_plan import RegionPlan
from app.catalogue.regions import RegionIndex, RegionState, Succession
from app.policy.scopes import Permit
from app.store import bulk
from app.store import tables as t
from app.store.authority import demand
from app.store.database import Write

_R = t.region_state.c
_S = t.succession.c
_STATE = ("region_id", "code", "name", "level", "parent_id", "valid_from", "valid_to", "epoch")
_EDGE = ("date", "kind", "old_id", "new_id", "share", "document", "epoch")


def load(cx: Connection, at_epoch: int | None = None) -> RegionIndex:
    """All regions as they are known now, or as they were known at an epoch."""
    states = cx.execute(
        select(_R.region_id, _R.code, _R.name, _R.level, _R.parent_id, _R.valid_from, _R.valid_to)
        .where(_in_force(t.region_state, at_epoch))
        .order_by(_R.region_id, _R.id)
    )
    edges = cx.execute(
        select(_S.date, _S.kind, _S.old_id, _S.new_id, _S.share, _S.document)
        .where(_in_force(t.succession, at_epoch))
        .order_by(_S.id)
    )
    return RegionIndex(
        [RegionState(*row) for row in states],
        [
            Succession(on, kind, old, new, None if share is None else Fraction(share), document)
            for on, kind, old, new, share, document in edges
        ],
    )


def revision(cx: Connection, at_epoch: int | None = None) -> int:
    """The epoch that last changed anything about regions, not above ``at_epoch``; 0 if none did."""
    found = [0]
    for column in (_R.epoch, _R.superseded_epoch, _S.epoch, _S.superseded_epoch):
        newest = select(func.max(column))
        if at_epoch is not None:
            newest = newest.where(column <= at_epoch)
        found.append(cx.execute(newest).scalar_one_or_none() or 0)
    return max(found)


def save(write: Write, permit: Permit, plan: RegionPlan) -> int | None:
    """Write a plan made against what this same write sees; gives the epoch, or None for a plan without anything to do.

    New regions get their lasting ids here. Raises ValueError for a plan with faults, or one made against other regions.
    """
    demand(permit, "administer")
    if plan.faults:
        raise ValueError(f"a plan with faults is not written: {plan.faults[0]}")
    if plan.empty:
        return None
    epoch = write.epoch("regions")
    _supersede_states(write.connection, plan.supersede_states, epoch)
    _supersede_edges(write.connection, plan.supersede_successions, epoch)
    last = write.connection.execute(select(func.max(t.region.c.id))).scalar_one_or_none() or 0
    lasting = {given: last + number for number, given in enumerate(plan.new_regions, 1)}
    bulk.insert(write.connection, t.region, ("id",), [(identity,) for identity in lasting.values()])
    bulk.insert(
        write.connection,
        t.region_state,
        _STATE,
        [
            (
                lasting.get(state.region_id, state.region_id),
                state.code,
                state.name,
                state.level,
                None if state.parent_id is None else lasting.get(state.parent_id, state.parent_id),
                _day(state.valid_from),
                _day(state.valid_to),
                epoch,
            )
            for state in plan.add_states
        ],
    )
    bulk.insert(
        write.connection,
        t.succession,
        _EDGE,
        [
            (
                _day(edge.date),
                edge.kind,
                lasting.get(edge.old_id, edge.old_id),
                lasting.get(edge.new_id, edge.new_id),
                None if edge.share is None else str(edge.share),
                edge.document,
                epoch,
            )
            for edge in plan.add_successions
        ],
    )
    return epoch


def _supersede_states(cx: Connection, states: Sequence[RegionState], epoch: int) -> None:
    same = (_R.region_id == bindparam("region")) & _R.valid_from.is_not_distinct_from(bindparam("start"))
    places = [{"region": state.region_id, "start": state.valid_from} for state in states]
    _supersede(cx, t.region_state, same, places, epoch)


def _supersede_edges(cx: Connection, edges: Sequence[Succession], epoch: int) -> None:
    same = (
        (_S.date == bindparam("on"))
        & (_S.kind == bindparam("what"))
        & (_S.old_id == bindparam("old"))
        & (_S.new_id == bindparam("new"))
    )
    places = [{"on": edge.date, "what": edge.kind, "old": edge.old_id, "new": edge.new_id} for edge in edges]
    _supersede(cx, t.succession, same, places, epoch)


def _supersede(
    cx: Connection, table: Table, same: ColumnElement[bool], places: Sequence[Mapping[str, object]], epoch: int
) -> None:
    if not places:
        return
    ended = cx.execute(
        update(table).where(same, table.c.superseded_epoch.is_(None)).values(superseded_epoch=epoch), places
    )
    if ended.rowcount != len(places):
        raise ValueError("the plan was made against other regions than those held")


def _in_force(table: Table, at_epoch: int | None) -> ColumnElement[bool]:
    ended = table.c.superseded_epoch
    if at_epoch is None:
        return ended.is_(None)
    return (table.c.epoch <= at_epoch) & or_(ended.is_(None), ended > at_epoch)


def _day(value: date | None) -> str | None:
    return None if value is None else value.isoformat()
