"""A view at a state of the past: the data, catalogue and regions of then, under the access of today."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

from app.catalogue.model import Catalogue, Dataset
from app.mapping.compile import compile_view
from app.policy.scopes import Scope
from app.services.registry import Registry, State, StoredView
from app.services.visible_views import VisibleView, restricted
from app.store import definitions
from app.store.definitions import StoredDefinition


@dataclass(frozen=True)
class PastView:
    """A view as it is read at a state, and that state with the catalogue that the view was compiled under."""

    view: VisibleView
    state: State


def view_at(
    registry: Registry, present: StoredView, scope: Scope, past: State, version: int | None = None
) -> PastView | None:
    """The view in its present version, or in ``version``, at a past state; None when ``scope`` shows nothing of it.

    A mapping may be younger than the state it is read at: what it names that was not there yet reads as missing.
    """
    code = present.stored.code
    wanted = present.stored.version if version is None else version
    older = past.views.get(code)
    if older is not None and older.stored.version == wanted:
        stored, state = older, past
    else:
        stored, state = _younger(registry, present, past, wanted)
    found = restricted(stored, scope)
    return PastView(found, state) if found is not None else None


def _younger(registry: Registry, present: StoredView, past: State, version: int) -> tuple[StoredView, State]:
    key = ("younger view", present.stored.code, version)
    known = past.derived.get(key)
    if known is not None and known[0] is present.catalogue:
        return cast("tuple[StoredView, State]", known[1])
    definition: StoredDefinition | None = present.stored
    if version != present.stored.version:
        with registry.database.read() as cx:
            definition = definitions.get(cx, "view", present.stored.code, version)
    stored = _compiled(definition or present.stored, past.catalogue, present.catalogue)
    found = stored, replace(past, catalogue=stored.catalogue, derived={})
    past.derived[key] = (present.catalogue, found)
    return found


def _compiled(definition: StoredDefinition, past: Catalogue, present: Catalogue) -> StoredView:
    for catalogue in _catalogues(past, present):
        stored = StoredView(definition, catalogue)
        if compile_view(stored.spec, catalogue, definition.code)[0] is not None:
            return stored
    return StoredView(definition, present)


def _catalogues(past: Catalogue, present: Catalogue) -> Iterator[Catalogue]:
    """The catalogue of then with what came since, first with the units of then."""
    datasets = {code: _completed(past.datasets.get(code), dataset) for code, dataset in present.datasets.items()}
    for units in (past.units, present.units):
        yield Catalogue(
            datasets,
            {**present.codelists, **past.codelists},
            {**present.departments, **past.departments},
            units,
        )


def _completed(older: Dataset | None, newer: Dataset) -> Dataset:
    if older is None:
        return newer
    added = tuple(element for element in newer.elements if element.code not in older.by_code)
    return replace(older, elements=(*older.elements, *added)) if added else older
