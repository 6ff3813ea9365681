"""The view and the state that a question is about: now, an instant of the past, or a snapshot by its name."""

from __future__ import annotations

from app.policy.callers import Caller
from app.services.naming import StateNames, is_name
from app.services.registry import Registry, State, resolve_instant
from app.services.visible_views import VisibleView, past_view
from app.store import epochs


def view_as_of(
    registry: Registry, names: StateNames, caller: Caller, view: VisibleView, state: State, as_of: str | None
) -> tuple[VisibleView, State]:
    """``as_of`` fixes data, catalogue and regions; a snapshot's name the view's version too. Access stays today's."""
    if as_of is None:
        return view, state
    if is_name(as_of):
        past = registry.state_at(names.find(caller, as_of).epoch)
        return past_view(view, past, with_version=True), past
    instant = resolve_instant(as_of)
    with registry.database.read() as cx:
        epoch = epochs.at(cx, instant)
    past = registry.state_at(epoch)
    return past_view(view, past, with_version=False), past
