"""What a submission would change of what is held, and whether the records would still be right as they would be held."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from fractions import Fraction

from app.catalogue.model import Catalogue, Check, Element
from app.catalogue.values import Canonical, Reported, canonical, shown
from app.errors import Finding, Severity
from app.intake.change_list import ChangeList
from app.intake.grid import plain
from app.intake.laid_over import Comparison, LaidOver
from app.intake.packed import HeldValues, PackedTable, PackedValues
from app.intake.plausibility import PlausibilityJudge
from app.intake.records import ChangeSet, Context, HeldRecord, InputRow, Reading, RecordChange, RecordKey
from app.intake.row_list import PackedRun, RowList
from app.intake.same_values import same_value
from app.intake.surroundings import NOTHING_AROUND, Surroundings
from app.mapping.rules import Beyond, Rule, compile_rule

_NOTHING = Reported()


def compare(
    reading: Reading,
    held: Mapping[RecordKey, HeldRecord],
    context: Context,
    around: Surroundings = NOTHING_AROUND,
) -> ChangeSet:
    """Sorts the records of ``reading`` into new, changed and unchanged against what is ``held``, and checks them.

    A row's elements are laid over what is held; elements it does not speak of stay. A number equal to what is shown of
    the held one leaves the exact held value as it is. Required elements and the dataset's checks are judged on the whole
    record as it would be held; a check with a missing operand passes, and one whose operand could not be read is left out.
    ``around``: what of other records may be held against them; without it such checks pass.
    """
    judge = _Judge(context, around)
    odd = PlausibilityJudge(context, around)
    merging = _Merging(context)
    new, changed = ChangeList(), ChangeList()
    unchanged: list[RecordKey] = []
    for row in _not_plain(reading, held, judge, odd, merging, (new, changed, unchanged)):
        before = held.get(row.record_key)
        if before is not None and before.withdrawn:
            before = None
        merged, differing = merging.merged(row, before)
        judge.judge(row, merged, is_new=before is None)
        odd.see(row, merged, differing)
        if isinstance(merged, LaidOver):
            merged.forget()
        if before is not None and not differing:
            unchanged.append(row.record_key)
            continue
        change = RecordChange(row.region_id, row.period, row.key, merged, frozenset(differing), row.place)
        (new if before is None else changed).append(change)
    findings = [*reading.findings, *judge.findings(), *odd.findings()]
    return ChangeSet(new, changed, unchanged, findings, reading.passed_over, reading.refused)


def _not_plain(
    reading: Reading,
    held: Mapping[RecordKey, HeldRecord],
    judge: _Judge,
    odd: PlausibilityJudge,
    merging: _Merging,
    into: tuple[ChangeList, ChangeList, list[RecordKey]],
) -> Iterator[InputRow]:
    """The rows that must be looked at one by one; packed ones of which nothing is asked are sorted as they are."""
    if not isinstance(reading.rows, RowList):
        yield from reading.rows
        return
    for part in reading.rows.parts:
        if isinstance(part, PackedRun) and not odd.asked and not judge.asks_of(part.table):
            yield from merging.sort_plain(part, held, into)
        else:
            yield from part


def compiled(check: Check, context: Context) -> Rule | None:
    """The check as a rule; None where the catalogue has moved on so that it means nothing any more."""
    return compile_rule(check.rule, context.dataset, context.catalogue, tolerance=check.tolerance)[0]


def told_beyond(item: Beyond, value: Canonical, catalogue: Catalogue) -> str:
    """A figure of another dataset in words: «村情·户数（下级合计） 120户»."""
    element = item.element
    title = f"{catalogue.datasets[element.dataset].title}·{element.title}{'（下级合计）' if item.summed else ''}"
    if isinstance(value, Fraction):
        return f"{title} {plain(shown(value, element.decimals))}{element.unit or ''}"
    if isinstance(value, bool):
        return f"{title} {'是' if value else '否'}"
    return f"{title} {'缺' if value is None else value}"


class _Merging:
    """Lays rows over what is held; silence over silence is no change, in a new record as in a held one.

    What is kept of a cell, and so whose word it is, must not depend on whether its record held other cells before, which
    its reader may not know.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._comparisons: dict[PackedTable, Comparison] = {}

    def comparison(self, table: PackedTable) -> Comparison:
        """How rows of a table are compared with what is held."""
        found = self._comparisons.get(table)
        if found is None:
            found = self._comparisons[table] = Comparison(table, self._context)
        return found

    def merged(self, row: InputRow, before: HeldRecord | None) -> tuple[Mapping[str, Reported], AbstractSet[str]]:
        """A record as it would be held, and the elements that differ from what is."""
        values = row.values
        if isinstance(values, PackedValues):
            if before is None:
                return values.kept(), values.said
            if isinstance(before.values, HeldValues):
                return self._laid_over(values, before.values)
        merged = dict(before.values) if before is not None else {}
        differing: set[str] = set()
        by_code, units = self._context.dataset.by_code, self._context.catalogue.units
        for code, given in values.items():
            if not same_value(merged.get(code, _NOTHING), given, by_code[code], units):
                merged[code] = given
                differing.add(code)
        return merged, differing

    def _laid_over(self, values: PackedValues, held: HeldValues) -> tuple[Mapping[str, Reported], frozenset[str]]:
        documents, contents = held.documents, values.table.contents(values.row)
        comparison = self.comparison(values.table)
        differing = comparison.differing(contents, documents)
        if differing and comparison.replaces(contents, documents, differing):
            return values.kept(), differing
        return LaidOver(values, held, differing, documents), differing

    def sort_plain(
        self, run: PackedRun, held: Mapping[RecordKey, HeldRecord], into: tuple[ChangeList, ChangeList, list[RecordKey]]
    ) -> Iterator[InputRow]:
        """Sorts packed rows of which nothing is asked into new, changed and unchanged; gives those it leaves to a closer look."""
        new, changed, unchanged = into
        comparison, table = self.comparison(run.table), run.table
        for at, key in enumerate(run.keys()):
            before = held.get(key)
            if before is None or before.withdrawn:
                new.take(run, at)
                continue
            if not isinstance(before.values, HeldValues):
                yield run[at]
                continue
            documents, contents = before.values.documents, table.contents(run.index_at(at))
            differing = comparison.differing(contents, documents)
            if not differing:
                unchanged.append(key)
            elif comparison.replaces(contents, documents, differing):
                changed.take(run, at)
            else:
                row = run[at]
                values = LaidOver(row.values, before.values, differing)  # type: ignore[arg-type]
                changed.append(RecordChange(row.region_id, row.period, row.key, values, differing, row.place))


