"""Why a value is what it is: the rule, what went into it cell by cell, each step exactly, and the one rounding.

It is given to whoever may read the value, in the same words refused to whoever may not, and says nothing about any
cell beyond those that the value rests on. Where one of them is not covered it says only that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import orjson
import polars as pl

from app.catalogue.periods import Period
from app.errors import Problem
from app.formats.selection import parse_fields
from app.formats.writing import column_name, json_records
from app.mapping.plan import CompiledField
from app.mapping.trace import Trace, trace
from app.policy.callers import Caller
from app.services.answered import answered
from app.services.answers import PRIVATE, Answer, entity_tag, matches
from app.services.as_of import view_as_of
from app.services.auditing import Auditing, Reading
from app.services.explained import Explained, exact
from app.services.limits import Limits
from app.services.mapped import MappedViews, mapped_state
from app.services.naming import StateNames
from app.services.questions import read_periods, read_regions
from app.services.registry import Registry, State
from app.services.snapshot_sources import SnapshotSources
from app.services.views import field_document
from app.services.visible_views import VisibleView, require_coverage, visible_view

NOT_COVERED = "没有有效的共享协议覆盖该值所依据的全部数据 (not covered)"
_OPTIONS = (
    "from", "expr", "value", "codes", "otherwise", "default", "aggregate", "complete", "unit", "decimals", "rounding",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """One cell of a view. ``key`` has what was given beside the known parameters: the key elements of a list."""

    region: str
    field: str
    period: str | None = None
    as_of: str | None = None
    key: tuple[tuple[str, str], ...] = ()

    def document(self) -> dict[str, object]:
        """The question for the audit."""
        asked: dict[str, object] = {
            "region": self.region, "period": self.period, "field": self.field, "as_of": self.as_of,
            "key": dict(self.key) or None,
        }  # fmt: skip
        return {name: value for name, value in asked.items() if value is not None}


class ViewExplainer:
    """Answers why a cell has its value. One for each process."""

    def __init__(self, registry: Registry, views: MappedViews, names: StateNames, auditing: Auditing) -> None:
        self._registry = registry
        self._views = views
        self._names = names
        self._auditing = auditing

    def explain(self, caller: Caller, code: str, asked: Asked, if_none_match: str | None, request_id: str) -> Answer:
        """The explanation of one value, audited before it is given. Raises Problem as reading the value would."""
        state, today = self._registry.state(), self._registry.today()
        view = visible_view(state, caller, code, today)
        limits = Limits(self._registry, state, caller, view.agreements)
        view, state, today = view_as_of(self._registry, self._names, caller, view, state, asked.as_of)
        field = _field(view, asked.field)
        spans = read_periods(asked.period, view.spec.frequency)
        codes = read_regions(asked.region) or ()
        ordinal = _ordinal(view, asked.period)
        if len(codes) != 1:
            raise Problem("bad_request", "region 须恰为一个代码 (exactly one region code)")
        key = _key(view, asked)
        require_coverage(view, state, codes, spans, today)
        shown = mapped_state(self._registry, self._views, state, code, str(view.version), view.plan, view.scope, today)
        row = _row(shown.mapped.frame, codes[0], ordinal, key)
        reading = Reading(
            caller, "explain", code, view.version, asked.document(), view.agreements, state.epoch, request_id
        )
        head = {
            "view": view.spec.code,
            "version": view.version,
            "snapshot": self._names.name(caller, view, state.epoch, shown),
        }
        body = orjson.dumps({**head, **self._body(view, state, field, row, today)})
        headers = {**PRIVATE, "ETag": entity_tag(body), "Township-Snapshot": str(head["snapshot"])}
        answer = Answer(200, "application/json", body, headers=headers, rows=1)
        if matches(if_none_match, headers["ETag"]):
            answer = Answer(304, answer.media_type, headers=headers)
        told = answered([field.name], row, view.spec.frequency)
        limits.settle(answer)
        answer.finish = self._auditing.begin(replace(reading, snapshot=str(head["snapshot"]), answered=told))
        return answer

    def _body(
        self, view: VisibleView, state: State, field: CompiledField, row: pl.DataFrame, today: date
    ) -> dict[str, Any]:
        place = row.select("region", "period", pl.col("^key:.*$")).row(0, named=True)
        period = Period(view.spec.frequency, place["period"])
        said = state.regions.state(place["region"], today if view.spec.places_by == "once" else period.end)
        sources = SnapshotSources(self._registry, state, view.scope, today)
        traced = trace(view.plan, field.name, place, sources, sources.coverage, state.regions, today)
        explained = Explained(view, state, field, sources.coverage, today)
        with self._registry.database.read() as cx:
            inputs, submissions = explained.inputs(cx, traced) if traced.covered else ([], [])
        return {
            "region": {"code": row["code"][0], "name": said.name if said else None},
            "period": str(period) or None,
            "key": {name.removeprefix("key:"): text for name, text in place.items() if name.startswith("key:")},
            "field": field_document(field.output),
            "rule": _rule(field),
            "covered": traced.covered,
            "complete": traced.complete if field.complete and traced.covered else None,
            "detail": None if traced.covered else NOT_COVERED,
            "value": _shown(field, row),
            "inputs": inputs,
            "steps": explained.steps(traced),
            "rounding": _rounding(field, row, traced),
            "code": _code(field, traced),
            "default_used": _defaulted(field, row, traced),
            "submissions": submissions,
        }


def _field(view: VisibleView, name: str) -> CompiledField:
    """The visible field of the name; a hidden one is refused as one that is not there."""
    for field in view.plan.fields:
        if field.name == name:
            return field
    parse_fields(name, [field.output for field in view.plan.fields])
    raise Problem("bad_request", "field 只能是一个字段 (exactly one field)")


def _ordinal(view: VisibleView, period: str | None) -> int:
    """The one period of the grain that is asked about."""
    frequency = view.spec.frequency
    try:
        return Period.parse(period or "", frequency).ordinal
    except ValueError as error:
        raise Problem(
            "bad_request", "period 须恰为视图粒度的一个期间 (exactly one period of the view's grain)"
        ) from error


def _key(view: VisibleView, asked: Asked) -> Mapping[str, str]:
    wanted = set(view.plan.key)
    given = [name for name, _ in asked.key]
    unknown = sorted(set(given) - wanted)
    if unknown:
        known = sorted({"region", "period", "field", "as_of"} | wanted)
        raise Problem(
            "unknown_parameter", f"不认识的参数: {', '.join(unknown)} (unknown; known are {', '.join(known)})"
        )
    if sorted(given) != sorted(wanted):
        raise Problem("bad_request", f"须给出主键各一次: {', '.join(view.plan.key)} (each of the key elements, once)")
    return dict(asked.key)


def _row(frame: pl.DataFrame, code: str, period: int, key: Mapping[str, str]) -> pl.DataFrame:
    """The row as the caller may see it. A row that is not there and one that may not be seen give the same 404."""
    wanted = (pl.col("code") == code) & (pl.col("period") == period)
    for name, text in key.items():
        wanted = wanted & (pl.col(f"key:{name}") == text)
    found = frame.filter(wanted)
    if found.height != 1:
        raise Problem("not_found", "没有这一行 (there is no such row)")
    return found


def _rule(field: CompiledField) -> dict[str, Any]:
    """The rule as it was written, with what it left to be understood: unit, decimals and rounding."""
    document = {**dict.fromkeys(_OPTIONS), **field.spec.document()}
    for name in ("name", "title"):
        document.pop(name, None)
    if field.output.kind == "number":
        document |= {"unit": field.output.unit, "decimals": field.output.decimals, "rounding": field.rounding}
    for name in ("value", "default"):
        if document[name] is not None and not isinstance(document[name], str | bool | int):
            document[name] = orjson.Fragment(str(document[name]))
    return document


def _shown(field: CompiledField, row: pl.DataFrame) -> Any:
    """The value as records has it, to the byte."""
    record = json_records([field.output], row)
    start = len(orjson.dumps(field.name)) + 3
    return orjson.Fragment(record[start:-2])


def _rounding(field: CompiledField, row: pl.DataFrame, traced: Trace) -> dict[str, Any] | None:
    if field.output.kind != "number" or traced.value is None:
        return None
    return {
        "before": exact(traced.value),
        "decimals": field.output.decimals,
        "mode": field.rounding,
        "after": _shown(field, row),
    }


def _code(field: CompiledField, traced: Trace) -> dict[str, Any] | None:
    """The code before the code map and what it maps to; null where it has no target and nothing is said of the rest."""
    if field.codes is None or traced.value is None:
        return None
    value = traced.value
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return {"before": text, "after": field.codes.get(text, field.otherwise)}


def _defaulted(field: CompiledField, row: pl.DataFrame, traced: Trace) -> bool:
    """Whether the value shown is the default: there is one, something may be seen, and nothing else was left."""
    if not traced.covered or field.default is None or row[column_name(field.output)][0] is None or not field.elements:
        return False
    coded = _code(field, traced)
    return traced.value is None or (coded is not None and coded["after"] is None)
