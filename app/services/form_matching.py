"""Matching forms against the catalogue as a department may know it, with what administrators said before."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace

from app.catalogue.model import Catalogue
from app.matching import Form, FormMatch, MatchIndex, match_form
from app.matching.memory import Judgement, MemoryRelation, remembered, signatures
from app.policy import gate
from app.policy.callers import Caller
from app.services.registry import Registry, State
from app.store import form_memory
from app.store.form_memory import StoredJudgement

_KEPT = 4
_RELATIONS: dict[str, MemoryRelation] = {"exact": "exact", "narrow": "narrow", "close": "close"}


def as_department(department: str) -> Caller:
    """The department itself, whoever hands in its form: what is answered is kept for it to read."""
    return Caller("department", "form-gate", department, department=department)


def hidden_elements(catalogue: Catalogue, caller: Caller) -> frozenset[str]:
    """The paths of the elements that the caller may not know of."""
    return frozenset(
        element.path
        for dataset in catalogue.datasets.values()
        for element in dataset.elements
        if not gate.knows_dataset(caller, dataset) or not gate.knows_element(caller, dataset, element)
    )


class FormMatcher:
    """Holds the catalogue ready for matching, once for each set of elements that some callers may not know of."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._lock = threading.Lock()
        self._ready: OrderedDict[frozenset[str], tuple[Catalogue, MatchIndex]] = OrderedDict()

    def index(self, state: State, department: str) -> MatchIndex:
        """The elements that the department may know of, ready to be matched against."""
        return self._index(state, hidden_elements(state.catalogue, as_department(department)))

    def whole(self, state: State) -> MatchIndex:
        """Every element of the catalogue: for administrators only."""
        return self._index(state, frozenset())

    def _index(self, state: State, hidden: frozenset[str]) -> MatchIndex:
        catalogue = state.catalogue
        with self._lock:
            known = self._ready.get(hidden)
            if known is None or known[0] is not catalogue:
                known = (catalogue, MatchIndex.build(_without(catalogue, hidden)))
                self._ready[hidden] = known
            self._ready.move_to_end(hidden)
            while len(self._ready) > _KEPT:
                self._ready.popitem(last=False)
        return known[1]

    def match(self, form: Form, index: MatchIndex) -> FormMatch:
        """The verdicts on a form; what was judged before goes first, what was rejected is not proposed."""
        found = match_form(form, index)
        with self._registry.database.read() as cx:
            stored = form_memory.on_signatures(cx, signatures(form, index))
        return remembered(found, form, index, [judgement_of(one) for one in stored])

    def signatures(self, forms: Sequence[Form], index: MatchIndex) -> list[str]:
        """The signatures of all columns of the sheets of a form, in order."""
        return [signature for form in forms for signature in signatures(form, index)]


def judgement_of(stored: StoredJudgement) -> Judgement:
    day = stored.created_at.date().isoformat() if stored.created_at else ""
    return Judgement(
        stored.signature,
        stored.subject,
        stored.object,
        stored.formula,
        _RELATIONS[stored.relation],
        stored.rejected,
        day,
    )


def _without(catalogue: Catalogue, hidden: frozenset[str]) -> Catalogue:
    if not hidden:
        return catalogue
    datasets = {
        code: replace(dataset, elements=tuple(e for e in dataset.elements if e.path not in hidden))
        for code, dataset in catalogue.datasets.items()
    }
    return replace(catalogue, datasets={code: dataset for code, dataset in datasets.items() if dataset.elements})
