"""Whose evidence is whose, and who may look at it.

A file belongs to the department or the region whose key attached it. It is seen by its owner, by the source of the
records it is attached to, by those who see the submission it is attached to, and by administrators. A department sees what
the source itself attached where an agreement in force with ``evidence: true`` shows every element the file is said to
be about (all of the dataset, closed ones with them, where it is not said), exactly as held.
"""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection

from app.catalogue.periods import Period
from app.errors import Problem
from app.policy import gate
from app.policy.callers import Caller
from app.policy.scopes import Scope
from app.services.figure_notices import shown_exactly
from app.services.record_places import within
from app.services.registry import Registry, State
from app.services.submissions import viewpoint
from app.store import evidence as kept
from app.store import submissions
from app.store.corrections import StoredCorrection
from app.store.database import Write
from app.store.evidence import EvidencePlace, StoredEvidence


def owner_of(caller: Caller) -> str:
    """Under whose name the caller's files are kept."""
    if caller.department is not None:
        return f"department:{caller.department}"
    if caller.region_id is not None:
        return f"region:{caller.region_id}"
    return f"credential:{caller.credential_id}"


class EvidenceAccess:
    """One caller's view of files at one state."""

    def __init__(self, registry: Registry, state: State, caller: Caller, cx: Connection) -> None:
        self._registry, self._state, self._caller, self._cx = registry, state, caller, cx

    def seen_places(self, file: StoredEvidence, places: Sequence[EvidencePlace]) -> list[EvidencePlace] | None:
        """Those of the file's places that the caller may know of; None where it may not know of the file."""
        own = [place for place in places if place.evidence_id == file.id]
        if self._caller.administers or file.owner == owner_of(self._caller):
            return own
        return [place for place in own if self._sees(file, place)] or None

    def _sees(self, file: StoredEvidence, place: EvidencePlace) -> bool:
        dataset = self._state.catalogue.datasets.get(place.dataset)
        if dataset is None:
            return False
        if place.submission_id is not None:
            seat = viewpoint(self._registry, self._state, self._caller)
            return submissions.get(self._cx, place.submission_id, seat) is not None
        if place.record is None:
            return False
        today, period = self._registry.today(), Period(dataset.frequency, place.record[1])
        if gate.cares_for(self._caller, dataset):
            roots = gate.permit_care(self._caller, dataset).roots
            return within(self._state, roots, place.record[0], period, today)
        source = f"department:{dataset.source_department}" if dataset.source_department else "region:"
        if self._caller.kind != "department" or not (
            file.owner == source or (source == "region:" and file.owner.startswith(source))
        ):
            return False
        codes = place.elements if place.elements is not None else tuple(dataset.by_code)
        scope, record = self._scope(), place.record
        return all(shown_exactly(self._registry, self._state, scope, dataset.code, code, record) for code in codes)

    def _scope(self) -> Scope:
        agreements = (item.agreement for item in self._state.agreements.values())
        return gate.scope_of_evidence(
            self._caller, agreements, self._state.roots, self._state.catalogue, self._registry.today()
        )


def attach_to_question(write: Write, caller: Caller, question: StoredCorrection) -> None:
    """Let the source see the files that a question names. Raises 404 for any that is not the caller's own."""
    ids = list(dict.fromkeys(question.evidence))
    found = kept.get(write.connection, ids)
    if len(found) != len(ids) or any(each.owner != owner_of(caller) for each in found):
        raise Problem("not_found", "没有这份佐证 (there is no such evidence)")
    permit = gate.permit_evidence(caller, None)
    place = (question.region_id, question.period, question.key)
    for each in found:
        kept.attach(write, permit, EvidencePlace(each.id, question.dataset, *place, elements=(question.element,)))
