"""Facets that the catalogue sets in the place of what an element's names say (ISO/IEC 11179 by hand)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from app.catalogue.model import SetFacets
from app.matching.facets import WAYS_OF_COUNTING, Facets, facets_of
from app.matching.lexicon import LONGEST_WORD, Lexicon
from app.matching.text import folded


@dataclass(frozen=True, slots=True)
class Correction:
    """What the set facets take from the concepts of an element's title, and what they add."""

    removed: frozenset[str]
    added: frozenset[str]

    def of(self, content: Iterable[str]) -> frozenset[str]:
        return (frozenset(content) - self.removed) | self.added


def corrected(read: Facets, said: SetFacets, lexicon: Lexicon) -> Facets:
    """``read`` with each facet that is set put in the place of the one that was read."""
    before = read.content[:-1]
    ways = tuple(c for c in before if c in WAYS_OF_COUNTING)
    others = tuple(c for c in before if c not in WAYS_OF_COUNTING)
    counted = read.content[-1:] if said.object is None else _concepts((said.object,), lexicon)
    if said.counting is not None:
        counted = tuple(c for c in counted if c not in WAYS_OF_COUNTING)
        ways = _concepts(said.counting, lexicon)
    qualifiers = others if said.qualifiers is None else _concepts(said.qualifiers, lexicon)
    return replace(
        read,
        content=tuple(dict.fromkeys((*ways, *qualifiers, *counted))),
        time=read.time if said.time is None else frozenset(said.time),
        measure=read.measure if said.measure is None else said.measure,
    )


def said_words(said: SetFacets | None) -> frozenset[str]:
    """The words in which the facets are set: each is a word of the catalogue's own, however it is put together."""
    if said is None:
        return frozenset()
    words = (said.object or "", *(said.qualifiers or ()), *(said.counting or ()))
    return frozenset(folded(word) for word in words if 2 <= len(folded(word)) <= LONGEST_WORD)


def correction_of(read: Facets, now: Facets) -> Correction:
    """What lies between the facets as read and as set, to be made in every other name of the element too."""
    before, after = frozenset(read.content), frozenset(now.content)
    return Correction(before - after, after - before)


def _concepts(words: Iterable[str], lexicon: Lexicon) -> tuple[str, ...]:
    """The concepts of the words; a word in which none is found stands for itself."""
    return tuple(dict.fromkeys(c for word in words for c in facets_of(folded(word), lexicon).content or ("?" + word,)))
