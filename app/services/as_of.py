"""The view and the state that a question is about: now, an instant of the past, or a snapshot by its name."""

from __future__ import annotations

from datetime import date

from app.policy.callers import Caller
from app.services.naming import StateNames, is_name, is_pin
from app.services.past import view_at
from app.services.registry import CHINA, Registry, State, resolve_instant
from app.services.visible_views import VisibleView, no_view
from app.store import epochs


def view_as_of(
    registry: Registry, names: StateNames, caller: Caller, view: VisibleView, state: State, as_of: str | None
) -> tuple[VisibleView, State, date]:
    """``as_of`` fixes data, catalogue and regions; a snapshot's name the view's version too. Access stays today's.

    With the day under whose regions stands what has no period of its own, or is carried to the present ones: today,
    and for a snapshot the day on which it was shown.
    """
    day = registry.today()
    if as_of is None:
        return view, state, day
    version = None
    if is_name(as_of) or is_pin(as_of):
        code = view.stored.stored.code
        found = names.find(caller, code, as_of) if is_name(as_of) else names.pinned(caller, code, as_of)
        epoch, version = found.epoch, found.view_version
        day = found.created_at.astimezone(CHINA).date()
    else:
        instant = resolve_instant(as_of)
        with registry.database.read() as cx:
            epoch = epochs.at(cx, instant)
    past = view_at(registry, view.stored, view.scope, registry.state_at(epoch), version)
    if past is None:
        raise no_view()
    return past.view, past.state, day
