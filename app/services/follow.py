"""The change feed: the difference between a state that the caller has and the one it may see now.

A cursor names a state, or a point on the way from one to another. So corrections, new mappings, lost access and
agreements that end need no rules of their own: whatever the reason, applying the changes gives what ``records`` gives.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import orjson

from app.errors import Problem
from app.policy import gate
from app.policy.callers import Caller
from app.services.answered import answered_changes
from app.services.answers import Answer, entity_tag
from app.services.auditing import Auditing, Reading
from app.services.differences import Between, Onward, Shown, entries, had_after
from app.services.limits import Limits
from app.services.mapped import MappedViews, mapped_state
from app.services.naming import StateNames
from app.services.past import view_at
from app.services.questions import LARGEST_PAGE, PAGE
from app.services.registry import CHINA, Registry
from app.services.visible_views import VisibleView, visible_view

_MOST_STEPS = 50


@dataclass(frozen=True)
class _Cursor:
    """The state a follower had whole, and towards which states it was then given how many changes."""

    start: str | None = None
    steps: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class ChangesPage:
    """One page of changes. ``next`` is the cursor after it, ``more`` whether there is more at once."""

    body: bytes
    next: str
    rows: int
    more: bool
    reading: Reading


@dataclass(frozen=True)
class _Goal:
    """The state that a page leads to."""

    name: str
    version: int
    shown: Shown
    done: int


class ViewFollower:
    """Answers ``changes``. Holds nothing between requests but what is mapped."""

    def __init__(self, registry: Registry, views: MappedViews, names: StateNames, auditing: Auditing) -> None:
        self._registry = registry
        self._views = views
        self._names = names
        self._auditing = auditing

    def changes(self, caller: Caller, code: str, since: str | None, limit: int | None, request_id: str) -> Answer:
        """What changed since a cursor, or everything. Raises 404 when nothing is left to see, 400 for a bad cursor."""
        return self.answer(self.page(caller, code, since, limit), request_id)

    def page(self, caller: Caller, code: str, since: str | None, limit: int | None) -> ChangesPage:
        """The changes as of now, not witnessed yet: to be looked at by whoever waits, or given to ``answer``."""
        if limit is not None and not 1 <= limit <= LARGEST_PAGE:
            raise Problem("bad_request", f"limit 应为 1 至 {LARGEST_PAGE} 的整数 (limit is from 1 to {LARGEST_PAGE})")
        state, today = self._registry.state(), self._registry.today()
        view = visible_view(state, caller, code, today)
        cursor = self._opened(caller, code, since)
        mapped = mapped_state(self._registry, self._views, state, code, str(view.version), view.plan, view.scope, today)
        name = self._names.name(caller, view, state.epoch, mapped)
        question = {"since": since is not None, "limit": limit}
        reading = Reading(caller, "changes", code, view.version, question, view.agreements, state.epoch, "")
        if since is not None and cursor == _Cursor(name):
            nothing = _body(code, view.version, [], since, more=False)
            return ChangesPage(nothing, since, 0, False, replace(reading, snapshot=name))
        now = _Goal(name, view.version, Shown(mapped.mapped, view.spec.frequency), 0)
        goal, way, steps = self._way(caller, view, cursor, now)
        size = limit or PAGE
        if len(steps) >= _MOST_STEPS:
            size = way.size  # a follower interrupted so often gets the rest at once, lest its cursor grow for ever
        told = entries(way, goal.done, size)
        reached = goal.done + len(told)
        following = _Cursor(goal.name)
        if reached < way.size:
            following = _Cursor(cursor.start, (*steps, (goal.name, reached)))
        following_token = self._sealed(caller, code, following)
        more = reached < way.size or goal.name != now.name
        body = _body(code, goal.version, told, following_token, more=more)
        fields = [field.name for field in goal.shown.mapped.fields]
        reading = replace(reading, version=goal.version, snapshot=goal.name, answered=answered_changes(fields, told))
        return ChangesPage(body, following_token, len(told), more, reading)

    def answer(self, page: ChangesPage, request_id: str) -> Answer:
        """The page as it is answered, its intent written."""
        headers = {"Cache-Control": "private, no-cache", "Vary": "Authorization, Accept", "ETag": entity_tag(page.body)}
        reading = page.reading
        answer = Answer(200, "application/json", page.body, headers=headers, rows=page.rows)
        Limits(self._registry, self._registry.state(), reading.caller, reading.agreements).settle(answer)
        answer.finish = self._auditing.begin(replace(reading, request_id=request_id))
        return answer

    def present(self, caller: Caller, code: str) -> tuple[str, str]:
        """The name of what the caller may see of the view now, and the cursor of one who has just that."""
        state, today = self._registry.state(), self._registry.today()
        view = visible_view(state, caller, code, today)
        mapped = mapped_state(self._registry, self._views, state, code, str(view.version), view.plan, view.scope, today)
        name = self._names.name(caller, view, state.epoch, mapped)
        return name, self.cursor(caller, code, name)

    def cursor(self, caller: Caller, code: str, name: str) -> str:
        """The cursor of one who has all of the state of that name."""
        return self._sealed(caller, code, _Cursor(name))

    def _way(
        self, caller: Caller, view: VisibleView, cursor: _Cursor, now: _Goal
    ) -> tuple[_Goal, Between | Onward, tuple[tuple[str, int], ...]]:
        """Where the page leads, by which changes, and the steps before them."""
        steps, goal = cursor.steps, now
        if steps and steps[-1][0] == now.name:
            goal = _Goal(now.name, now.version, now.shown, steps[-1][1])
            steps = steps[:-1]
        elif steps:
            # Things moved on between two pages. What was begun is finished first, as long as access is what it was.
            begun = self._begun(caller, view, steps[-1])
            if begun is not None:
                goal, steps = begun, steps[:-1]
        start = self._past(caller, view, cursor.start)[1] if cursor.start is not None else None
        if not steps:
            return goal, Between(start, goal.shown), steps
        between = [(self._past(caller, view, name)[1], done) for name, done in steps]
        return goal, Onward(had_after(start, between), goal.shown), steps

    def _begun(self, caller: Caller, view: VisibleView, step: tuple[str, int]) -> _Goal | None:
        then, shown = self._past(caller, view, step[0])
        if then.version != view.version or then.scope.fingerprint != view.scope.fingerprint:
            return None
        return _Goal(step[0], then.version, shown, step[1])

    def _opened(self, caller: Caller, code: str, since: str | None) -> _Cursor:
        if since is None:
            return _Cursor()
        department, view, start, steps = self._registry.sealer.open("changes", since)
        if department != caller.department or view != code:
            raise Problem("bad_cursor", "游标或快照标识无效或已失效 (the cursor or snapshot id is not valid)")
        return _Cursor(start, tuple((name, done) for name, done in steps))

    def _sealed(self, caller: Caller, code: str, cursor: _Cursor) -> str:
        return self._registry.sealer.seal("changes", [caller.department, code, cursor.start, cursor.steps])

    def _past(self, caller: Caller, view: VisibleView, name: str) -> tuple[VisibleView, Shown]:
        """What the caller was shown under that name, made again from the truth."""
        code = view.stored.stored.code
        found = self._names.find(caller, code, name)
        scope = gate.scope_of_state(caller, found.scope["department"], found.scope["grants"])
        then = view_at(self._registry, view.stored, scope, self._registry.state_at(found.epoch), found.view_version)
        if then is None:
            raise Problem("bad_cursor", "游标或快照标识无效或已失效 (the cursor or snapshot id is not valid)")
        day = found.created_at.astimezone(CHINA).date()
        version = str(then.view.version)
        shown = mapped_state(self._registry, self._views, then.state, code, version, then.view.plan, scope, day)
        return then.view, Shown(shown.mapped, then.view.spec.frequency)


def _body(code: str, version: int, told: Sequence[bytes], following: str, *, more: bool) -> bytes:
    return b"".join(
        (
            orjson.dumps({"view": code, "version": version})[:-1],
            b',"changes":[',
            b",".join(told),
            b'],"next":',
            orjson.dumps(following),
            b',"more":',
            b"true" if more else b"false",
            b"}",
        )
    )
