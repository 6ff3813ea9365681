"""Which rows of a mapped frame are answered, which fields, in what order.

Only the fields handed in exist here: one that the caller may not see is simply not among them, and so is refused in
the same words as one that was never there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce

import polars as pl

from app.errors import Problem
from app.formats.comparing import Comparison, Value, compare, parse_value
from app.formats.fields import column_name
from app.mapping.plan import OutputField
from app.mapping.run import Mapped

_ALL_KINDS = frozenset({"number", "text", "boolean", "date"})
_ORDERED_KINDS = frozenset({"number", "text", "date"})
MOST_LISTED = 1_000


@dataclass(frozen=True, slots=True)
class Operator:
    """One operator of ``filter``: for which kinds of field, and whether it takes a comma list."""

    name: str
    description: str
    description_en: str
    example: str
    kinds: frozenset[str]
    listed: bool
    matches: Callable[[OutputField, Sequence[Value]], pl.Expr]


def _comparing(comparison: Comparison) -> Callable[[OutputField, Sequence[Value]], pl.Expr]:
    return lambda field, values: compare(field, comparison, values[0])


def _any_of(field: OutputField, values: Sequence[Value]) -> pl.Expr:
    return pl.any_horizontal(compare(field, "eq", value) for value in dict.fromkeys(values))


def _contains(field: OutputField, values: Sequence[Value]) -> pl.Expr:
    return pl.col(column_name(field)).str.contains(str(values[0]), literal=True)


OPERATORS: Mapping[str, Operator] = {
    operator.name: operator
    for operator in (
        Operator("eq", "等于", "equal to", "xzqhdm:eq:430682101", _ALL_KINDS, False, _comparing("eq")),
        Operator(
            "ne",
            "不等于（缺失值不算）",
            "not equal to (missing ones aside)",
            "ly:ne:x",
            _ALL_KINDS,
            False,
            _comparing("ne"),
        ),
        Operator("lt", "小于", "less than", "czrk_w:lt:3.5", _ORDERED_KINDS, False, _comparing("lt")),
        Operator("le", "小于或等于", "less than or equal to", "czrk_w:le:3.5", _ORDERED_KINDS, False, _comparing("le")),
        Operator("gt", "大于", "greater than", "czrk_w:gt:3.24581", _ORDERED_KINDS, False, _comparing("gt")),
        Operator("ge", "大于或等于", "greater than or equal to", "nd:ge:2024", _ORDERED_KINDS, False, _comparing("ge")),
        Operator(
            "in",
            "为所列值之一，逗号分隔",
            "one of the listed, parted by commas",
            "nd:in:2024,2025",
            _ALL_KINDS,
            True,
            _any_of,
        ),
        Operator(
            "contains", "文本中含有", "has the text within", "mc:contains:镇", frozenset({"text"}), False, _contains
        ),
    )
}


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition. A missing value matches none."""

    field: OutputField
    operator: Operator
    values: tuple[Value, ...]

    def expression(self) -> pl.Expr:
        return self.operator.matches(self.field, self.values).fill_null(value=False)


@dataclass(frozen=True, slots=True)
class SortKey:
    """One part of the order; missing values come last in both directions."""

    field: OutputField
    descending: bool = False


def parse_filters(texts: Iterable[str], fields: Sequence[OutputField]) -> tuple[Filter, ...]:
    """The conditions of ``name:op:value`` each; raises ``Problem`` naming every fault at once."""
    found: list[Filter] = []
    faults: list[Problem] = []
    for text in texts:
        try:
            found.append(_parse_filter(text, fields))
        except Problem as fault:
            faults.append(fault)
    _refuse(faults)
    return tuple(found)


def parse_sort(text: str | None, fields: Sequence[OutputField]) -> tuple[SortKey, ...]:
    """The order of ``-name,name``; raises ``Problem``."""
    keys: list[SortKey] = []
    faults: list[Problem] = []
    for part in text.split(",") if text is not None else ():
        field = _find(part, fields)
        descending = field is None and part.startswith("-")
        field = _find(part[1:], fields) if descending else field
        if field is None:
            faults.append(_unknown(part.removeprefix("-")))
        elif any(key.field.name == field.name for key in keys):
            faults.append(_bad(f"sort 中重复：{part} (twice in sort: {part!r})"))
        else:
            keys.append(SortKey(field, descending))
    _refuse(faults)
    return tuple(keys)


