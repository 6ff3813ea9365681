"""The words of statistics and what they mean: ``knowledge/terms.txt`` read once, and terms cut into concepts by it.

A concept is a plain string. Concepts that come from outside the word list: ``age>=60``, ``>=100人`` (thresholds),
and runs of characters nobody listed, which stand for themselves with the mark ``?`` before them.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Literal

Role = Literal["filler", "time", "measure", "term", "threshold", "unknown"]

_AGE = re.compile(r"(?:年满)?(\d{1,3})(?:周岁|岁)(?:及以上|\(含\)以上|含以上|以上|及)?(以下)?")
_AGES = re.compile(r"(\d{1,3})(?:周岁|岁)?[-~至—到](\d{1,3})(?:周岁|岁)")
_THRESHOLD = re.compile(r"(\d+(?:\.\d+)?)(万?[\u4e00-\u9fff]{1,3}?)(?:及)?(以上|以下|以内)")
LONGEST_WORD = 14
_KNOWN, _SINGLE, _UNKNOWN = 1.0, 1.6, 2.5
_REMEMBERED = 20_000


@dataclass(frozen=True, slots=True)
class Token:
    """One piece of a term: what it means, in which role, what its noun says about the way of measuring."""

    concept: str
    role: Role
    kind: str | None = None


@dataclass(frozen=True, slots=True)
class Lexicon:
    """Words → tokens, and how concepts stand to each other."""

    words: Mapping[str, tuple[Token, ...]]
    excluding: Mapping[str, frozenset[str]]  # concept → those it is never the same as
    wider: Mapping[str, frozenset[str]]  # concept → the wider ones
    partitions: Mapping[str, tuple[str, ...]]  # name of the whole → its parts
    implied: Mapping[str, frozenset[str]]  # concept → what it says anyhow: a 行政村 is 农村
    people: frozenset[str]  # concepts that pick out a group of people or households
    bookkeeping: frozenset[str]  # headings of a form's own administration
    remembered: dict[str, tuple[Token, ...]] = field(default_factory=dict, compare=False, repr=False)

    def with_words(self, words: Iterable[str]) -> Lexicon:
        """This lexicon, also knowing ``words`` of a catalogue, each as a concept of its own."""
        added = {word: (Token(word, "term"),) for word in words if word not in self.words}
        return Lexicon(
            {**added, **self.words},
            self.excluding,
            self.wider,
            self.partitions,
            self.implied,
            self.people,
            self.bookkeeping,
        )

    def cut(self, term: str) -> tuple[Token, ...]:
        """The tokens of ``term`` in order; nothing is dropped, what is not known is marked so."""
        found = self.remembered.get(term)
        if found is None:
            found = tuple(self._cut(term))
            if len(self.remembered) < _REMEMBERED:
                self.remembered[term] = found
        return found

    def _cut(self, term: str) -> Iterable[Token]:
        position = 0
        for start, end, token in _numbers(term):
            if start > position:
                yield from self._cut_words(term[position:start])
            yield token
            position = end
        if position < len(term):
            yield from self._cut_words(term[position:])

    def _cut_words(self, text: str) -> Iterable[Token]:
        size = len(text)
        best: list[tuple[float, int, bool]] = [(0.0, 0, True)] + [(float("inf"), 0, False)] * size
        for end in range(1, size + 1):
            reach = best[end - 1][0] + _UNKNOWN
            best[end] = (reach, end - 1, False)
            for start in range(max(0, end - LONGEST_WORD), end):
                if text[start:end] in self.words:
                    cost = best[start][0] + (_KNOWN if end - start > 1 else _SINGLE)
                    if cost <= best[end][0]:
                        best[end] = (cost, start, True)
        pieces: list[tuple[str, bool]] = []
        end = size
        while end:
            _, start, known = best[end]
            pieces.append((text[start:end], known))
            end = start
        run = ""
        for piece, known in reversed(pieces):
            if known:
                if run:
                    yield from _unknown(run)
                    run = ""
                yield from self.words[piece]
            else:
                run += piece
        if run:
            yield from _unknown(run)

    def exclude(self, one: Iterable[str], other: Iterable[str]) -> list[tuple[str, str]]:
        """Pairs that exclude each other, one concept from each side, where neither side holds both."""
        left, right = set(one), set(other)
        if self.excluding.keys().isdisjoint(left):
            return []
        return [
            (concept, enemy)
            for concept in sorted(left - right)
            for enemy in sorted((self.excluding.get(concept, frozenset()) & right) - left)
        ]

    def is_implied(self, concept: str, others: Iterable[str]) -> bool:
        """Whether one of ``others`` says ``concept`` anyhow: by the word list, or as the head of its compound.

        Chinese compounds end in their head: 救助 says nothing beside 临时救助, nor 机构 beside 养老机构.
        """
        bare = concept.removeprefix("?")
        return any(
            bare in self.implied.get(other, frozenset()) or (len(bare) >= 2 and other != bare and other.endswith(bare))
            for other in others
        )

    def narrower_than(self, concept: str, others: Iterable[str]) -> bool:
        """Whether ``concept`` is a part of one of ``others``."""
        return not self.wider.get(concept, frozenset()).isdisjoint(others)


def _unknown(run: str) -> Iterable[Token]:
    bare = re.sub(r"[^\w\u4e00-\u9fff]", "", run)
    if bare:
        yield Token("?" + bare, "unknown")


def _numbers(term: str) -> list[tuple[int, int, Token]]:
    found: list[tuple[int, int, Token]] = []
    if not any(character.isdigit() for character in term):
        return found
    found += [(m.start(), m.end(), Token(f"age:{m[1]}-{m[2]}", "threshold", "persons")) for m in _AGES.finditer(term)]
    for match in _AGE.finditer(term):
        sign = "<" if match[2] else ">="
        found.append((match.start(), match.end(), Token(f"age{sign}{match[1]}", "threshold", "persons")))
    for match in _THRESHOLD.finditer(term):
        sign = ">=" if match[3] == "以上" else "<"
        found.append((match.start(), match.end(), Token(f"{sign}{match[1]}{match[2]}", "threshold")))
    apart: list[tuple[int, int, Token]] = []
    for start, end, token in sorted(found, key=lambda piece: (piece[0], -piece[1])):
        if not apart or start >= apart[-1][1]:
            apart.append((start, end, token))
    return apart


def parse_terms(text: str) -> Lexicon:
    """A word list in the format of ``knowledge/terms.txt``; ValueError names the line at fault."""
    words: dict[str, tuple[Token, ...]] = {}
    excluding: dict[str, set[str]] = {}
    wider: dict[str, set[str]] = {}
    partitions: dict[str, tuple[str, ...]] = {}
    implied: dict[str, set[str]] = {}
    bookkeeping: set[str] = set()
    people: set[str] = set()
    section = ""
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.partition("#")[0].strip()
        if not line:
            continue
        if line.startswith("["):
            section = line.strip("[]")
            continue
        name, _, rest = (part.strip() for part in line.partition("<" if section == "part" else "="))
        if section == "filler":
            words.update({word: (Token(word, "filler"),) for word in line.split()})
        elif section == "bookkeeping":
            bookkeeping.update(line.split())
        elif section == "people":
            people.update(line.split())
        elif section == "contrast":
            for concept in line.split():
                excluding.setdefault(concept, set()).update(set(line.split()) - {concept})
        elif not rest:
            raise ValueError(f"line {number}: {raw}")
        elif section == "part":
            wider.setdefault(name, set()).add(rest)
        elif section == "implies":
            implied.setdefault(name, set()).update(rest.split())
        elif section == "partition":
            partitions[name] = tuple(rest.split())
        else:
            words.update(_entry(section, name, rest, words))
    frozen = {concept: frozenset(others) for concept, others in excluding.items()}
    return Lexicon(
        words,
        frozen,
        {k: frozenset(v) for k, v in wider.items()},
        partitions,
        {k: frozenset(v) for k, v in implied.items()},
        frozenset(people),
        frozenset(bookkeeping),
    )


def _entry(section: str, name: str, rest: str, words: Mapping[str, tuple[Token, ...]]) -> dict[str, tuple[Token, ...]]:
    concept, _, kind = name.partition("@")
    if section == "whole":
        return {name: tuple(_part(part, words) for part in rest.split())}
    if section == "time":
        return {word: (Token(name, "time"),) for word in rest.split()}
    if section == "measure":
        return {word: (Token(name, "measure", name),) for word in rest.split()}
    if section == "term":
        return {word: (Token(concept, "term", kind or None),) for word in rest.split()}
    raise ValueError(f"unknown section {section}")


def _part(part: str, words: Mapping[str, tuple[Token, ...]]) -> Token:
    concept, _, kind = part.partition("@")
    if kind:
        return Token(concept, "measure", kind)
    known = words.get(concept)
    if known and len(known) == 1 and known[0].concept == concept:
        return known[0]
    return Token(concept, "threshold" if concept.startswith("age") else "term")


@cache
def builtin_lexicon() -> Lexicon:
    """The word list that comes with the matcher."""
    return parse_terms(files("app.matching").joinpath("knowledge/terms.txt").read_text("utf-8"))
