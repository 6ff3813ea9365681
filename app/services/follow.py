"""The change feed: the difference between a state that the caller has and the one it may see now.

A cursor names a state, or a point on the way from one to another. So corrections, new mappings, lost access and
agreements that end need no rules of their own: whatever the reason, applying the changes gives what ``records`` gives.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson
import polars as pl

from app.catalogue.model import Frequency
from app.catalogue.periods import Period
from app.errors import Problem
from app.formats.writing_json import write_ndjson
from app.mapping.run import Mapped
from app.policy import gate
from app.policy.callers import Caller
from app.services.answers import Answer, entity_tag
from app.services.auditing import Auditing, Reading
from app.services.mapped import MappedViews, mapped_state
from app.services.naming import StateNames
from app.services.questions import LARGEST_PAGE, PAGE
from app.services.registry import CHINA, Registry
from app.services.visible_views import restricted, visible_view

_POSITION = ["code", "period"]


@dataclass(frozen=True)
class _Feed:
    """The changes from one state to another, removals first, each row with its key."""

    removed: pl.DataFrame
    upserted: pl.DataFrame

    @property
    def size(self) -> int:
        return self.removed.height + self.upserted.height


class ViewFollower:
    """Answers ``changes``. Holds nothing between requests but what is mapped."""

    def __init__(self, registry: Registry, views: MappedViews, names: StateNames, auditing: Auditing) -> None:
        self._registry = registry
        self._views = views
        self._names = names
        self._auditing = auditing

    def changes(self, caller: Caller, code: str, since: str | None, limit: int | None, request_id: str) -> Answer:
        """What changed since a cursor, or everything. Raises 404 when nothing is left to see, 400 for a bad cursor."""
        if limit is not None and not 1 <= limit <= LARGEST_PAGE:
            raise Problem("bad_request", f"limit 应为 1 至 {LARGEST_PAGE} 的整数 (limit is from 1 to {LARGEST_PAGE})")
        state, today = self._registry.state(), self._registry.today()
        view = visible_view(state, caller, code, today)
        start, target, done = self._opened(caller, code, since)
        now = mapped_state(self._registry, self._views, state, code, str(view.version), view.plan, view.scope, today)
        now_name = self._names.name(caller, view, state.epoch, now)
        old, before = self._past(caller, code, start)
        before = before or view.spec.frequency
        if target is not None and target != now_name:
            # Between two pages things moved on: what the caller has is the old state with the changes sent so far.
            middle, _ = self._past(caller, code, target)
            old = _patched(old, difference(old, middle), middle, done) if middle is not None else old
            feed, done, whole = difference(old, now.mapped), 0, True
        else:
            feed, whole = difference(old, now.mapped), False
        size = feed.size - done if whole else (limit or PAGE)
        entries = _entries(feed, now.mapped, done, size, before, view.spec.frequency)
        reached = done + len(entries)
        more = reached < feed.size
        following = [now_name, None, 0] if not more else [start, now_name, reached]
        body = b"".join(
            (
                orjson.dumps({"view": code, "version": view.version})[:-1],
                b',"changes":[',
                b",".join(entries),
                b'],"next":',
                orjson.dumps(self._registry.sealer.seal("changes", [caller.department, code, *following])),
                b',"more":',
                b"true" if more else b"false",
                b"}",
            )
        )
        headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Accept", "ETag": entity_tag(body)}
        question = {"since": since is not None, "limit": limit}
        finish = self._auditing.begin(
            Reading(caller, "changes", code, view.version, question, view.agreements, state.epoch, request_id)
        )
        return Answer(200, "application/json", body, headers=headers, rows=len(entries), finish=finish)

    def _opened(self, caller: Caller, code: str, since: str | None) -> tuple[str | None, str | None, int]:
        if since is None:
            return None, None, 0
        department, view, start, target, done = self._registry.sealer.open("changes", since)
        if department != caller.department or view != code:
            raise Problem("bad_cursor", "游标或快照标识无效或已失效 (the cursor or snapshot id is not valid)")
        return start, target, done

    def _past(self, caller: Caller, code: str, name: str | None) -> tuple[Mapped | None, Frequency | None]:
        """What the caller was shown under that name, made again from the truth, and its grain; None for nothing."""
        if name is None:
            return None, None
        found = self._names.find(caller, name)
        past = self._registry.state_at(found.epoch)
        scope = gate.scope_of_state(caller, found.scope["department"], found.scope["grants"])
        stored = past.views.get(code)
        view = restricted(stored, scope) if stored is not None else None
        if view is None:
            return None, None
        then = found.created_at.astimezone(CHINA).date()
        shown = mapped_state(self._registry, self._views, past, code, str(view.version), view.plan, scope, then)
        return shown.mapped, view.spec.frequency


def difference(old: Mapped | None, new: Mapped) -> _Feed:
    """What has to be removed and put so that ``old`` becomes ``new``. Rows are told apart by code, period and key."""
    key = [*_POSITION, *(f"key:{name}" for name in new.key)]
    if old is None:
        return _Feed(new.frame.head(0), new.frame)
    if old.key != new.key or old.frame.schema.get("period") != new.frame.schema.get("period"):
        return _Feed(old.frame, new.frame)
    removed = old.frame.join(new.frame.select(key), on=key, how="anti", nulls_equal=True)
    if _shape(old) != _shape(new):
        return _Feed(removed, new.frame)
    shown = [f"field:{field.name}" for field in new.fields]
    columns = [*key, *shown]
    # Widths may differ between two computations of the same column; the values are what counts.
    same = old.frame.select(columns).cast({name: new.frame.schema[name] for name in columns}, strict=False)
    upserted = new.frame.join(same, on=columns, how="anti", nulls_equal=True, maintain_order="left")
    return _Feed(removed, upserted)


def _shape(mapped: Mapped) -> list[tuple[str, str, int]]:
    return [(field.name, field.kind, field.decimals) for field in mapped.fields]


def _patched(old: Mapped | None, feed: _Feed, middle: Mapped, done: int) -> Mapped:
    """``old`` with the first ``done`` changes on the way to ``middle``, by the middle's fields."""
    key = [*_POSITION, *(f"key:{name}" for name in middle.key)]
    removed = feed.removed.head(done)
    put = feed.upserted.head(max(0, done - feed.removed.height))
    if old is None:
        return Mapped(put, middle.fields, middle.key)
    kept = old.frame
    if removed.height and old.key == middle.key:
        kept = kept.join(removed.select(key), on=key, how="anti", nulls_equal=True)
    if put.height:
        kept = kept.join(put.select(key), on=key, how="anti", nulls_equal=True)
        kept = pl.concat([kept, put], how="diagonal_relaxed")
    # Rows of the old shape differ from the new ones anyway: an unlike field list makes every row come again.
    fields = middle.fields if _shape(old) == _shape(middle) else ()
    return Mapped(kept, fields, middle.key)