def parse_fields(text: str | None, fields: Sequence[OutputField]) -> tuple[OutputField, ...]:
    """The fields of ``name,name`` in the order asked, all of them for None; raises ``Problem``."""
    if text is None:
        return tuple(fields)
    chosen: dict[str, OutputField] = {}
    faults: list[Problem] = []
    for part in text.split(","):
        field = _find(part, fields)
        if field is None:
            faults.append(_unknown(part))
        elif part in chosen:
            faults.append(_bad(f"fields 中重复：{part} (twice in fields: {part!r})"))
        else:
            chosen[part] = field
    _refuse(faults)
    return tuple(chosen.values())


def fields_needed(filters: Sequence[Filter], sort: Sequence[SortKey], fields: Sequence[OutputField]) -> frozenset[str]:
    """The names of all fields that have to be mapped to answer."""
    return frozenset(
        [field.name for field in fields] + [f.field.name for f in filters] + [key.field.name for key in sort]
    )


def select(
    mapped: Mapped, filters: Sequence[Filter], sort: Sequence[SortKey], fields: Sequence[OutputField]
) -> tuple[pl.DataFrame, tuple[OutputField, ...]]:
    """The rows that meet every filter, in the order asked (ties by code, period, key), and the fields to write.

    The frame keeps the columns that say which row it is and those of the order, for ``app.formats.paging``.
    """
    frame = mapped.frame
    if filters:
        frame = frame.filter(reduce(lambda one, other: one & other, (each.expression() for each in filters)))
    if sort:
        frame = frame.sort(
            [column_name(key.field) for key in sort],
            descending=[key.descending for key in sort],
            nulls_last=True,
            maintain_order=True,
        )
    return frame, tuple(fields)


def _parse_filter(text: str, fields: Sequence[OutputField]) -> Filter:
    if text.count(":") < 2:
        raise _bad(f"filter 应为 字段:运算符:值，收到 {text} (filter is name:op:value, not {text!r})")
    named = [field for field in fields if text.startswith(f"{field.name}:")]
    if not named:
        raise _unknown(text.partition(":")[0])
    # A name may have colons itself: the longest that leaves an operator and a value is meant.
    named.sort(key=lambda field: len(field.name), reverse=True)
    splits = [(field, *text[len(field.name) + 1 :].partition(":")) for field in named]
    field, name, colon, value = next((split for split in splits if split[1] in OPERATORS and split[2]), splits[0])
    operator = OPERATORS.get(name)
    if operator is None or not colon:
        known = " ".join(OPERATORS)
        raise _bad(f"filter {text}：没有运算符 {name}，可用：{known} (no operator {name!r}; there are: {known})")
    if field.kind not in operator.kinds:
        raise _bad(
            f"filter {text}：运算符 {name} 不适用于字段 {field.name} ({name} does not apply to a {field.kind} field)"
        )
    texts = value.split(",") if operator.listed else [value]
    if len(texts) > MOST_LISTED:
        raise _bad(f"filter {field.name}:{name} 最多列 {MOST_LISTED} 个值 (at most {MOST_LISTED} values are listed)")
    try:
        return Filter(field, operator, tuple(parse_value(each, field) for each in texts))
    except ValueError as fault:
        raise _bad(f"filter {text}：{fault}") from fault


def _find(name: str, fields: Sequence[OutputField]) -> OutputField | None:
    return next((field for field in fields if field.name == name), None)


def _unknown(name: str) -> Problem:
    return Problem("unknown_field", f"没有这个字段：{name} (no such field: {name!r})")


def _bad(detail: str) -> Problem:
    return Problem("bad_request", detail)


def _refuse(faults: Sequence[Problem]) -> None:
    if faults:
        raise Problem(faults[0].code, "；".join(dict.fromkeys(fault.detail for fault in faults)))
