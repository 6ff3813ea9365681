"""Every element of a catalogue, read once into facets, and found again by words and by character pairs."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from app.catalogue.model import Catalogue, Element
from app.catalogue.units import UnitTable
from app.matching.facets import Facets, definition_concepts, facets_of_heading, kind_of_element
from app.matching.formula_book import FormulaBook, book_with
from app.matching.lexicon import Lexicon, builtin_lexicon
from app.matching.set_facets import Correction, corrected, correction_of, said_words
from app.matching.text import bigrams, folded, read_heading

_LEAST_DATASET, _MOST = 4, 0.6
MAX_POSTINGS = 400  # a concept in more names than this says nothing about which one is meant


@dataclass(frozen=True, slots=True)
class Name:
    """A title or alias of an element: its facets and character pairs."""

    facets: Facets
    content: frozenset[str]
    pairs: frozenset[str]


@dataclass(frozen=True, slots=True)
class Entry:
    """An element as the matcher knows it."""

    element: Element
    names: tuple[Name, ...]  # the title first
    kind: str | None
    support: frozenset[str]  # concepts of the definition, the dataset's title and all names
    named: frozenset[str]  # concepts of the title and all aliases
    text: str  # title, aliases, definition, for runs of characters nobody listed
    names_text: str
    optional: frozenset[str] = frozenset()  # concepts of the names that another name does without
    domain: frozenset[str] = frozenset()  # concepts that most titles of its dataset share: the subject of the dataset
    read: Facets | None = None  # of the title, before anything that the catalogue sets

    @property
    def path(self) -> str:
        return self.element.path

    @property
    def title(self) -> Name:
        return self.names[0]


@dataclass(frozen=True, slots=True)
class MatchIndex:
    """A catalogue ready to be matched against. Immutable; build one per catalogue revision."""

    catalogue: Catalogue
    units: UnitTable
    lexicon: Lexicon
    entries: tuple[Entry, ...]
    weights: Mapping[str, float]  # how telling a concept is within this catalogue
    by_concept: Mapping[str, tuple[int, ...]]
    by_title: Mapping[str, tuple[int, ...]]
    by_pair: Mapping[str, tuple[int, ...]]
    position: Mapping[str, int]
    book: FormulaBook
    written: frozenset[str]  # titles and aliases to the letter, without numbering and units
    scale: float = field(default=1.0)

    @classmethod
    def build(cls, catalogue: Catalogue) -> MatchIndex:
        """Read every element of ``catalogue``; its own words join the lexicon."""
        elements = [element for dataset in catalogue.datasets.values() for element in dataset.elements]
        lexicon = builtin_lexicon()
        lexicon = lexicon.with_words(_own_words(elements, lexicon, catalogue.units))
        entries = _with_domains([_entry(element, catalogue, lexicon) for element in elements])
        frequency = Counter(concept for entry in entries for concept in {c for n in entry.names for c in n.content})
        total = max(len(entries), 50)
        full = math.log(1 + total)
        weights = {concept: math.log(1 + total / count) / full for concept, count in frequency.items()}
        by_concept: dict[str, list[int]] = defaultdict(list)
        by_title: dict[str, list[int]] = defaultdict(list)
        by_pair: dict[str, list[int]] = defaultdict(list)
        for position, entry in enumerate(entries):
            for concept in entry.support:
                by_concept[concept].append(position)
            for concept in entry.title.content:
                by_title[concept].append(position)
            for pair in {pair for name in entry.names for pair in name.pairs}:
                by_pair[pair].append(position)
        return cls(
            catalogue,
            catalogue.units,
            lexicon,
            entries,
            weights,
            {key: tuple(found) for key, found in by_concept.items()},
            {key: tuple(found) for key, found in by_title.items()},
            {key: tuple(found) for key, found in by_pair.items() if len(found) <= MAX_POSTINGS},
            {entry.path: position for position, entry in enumerate(entries)},
            book_with(catalogue.formulas.values()),
            frozenset(name.facets.surface for entry in entries for name in entry.names),
        )

    def weight(self, concept: str) -> float:
        """Between 0 and 1: how much a concept tells; one that no element names tells everything."""
        return self.weights.get(concept, 1.0)

    def total(self, concepts: Iterable[str]) -> float:
        return math.fsum(self.weight(concept) for concept in concepts)  # the same in whatever order

    def nearest(self, concepts: Mapping[str, float], pairs: frozenset[str], limit: int) -> list[Entry]:
        """The entries that share most with ``concepts`` (with their weight) and character ``pairs``, best first."""
        scores: dict[int, float] = defaultdict(float)
        for concept, share in concepts.items():
            gain = share * self.weight(concept)
            less = gain * 0.6
            for position in self.by_concept.get(concept, ()):
                scores[position] += less
            more = gain - less
            for position in self.by_title.get(concept, ()):
                scores[position] += more
        gain = 2.0 / (len(pairs) + 2)
        for pair in pairs:
            for position in self.by_pair.get(pair, ()):
                scores[position] += gain
        best = sorted(scores, key=lambda position: (-scores[position], position))[: limit * 3]
        ranked = sorted(best, key=lambda p: -(scores[p] + closest(self.entries[p], pairs)))
        return [self.entries[position] for position in ranked[:limit]]

    def is_named(self, text: str) -> bool:
        """Whether ``text`` is, to the letter, a title or alias of an element."""
        return text in self.written

    def entry(self, path: str) -> Entry | None:
        position = self.position.get(path)
        return None if position is None else self.entries[position]


def _with_domains(entries: list[Entry]) -> tuple[Entry, ...]:
    sizes = Counter(entry.element.dataset for entry in entries)
    named = Counter((entry.element.dataset, concept) for entry in entries for concept in entry.title.content)
    domains: dict[str, set[str]] = defaultdict(set)
    for (dataset, concept), count in named.items():
        if sizes[dataset] >= _LEAST_DATASET and count >= sizes[dataset] * _MOST:
            domains[dataset].add(concept)
    return tuple(replace(entry, domain=frozenset(domains[entry.element.dataset])) for entry in entries)


def closest(entry: Entry, pairs: frozenset[str]) -> float:
    """The best Dice coefficient of ``pairs`` with any name of ``entry``."""
    if not pairs:
        return 0.0
    return max(2 * len(pairs & name.pairs) / (len(pairs) + len(name.pairs)) for name in entry.names)


def _own_words(elements: Iterable[Element], lexicon: Lexicon, units: UnitTable) -> set[str]:
    """Runs of two to six characters in titles and aliases that the lexicon does not know: the catalogue's own words."""
    words: set[str] = set()
    for element in elements:
        for text in (element.title, *element.aliases):
            heading = read_heading(text, units)
            for piece in (heading.term, *heading.notes):
                runs = [t.concept[1:] for t in lexicon.cut(piece) if t.role == "unknown"]
                words.update(run for run in runs if 2 <= len(run) <= 6)
        for word in said_words(element.facets):
            if any(token.role == "unknown" for token in lexicon.cut(word)):
                words.add(word)
    return words


