"""Canonical records: a region reads its own and those below, a source department its dataset, an administrator all."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from functools import cached_property

import orjson

from app.catalogue.model import Dataset
from app.errors import Problem
from app.formats.writing import json_records
from app.mapping.spec import FieldSpec, ViewSpec
from app.policy import gate
from app.policy.callers import Caller
from app.services.answered import answered
from app.services.answers import Answer, entity_tag, matches
from app.services.auditing import Auditing, Reading
from app.services.coverage import region_expression
from app.services.directory import known_dataset
from app.services.mapped import MappedViews, mapped_state
from app.services.questions import LARGEST_PAGE, PAGE, period_expression, read_periods, read_regions
from app.services.registry import Registry, State, StoredView, resolve_instant
from app.services.revisions import roots_of
from app.services.visible_views import VisibleView, require_coverage
from app.store import current, epochs

PRIVATE = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Accept"}


@dataclass(frozen=True, slots=True)
class RecordsQuestion:
    period: str | None = None
    region: str | None = None
    limit: int | None = None
    cursor: str | None = None
    as_of: str | None = None

    def document(self) -> dict[str, object]:
        """The question for the audit; ``cursor`` where it is a further page of the same reading."""
        asked: dict[str, object] = {"period": self.period, "region": self.region, "limit": self.limit}
        if self.as_of is not None:
            asked["as_of"] = self.as_of
        return asked if self.cursor is None else {**asked, "cursor": True}


class DatasetReader:
    """Reads canonical records through the same plan, scope and snapshots as every view."""

    def __init__(self, registry: Registry, views: MappedViews, auditing: Auditing) -> None:
        self._registry = registry
        self._views = views
        self._auditing = auditing
        self._compiled: dict[tuple[str, int], StoredView] = {}
        self._lock = threading.Lock()

    def read(
        self, caller: Caller, code: str, question: RecordsQuestion, if_none_match: str | None, request_id: str
    ) -> Answer:
        """``{"dataset", "revision", "records", "next"}`` in element codes, units and decimals. Raises 403, 404.

        ``as_of`` (an instant) fixes data, catalogue and regions; who may read what is always today's.
        """
        state, today = self._registry.state(), self._registry.today()
        dataset = known_dataset(state, caller, code)
        scope = gate.scope_of_dataset(caller, dataset)
        if not scope.grants:
            raise Problem(
                "forbidden", "只有数据来源和管理员可读原始记录 (only its source and administrators read records)"
            )
        if question.limit is not None and not 1 <= question.limit <= LARGEST_PAGE:
            raise Problem("bad_request", f"limit 应为 1 至 {LARGEST_PAGE} 的整数 (limit is from 1 to {LARGEST_PAGE})")
        roots = roots_of(scope)
        offset, until = 0, None
        asked = [question.period, question.region]
        if question.as_of is not None:
            asked.append(question.as_of)
            state = self._then(state, code, question.as_of)
            dataset, until = state.catalogue.datasets[code], state.epoch
        with self._registry.database.read() as cx:
            last = current.last_epoch(cx, code, self._below(state, roots), until)
        if question.cursor is not None:
            opened = self._registry.sealer.open("records", question.cursor)
            if opened[0] != code or opened[1] != asked or opened[4] != _reach(caller):
                raise Problem("bad_cursor", "游标属于另一个查询 (the cursor belongs to another question)")
            last, offset = opened[2], opened[3]
            state = self._registry.state_at(opened[5])
            dataset = state.catalogue.datasets.get(code, dataset)
        stored = self._view(state, dataset)
        view = VisibleView(stored, stored.plan, scope)
        spans = read_periods(question.period, dataset.frequency)
        codes = read_regions(question.region)
        require_coverage(view, state, codes, spans, today)
        shown = mapped_state(
            self._registry, self._views, state, f"dataset:{code}", str(stored.stored.version), view.plan, scope, today
        )
        frame = shown.mapped.frame
        if spans is not None:
            frame = frame.filter(period_expression(spans))
        if codes is not None:
            frame = frame.filter(region_expression(codes, frame, dataset.frequency, state.regions, today))
        page = frame.slice(offset, question.limit or PAGE)
        following = None
        if offset + page.height < frame.height:
            token = [code, asked, last, offset + page.height, _reach(caller), max(last, _described(state))]
            following = self._registry.sealer.seal("records", token)
        revision = self._registry.sealer.seal("revision", [code, last])
        head = orjson.dumps({"dataset": code, "revision": revision})[:-1]
        records = json_records(shown.mapped.fields, page)
        body = b"".join((head, b',"records":', records, b",", orjson.dumps({"next": following})[1:]))
        headers = {**PRIVATE, "ETag": entity_tag(body)}
        answer = Answer(200, "application/json", body, headers=headers, rows=page.height)
        if matches(if_none_match, headers["ETag"]):
            answer = Answer(304, "application/json", headers=headers)
        answer.finish = self._auditing.begin(
            Reading(
                caller,
                "read-records",
                code,
                stored.stored.version,
                question.document(),
                (),
                state.epoch,
                request_id,
                snapshot=revision,
                answered=answered([field.name for field in shown.mapped.fields], page, dataset.frequency),
            )
        )
        return answer

    def _then(self, present: State, code: str, as_of: str) -> State:
        """The state at an instant; where there was no such dataset, the present one before its first record."""
        instant = resolve_instant(as_of)
        with self._registry.database.read() as cx:
            epoch = epochs.at(cx, instant)
        past = self._registry.state_at(epoch)
        if ("dataset", code) in past.stored:
            return past
        return replace(present, epoch=epoch, part_revisions={}, derived={})

    def _below(self, state: State, roots: frozenset[int] | None) -> set[int] | None:
        if roots is None:
            return None
        below: set[int] = set()
        for root in roots:
            below |= state.regions.subtree(root, self._registry.today())
        return below

    def _view(self, state: State, dataset: Dataset) -> StoredView:
        kept = state.stored[("dataset", dataset.code)]
        key = (dataset.code, kept.version)
        with self._lock:
            known = self._compiled.get(key)
            if known is not None and known.catalogue is state.catalogue:
                return known
            made = _DatasetView(kept, state.catalogue)
            self._compiled[key] = made
            return made


def _described(state: State) -> int:
    """The epoch at which the catalogue or the regions last changed: records may be older than what describes them."""
    described = (item.epoch for (kind, _), item in state.stored.items() if kind not in {"view", "agreement"})
    return max(state.regions_revision, *described)


def _reach(caller: Caller) -> list[str | int | None]:
    """Whom a cursor belongs to: all keys of the same region or department."""
    return [caller.kind, caller.department, caller.region_id]


class _DatasetView(StoredView):
    """A dataset as a view of itself: every element under its own code, in its own unit and decimals."""

    @cached_property
    def spec(self) -> ViewSpec:
        dataset = self.catalogue.datasets[self.stored.code]
        fields = [FieldSpec("region", source="region.code"), FieldSpec("period", source="period")]
        fields += [FieldSpec(element.code, source=element.path) for element in dataset.elements]
        return ViewSpec(
            dataset.code, "", dataset.title, dataset.level, dataset.frequency, tuple(fields), whole_records=True
        )
