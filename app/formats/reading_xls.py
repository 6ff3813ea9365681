"""What the values alone do not tell of an old xls: hidden rows, errors, per cents, passwords, macros and extent.

A compound file is a small file system of sectors; the workbook is a stream of records in it. Both are walked with the
counts bounded by the size of the file, so that no chain can run in circles.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass, field

from app.formats.reading_limits import MAX_SHEETS, check_extent, damaged, too_large, unsupported
from app.formats.reading_xlsx import is_percent_format
from app.intake.grid import CellError

SIGNATURE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_FREE = 0xFFFFFFFA  # sector numbers from here on are marks, not sectors
_DIRECTORY_ENTRY = 128
_STREAM, _ROOT = 2, 5
_ERROR_NAMES = {0: "#NULL!", 7: "#DIV/0!", 15: "#VALUE!", 23: "#REF!", 29: "#NAME?", 36: "#NUM!", 42: "#N/A"}
_BOF, _EOF, _BOUNDSHEET, _FILEPASS, _DATEMODE, _FORMAT, _XF = 0x0809, 0x000A, 0x0085, 0x002F, 0x0022, 0x041E, 0x00E0
_ROW, _NUMBER, _LABEL, _BOOLERR, _FORMULA = 0x0208, 0x0203, 0x0204, 0x0205, 0x0006
_RK, _MULRK, _LABELSST, _RSTRING = 0x027E, 0x00BD, 0x00FD, 0x00D6
_SINGLE = frozenset({_NUMBER, _LABEL, _BOOLERR, _FORMULA, _RK, _LABELSST, _RSTRING})
_DIMENSIONS, _SST = 0x0200, 0x00FC
_PROGRAMS = frozenset({1, 6})  # kinds of sheets: of Excel 4 macros, and modules of Visual Basic
_HIDDEN_ROW = 0x20
_BIFF8_XF = 20


@dataclass(slots=True)
class XlsSheet:
    """One sheet of an xls; rows and columns from 1."""

    errors: dict[tuple[int, int], CellError] = field(default_factory=dict)
    percent: set[tuple[int, int]] = field(default_factory=set)
    hidden_rows: set[int] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class XlsParts:
    """The sheets of an xls by name, and its epoch."""

    sheets: dict[str, XlsSheet]
    epoch_1904: bool


class CompoundFile:
    """The streams of a compound file, by name. Raises Problem where its chains lead outside of it."""

    def __init__(self, data: bytes) -> None:
        if len(data) < 512:
            raise _broken()
        self._data = data
        shift, mini_shift = struct.unpack_from("<HH", data, 30)
        if shift not in (9, 12) or mini_shift != 6:
            raise _broken()
        self._size, self._mini_size = 1 << shift, 1 << mini_shift
        self._sectors = max(len(data) // self._size - 1, 0) + 1
        directory, _, self._cutoff, mini_fat, mini_fats, difat, difats = struct.unpack_from("<7I", data, 48)
        directories, fats = struct.unpack_from("<2I", data, 40)
        # The library that reads the values makes room for as much as these say before it reads a byte of it.
        if max(directories, fats, mini_fats) > self._sectors:
            raise _broken()
        self._fat = self._table(self._fat_sectors(difat, difats))
        entries = self._chain(directory)
        self._streams: dict[str, tuple[int, int]] = {}
        self.names: set[str] = set()
        root = (0, 0)
        for at in range(0, len(entries) - _DIRECTORY_ENTRY + 1, _DIRECTORY_ENTRY):
            entry = entries[at : at + _DIRECTORY_ENTRY]
            length, kind = struct.unpack_from("<HB", entry, 64)
            name = entry[: max(min(length, 64) - 2, 0)].decode("utf-16-le", "replace")
            start, size = struct.unpack_from("<IQ" if self._size > 512 else "<II", entry, 116)
            if kind in (_STREAM, _ROOT) and size > len(data):
                raise _broken()
            if kind == _ROOT:
                root = (start, size)
            elif kind:
                self.names.add(name)
                if kind == _STREAM:
                    self._streams.setdefault(name, (start, size))
        self._mini_fat = self._table(list(self._numbers(mini_fat))) if mini_fat < _FREE else []
        self._mini = self._chain(root[0]) if root[0] < _FREE and self._mini_fat else b""

    def read(self, name: str) -> bytes | None:
        """A stream by name, None if there is none of it."""
        found = self._streams.get(name)
        if found is None:
            return None
        start, size = found
        if size >= self._cutoff:
            return self._chain(start)[:size]
        pieces: list[bytes] = []
        seen = 0
        while start < _FREE:
            if start >= len(self._mini_fat) or seen > len(self._mini_fat):
                raise _broken()
            pieces.append(self._mini[start * self._mini_size : (start + 1) * self._mini_size])
            start = self._mini_fat[start]
            seen += 1
        return b"".join(pieces)[:size]

    def _sector(self, number: int) -> bytes:
        piece = self._data[(number + 1) * self._size : (number + 2) * self._size]
        if not piece:
            raise _broken()
        return piece

    def _fat_sectors(self, difat: int, difats: int) -> list[int]:
        numbers = [n for n in struct.unpack_from("<109I", self._data, 76) if n < _FREE]
        per_sector = self._size // 4 - 1
        for _ in range(min(difats, self._sectors)):
            if difat >= _FREE:
                break
            piece = self._sector(difat)
            if len(piece) < self._size:
                raise _broken()
            *more, difat = struct.unpack(f"<{per_sector + 1}I", piece)
            numbers += [n for n in more if n < _FREE]
        if len(numbers) > self._sectors:
            raise _broken()
        return numbers

    def _table(self, sectors: list[int]) -> list[int]:
        table: list[int] = []
        for number in sectors:
            piece = self._sector(number)
            table += struct.unpack(f"<{len(piece) // 4}I", piece[: len(piece) // 4 * 4])
        return table

    def _numbers(self, start: int) -> Iterator[int]:
        seen = 0
        while start < _FREE:
            if start >= len(self._fat) or seen > self._sectors:
                raise _broken()
            yield start
            start = self._fat[start]
            seen += 1

    def _chain(self, start: int) -> bytes:
        return b"".join(self._sector(number) for number in self._numbers(start))


def read_xls_parts(data: bytes) -> XlsParts:
    """The structure of an xls. Raises Problem for passwords, macros, other documents, damage, and too wide a reach."""
    try:
        compound = CompoundFile(data)
        if "EncryptedPackage" in compound.names or "EncryptionInfo" in compound.names:
            raise _password()
        if compound.names & {"_VBA_PROJECT_CUR", "_VBA_PROJECT", "VBA"}:
            raise _macros()
        stream = compound.read("Workbook") or compound.read("Book")
        if stream is None:
            raise unsupported("这不是表格文件（可能是 Word 等文档）", "this is no workbook, perhaps another document")
        return _records(stream)
    except (struct.error, IndexError) as error:
        raise _broken() from error


def _records(stream: bytes) -> XlsParts:
    walk = _RecordWalk(len(stream))
    at, begun = 0, set[int]()
    while at + 4 <= len(stream):
        kind, length = struct.unpack_from("<HH", stream, at)
        body = stream[at + 4 : at + 4 + length]
        begins = at
        at += 4 + length
        if len(body) < length:
            raise _broken()
        walk.record(kind, body)
        if kind == _BOF:
            begun.add(begins)
    # A sheet that began within another record would be read by the library as records never seen here.
    if not walk.names or not begun.issuperset(walk.begins):
        raise _broken()
    return XlsParts(dict(zip(walk.names, walk.sheets, strict=False)), walk.epoch_1904)


class _RecordWalk:
    """The state of a pass over the records of a workbook stream: its globals first, then sheet after sheet."""

    def __init__(self, size: int) -> None:
        self._size = size
        self.names: list[str] = []
        self.begins: list[int] = []
        self.sheets: list[XlsSheet] = []
        self.epoch_1904 = False
        self._formats: dict[int, bool] = {9: True, 10: True}
        self._xfs: list[int] = []
        self._depth = 0
        self._extent = [0, 0, 0, 0]

    def record(self, kind: int, body: bytes) -> None:
        if kind == _BOF:
            self._depth += 1
            if self._depth == 1 and self.names:
                self._extent = [0, 0, 0, 0]
                self.sheets.append(XlsSheet())
        elif kind == _EOF:
            self._depth = max(self._depth - 1, 0)
            if self._depth == 0 and self._extent[1]:
                first_row, last_row, first_column, last_column = self._extent
                name = self.names[len(self.sheets) - 1] if len(self.sheets) <= len(self.names) else ""
                check_extent(name, (first_row, last_row), (first_column, last_column))
        elif kind == _FILEPASS:
            raise _password()
        elif kind in (_DIMENSIONS, _SST):
            self._check_room(kind, body)
        elif self.sheets:
            if self._depth == 1:
                _cell(kind, body, self.sheets[-1], self._extent, self._xfs, self._formats)
        else:
            self._global(kind, body)

    def _check_room(self, kind: int, body: bytes) -> None:
        """Refuses counts that cannot be true: the library makes room for them before it has read anything."""
        if kind == _SST:
            (strings,) = struct.unpack_from("<I", body, 4)
            possible = strings <= self._size // 3
        else:
            first_row, last_row, first, last = struct.unpack_from("<4H" if len(body) == 10 else "<2I2H", body)
            within = first_row <= last_row <= 1 << 16 and first <= last <= 1 << 8
            possible = within or not (last_row and last)  # nothing is made of an empty sheet's
        if not possible:
            raise _broken()

    def _global(self, kind: int, body: bytes) -> None:
        if kind == _BOUNDSHEET:
            if body[5] in _PROGRAMS:
                raise _macros()
            self.names.append(_sheet_name(body))
            self.begins.append(struct.unpack_from("<I", body)[0])
            if len(self.names) > MAX_SHEETS:
                raise too_large("工作表太多", "the workbook has too many sheets")
        elif kind == _DATEMODE:
            self.epoch_1904 = body[:1] == b"\x01"
        elif kind == _FORMAT and len(body) > 5:
            self._formats[struct.unpack_from("<H", body)[0]] = is_percent_format(_format_code(body))
        elif kind == _XF and len(body) >= 4:
            self._xfs.append(struct.unpack_from("<H", body, 2)[0])


def _cell(kind: int, body: bytes, sheet: XlsSheet, extent: list[int], xfs: list[int], formats: dict[int, bool]) -> None:
    if kind == _ROW:
        number, flags = struct.unpack_from("<H10xH", body)
        if flags & _HIDDEN_ROW:
            sheet.hidden_rows.add(number + 1)
        return
    if kind == _MULRK:
        row, first = struct.unpack_from("<HH", body)
        cells = [(first + i, struct.unpack_from("<H", body, 4 + 6 * i)[0]) for i in range((len(body) - 6) // 6)]
    elif kind in _SINGLE:
        row, first, xf = struct.unpack_from("<HHH", body)
        cells = [(first, xf)]
    else:
        return
    for column, xf in cells:
        place = (row + 1, column + 1)
        extent[0] = min(extent[0] or place[0], place[0])
        extent[1] = max(extent[1], place[0])
        extent[2] = min(extent[2] or place[1], place[1])
        extent[3] = max(extent[3], place[1])
        if kind != _LABELSST and xf < len(xfs) and formats.get(xfs[xf], False):
            sheet.percent.add(place)
        if kind == _BOOLERR and body[7:8] == b"\x01":
            sheet.errors[place] = CellError(_ERROR_NAMES.get(body[6], "#ERROR"))
        elif kind == _FORMULA and body[12:14] == b"\xff\xff" and body[6:7] == b"\x02":
            sheet.errors[place] = CellError(_ERROR_NAMES.get(body[8], "#ERROR"))


def _sheet_name(body: bytes) -> str:
    length, wide = body[6], body[7] & 1
    text = body[8 : 8 + length * (2 if wide else 1)]
    return text.decode("utf-16-le" if wide else "latin-1", "replace")


def _format_code(body: bytes) -> str:
    length, wide = struct.unpack_from("<HB", body, 2)
    return body[5 : 5 + length * (2 if wide & 1 else 1)].decode("utf-16-le" if wide & 1 else "latin-1", "replace")


def _broken() -> Exception:
    return damaged("文件不完整或已损坏，无法打开", "the file is truncated or damaged")


def _macros() -> Exception:
    return unsupported(
        "文件含有宏，请另存为不含宏的 xlsx 再上传", "the file holds macros; save it as xlsx without them"
    )


def _password() -> Exception:
    return unsupported("文件有密码保护，请去掉密码后再上传", "the file is protected by a password")
