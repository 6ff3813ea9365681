"""The workbook to fill: one row a region, prefilled with what is held."""

from __future__ import annotations

from app.catalogue.model import Dataset
from app.catalogue.periods import Period
from app.errors import Problem
from app.formats.template import template
from app.policy import gate
from app.policy.callers import Caller
from app.services.directory import known_dataset
from app.services.registry import Registry, State
from app.store import current

_MOST_ROWS = 20_000


def dataset_template(registry: Registry, caller: Caller, code: str, period: str | None, region: str | None) -> bytes:
    """The xlsx of a dataset for a period and the regions of its level within ``region`` (default: the key's own).

    What is held is filled in only where the caller may read it. Raises 400, 403, 404.
    """
    state, today = registry.state(), registry.today()
    dataset = known_dataset(state, caller, code)
    scope = gate.scope_of_dataset(caller, dataset)
    if not scope.grants:
        raise Problem("forbidden", "只有数据来源和管理员可取填报模板 (only its source and administrators)")
    when = _period(dataset, period)
    day = today if when.frequency == "once" else when.end
    if region is not None:
        top = state.regions.holder(region, day)
        if top is None:
            raise Problem("not_found", f"没有行政区划 {region} (there is no such region)")
    else:
        top = caller.region_id
    level = state.regions.at_level(dataset.level, day)
    if top is None:
        ids = set(level)
    else:
        below = state.regions.subtree(top, day)
        ids = {region_id for region_id in level if region_id in below}
    own = caller.region_id
    if own is not None and top is not None and own not in {top, *state.regions.ancestors(top, day)}:
        raise Problem("forbidden", f"{region} 不在本人的行政区划之内 (the region is not the caller's)")
    if len(ids) > _MOST_ROWS:
        raise Problem("bad_request", f"模板超过 {_MOST_ROWS} 行，请用 region 缩小范围 (narrow it down by region)")
    rows = [item for region_id in ids if (item := state.regions.state(region_id, day)) is not None]
    rows.sort(key=lambda item: item.code)
    with registry.database.read() as cx:
        held = current.records_of(cx, code, ids, when.ordinal)
    return template(dataset, state.catalogue, when, rows, held, led_by=_other_source(state, caller, dataset))


def _other_source(state: State, caller: Caller, dataset: Dataset) -> str | None:
    """The name of the department that leads a dataset, where a region asks for its workbook; None where it may fill it."""
    if caller.kind != "region" or dataset.source_department is None:
        return None
    department = state.catalogue.departments.get(dataset.source_department)
    return department.name if department is not None else dataset.source_department


def _period(dataset: Dataset, text: str | None) -> Period:
    if dataset.frequency == "once":
        if text:
            raise Problem("bad_request", "该数据集不分期间 (the dataset has no periods)")
        return Period("once", 0)
    if text is None:
        raise Problem("bad_request", "须给出 period (a period is needed)")
    try:
        return Period.parse(text, dataset.frequency)
    except ValueError as error:
        raise Problem("bad_request", f"期间 {text!r} 不合要求: {error}") from error
