"""Finding the one element a term means, in the context of a column: the inputs of formulas are looked up so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from app.matching.columns import ReadColumn, read_column
from app.matching.features import COUNTABLE, FEATURES, Comparison, compare, compare_all
from app.matching.form import FormColumn
from app.matching.index import Entry, MatchIndex
from app.matching.scorer import Weights, probability

CANDIDATES = 30
_EXCLUDING_ABOVE = FEATURES.index("excluding above")


@dataclass(frozen=True, slots=True)
class Scored:
    """A comparison with its log odds of being right."""

    comparison: Comparison
    log_odds: float

    @property
    def entry(self) -> Entry:
        return self.comparison.entry

    @property
    def probability(self) -> float:
        return probability(self.log_odds)


@dataclass(slots=True)
class Resolver:
    """Ranks the elements for columns and bare terms; remembers what it was asked within one form."""

    index: MatchIndex
    weights: Weights
    titled: frozenset[str] = frozenset()
    _found: dict[tuple[str, tuple[str, ...]], Scored | None] = field(default_factory=dict)
    _read: dict[tuple[str, tuple[str, ...]], ReadColumn] = field(default_factory=dict)
    _ranks: dict[ReadColumn, list[Scored]] = field(default_factory=dict)

    def rank(self, column: ReadColumn) -> list[Scored]:
        """The candidates of ``column``, best first; only those that unit and measure let through."""
        found = self._ranks.get(column)
        if found is None:
            near = self.index.nearest(column.concepts(), column.pairs | column.full_pairs, CANDIDATES)
            found = self._ranks[column] = self.ranked(compare_all(column, near, self.index))
        return found

    def measured_otherwise(self, column: ReadColumn) -> list[Scored]:
        """Elements of the same meaning in a measure that does not convert (栋 beside 户): near, never the same."""
        if column.kind not in COUNTABLE:
            return []
        near = self.index.nearest(column.concepts(), column.pairs, CANDIDATES)
        apart = [entry for entry in near if entry.kind in COUNTABLE and entry.kind != column.kind]
        seen = [compare(column, entry, self.index, fit=0.0) for entry in apart]
        return [
            s for s in self.ranked(seen) if not (s.comparison.extra or s.comparison.missing or s.comparison.clashes)
        ]

    def ranked(self, comparisons: Iterable[Comparison]) -> list[Scored]:
        scored = [Scored(seen, self.weights.log_odds(seen.values)) for seen in comparisons]
        return sorted(scored, key=lambda s: (-s.log_odds, s.entry.path))

    def without_missing(self, scored: Scored) -> Scored:
        """``scored`` as if the column had named all that the element is limited to: one part of a sum."""
        values = list(scored.comparison.values)
        values[6] = 0.0
        return Scored(scored.comparison, self.weights.log_odds(values))

    def read(self, term: str, path: Sequence[str]) -> ReadColumn:
        key = (term, tuple(path))
        found = self._read.get(key)
        if found is None:
            found = self._read[key] = read_column(FormColumn(term, None, key[1]), self.titled, None, self.index)
        return found

    def resolve(self, term: str, path: Sequence[str] = ()) -> Scored | None:
        """The element that ``term`` means below the headings ``path``, or None if none is held (or it is no number)."""
        key = (term, tuple(path))
        if key not in self._found:
            self._found[key] = self._resolve(term, path)
        return self._found[key]

    def _resolve(self, term: str, path: Sequence[str]) -> Scored | None:
        column = self.read(term, path)
        if not column.own:
            return None
        for scored in self.rank(column)[:3]:
            seen = scored.comparison
            if scored.log_odds < self.weights.threshold or not scored.entry.element.numeric:
                return None
            if seen.clashes or seen.values[3] > 0.3 or seen.values[_EXCLUDING_ABOVE] > 0:
                continue
            return scored
        return None

    def titled_so(self, terms: Sequence[str]) -> Scored | None:
        """The number whose title is one of ``terms`` to the letter, where that is one alone: 面积, 总人口."""
        for term in terms:
            found = [e for e in self.index.entries if e.title.facets.surface == term and e.element.numeric]
            if len(found) == 1:
                return self.ranked([compare(self.read(term, ()), found[0], self.index, fit=1.0)])[0]
        return None

    def first(self, terms: Sequence[str], path: Sequence[str] = (), preferred: str = "") -> Scored | None:
        """The first of ``terms`` that is held; one whose title ``preferred`` mentions goes before the others."""
        found = [scored for term in terms if (scored := self.resolve(term, path)) is not None]
        for scored in found:
            if scored.entry.element.title in preferred:
                return scored
        return found[0] if found else None
