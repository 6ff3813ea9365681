"""Element against element: figures that are collected twice under two names."""

from __future__ import annotations

from dataclasses import dataclass

from app.matching.columns import read_form
from app.matching.explain import relation_of
from app.matching.form import Form, FormColumn
from app.matching.index import MatchIndex
from app.matching.resolving import Resolver
from app.matching.scorer import Weights, trained_weights


@dataclass(frozen=True, slots=True)
class Twins:
    """Two elements that mean the same as far as one can read; ``confidence`` of the weaker direction."""

    one: str
    other: str
    confidence: float


def find_twins(index: MatchIndex, *, weights: Weights | None = None) -> list[Twins]:
    """Every pair of elements that the matcher takes for each other, in both directions; surest first."""
    chosen = weights or trained_weights()
    found: dict[tuple[str, str], float] = {}
    for entry in index.entries:
        element = entry.element
        title = index.catalogue.datasets[element.dataset].title
        (column,) = read_form(Form(title, (FormColumn(element.title, element.unit),)), index)
        resolver = Resolver(index, chosen, column.titled)
        for scored in resolver.rank(column):
            seen = scored.comparison
            same = seen.may_be_same and relation_of(seen) == "exact" and scored.log_odds >= chosen.threshold
            if scored.entry.path != element.path and same:
                found[element.path, scored.entry.path] = scored.probability
    twins = [
        Twins(one, other, round(min(confidence, found[other, one]), 4))
        for (one, other), confidence in found.items()
        if one < other and (other, one) in found
    ]
    return sorted(twins, key=lambda pair: (-pair.confidence, pair.one, pair.other))
