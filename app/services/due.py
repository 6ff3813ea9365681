"""What is due: listed for those who report it, found still true, and asked for in a workbook of just the open cells."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

from sqlalchemy import Connection

from app.catalogue.model import Dataset
from app.catalogue.periods import Period
from app.errors import Problem
from app.formats.template import template
from app.policy import gate
from app.policy.callers import Caller
from app.services.directory import known_dataset
from app.services.due_figures import STATES, DueFigures, DueItem, DueState
from app.services.record_places import day_of, read_key, read_period, read_region, shown_place, within
from app.services.registry import Registry, State
from app.store import current
from app.store import still_true as kept

_PAGE = 100
_LARGEST_PAGE = 1_000
_MOST_ROWS = 20_000


def list_due(
    registry: Registry,
    caller: Caller,
    *,
    region: str | None,
    dataset: str | None,
    period: str | None,
    state: str | None,
    limit: int | None,
    cursor: str | None,
) -> dict[str, Any]:
    """What is missing, stale or questioned of what the caller reports (an administrator: of everything), by region.

    Raises 403 for those who report nothing, 404 for a dataset or region that is not there.
    """
    size = _PAGE if limit is None else limit
    if not 1 <= size <= _LARGEST_PAGE:
        raise Problem("bad_request", f"limit 应为 1 至 {_LARGEST_PAGE} (limit is from 1 to {_LARGEST_PAGE})")
    if state not in {None, *STATES}:
        raise Problem("bad_request", f"state 应为 {', '.join(STATES)} 之一 (not a state)")
    now = registry.state()
    asked = [region, dataset, period, state]
    after = None
    if cursor is not None:
        told, holder, after = registry.sealer.open("due", cursor)
        if told != asked or holder != _holder(caller):
            raise Problem("bad_cursor", "游标属于另一个查询 (the cursor belongs to another question)")
    with registry.database.read() as cx:
        found = due_of(registry, cx, now, caller, region, dataset, period)
    today = registry.today()
    listed = sorted(
        ((_order(now, item, registry), item) for item in found if state in (None, item.state)), key=lambda each: each[0]
    )
    rest = [each for each in listed if after is None or each[0] > after]
    page = rest[:size]
    following = registry.sealer.seal("due", [asked, _holder(caller), page[-1][0]]) if len(rest) > size else None
    return {
        "today": today.isoformat(),
        "due": [item_document(registry, now, item) for _, item in page],
        "next": following,
    }


def due_of(
    registry: Registry,
    cx: Connection,
    state: State,
    caller: Caller,
    region: str | None,
    dataset: str | None,
    period: str | None,
) -> Iterator[DueItem]:
    """Everything that needs someone of what the caller cares for; see ``list_due``."""
    if dataset is not None:
        found = known_dataset(state, caller, dataset)
        gate.permit_care(caller, found)
        datasets: Sequence[Dataset] = [found]
    else:
        datasets = [each for _, each in sorted(state.catalogue.datasets.items()) if gate.cares_for(caller, each)]
        if not datasets and not caller.administers:
            raise Problem("forbidden", "只有数据来源和管理员可看 (only sources and administrators)")
    items: list[DueItem] = []
    for each in datasets:
        only = _only(each, period, named=dataset is not None)
        if period is not None and only is None:
            continue
        roots = _roots(registry, state, caller, each, region, only)
        items += DueFigures(registry, cx, state, each, roots, only).items()
    return iter(items)


def _only(dataset: Dataset, period: str | None, *, named: bool) -> Period | None:
    """The one period that is asked about; of several datasets, those of another frequency have none."""
    if named:
        return read_period(dataset, period) if period is not None else None
    if period is None:
        return None
    try:
        found = Period.parse(period)
    except ValueError as error:
        raise Problem("bad_request", f"期间 {period[:40]!r} 不合要求: {error}") from error
    return found if found.frequency == dataset.frequency else None


def _roots(
    registry: Registry, state: State, caller: Caller, dataset: Dataset, region: str | None, only: Period | None
) -> frozenset[int] | None:
    roots = gate.permit_care(caller, dataset).roots
    if region is None:
        return roots
    today = registry.today()
    when = only or Period.of(today, "year")
    top = read_region(state, region, when, today)
    if not within(state, roots, top, when, today):
        raise Problem("forbidden", f"{region[:40]} 不在本人的行政区划之内 (the region is not the caller's)")
    return frozenset({top})


def _holder(caller: Caller) -> list[str | int | None]:
    return [caller.kind, caller.department, caller.region_id]


def _order(state: State, item: DueItem, registry: Registry) -> list[str]:
    place = shown_place(state, item.region_id, item.period, registry.today())
    return [place["region"] or "", item.dataset.code, f"{item.period.ordinal:09d}", *item.key, item.state]


def item_document(registry: Registry, state: State, item: DueItem) -> dict[str, Any]:
    """One item as it is told; ``days_overdue`` counts calendar days."""
    today = registry.today()
    return {
        "dataset": item.dataset.code,
        "title": item.dataset.title,
        **shown_place(state, item.region_id, item.period, today),
        "key": dict(zip(item.dataset.key, item.key, strict=True)) if item.key else {},
        "state": item.state,
        "elements": list(item.elements),
        "due": item.due_on.isoformat() if item.due_on else None,
        "days_overdue": max((today - item.due_on).days, 0) if item.due_on else 0,
        "corrections": list(item.corrections),
        "checks": list(item.checks),
    }


def due_workbook(
    registry: Registry, caller: Caller, dataset: str | None, period: str | None, region: str | None, state: str | None
) -> bytes:
    """The xlsx that asks for the missing and stale cells of one dataset and period and for nothing else.

    Raises 404 where nothing is to be asked.
    """
    if dataset is None:
        raise Problem("bad_request", "须给出 dataset (a dataset is needed)")
    if state not in {None, "missing", "stale"}:
        raise Problem("bad_request", "state 应为 missing 或 stale (missing or stale)")
    now, today = registry.state(), registry.today()
    found = known_dataset(now, caller, dataset)
    gate.permit_care(caller, found)
    when = read_period(found, period)
    wanted: Sequence[DueState] = (cast("DueState", state),) if state is not None else ("missing", "stale")
    with registry.database.read() as cx:
        items = [i for i in due_of(registry, cx, now, caller, region, dataset, period or None) if i.state in wanted]
        asked: dict[tuple[int, tuple[str, ...]], frozenset[str]] = {}
        for item in items:
            if item.period == when:
                place = (item.region_id, item.key)
                asked[place] = asked.get(place, frozenset()) | frozenset(item.elements)
        ids = {region_id for region_id, _ in asked}
        held = current.records_of(cx, dataset, ids, when.ordinal)
    if not asked:
        raise Problem("not_found", "没有需要填报的内容 (nothing is to be asked)")
    if len(asked) > _MOST_ROWS:
        raise Problem("bad_request", f"超过 {_MOST_ROWS} 行，请用 region 缩小范围 (narrow it down by region)")
    rows = [each for region_id in ids if (each := now.regions.state(region_id, day_of(when, today))) is not None]
    return template(found, now.catalogue, when, rows, held, asked=asked)


def still_true(registry: Registry, caller: Caller, code: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """The source has looked and finds what is held still true: it is fresh again, and nothing else changes.

    ``said``: region (with all below it), period, ``key`` for one record of a list, ``elements`` for some of them. Raises
    403, 404 (also where nothing is held).
    """
    state, today = registry.state(), registry.today()
    dataset = known_dataset(state, caller, code)
    permit = gate.permit_submission(caller, dataset)
    when = read_period(dataset, said.get("period"))
    top = read_region(state, said["region"], when, today) if said.get("region") else caller.region_id
    if top is None:
        raise Problem("bad_request", "须给出 region (a region is needed)")
    if not within(state, permit.roots, top, when, today):
        raise Problem("forbidden", "该行政区划不在本人范围之内 (the region is not the caller's)")
    codes = said.get("elements")
    unknown = sorted(set(codes or ()) - {each.code for each in dataset.elements})
    if unknown or codes == []:
        raise Problem("bad_request", f"没有数据项: {', '.join(unknown)[:200]} (unknown elements)")
    key = read_key(state, dataset, said["key"]) if said.get("key") else None
    below = state.regions.subtree(top, day_of(when, today))
    with registry.database.write() as write:
        held = kept.held_figures(write.connection, code, below, {when.ordinal})
        places = [each.place for each in held if key is None or each.place[2] == key]
        if not places:
            raise Problem("not_found", "没有这样的记录 (nothing of this is held)")
        kept.renew(write, permit, code, [(place, codes) for place in places])
        at = write.now
    return {
        "dataset": code,
        **shown_place(state, top, when, today),
        "elements": list(codes) if codes is not None else None,
        "records": len(places),
        "at": at.isoformat(),
    }
