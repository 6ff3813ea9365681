"""Names for what a caller was shown: snapshot ids and the states that cursors of the change feed go on from.

A name is the same for the same content seen by the same department, and nothing can be read from it, so that a
change the caller may not see changes no name it gets.
"""

from __future__ import annotations

import re
import threading
from collections import OrderedDict
from typing import Any

from app.errors import Problem
from app.policy.callers import Caller
from app.services.mapped import MappedState, SeenBefore
from app.services.registry import Registry
from app.services.visible_views import VisibleView
from app.store import pins, states
from app.store.states import StoredState

_NAME = re.compile(r"[a-z2-7]{32}")
_KNOWN_AT_ONCE = 100_000
_BAD = "快照标识或时间无效 (not a snapshot id or an instant)"


PIN = re.compile(r"[a-z][a-z0-9._-]{0,63}")
"""A department's own name for a snapshot: begins with a letter, so that it is no instant."""


def is_pin(text: str) -> bool:
    """Whether a text may be a department's own name for a snapshot, and so is no snapshot's name and no instant."""
    return PIN.fullmatch(text) is not None and not is_name(text)


def is_name(text: str) -> bool:
    """Whether a text has the form of a name, whoever it was given to."""
    return _NAME.fullmatch(text) is not None


def scope_document(caller: Caller, view: VisibleView) -> dict[str, Any]:
    """Under what the caller was shown the view, for whoever makes it again."""
    return {"department": caller.department, "grants": [grant.document() for grant in view.scope.grants]}


class StateNames:
    """Gives names to states and finds them again. Kept in the journal, so that all workers know them."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._known: OrderedDict[str, str] = OrderedDict()  # names by what they stand for
        self._lock = threading.Lock()

    def name(self, caller: Caller, view: VisibleView, epoch: int, shown: MappedState | SeenBefore) -> str:
        """The name of what ``shown`` is for this department; kept durably before it is handed out."""
        code = view.stored.stored.code
        digest = f"{caller.department}\0{code}\0{view.version}\0{shown.digest}"
        with self._lock:
            name = self._known.get(digest)
            if name is not None:
                self._known.move_to_end(digest)
        if name is None:
            name = self._registry.sealer.name("state", digest)
            scope = scope_document(caller, view)
            with self._registry.database.journal() as cx:
                states.remember(
                    cx,
                    StoredState(
                        id=name, digest=name, view=code, view_version=view.version, epoch=epoch, scope=scope,
                        created_at=self._registry.now(),
                    ),
                )  # fmt: skip
            with self._lock:
                self._known[digest] = name
                while len(self._known) > _KNOWN_AT_ONCE:
                    self._known.popitem(last=False)
        return name

    def find(self, caller: Caller, code: str, name: str) -> StoredState:
        """The state of this view that a name stands for, if this department was given it; else one refusal for all."""
        if is_name(name):
            with self._registry.database.read_journal() as cx:
                found = states.find(cx, name)
            if found is None:  # the journal may be younger than what was pinned
                with self._registry.database.read() as cx:
                    found = pins.of_snapshot(cx, name)
            if (
                found is not None
                and found.view == code
                and found.scope["department"] == caller.department
                and caller.kind == "department"
            ):
                return found
        raise Problem("bad_cursor", _BAD)

    def pinned(self, caller: Caller, code: str, name: str) -> StoredState:
        """The state of this view that this department pinned under a name of its own; else one refusal for all."""
        if caller.kind == "department" and caller.department is not None:
            with self._registry.database.read() as cx:
                found = pins.named(cx, caller.department, code, name)
            if found is not None:
                return found
        raise Problem("bad_cursor", _BAD)
