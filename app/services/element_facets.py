"""The facets of a dataset's elements for its administrators: what was read from the names, what is set, what is used."""

from __future__ import annotations

from typing import Any

from app.catalogue.facet_documents import facets_document
from app.errors import Problem
from app.matching.index import Entry
from app.policy import gate
from app.policy.callers import Caller
from app.services.form_matching import FormMatcher
from app.services.registry import Registry


def facets_of_dataset(registry: Registry, matcher: FormMatcher, caller: Caller, dataset: str | None) -> dict[str, Any]:
    """Every element of ``dataset`` with its facets as the form gate knows them. Raises ``Problem``: 400, 403, 404."""
    gate.permit_administration(caller)
    if dataset is None:
        raise Problem("bad_request", "须给出 dataset (name the dataset)")
    state = registry.state()
    found = state.catalogue.datasets.get(dataset)
    if found is None:
        raise Problem("not_found", f"没有数据集 {dataset[:100]} (there is no such dataset)")
    index = matcher.whole(state)
    entries = [entry for element in found.elements if (entry := index.entry(element.path)) is not None]
    return {"dataset": found.code, "title": found.title, "elements": [_document(entry) for entry in entries]}


def _document(entry: Entry) -> dict[str, Any]:
    element = entry.element
    return {
        "element": element.path,
        "title": element.title,
        "aliases": list(element.aliases),
        "unit": element.unit,
        "read": (entry.read or entry.title.facets).document(),
        "set": facets_document(element.facets) if element.facets is not None else None,
        "used": entry.title.facets.document() | {"measure": entry.kind},
    }
