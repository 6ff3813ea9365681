"""``regions.csv`` and ``successions.csv``: rows with their places, and back.

A row names its parent by the code that the parent has on the row's last day. The first day ``0001-01-01`` says of a row
that it held from the beginning, where leaving it open would let a succession decide.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from fractions import Fraction
from typing import NamedTuple

from app.catalogue.model import LEVELS, Level
from app.catalogue.regions import SUCCESSION_KINDS, RegionIndex, RegionState, SuccessionKind
from app.catalogue.units import parse_factor
from app.errors import Fault

REGIONS_FILE = "regions.csv"
SUCCESSIONS_FILE = "successions.csv"
CODE_LENGTHS: Mapping[Level, int] = {"province": 2, "prefecture": 4, "county": 6, "township": 9, "village": 12}

_REGION_COLUMNS = ("code", "name", "level", "parent")
_VALIDITY = ("valid_from", "valid_to")
_SUCCESSION_COLUMNS = ("date", "kind", "old_code", "new_code")
_SUCCESSION_EXTRAS = ("share", "document")
_MAX_NAME = 120


class RegionRow(NamedTuple):
    """One row of ``regions.csv``: what a region is, always or from ``valid_from`` to ``valid_to`` (inclusive)."""

    code: str
    name: str
    level: Level
    parent: str | None
    valid_from: date | None = None
    valid_to: date | None = None
    file: str = REGIONS_FILE
    line: int = 0

    @property
    def place(self) -> str:
        return f"第 {self.line} 行"

    @property
    def dated(self) -> bool:
        return self.valid_from is not None or self.valid_to is not None


class SuccessionRow(NamedTuple):
    """One row of ``successions.csv``: on ``date`` what was ``old_code`` became ``new_code``."""

    date: date
    kind: SuccessionKind
    old_code: str
    new_code: str
    share: Fraction | None = None
    document: str | None = None
    file: str = SUCCESSIONS_FILE
    line: int = 0

    @property
    def place(self) -> str:
        return f"第 {self.line} 行"


class _Table:
    """The lines of a csv file by column name, with faults for what is no such table."""

    def __init__(
        self, data: bytes, file: str, required: Sequence[str], optional: Sequence[str], faults: list[Fault]
    ) -> None:
        self.lines: list[tuple[int, dict[str, str]]] = []
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = data[: error.start].count(b"\n") + 1
            faults.append(Fault(file, f"第 {line} 行", "不是 UTF-8 编码（not UTF-8）"))
            return
        reader = csv.reader(io.StringIO(text, newline=""), strict=True)
        try:
            header = [name.strip() for name in next(reader, [])]
            wrong = [name for name in header if name not in required and name not in optional]
            absent = [name for name in required if name not in header]
            if wrong or absent or len(set(header)) != len(header):
                parts = [f"缺少列 {' '.join(absent)}（missing）"] * bool(absent)
                parts += [f"不认识的列 {' '.join(wrong)}（unknown）"] * bool(wrong)
                faults.append(Fault(file, "第 1 行", "；".join(parts) or "列名重复（a column stands twice）"))
                return
            for cells in reader:
                if not any(cell.strip() for cell in cells):
                    continue
                if len(cells) != len(header):
                    message = f"有 {len(cells)} 列，应有 {len(header)} 列（wrong number of columns）"
                    faults.append(Fault(file, f"第 {reader.line_num} 行", message))
                    continue
                self.lines.append((reader.line_num, dict(zip(header, map(str.strip, cells), strict=True))))
        except csv.Error as error:
            faults.append(Fault(file, f"第 {reader.line_num} 行", f"不是有效的 CSV（not valid CSV）: {error}"))


def read_regions(data: bytes, file: str = REGIONS_FILE) -> tuple[list[RegionRow], list[Fault]]:
    """The rows of ``regions.csv`` that are sound in themselves, and every fault of the others."""
    faults: list[Fault] = []
    rows: list[RegionRow] = []
    lengths = {str(level): length for level, length in CODE_LENGTHS.items()}
    levels = {str(level): level for level in LEVELS}
    for line, cells in _Table(data, file, _REGION_COLUMNS, _VALIDITY, faults).lines:
        wrong: list[str] = []
        code, name, level, parent = (cells[column] for column in _REGION_COLUMNS)
        if level not in levels:
            wrong.append(f"级别“{level}”不在 {' '.join(LEVELS)} 之列（unknown level）")
        elif len(code) != lengths[level] or not _is_code(code):
            hint = "；像是表格软件写成的科学计数" if "E+" in code else ""
            wrong.append(f"“{code}”不是 {level} 的 {lengths[level]} 位代码（not a code of this level{hint}）")
        if not name or len(name) > _MAX_NAME:
            wrong.append(f"名称须为 1 到 {_MAX_NAME} 个字符（a name is needed）")
        if parent and (not _is_code(parent) or len(parent) not in lengths.values()):
            wrong.append(f"上级“{parent}”不是区划代码（parent is not a code）")
        elif parent and level in levels and len(parent) >= lengths[level]:
            wrong.append(f"上级“{parent}”的级别不高于本级（the parent's level must be above）")
        elif not parent and level in ("township", "village"):
            wrong.append("缺少上级（parent is missing）")
        first, last = (_day(cells.get(column, ""), column, wrong) for column in _VALIDITY)
        if first is not None and last is not None and first > last:
            wrong.append("valid_from 晚于 valid_to（valid_from is after valid_to）")
        faults.extend(Fault(file, f"第 {line} 行", message) for message in wrong)
        if not wrong:
            rows.append(RegionRow(code, name, levels[level], parent or None, first, last, file, line))
    return rows, sorted(faults, key=_line)


def read_successions(data: bytes, file: str = SUCCESSIONS_FILE) -> tuple[list[SuccessionRow], list[Fault]]:
    """The rows of ``successions.csv`` that are sound in themselves, and every fault of the others."""
    faults: list[Fault] = []
    rows: list[SuccessionRow] = []
    kinds = {str(kind): kind for kind in SUCCESSION_KINDS}
    lengths = set(CODE_LENGTHS.values())
    for line, cells in _Table(data, file, _SUCCESSION_COLUMNS, _SUCCESSION_EXTRAS, faults).lines:
        wrong: list[str] = []
        day = _day(cells["date"], "date", wrong)
        if day is None and not cells["date"]:
            wrong.append("缺少日期（date is missing）")
        if day is not None and not date(1900, 1, 1) <= day <= date(2999, 12, 31):
            wrong.append("日期超出 1900 至 2999 年（date is out of range）")
        if cells["kind"] not in kinds:
            wrong.append(f"“{cells['kind']}”不在 {' '.join(SUCCESSION_KINDS)} 之列（unknown kind）")
        wrong += [
            f"{column}“{cells[column]}”不是区划代码（not a region code）"
            for column in ("old_code", "new_code")
            if not _is_code(cells[column]) or len(cells[column]) not in lengths
        ]
        share = _share(cells.get("share", ""), wrong)
        faults.extend(Fault(file, f"第 {line} 行", message) for message in wrong)
        if not wrong and day is not None:
            document = cells.get("document") or None
            codes = cells["old_code"], cells["new_code"]
            rows.append(SuccessionRow(day, kinds[cells["kind"]], *codes, share, document, file, line))
    return rows, sorted(faults, key=_line)


def _line(fault: Fault) -> int:
    return int("".join(filter(str.isdigit, fault.place)) or 0)


def _is_code(text: str) -> bool:
    return text.isascii() and text.isdigit()


def _day(text: str, column: str, wrong: list[str]) -> date | None:
    if not text:
        return None
    try:
        if len(text) == len("2023-06-30"):
            return date.fromisoformat(text)
    except ValueError:
        pass
    wrong.append(f"{column}“{text}”不是日期，应如 2023-06-30（not a date）")
    return None


def _share(text: str, wrong: list[str]) -> Fraction | None:
    if not text:
        return None
    try:
        share = parse_factor(text)
    except ValueError:
        share = Fraction(2)
    if share > 1:
        wrong.append(f"share“{text}”应为大于 0、不超过 1 的小数或分数（must be above 0 and at most 1）")
        return None
    return share


def write_regions(index: RegionIndex) -> bytes:
    """Every state as ``regions.csv``, by code and start; with validity where any state has one."""
    # A successor that was there before needs its first day written, or a reader would let it begin with the succession.
    merged = {state.code for s in index.successions if (state := index.state(s.new_id, s.date)) is not None}
    states = sorted(index.states(), key=lambda state: (len(state.code), state.code, state.valid_from or date.min))
    dated = any(state.valid_from or state.valid_to or state.code in merged for state in states)
    rows: list[Sequence[str]] = []
    for state in states:
        row = [state.code, state.name, state.level, _parent_code(index, state)]
        if dated:
            first = state.valid_from or (date.min if state.code in merged and state.valid_to is None else None)
            row += [first.isoformat() if first else "", state.valid_to.isoformat() if state.valid_to else ""]
        rows.append(row)
    return _csv((*_REGION_COLUMNS, *(_VALIDITY if dated else ())), rows)


def _parent_code(index: RegionIndex, state: RegionState) -> str:
    if state.parent_id is None:
        return ""
    parent = index.state(state.parent_id, state.valid_to or date.max)
    return parent.code if parent is not None else ""


def succession_codes(index: RegionIndex) -> list[SuccessionRow]:
    """The successions that are held, in codes: the old one's on the day before, the new one's on the day."""
    rows: list[SuccessionRow] = []
    for held in index.successions:
        old = index.state(held.old_id, held.date - timedelta(days=1))
        new = index.state(held.new_id, held.date)
        if old is not None and new is not None:
            rows.append(SuccessionRow(held.date, held.kind, old.code, new.code, held.share, held.document))
    return rows


def write_successions(index: RegionIndex) -> bytes | None:
    """The successions as ``successions.csv``; None if there are none."""
    held = succession_codes(index)
    rows = [
        (
            row.date.isoformat(),
            row.kind,
            row.old_code,
            row.new_code,
            str(row.share) if row.share is not None else "",
            row.document or "",
        )
        for row in held
    ]
    return _csv((*_SUCCESSION_COLUMNS, *_SUCCESSION_EXTRAS), rows) if rows else None


def _csv(header: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue().encode()
