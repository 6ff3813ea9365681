"""What a view means, worked out slowly and apart from the program: plain dicts, fractions, one cell after the other.

Expressions are read by Python's own parser here. Only the calendar, the unit table and the shapes of the catalogue are
shared with the program.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from app.catalogue.model import FREQUENCIES, LEVELS, Dataset, Element
from app.catalogue.periods import PER_YEAR, Period
from tests.mapping.reference_numbers import STEPS, Num, Other, arithmetic, call, compare, rounded
from tests.mapping.reference_regions import Places, Rule

__all__ = ["STEPS", "Reference", "Rule", "rounded"]


@dataclass
class Reference(Places):
    """The answer of one view, cell by cell."""

    # -- one element ---------------------------------------------------------------------------------------------
    def steps(self, dataset: Dataset) -> tuple[bool, bool, bool]:
        """Whether the grain is coarser in time, in space, and whether the records of a list are taken together."""
        in_time = FREQUENCIES.index(dataset.frequency) > FREQUENCIES.index(self.frequency)
        in_space = LEVELS.index(dataset.level) > LEVELS.index(self.level)
        return in_time, in_space, bool(dataset.key) and (in_time or in_space)

    def inner(self, dataset: Dataset, period: Period) -> list[Period]:
        if FREQUENCIES.index(dataset.frequency) <= FREQUENCIES.index(self.frequency):
            return [period.containing(dataset.frequency)]
        first, last = Period.of(period.start, dataset.frequency), Period.of(period.end, dataset.frequency)
        return [Period(dataset.frequency, n) for n in range(first.ordinal, last.ordinal + 1)]

    def held(
        self, dataset: Dataset, element: Element, region: int, period: Period
    ) -> list[tuple[tuple[Any, ...], Any]]:
        """(key, value) of every record there whose cell is covered and has a value."""
        if self.carries:
            return self.carried(dataset, element, region, period)
        return self.own(dataset, element, region, period)

    def carried(
        self, dataset: Dataset, element: Element, region: int, period: Period
    ) -> list[tuple[tuple[Any, ...], Any]]:
        """As ``held``, of a region of today."""
        came = self.counted(element, region, period, dataset.level)
        every = self.origins(region, period, dataset.level)
        sums = element.numeric and element.measure in ("stock", "flow", "cumulative")
        if not dataset.key and sums and any(share is None for _, share, _ in every):
            return []
        if not dataset.key and not sums and every:
            lasting = [(origin, share) for origin, share, at_end in every if at_end]
            came = lasting if [share for _, share in lasting] == [1] else []
        values: dict[tuple[Any, ...], list[Any]] = {}
        for origin, share in came:
            for key, value in self.own(dataset, element, origin, period):
                if dataset.key and share != 1:
                    continue
                exact: Any = value if isinstance(value, (bool, str)) else Fraction(value)
                values.setdefault(key, []).append(exact * share if sums and share is not None else exact)
        if sums:
            return [(key, sum(each, Fraction(0))) for key, each in values.items()]
        # Records of several places under one key become one row, and that is its key.
        return [(key, each[0]) for key, each in values.items() if len(each) == 1 or element.code in dataset.key]

    def own(self, dataset: Dataset, element: Element, region: int, period: Period) -> list[tuple[tuple[Any, ...], Any]]:
        """(key, value) of what the region itself reported."""
        return [
            (tuple(r[k] for k in dataset.key), value)
            for r in self.records.get(dataset.code, ())
            if r["region"] == region
            and Period.parse(r.get("period", ""), dataset.frequency) == period
            and (value := self.shown(dataset, element, r, period)) is not None
        ]

    def shown(self, dataset: Dataset, element: Element, record: Mapping[str, Any], period: Period) -> Any:
        """What is seen of one cell; None where it is missing or not covered."""
        return record.get(element.code) if self.covers(element.path, record["region"], period) else None

    def element(self, path: str, aggregate: str | None, row: int, period: Period, key: Any) -> tuple[Any, bool]:
        element = self.catalogue.element(path)
        assert element is not None
        dataset = self.catalogue.datasets[element.dataset]
        in_time, in_space, together = self.steps(dataset)
        if not in_time and not in_space:
            own = period.containing(dataset.frequency)
            found = [v for k, v in self.held(dataset, element, row, own) if not dataset.key or k == key]
            return self.typed(element, found[0] if found else None), self.covers_cell(element, row, own, dataset, key)
        over_time = aggregate or ("sum" if element.measure == "flow" else "last")
        over_regions = over_time if over_time in ("mean", "min", "max", "count") else "sum"
        groups = self.behind(row, period, dataset.level) if in_space else [(row, True)]
        if over_time == "last" and (in_space or together):
            groups = [(r, at_end) for r, at_end in groups if at_end]
        covered = all(
            self.covers_cell(element, region, inner, dataset)
            for region, _ in groups
            for inner in self.inner(dataset, period)
            if not in_time or self.could_report(region, inner, dataset)
        )
        singles: list[Any] = []
        total = 0
        for region, _ in groups:
            series: dict[Any, list[Any]] = {}
            for inner in self.inner(dataset, period):
                for own_key, value in self.held(dataset, element, region, inner):
                    series.setdefault(own_key, []).append(value)
            total += sum(len(each) for each in series.values())
            singles += (
                [STEPS[over_time](each) if in_time else each[0] for each in series.values()]
                if over_time != "count"
                else []
            )
        if over_time == "count":
            return Num(Fraction(total)), covered
        if not singles:
            return self.typed(element, None), covered
        return self.typed(element, STEPS[over_regions](singles) if in_space or together else singles[0]), covered

    def typed(self, element: Element, value: Any) -> Any:
        if not element.numeric:
            return Other(value)
        unit = self.catalogue.units.get(element.unit) if element.unit else None
        exact = None if value is None else Fraction(value)
        return Num(exact, unit.dimension, unit.factor) if unit else Num(exact)

    # -- expressions ---------------------------------------------------------------------------------------------
    def evaluate(  # noqa: C901, PLR0911 - one case for each form of the language
        self, node: ast.expr, aggregate: str | None, row: int, period: Period, key: Any
    ) -> tuple[Any, bool]:
        def at(child: ast.expr, when: Period = period) -> tuple[Any, bool]:
            return self.evaluate(child, aggregate, row, when, key)

        match node:
            case ast.Constant(value=bool() | str()):
                return Other(node.value), True
            case ast.Constant(value=value):
                return Num(Fraction(str(value)), bare=True), True
            case ast.Attribute(value=ast.Name(id=dataset), attr=code):
                return self.element(f"{dataset}.{code}", aggregate, row, period, key)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                value, covered = at(operand)
                return replace(value, value=None if value.value is None else -value.value), covered
            case ast.UnaryOp(op=ast.Not(), operand=operand):
                value, covered = at(operand)
                return Other(None if value.value is None else not value.value), covered
            case ast.BinOp(left=left, op=op, right=right):
                (a, covered), (b, also) = at(left), at(right)
                return arithmetic(type(op), a, b), covered and also
            case ast.BoolOp(op=op, values=children):
                found = [at(child) for child in children]
                truths = [value.value for value, _ in found]
                whole = (all if isinstance(op, ast.And) else any)(truths)
                return Other(None if None in truths else whole), all(covered for _, covered in found)
            case ast.Compare(left=left, ops=ops, comparators=rights):
                found = [at(child) for child in (left, *rights)]
                pairs = zip(found, found[1:], ops, strict=False)
                truths = [compare(type(op), a[0], b[0]) for a, b, op in pairs]
                return Other(None if None in truths else all(truths)), all(covered for _, covered in found)
            case ast.Call(func=ast.Name(id="previous"), args=[operand]):
                return at(operand, Period(self.frequency, period.ordinal - 1))
            case ast.Call(func=ast.Name(id="last_year"), args=[operand]):
                return at(operand, Period(self.frequency, period.ordinal - PER_YEAR[self.frequency]))
            case ast.Call(func=ast.Name(id="ytd"), args=[operand]):
                return self.ytd(operand, aggregate, at, period)
            case ast.Call(func=ast.Name(id=name), args=args):
                if name == "to":
                    value, covered = at(args[0])
                    unit = self.catalogue.units.known(ast.literal_eval(args[1]))
                    return Num(value.into(unit), unit.dimension, unit.factor), covered
                digits = ast.literal_eval(args[1]) if name == "round" and len(args) > 1 else 0
                found = [at(child) for child in (args[:1] if name == "round" else args)]
                return call(name, [value for value, _ in found], digits), all(covered for _, covered in found)
        raise AssertionError(ast.dump(node))

    def is_to_date(self, operand: ast.expr, aggregate: str | None) -> bool:
        """Whether it rests on year-to-date figures alone, so that they are read as they stand."""
        named = [
            f"{n.value.id}.{n.attr}"
            for n in ast.walk(operand)
            if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)
        ]
        return {self.measure(path, aggregate) for path in named} == {"cumulative"}

    def ytd(self, operand: ast.expr, aggregate: str | None, at: Any, period: Period) -> tuple[Any, bool]:
        if self.is_to_date(operand, aggregate):
            own: tuple[Any, bool] = at(operand)
            return own
        first = period.ordinal - period.ordinal % PER_YEAR[self.frequency]
        found = [at(operand, Period(self.frequency, n)) for n in range(first, period.ordinal + 1)]
        numbers = [value.value for value, _ in found]
        total = None if None in numbers else sum(numbers, Fraction(0))
        return replace(found[0][0], value=total), all(covered for _, covered in found)

    def measure(self, path: str, aggregate: str | None) -> str:
        """What is counted adds up, whatever it was before."""
        element = self.catalogue.element(path)
        assert element is not None
        counted = aggregate == "count" and any(self.steps(self.catalogue.datasets[element.dataset]))
        return "flow" if counted else element.measure

    # -- rows and fields -----------------------------------------------------------------------------------------
    @staticmethod
    def paths_of(field: Mapping[str, Any]) -> set[str]:
        """The elements that one field of a document names."""
        source = field.get("expr") or field.get("from", "")
        nodes = ast.walk(parsed(source)) if source else ()
        named = [n for n in nodes if isinstance(n, ast.Attribute) and isinstance(n.value, ast.Name)]
        return {f"{n.value.id}.{n.attr}" for n in named if isinstance(n.value, ast.Name) and n.value.id != "region"}

    def paths(self) -> set[str]:
        return set().union(*(self.paths_of(each) for each in self.document["fields"]))

    def rows(self) -> list[tuple[int, Period, Any]]:
        paths = sorted(self.paths())
        used = {path.partition(".")[0] for path in paths}
        lists = [d for d in (self.catalogue.datasets[u] for u in used) if d.key and not self.steps(d)[2]]
        cells: set[tuple[int, Period]] = set()
        for path in paths:
            element = self.catalogue.element(path)
            assert element is not None
            dataset = self.catalogue.datasets[element.dataset]
            if FREQUENCIES.index(dataset.frequency) < FREQUENCIES.index(self.frequency) or dataset in lists:
                continue
            cells |= {cell for cell, _ in self.present(dataset, element)}
        if not lists:
            return [(row, period, ()) for row, period in cells]
        dataset = lists[0]
        elements = [e for e in dataset.elements if e.path in paths]
        if dataset.frequency == self.frequency:
            return sorted({(row, p, key) for e in elements for (row, p), key in self.present(dataset, e)}, key=str)
        found = set()
        for row, period in cells:
            own = period.containing(dataset.frequency)
            found |= {(row, period, key) for e in elements for key, _ in self.held(dataset, e, row, own)}
        return list(found)

    def present(self, dataset: Dataset, element: Element) -> list[tuple[tuple[int, Period], Any]]:
        if self.carries:
            return self.present_today(dataset, element)
        found = []
        for record in self.records.get(dataset.code, ()):
            own = Period.parse(record.get("period", ""), dataset.frequency)
            if self.shown(dataset, element, record, own) is None:
                continue
            period = own.containing(self.frequency)
            key = tuple(record[k] for k in dataset.key)
            rows = [record["region"]]
            if self.steps(dataset)[1]:
                rows = [
                    row
                    for row in sorted({s.region_id for s in self.states if s.level == self.level})
                    if record["region"] in [r for r, _ in self.behind(row, period, dataset.level)]
                ]
            found += [((row, period), key) for row in rows]
        return found

    def present_today(self, dataset: Dataset, element: Element) -> list[tuple[tuple[int, Period], Any]]:
        records = self.records.get(dataset.code, ())
        found = []
        for own in {Period.parse(record.get("period", ""), dataset.frequency) for record in records}:
            period = own.containing(self.frequency)
            for region in sorted({s.region_id for s in self.states if self.state_on(s.region_id, self.today)}):
                rows = [region]
                if self.steps(dataset)[1]:
                    every = sorted({s.region_id for s in self.states if s.level == self.level})
                    rows = [r for r in every if (region, True) in self.behind_today(r, period, dataset.level)]
                held = self.held(dataset, element, region, own) if rows else []
                found += [((row, period), key) for key, _ in held for row in rows]
        return found

    # -- complete groups -----------------------------------------------------------------------------------------
    def complete(self, node: ast.expr, aggregate: str | None, row: int, period: Period) -> bool:
        """Whether every element that the expression brings together has a value for every region and period."""

        def at(child: ast.expr, ordinal: int = period.ordinal) -> bool:
            return self.complete(child, aggregate, row, Period(self.frequency, ordinal))

        match node:
            case ast.Attribute(value=ast.Name(id=dataset), attr=code):
                return self.complete_element(f"{dataset}.{code}", aggregate, row, period)
            case ast.Call(func=ast.Name(id="previous"), args=[operand]):
                return at(operand, period.ordinal - 1)
            case ast.Call(func=ast.Name(id="last_year"), args=[operand]):
                return at(operand, period.ordinal - PER_YEAR[self.frequency])
            case ast.Call(func=ast.Name(id="ytd"), args=[operand]) if not self.is_to_date(operand, aggregate):
                first = period.ordinal - period.ordinal % PER_YEAR[self.frequency]
                return all(at(operand, n) for n in range(first, period.ordinal + 1))
        return all(at(child) for child in ast.iter_child_nodes(node) if isinstance(child, ast.expr))

    def complete_element(self, path: str, aggregate: str | None, row: int, period: Period) -> bool:
        element = self.catalogue.element(path)
        assert element is not None
        dataset = self.catalogue.datasets[element.dataset]
        in_time, in_space, together = self.steps(dataset)
        if not (in_time or in_space) and (dataset.key or not self.carries):
            return True
        over_time = aggregate or ("sum" if element.measure == "flow" else "last")
        groups = self.behind(row, period, dataset.level) if in_space else [(row, True)]
        if over_time == "last" and (in_space or together):
            groups = [(r, at_end) for r, at_end in groups if at_end]
        return all(
            self.own(dataset, element, origin, inner)
            for region, _ in groups
            for inner in self.inner(dataset, period)
            if not in_time or self.could_report(region, inner, dataset)
            for origin, _ in self.counted(element, region, inner, dataset.level) or [(region, None)]
        )

    def answer(self) -> list[dict[str, Any]]:
        """Every row with its region, period, key and fields."""
        found = []
        for row, period, key in self.rows():
            cells = {each["name"]: self.field(each, row, period, key) for each in self.document["fields"]}
            found.append({"region": row, "period": period.ordinal, "key": key, **cells})
        return found

    def field(self, each: Mapping[str, Any], row: int, period: Period, key: Any) -> Any:
        if "value" in each:
            return each["value"]
        if each.get("from", "").partition(".")[0] in ("region", "period"):
            return None
        value, covered = self.evaluate(
            parsed(each.get("expr") or each["from"]), each.get("aggregate"), row, period, key
        )
        if not covered:
            return None
        if each.get("complete"):
            tree = parsed(each.get("expr") or each["from"])
            if not self.complete(tree, each.get("aggregate"), row, period):
                return each.get("default")
        if isinstance(value, Num):
            number = value.value
            if "unit" in each:
                number = value.into(self.catalogue.units.known(each["unit"]))
            shown: Any = (
                None if number is None else rounded(number, each.get("decimals", 0), each.get("rounding", "half_up"))
            )
        else:
            shown = value.value
        if "codes" in each and shown is not None:
            shown = each["codes"].get({True: "true", False: "false"}.get(shown, shown), each.get("otherwise"))
        return each.get("default") if shown is None else shown


def parsed(text: str) -> ast.expr:
    return ast.parse(text.replace("if(", "if_("), mode="eval").body
