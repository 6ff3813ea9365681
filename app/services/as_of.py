"""The view and the state that a question is about: now, an instant of the past, or a snapshot by its name."""

from __future__ import annotations

from app.policy.callers import Caller
from app.services.naming import StateNames, is_name
from app.services.past import view_at
from app.services.registry import Registry, State, resolve_instant
from app.services.visible_views import VisibleView, no_view
from app.store import epochs


def view_as_of(
    registry: Registry, names: StateNames, caller: Caller, view: VisibleView, state: State, as_of: str | None
) -> tuple[VisibleView, State]:
    """``as_of`` fixes data, catalogue and regions; a snapshot's name the view's version too. Access stays today's."""
    if as_of is None:
        return view, state
    version = None
    if is_name(as_of):
        found = names.find(caller, view.stored.stored.code, as_of)
        epoch, version = found.epoch, found.view_version
    else:
        instant = resolve_instant(as_of)
        with registry.database.read() as cx:
            epoch = epochs.at(cx, instant)
    past = view_at(registry, view.stored, view.scope, registry.state_at(epoch), version)
    if past is None:
        raise no_view()
    return past.view, past.state