class _Judge:
    """Required elements and checks, over all records of a submission."""

    def __init__(self, context: Context, around: Surroundings) -> None:
        self._context, self._around = context, around
        self._required = [element for element in context.dataset.elements if element.required]
        self._rules = [
            (check, rule) for check in context.dataset.checks if (rule := compiled(check, context)) is not None
        ]
        self._operands = sorted({code for _, rule in self._rules for code in rule.elements})
        self._found: list[Finding] = []
        self._absent: dict[str, list[InputRow]] = {}
        self._beside: tuple[PackedTable, list[Element]] | None = None

    def findings(self) -> list[Finding]:
        """Every finding, those about absent columns once for each column."""
        absent = [self._absent_column(code, rows) for code, rows in self._absent.items()]
        return [*absent, *self._found]

    def asks_of(self, table: PackedTable) -> bool:
        """Whether there is anything to judge in a packed row of a new record: a check, or a required element without a column."""
        return bool(self._rules) or any(
            element.code not in table.elements and element.code not in self._context.dataset.key
            for element in self._required
        )

    def _required_of(self, row: InputRow) -> Sequence[Element]:
        """The required elements to look at: a packed row has been seen to have those that its table has."""
        if not self._required or not isinstance(row.values, PackedValues):
            return self._required
        if self._beside is None or self._beside[0] is not row.values.table:
            table = row.values.table
            self._beside = (table, [element for element in self._required if element.code not in table.elements])
        return self._beside[1]

    def judge(self, row: InputRow, merged: Mapping[str, Reported], *, is_new: bool) -> None:
        """Judges one record as it would be held."""
        for element in self._required_of(row):
            code = element.code
            if code in row.faulty or code in self._context.dataset.key:
                continue
            if code in row.values:
                if _missing(row.values[code]):
                    self._found.append(self._required_cell(row, element))
            elif is_new:
                if row.place.sheet is None:
                    self._found.append(self._required_cell(row, element))
                else:
                    self._absent.setdefault(code, []).append(row)
        if not self._rules:
            return
        values = self._canonical(row, merged)
        for check, rule in self._rules:
            if not row.faulty.isdisjoint(rule.elements):
                continue
            if rule.beyond:
                values = {**values, **self._beyond(row, rule)}
            if rule.holds(values) is False:
                self._found += self._failed(row, check, rule, merged)

    def _beyond(self, row: InputRow, rule: Rule) -> dict[str, Canonical]:
        """The figures of other datasets that the rule names: missing where they are not held, or not the caller's to read."""
        place = (row.region_id, row.period.ordinal)
        return {item.name: self._around.figures.get((item.name, *place)) for item in rule.beyond}

    def _canonical(self, row: InputRow, merged: Mapping[str, Reported]) -> dict[str, Canonical]:
        dataset, units = self._context.dataset, self._context.catalogue.units
        values: dict[str, Canonical] = {}
        for code in self._operands:
            reported = merged.get(code)
            values[code] = None if reported is None else canonical(reported, dataset.by_code[code], units)
        for code, text in zip(dataset.key, row.key, strict=True):
            values[code] = Fraction(text) if dataset.by_code[code].numeric else text
        return values

    def _failed(self, row: InputRow, check: Check, rule: Rule, merged: Mapping[str, Reported]) -> list[Finding]:
        """One finding at every element that the rule names and the row has; one for the row where it has none."""
        dataset = self._context.dataset
        named = rule.elements
        present = [code for code in named if code in row.values or code in row.place.cells]
        others = self._beyond(row, rule)
        told = [f"{dataset.by_code[code].title} {_quoted(merged.get(code))}" for code in named]
        told += [told_beyond(item, others[item.name], self._context.catalogue) for item in rule.beyond]
        message = f"{check.message or check.code}（{'，'.join(told)}）"
        within = f", within {check.tolerance}" if check.tolerance is not None else ""
        message_en = f"Check {check.code} failed: {check.rule}{within} ({', '.join(told)})"
        places: list[str | None] = [*present] or [None]
        return [
            self._finding(
                "check_failed",
                message,
                message_en,
                row,
                code,
                merged.get(code) if code else None,
                check.rule if check.tolerance is None else f"{check.rule}（允许相差 {check.tolerance}）",
                check.severity,
            )
            for code in places
        ]

    def _required_cell(self, row: InputRow, element: Element) -> Finding:
        return self._finding(
            "required",
            f"{element.title}为必填项",
            f"{element.code} is required",
            row,
            element.code,
            row.values.get(element.code),
            None,
            "error",
        )

    def _absent_column(self, code: str, rows: list[InputRow]) -> Finding:
        title = self._context.dataset.by_code[code].title
        first = rows[0]
        return Finding(
            severity="error",
            code="required",
            message=f"没有必填项“{title}”这一列，{len(rows)}条新记录缺少它（首见第{first.place.row}行）",
            message_en=f"There is no column for the required {code}; {len(rows)} new records lack it",
            sheet=first.place.sheet,
            row=first.place.row,
            element=code,
            accepted=f"加一列“{title}”",
        )

    @staticmethod
    def _finding(
        code: str,
        message: str,
        message_en: str,
        row: InputRow,
        element: str | None,
        value: Reported | None,
        accepted: str | None,
        severity: Severity,
    ) -> Finding:
        cell = row.place.cells.get(element) if element is not None else None
        return Finding(
            severity=severity,
            code=code,
            message=message,
            sheet=row.place.sheet,
            row=int(cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")) if cell is not None else row.place.row,
            column=cell.rstrip("0123456789") if cell is not None else None,
            cell=cell,
            element=element,
            value=None if value is None or _missing(value) else _quoted(value),
            accepted=accepted,
            message_en=message_en,
        )


def _missing(reported: Reported) -> bool:
    return reported.number is None and reported.text is None and reported.flag is None


def _quoted(reported: Reported | None) -> str:
    if reported is None or _missing(reported):
        return "缺"
    if reported.number is not None:
        return f"{plain(reported.number)}{reported.unit or ''}"
    if reported.flag is not None:
        return "是" if reported.flag else "否"
    return reported.text or ""
