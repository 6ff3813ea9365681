"""From what a column's name says to a formula over held elements, or to the inputs that are lacking."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from app.matching.columns import POPULATIONS, ReadColumn
from app.matching.complements import whole_and_other
from app.matching.features import COUNTABLE
from app.matching.formula import Formula, Moved, Term
from app.matching.formula_book import Alternatives
from app.matching.grammar import Intent, Pattern
from app.matching.inputs import Inputs
from app.matching.per_figure import density, per_area, per_counted, per_each, per_occasion
from app.matching.resolving import Scored
from app.matching.terms_in_units import in_unit_of_column

_DAYS = {"year": "365", "month": "30", "quarter": "91", "half": "182"}
_OF_ALL_PEOPLE = frozenset({"参保", "签约", "建档", "参加", "出生", "死亡"})
_WHOLES = {"总人口": "persons", "人口": "persons", "总户": "households", "户": "households", "农户": "households"}
_RATE_WORDS = ("率", "比重", "占比", "比例", "%", "百分比")


@dataclass(frozen=True, slots=True)
class Derivation:
    """A formula and how sure its inputs are; or no formula and the terms that nothing held answers."""

    formula: Formula | None
    confidence: float = 0.0
    lacking: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """A column, its place in the form, and how its name says it is derived."""

    position: int
    column: ReadColumn
    intent: Intent


@dataclass(slots=True)
class Deriver:
    """Makes formulas for the columns of one form."""

    inputs: Inputs
    frequency: str | None

    def derive(self, position: int, intent: Intent) -> Derivation:
        """The formula that ``intent`` means for the column at ``position``."""
        makers: Mapping[Pattern, Callable[[Asked], Derivation]] = {
            "named": self._named,
            "quotient": self._quotient,
            "per": self._per,
            "per each": self._per_figure,
            "per area": self._per_figure,
            "per occasion": self._per_figure,
            "density": self._per_figure,
            "per counted": self._per_figure,
            "yield": self._yield,
            "growth": self._moved,
            "increase": self._moved,
            "last year": self._moved,
            "previous growth": self._moved,
            "cumulated": self._moved,
            "plan share": self._plan_share,
            "share": self._share,
            "share of whole": self._share_of_whole,
            "rate": self._rate,
            "not done": self._not_done,
            "remainder": self._remainder,
        }
        return makers[intent.pattern](Asked(position, self.inputs.columns[position], intent))

    def _named(self, asked: Asked) -> Derivation:
        formula = self.inputs.book.named[asked.intent.first]
        path = self.inputs.path_of(asked.column)
        path = (*path, asked.intent.second) if asked.intent.second else path
        above: list[Scored] = []
        lacking: list[str] = []
        for terms in (*formula.plus, *formula.minus):
            found = self._input(terms, path, above[0].entry.element.definition if above else "")
            above += found
            if not found:
                lacking.append("／".join(terms))
        if formula.below == ("当期天数",):
            if lacking:
                return Derivation(None, lacking=tuple(lacking))
            days = Formula(
                (Term(above[0].entry.path),),
                (),
                self._times(asked.column, rate=True),
                _DAYS.get(self.frequency or "year", "365"),
            )
            return Derivation(days, above[0].probability, why="按当期天数折算，闰年等须核对天数")
        below: list[Scored] = []
        if formula.below:
            below = self._input(formula.below, path, above[0].entry.element.definition if above else "")
            if not below:
                lacking.append("／".join(formula.below))
        if lacking:
            return Derivation(None, lacking=tuple(lacking))
        if self._narrowed(asked.intent.second, [*above, *below]):
            return Derivation(None, lacking=(asked.column.heading.term,))
        said = set(self.inputs.resolver.read(asked.intent.second, ()).own) & POPULATIONS
        if any(s.entry.support & POPULATIONS and not said & s.entry.support for s in above if said):
            return Derivation(None, lacking=(asked.column.heading.term,))
        signs = [False] * (len(above) - len(formula.minus)) + [True] * len(formula.minus)
        rate = any(word in asked.intent.first for word in _RATE_WORDS)
        times = formula.times or self._times(asked.column, rate=rate)
        return self._made(asked.column, above, below, times, signs, f"“{asked.intent.first}”的通用算法")

    def _narrowed(self, before: str, inputs: Sequence[Scored]) -> bool:
        """Whether the words before a formula's name say something that none of its inputs is about."""
        index = self.inputs.resolver.index
        known = frozenset().union(*(s.entry.support for s in inputs))
        named = frozenset().union(*(s.entry.named for s in inputs))
        for concept in self.inputs.resolver.read(before, ()).own - known:
            if not index.lexicon.is_implied(concept, named) and not any(concept[1:] in s.entry.text for s in inputs):
                return True
        return False

    def _input(self, terms: Alternatives, path: Sequence[str], preferred: str) -> list[Scored]:
        found = self.inputs.resolver.first(terms, path, preferred) or self._plainly(terms, path, preferred)
        parts = next(
            (parts for term in terms if (parts := self.inputs.parts(self.inputs.resolver.read(term, path)))), []
        )
        if found is not None and found.entry.path not in {part.entry.path for part in parts}:
            return [found]
        said = parts or next((said for term in terms if (said := self.inputs.meant(term, path))), [])
        titled = None if said else self.inputs.resolver.titled_so(terms)
        return said if titled is None else [titled]

    def _plainly(self, terms: Alternatives, path: Sequence[str], preferred: str) -> Scored | None:
        """A term that is an element's very name needs no context."""
        found = self.inputs.resolver.first(terms, (), preferred) if path else None
        return found if found is not None and found.comparison.values[0] else None

    def _quotient(self, asked: Asked) -> Derivation:
        path = self.inputs.path_of(asked.column)
        above = self.inputs.one(asked.intent.first, path)
        choices = [
            asked.intent.second,
            *(asked.intent.first[:cut] + asked.intent.second for cut in range(2, len(asked.intent.first))),
        ]
        found = [scored for term in choices if (scored := self.inputs.one(term, path))]
        below = max(found, key=lambda s: s.log_odds, default=None)
        if above is None or below is None:
            return Derivation(
                None,
                lacking=tuple(t for t, s in ((asked.intent.first, above), (asked.intent.second, below)) if s is None),
            )
        return self._made(asked.column, [above], [below], self._times(asked.column, rate=False), why="两项之比")

    def _per_figure(self, asked: Asked) -> Derivation:
        makers = {
            "per each": per_each,
            "per area": per_area,
            "per occasion": per_occasion,
            "per counted": per_counted,
            "density": density,
        }
        found = makers[asked.intent.pattern](
            self.inputs, asked.intent.first, asked.intent.second, self.inputs.path_of(asked.column)
        )
        if isinstance(found, str):
            return Derivation(None, lacking=(found,))
        above, below = found
        return self._made(asked.column, [above], [below], 1, why=f"平均数：除以{below.entry.element.title}")

    def _per(self, asked: Asked) -> Derivation:
        terms, each = self.inputs.book.per[asked.intent.first]
        path = self.inputs.path_of(asked.column)
        above = self.inputs.meant("村" + asked.intent.second, path) if asked.intent.first == "村均" else []
        above = above or (
            self.inputs.meant(asked.intent.second, path)
            if path and asked.intent.second
            else self.inputs.subject(asked.position, asked.intent.second)
        )
        if "人" in asked.intent.second and not path and not self.inputs.resolver.read(asked.intent.second, ()).own:
            above = []  # people per household are all people, not the figure beside it
        if not above and not self.inputs.resolver.read(asked.intent.second, ()).own:
            above = self.inputs.meant("户籍人口" if "人" in asked.intent.second else asked.intent.second, ())
        if not above:
            return Derivation(None, lacking=(asked.intent.second,))
        rural = "农" in asked.column.heading.term
        if rural and "户" in asked.intent.first:
            terms = ("乡村户数", *terms)
        elif rural and "人" in asked.intent.first:
            terms = ("乡村人口", *terms)
        each_of = {"户": "households", "人": "persons"}.get(asked.intent.first[:1], "")
        below = None
        if each_of and len(above) == 1:
            below = self.inputs.beside(asked.position, above[0], each_of) or self.inputs.counted_like(above[0], each_of)
        below = below or self.inputs.resolver.first(
            terms, path if "生" in asked.intent.first else (), above[0].entry.element.definition
        )
        if below is None:
            return Derivation(None, lacking=("／".join(terms),))
        return self._made(
            asked.column, above, [below], each, why=f"“{asked.intent.first}”：除以{below.entry.element.title}"
        )

    def _yield(self, asked: Asked) -> Derivation:
        path = self.inputs.path_of(asked.column)
        above = self.inputs.resolver.first((asked.intent.first + "产量", asked.intent.first + "总产量"), path)
        below = self.inputs.resolver.first((asked.intent.first + "播种面积", asked.intent.first + "面积"), path)
        if above is None or below is None:
            named = ((asked.intent.first + "产量", above), (asked.intent.first + "面积", below))
            return Derivation(None, lacking=tuple(t for t, s in named if s is None))
        return self._made(asked.column, [above], [below], 1, why="单产＝产量÷面积")

    def _moved(self, asked: Asked) -> Derivation:
        parts = self.inputs.subject(asked.position, asked.intent.first)
        if not parts:
            return Derivation(
                None, lacking=(asked.intent.first or "、".join(asked.column.column.path) or asked.column.column.name,)
            )
        now = [Term(s.entry.path) for s in parts]
        moved: Moved = "previous" if asked.intent.pattern == "previous growth" else "last_year"
        then = [Term(s.entry.path, moved=moved) for s in parts]
        gone = [replace(term, minus=True) for term in then]
        confidence = min(s.probability for s in parts)
        if asked.intent.pattern in {"growth", "previous growth"}:
            formula = Formula((*now, *gone), tuple(then), self._times(asked.column, rate=True))
            return Derivation(formula, confidence, why="增长率＝（本期－基期）÷基期")
        if asked.intent.pattern == "increase":
            return Derivation(
                self._in_unit(asked.column, Formula((*now, *gone)), parts), confidence, why="比上年增减＝本期－上年同期"
            )
        if asked.intent.pattern == "cumulated":
            total = Formula(tuple(replace(term, moved="ytd") for term in now))
            return Derivation(self._in_unit(asked.column, total, parts), confidence, why="自年初累计")
        return Derivation(self._in_unit(asked.column, Formula(tuple(then)), parts), confidence, why="上年同期数")

    def _plan_share(self, asked: Asked) -> Derivation:
        above = self.inputs.subject(asked.position, asked.intent.first)
        if len(above) != 1:
            return Derivation(None, lacking=(asked.intent.first or asked.column.column.name,))
        when = {asked.intent.second} & {"年初", "调整"}
        for add in ({"预算", *when}, {"计划"}, {"预算", "年初"}):
            below = self.inputs.substituted(above[0].entry, frozenset({"竣工", "计划"}), frozenset(add))
            if below is not None:
                return self._made(
                    asked.column, above, [below], self._times(asked.column, rate=True), why="完成数÷计划（预算）数"
                )
        return Derivation(None, lacking=(f"{above[0].entry.element.title}的{asked.intent.second}预算（计划）数",))

    def _share(self, asked: Asked) -> Derivation:
        path = self.inputs.path_of(asked.column)
        above = self.inputs.measured_as(asked.intent.first, asked.intent.second, path)
        above = above or self.inputs.subject(asked.position, asked.intent.first)
        if not above:
            return Derivation(None, lacking=(asked.intent.first or asked.column.column.name,))
        second = asked.intent.second.removeprefix("全部").removeprefix("本").removesuffix("的")
        definition = above[0].entry.element.definition
        whole = _WHOLES.get(second.removesuffix("数").removesuffix("总"))
        below = self.inputs.resolver.first(self.inputs.book.wholes[whole], (), definition) if whole else None
        if below is None and self.inputs.resolver.index.is_named(second):
            below = self._plainly((second,), path, definition)  # named in full: the heading adds nothing
        below = below or self.inputs.resolver.first((second, asked.intent.first + second), path)
        parts = [below] if below else self.inputs.meant(second, path)
        if not parts:
            return Derivation(None, lacking=(second,))
        return self._made(asked.column, above, parts, self._times(asked.column, rate=True), why="比重＝部分÷总体")

    def _share_of_whole(self, asked: Asked) -> Derivation:
        above = self.inputs.subject(asked.position, asked.intent.first)
        if not above:
            return Derivation(None, lacking=(asked.intent.first or asked.column.column.name,))
        below = self.inputs.base_of(above[0].entry) or self.inputs.wider_of(above[0].entry)
        below = below or self.inputs.whole_of(above[0], asked.column)
        if below is None:
            return Derivation(None, lacking=(f"{above[0].entry.element.title}的总体",))
        return self._made(asked.column, above, [below], self._times(asked.column, rate=True), why="比重＝部分÷总体")

    def _rate(self, asked: Asked) -> Derivation:
        above = self.inputs.subject(asked.position, asked.intent.first)
        path = self.inputs.path_of(asked.column)
        counted = ("户数", "村数", "人数") if "户率" in asked.column.heading.term else ("村数", "户数", "人数")
        of_villages = bool(asked.column.heading.notes) and "村" in "".join(asked.column.heading.notes)
        if asked.intent.first and (of_villages or counted[0] == "户数"):
            above = self.inputs.meant(asked.intent.first + ("村数" if of_villages else "户数"), path) or above
        for word in counted if not above and asked.intent.first else ():
            above = self.inputs.meant(asked.intent.first + word, path)
            if above:
                break
        if not above:
            return Derivation(None, lacking=(asked.intent.first,))
        above = self._as_people(asked, above)
        entry = above[0].entry
        if entry.kind not in COUNTABLE and entry.kind != "area":
            return Derivation(None, lacking=(f"{asked.column.column.name}的分母",))
        covers = "普及" in asked.column.heading.term or "覆盖" in asked.column.heading.term
        bases = [] if covers else self.inputs.bases_of(above)
        if bases:
            why = "÷".join("＋".join(s.entry.element.title for s in side) for side in (above, bases))
            return self._made(asked.column, above, bases, self._times(asked.column, rate=True), why=why)
        below = self.inputs.group_of(asked.intent.first) if covers and entry.kind == "persons" else None
        if below is not None and below.entry.path != entry.path:
            return self._made(
                asked.column, above, [below], self._times(asked.column, rate=True), why="覆盖面＝享受人数÷应享受人群"
            )
        shared = covers or entry.kind != "persons" or entry.title.content & _OF_ALL_PEOPLE
        below = self.inputs.whole_of(above[0], asked.column) if shared else None
        if below is None and covers and entry.kind == "count":  # a facility covers the villages that have one
            below = self.inputs.resolver.first(self.inputs.book.wholes.get("行政村", ()))
        if below is None:
            return Derivation(None, lacking=(f"{asked.column.column.name}的分母",))
        return self._made(asked.column, above, [below], self._times(asked.column, rate=True), why="覆盖面＝已覆盖÷总体")

    def _as_people(self, asked: Asked, found: list[Scored]) -> list[Scored]:
        """A rate that does not speak of households is one of people, where both are held."""
        stem = asked.intent.first
        if len(found) != 1 or found[0].entry.kind != "households" or "户" in stem or not stem:
            return found
        people = self.inputs.meant(stem + "人数", self.inputs.path_of(asked.column))
        alike = len(people) == 1 and people[0].entry.title.content == found[0].entry.title.content
        return people if alike and people[0].entry.kind == "persons" else found

    def complement(self, position: int) -> Derivation | None:
        """The part of a division in two whose whole and other part are held."""
        column = self.inputs.columns[position]
        found = whole_and_other(self.inputs, column)
        why = "其余＝总数－另一部分"
        return self._made(column, found, [], 1, [False, True], why) if found else None

    def _not_done(self, asked: Asked) -> Derivation:
        found = self.inputs.meant(asked.intent.first + asked.intent.second, self.inputs.path_of(asked.column))
        if len(found) != 1:
            return Derivation(None)
        done = found[0]
        for process in sorted(done.entry.named):
            for base in self.inputs.book.bases.get(process, ()):
                whole = self.inputs.substituted(done.entry, frozenset({process}), frozenset({base}))
                if whole is not None and process in self.inputs.resolver.read(asked.intent.second, ()).own:
                    return self._made(asked.column, [whole, done], [], 1, [False, True], f"{base}－{process}")
        for place in sorted(done.entry.title.content & self.inputs.book.wholes.keys()):
            every = self.inputs.resolver.first(self.inputs.book.wholes[place])
            if every is not None and done.entry.kind == every.entry.kind:
                return self._made(asked.column, [every, done], [], 1, [False, True], f"全部{place}－已有的")
        return Derivation(None)

    def _remainder(self, asked: Asked) -> Derivation:
        path = asked.column.column.path
        if not path:
            return Derivation(None)
        whole = self.inputs.heading(path[-1], path[:-1])
        siblings = [  # what is left comes last: the parts stand before it
            i
            for i, other in enumerate(self.inputs.columns[: asked.position])
            if other.column.path == path and other.kind == asked.column.kind
        ]
        siblings = [
            i
            for i in siblings
            if whole is None or i not in self.inputs.held or self.inputs.held[i].entry != whole.entry
        ]
        parts = [self.inputs.held[i] for i in siblings if i in self.inputs.held]
        if whole is None or not siblings or len(parts) < len(siblings) or len(parts) < 2:
            return Derivation(None)
        if any(part.entry.kind != whole.entry.kind or part.entry.path == whole.entry.path for part in parts):
            return Derivation(None)
        return self._made(asked.column, [whole, *parts], [], 1, [False] + [True] * len(parts), "其余＝总数－各分项")

    def _times(self, column: ReadColumn, *, rate: bool) -> int:
        unit = column.unit
        if unit == "‰" or any(s.strip().endswith("‰") for s in column.column.samples):
            return 1000
        if unit == "%" or (unit is None and any(s.strip().endswith("%") for s in column.column.samples)):
            return 100
        return 100 if rate and unit is None else 1

    def _made(
        self,
        column: ReadColumn,
        above: Sequence[Scored],
        below: Sequence[Scored],
        times: int,
        signs: Sequence[bool] | None = None,
        why: str = "",
    ) -> Derivation:
        if {s.entry.path for s in above} & {s.entry.path for s in below}:
            return Derivation(None, lacking=(column.column.name,))
        signs = signs or [False] * len(above)
        terms = tuple(Term(s.entry.path, minus) for s, minus in zip(above, signs, strict=True))
        formula = Formula(terms, tuple(Term(s.entry.path) for s in below), times)
        confidence = min(s.probability for s in (*above, *below))
        return Derivation(self._in_unit(column, formula, [*above, *below]), confidence, why=why)

    def _in_unit(self, column: ReadColumn, formula: Formula, inputs: Sequence[Scored]) -> Formula:
        return in_unit_of_column(column, formula, inputs, self.inputs.resolver.index.units)