def _entries(feed: _Feed, now: Mapped, start: int, size: int, before: Frequency, after: Frequency) -> list[bytes]:
    """The changes from ``start`` on, at most ``size``: removals with the periods of the old grain, then upserts."""
    removed = feed.removed.slice(start, size) if start < feed.removed.height else feed.removed.head(0)
    begin = max(0, start - feed.removed.height)
    upserted = feed.upserted.slice(begin, max(0, size - removed.height))
    # One object a line, so that exact numbers are carried over as bytes and never parsed.
    lines = b"".join(write_ndjson(now.fields, upserted)).split(b"\n")[: upserted.height]
    entries = [b'{"op":"remove","key":' + orjson.dumps(key) + b"}" for key in _keys(removed, before)]
    entries += [
        b'{"op":"upsert","key":' + orjson.dumps(key) + b',"record":' + line + b"}"
        for key, line in zip(_keys(upserted, after), lines, strict=True)
    ]
    return entries


def _keys(frame: pl.DataFrame, frequency: Frequency) -> list[dict[str, Any]]:
    names = [name for name in frame.columns if name.startswith("key:")]
    rows = frame.select("code", "period", *names).rows()
    return [
        {
            "region": row[0],
            "period": str(Period(frequency, row[1])) or None,
            **{name.removeprefix("key:"): value for name, value in zip(names, row[2:], strict=True)},
        }
        for row in rows
    ]
