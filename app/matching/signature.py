"""What a column is called, whoever asks: the name under which a judgement on it is remembered."""

from __future__ import annotations

import re

from app.matching.columns import ReadColumn
from app.matching.index import MatchIndex
from app.matching.text import folded, read_heading

_TIMES = re.compile(r"(?:(?:19|20)\d\d年?度?|[第]?[一二三四1-4]季度?|\d{1,2}月份?|[上下]半年|\d+)")
_MARKS = re.compile(r"[()（）〔〕\[\]【】:：、,，.。\-—_/《》“”\"'　]")


def signature_of(column: ReadColumn, level: str | None, index: MatchIndex) -> str:
    """The headings without numbering, the unit by its code and the form's level, as one text."""
    parts = [_plain(text, index) for text in (*column.column.path, column.column.name)]
    unit = index.units.get(column.unit) if column.unit else None
    measured = unit.code if unit is not None else folded(column.unit or "")
    return "|".join(("/".join(part for part in parts if part), measured, level or ""))


def subject_of(title: str) -> str:
    """A form's title without years, months and marks: next year's form has the same subject."""
    return _MARKS.sub("", _TIMES.sub("", folded(title)))


def speaks_for_itself(column: ReadColumn) -> bool:
    """Whether the headings alone say what is meant; a bare 人数 or 合计 means what its form's title says."""
    return bool(column.own or column.above)


def _plain(text: str, index: MatchIndex) -> str:
    heading = read_heading(text, index.units)
    notes = "".join(f"({note})" for note in heading.notes)
    which = "其中:" if heading.of_which else ""
    prefix = f"{heading.prefix}:" if heading.prefix else ""
    return f"{which}{prefix}{heading.term}{notes}".casefold()
