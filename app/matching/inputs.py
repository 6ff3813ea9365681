"""The inputs of formulas: what a term of a column's name means within the form, and what a part is measured against."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from app.matching.columns import PLACES, POPULATIONS, TRADING, ReadColumn
from app.matching.features import COUNTABLE
from app.matching.formula_book import FormulaBook
from app.matching.index import Entry
from app.matching.resolving import Resolver, Scored

_OTHER_KIND = 0.05  # the same kind of figure goes before another
_NEAR = 0.5  # weight by which a substituted name may be off
_TIME_LIMITS = frozenset({"按时", "超时"})
_WHERE = frozenset({"农村", "城镇", "城市", "行政村", *POPULATIONS})
_LISTED = re.compile(r"^(.{2,}?)[和与及、+](.{2,}?)(?:合计|总计|共计|之和|总数|总和)$")
_BENEFIT = re.compile(r"^(.{2,}?)(?:生活|护理|困难)?(?:津贴|补贴|补助)")


@dataclass(slots=True)
class Inputs:
    """Looks up the inputs of one form's formulas. ``held``: what its columns were matched with, by position."""

    resolver: Resolver
    book: FormulaBook
    columns: Sequence[ReadColumn]
    held: Mapping[int, Scored] = field(default_factory=dict)

    def path_of(self, column: ReadColumn) -> tuple[str, ...]:
        return (*column.column.path, column.heading.prefix) if column.heading.prefix else column.column.path

    def subject(self, position: int, term: str) -> list[Scored]:
        """What the figure is about: the term, else the nearest heading that is an element, else the column before.

        More than one where the term is the sum of held parts.
        """
        column = self.columns[position]
        path = self.path_of(column)
        read = self.resolver.read(term, ())
        if read.facets.content:
            return self.meant(term, path)
        if read.heading.term and read.facets.measure == "persons" and not path:
            total = self.resolver.first((term, "户籍人口", "常住人口"))
            return [total] if total and not total.comparison.missing else []  # 总人口 is never one of its parts
        for depth in range(len(path) - 1, -1, -1):
            found = self.meant(path[depth], path[:depth]) if self.resolver.read(path[depth], ()).facets.content else []
            if found:
                return found
        for before in range(position - 1, max(-1, position - 4), -1):
            if self.path_of(self.columns[before]) != path:
                break
            if before in self.held and self.held[before].entry.element.numeric:
                return [self.held[before]]
            if path and not _is_relative(self.columns[before]):
                break  # the figure beside it is not held
        return []

    def meant(self, term: str, path: Sequence[str]) -> list[Scored]:
        """The element that ``term`` means, or the parts that sum to it; last, the one column of this form with it."""
        found = next(
            (self.held[p] for p, c in enumerate(self.columns) if c.column.name == term and p in self.held), None
        )
        found = found or self.resolver.resolve(term, path)
        read = self.resolver.read(term, path)
        parts = self.parts(read)
        if parts and (found is None or found.entry.path in {part.entry.path for part in parts}):
            return parts
        if found is not None:
            return [found]
        kinds = {read.kind} if read.kind not in {None, "count"} else set()
        counted = read.kind == "count"
        said = [
            scored
            for scored in self.held.values()
            if read.own
            and read.own <= scored.comparison.name.content
            and scored.entry.element.numeric
            and (not kinds or scored.entry.kind in kinds)
            and not self.resolver.index.lexicon.exclude(read.above, scored.comparison.name.content)
        ]
        if counted and len(said) > 1:
            said = [scored for scored in said if scored.entry.kind == "count"]
        return said if len(said) == 1 else []

    def one(self, term: str, path: Sequence[str]) -> Scored | None:
        """The one element that ``term`` means, by itself or within this form; None for none or for a sum."""
        found = self.resolver.resolve(term, path)
        meant = self.meant(term, path) if found is None else []
        return meant[0] if len(meant) == 1 else found

    def heading(self, text: str, above: Sequence[str]) -> Scored | None:
        for position, column in enumerate(self.columns):
            if column.column.name == text and position in self.held:
                return self.held[position]
        read = self.resolver.read(text, above)
        return self.resolver.resolve(text, above) if read.facets.content else None

    def parts(self, column: ReadColumn) -> list[Scored]:
        """The held elements that together make ``column``: alike but for a partition's members, all held."""
        if both := self._of_both_places(column) or self._of_named_parts(column):
            return both
        ranked = [s for s in self.resolver.rank(column) if s.entry.element.numeric and s.comparison.values[3] <= 0.05]
        lexicon = self.resolver.index.lexicon
        for whole, members in lexicon.partitions.items():
            if any(token.role == "term" for token in lexicon.words.get(whole, ())):  # only where it is named: 中小学
                if whole not in column.own:
                    continue
                column = replace(column, own=column.own - {whole})
                ranked = [s for s in self.resolver.rank(column) if s.entry.element.numeric]
                ranked = [s for s in ranked if s.comparison.values[3] <= 0.05]
            wanted = set(members)
            if wanted & (column.own | column.above | column.notes):
                continue
            found: dict[str, Scored] = {}
            for scored in ranked:
                mine = wanted & scored.comparison.name.content
                free = self.resolver.index.total(scored.comparison.missing - wanted)
                if (
                    len(mine) == 1
                    and free <= 0.05
                    and not scored.comparison.clashes
                    and scored.comparison.values[1] > 0.9
                ):
                    found.setdefault(next(iter(mine)), self.resolver.without_missing(scored))
            if set(found) == wanted and _alike(list(found.values()), wanted):
                return [found[member] for member in members]
        return []

    def _of_both_places(self, column: ReadColumn) -> list[Scored]:
        """行政村（社区）数: the villages and the communities, where each is held by itself."""
        places = (column.own | column.notes) & PLACES
        apart = all(places - {one} <= self.resolver.index.lexicon.excluding.get(one, frozenset()) for one in places)
        if len(places) != 2 or not apart or not column.own & places or column.promoted:
            return []
        ones = [replace(column, own=column.own - places | {one}, notes=column.notes - places) for one in sorted(places)]
        found = [next((s for s in self.resolver.rank(one)[:3] if s.comparison.values[0]), None) for one in ones]
        return [scored for scored in found if scored is not None] if all(found) else []

    def counted_like(self, figure: Scored, kind: str) -> Scored | None:
        """The households, persons or enterprises (户均产值 of 工业) whom ``figure`` is about; None if it names nobody.

        Everything they are called must be said of the figure, and more than where they live.
        """
        index, mine = self.resolver.index, figure.entry.title.content
        best: tuple[float, str] | None = None
        for position in {p for concept in mine for p in index.by_concept.get(concept, ())}:
            other = index.entries[position]
            called = other.title.content - TRADING if other.kind == "count" else other.title.content
            trading = kind == "households" and other.kind == "count" and called != other.title.content
            if (
                (other.kind == kind or trading)
                and called <= mine
                and called - _WHERE
                and other.path != figure.entry.path
            ):
                rank = index.total(called), other.element.title
                best = rank if best is None else max(best, rank)
        return self.resolver.resolve(best[1]) if best else None

    def beside(self, position: int, figure: Scored, kind: str) -> Scored | None:
        """The one column of ``kind`` under the same headings that speaks of what ``figure`` speaks of."""
        path, mine = self.columns[position].column.path, figure.entry.named - _WHERE
        best: list[tuple[float, int]] = []
        for other, scored in self.held.items():
            if path and self.columns[other].column.path == path and scored.entry.kind == kind:
                shared = self.resolver.index.total(mine & scored.entry.named)
                best.append((shared, -other))
        found = max(best, default=(0.0, 0))
        return self.held[-found[1]] if found[0] > 0 else None

    def group_of(self, benefit: str) -> Scored | None:
        """Those whom a benefit is meant for by its name: 高龄 of 高龄津贴."""
        named = _BENEFIT.match(benefit)
        return self.resolver.first((named[1] + "人口", named[1] + "人数", named[1] + "户数")) if named else None

    def bases_of(self, parts: Sequence[Scored]) -> list[Scored]:
        """What the rate of a process is measured against, one for each of its parts; empty unless all are held."""
        found = [self.base_of(part.entry) for part in parts]
        return [base for base in found if base is not None] if all(found) else []

    def measured_as(self, part: str, whole: str, path: Sequence[str]) -> list[Scored]:
        """粮食 in 粮食占播种面积比重: the part in the words by which the whole is measured."""
        for cut in range(len(whole) - 1) if part else ():
            found = self.resolver.resolve(part + whole[cut:], path) or self.resolver.resolve(part + whole[cut:])
            if found is not None and found.comparison.values[0]:
                return [found]
        return []

    def _of_named_parts(self, column: ReadColumn) -> list[Scored]:
        """合作社和家庭农场合计; 困境儿童（孤儿+事实无人抚养儿童）: the figures that the name itself lists."""
        listed = _LISTED.match(column.heading.term)
        noted = next((note.split("+") for note in column.heading.notes if "+" in note), [])
        terms = list(listed.groups()) if listed else [term for term in noted if len(term) > 1]
        found = [self.one(term, self.path_of(column)) for term in terms]
        parts = [scored for scored in found if scored is not None]
        alike = len({scored.entry.kind for scored in parts}) == 1
        return parts if len(parts) == len(terms) > 1 and alike else []

    def base_of(self, entry: Entry) -> Scored | None:
        """What the rate of a process is measured against: 排查 for 整改, of the same things."""
        for process in sorted(entry.title.content):
            for base in self.book.bases.get(process, ()):
                below = self.substituted(entry, frozenset({process, *_TIME_LIMITS}), frozenset({base}))
                if below is not None:
                    return below
        return None

    def wider_of(self, entry: Entry) -> Scored | None:
        """The element of which ``entry`` is a part by its very nouns: 来访 for 集体访, 危房 for C级危房."""
        for concept in sorted(entry.title.content):
            for wider in sorted(self.resolver.index.lexicon.wider.get(concept, ())):
                found = self.substituted(entry, frozenset({concept}), frozenset({wider}))
                if found is not None and found.entry.kind == entry.kind:
                    return found
        return None

    def substituted(self, entry: Entry, remove: frozenset[str], add: frozenset[str]) -> Scored | None:
        """The element that means the same as ``entry`` with ``remove`` taken out and ``add`` put in its place."""
        index = self.resolver.index
        best: tuple[float, Entry] | None = None
        for position in index.by_concept.get(min(add), ()):
            other = index.entries[position]
            if other.path == entry.path or not other.element.numeric or not _same_kind(entry, other):
                continue
            for wanted in [(name.content - remove) | add for name in entry.names]:
                for name in other.names:
                    if not add <= name.content:
                        continue
                    apart = index.total(wanted ^ name.content) + (_OTHER_KIND if other.kind != entry.kind else 0.0)
                    if best is None or apart < best[0]:
                        best = (apart, other)
        if best is None or best[0] > _NEAR:
            return None
        column = self.resolver.read(best[1].element.title, ())
        return next((s for s in self.resolver.rank(column) if s.entry.path == best[1].path), None)

    def whole_of(self, part: Scored, column: ReadColumn) -> Scored | None:
        entry = part.entry
        definition = entry.element.definition
        mentioned = [
            other.element.title
            for other in self.resolver.index.entries
            if f"{other.element.title}中" in definition and other.path != entry.path and other.kind == entry.kind
        ]
        if mentioned:
            return self.resolver.resolve(max(mentioned, key=len))
        for above in reversed(self.path_of(column)):
            found = self.heading(above, ())
            if found and found.entry.path != entry.path and found.entry.kind == entry.kind:
                return found
        for concept in (*sorted(entry.title.content & {"行政村", "村", "自然村"}), entry.kind or ""):
            if concept in self.book.wholes:
                rural = "农村" in entry.support or concept != "households"
                terms = [term for term in self.book.wholes[concept] if rural or "乡村" not in term]
                found = self.resolver.first(terms, (), definition)
                return found if found and found.entry.path != entry.path else None
        return None


def _is_relative(column: ReadColumn) -> bool:
    """Whether a column speaks of the one before it: a rate, a share, a growth."""
    return column.kind == "rate" or column.unit in {"%", "‰"}


def _same_kind(one: Entry, other: Entry) -> bool:
    return one.kind == other.kind or (
        one.kind in COUNTABLE and other.kind in COUNTABLE and "visits" not in {one.kind, other.kind}
    )


def _alike(found: Sequence[Scored], wanted: set[str]) -> bool:
    """Whether the elements differ in nothing but the members of the partition."""
    first = found[0]
    rest = [scored.entry for scored in found]
    return all(
        entry.kind == first.entry.kind
        and any(name.content - wanted == other.content - wanted for name in first.entry.names for other in entry.names)
        for entry in rest
    )