def _entry(element: Element, catalogue: Catalogue, lexicon: Lexicon) -> Entry:
    names: list[Name] = []
    for text in (element.title, *element.aliases):
        heading = read_heading(text, catalogue.units)
        facets = facets_of_heading(heading, lexicon)
        names.append(Name(facets, frozenset(facets.content), bigrams(heading.term)))
    read = names[0].facets
    defined = definition_concepts(element, catalogue, lexicon)
    if element.facets is not None:
        now = corrected(read, element.facets, lexicon)
        correction = correction_of(read, now)
        names = [_as_set(name, now, correction) for name in names]
        defined = correction.of(defined)
    named = frozenset(concept for name in names for concept in name.content)
    return Entry(
        element,
        tuple(names),
        (element.facets and element.facets.measure) or kind_of_element(element, names[0].facets, catalogue.units),
        defined | named,
        named,
        folded("|".join((element.title, *element.aliases, element.definition))),
        folded("|".join((element.title, *element.aliases))),
        named - frozenset.intersection(*(name.content for name in names)),
        read=read,
    )


def _as_set(name: Name, now: Facets, correction: Correction) -> Name:
    content = correction.of(name.facets.content)
    ordered = now.content if content == frozenset(now.content) else tuple(sorted(content))
    facets = replace(name.facets, content=ordered, time=now.time, measure=now.measure)
    return Name(facets, content, name.pairs)
