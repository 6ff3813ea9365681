"""A large sheet of the plain form that spreadsheet programs write, read by column straight from its XML.

One pass of one expression over all rows gives the columns as text, digit for digit, and proves at the same time that there is
nothing in them but plain numbers and texts: no error, no formula, no date, no per cent, no cell that names another row than its
own. Rows of another form are read one by one; where even that is not enough nothing is read here, and the sheet goes the long way.
What is read is what the long way reads.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from xml.sax.saxutils import unescape

import polars as pl

from app.formats.reading_archives import Archive, parse_xml
from app.formats.reading_limits import MAX_COLUMNS, MAX_MERGES, MAX_ROWS, check_extent
from app.formats.reading_xlsx import column_number, span_of
from app.intake.column_rows import CellKind, ColumnRows
from app.intake.grid import Cell, Grid, column_letter

MANY_ROWS = 400
"""From how many rows on a sheet is tried this way; below, the long way takes no time."""

_TEXTS, _STYLES = "xl/sharedStrings.xml", "xl/styles.xml"
_MOST_COLUMNS = 120
_SAMPLED = 60
_SLICE = 3 << 20
_AT_ONCE = 2  # slices that are matched side by side; the matching holds up no other thread
_LONGEST_NUMBER = 8
_OWN_ROW = "\0"  # stands for the row's own number at the end of a cell's name; no XML has this character
_ROOT = re.compile(rb'\s*(?:<\?xml version="1\.0"[^>]*\?>)?\s*<worksheet[ >]')
_HIDDEN = r"""^[^>]* hidden=["'](?:1|true|on)["']"""
_NOT_AS_WRITTEN = r"&|_x|\r|^\s|\s$"
_MERGE = re.compile(rb'<mergeCell ref="([^"]{1,30})"')
_LETTERS = re.compile(r'<c r="([A-Z]{1,3})[0-9]')
_HEAD = re.compile(r'r="([0-9]{1,7})"([^>]*?)(/?)>')
_ANY_CELL = re.compile(
    r'<c r="([A-Z]{1,3})([0-9]{1,7})"(?: s="([0-9]{1,5})")?(?: t="(s|n|str|inlineStr|b)")?'
    r"(?:/>|>(?:<v>([^<]*)</v>|<v/>|<is><t(?: xml:space=\"preserve\")?>([^<]*)</t></is>)?</c>)\s*"
)
_NUMBER = r"-?[0-9]+(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?"
_TEXT = f"[^<{_OWN_ROW}]*"
_IS_NUMBER = re.compile(_NUMBER)
_SHARED = re.compile(r'<si><t(?: xml:space="preserve")?(?:/>|>([^<]*)</t>)</si>')
_ENTITY = re.compile(r"&(?!(?:amp|lt|gt|quot|apos);)")
_ENTITIES = {"&quot;": '"', "&apos;": "'"}
_SAFE_FORMATS = frozenset(map(str, (0, 1, 2, 3, 4, 11, 12, 13, 37, 38, 39, 40, 48, 49)))
_SAFE_CODE = re.compile(r"[0#?,.\s\-+_()*¥$;@\"]*")


class _NotPlain(Exception):
    """The sheet is of another form."""


@dataclass(frozen=True, slots=True)
class PlainBook:
    """What the sheets of one workbook share: its texts, and the cell formats (as ``s`` has them) under which a number is one."""

    shared: Sequence[str]
    styles: frozenset[str]


def plain_book(archive: Archive) -> PlainBook | None:
    """The shared parts at their usual places, or None where they are not of the plain form."""
    try:
        texts = archive.read(_TEXTS).decode() if _TEXTS in archive else None
        shared = _shared_texts(texts) if texts is not None else []
        return PlainBook(shared, _plain_styles(archive.read(_STYLES)) if _STYLES in archive else frozenset())
    except (_NotPlain, UnicodeDecodeError):
        return None


def plain_grid(name: str, xml: bytes, book: PlainBook) -> Grid | None:
    """The sheet by column, or None where it is not of the plain form. Raises Problem where its cells reach too far."""
    if _ROOT.match(xml) is None or b"\0" in xml:
        return None
    begin, end = xml.find(b"<sheetData>"), xml.rfind(b"</sheetData>")
    if begin < 0 or end < 0:
        return None
    merges = _MERGE.findall(xml, end)
    if len(merges) != xml.count(b"<mergeCell ", end) or len(merges) > MAX_MERGES:
        return None
    try:
        return _Sheet(name, book).read(xml, begin, end, merges)
    except (_NotPlain, UnicodeDecodeError):
        return None


class _Sheet:
    """One sheet on its way into columns."""

    def __init__(self, name: str, book: PlainBook) -> None:
        self._name, self._book = name, book
        self._odd: dict[int, dict[int, Cell]] = {}
        self._hidden: set[int] = set()

    def read(self, xml: bytes, begin: int, end: int, merges: Sequence[bytes]) -> Grid:
        self._columns, self._forms = self._layout(xml, begin, end)
        pattern = self._pattern()
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            frames = [self._frame(*each) for each in _matched(pool, _slices(xml, begin, end), pattern)]
        return self._grid(pl.concat(frames), merges)

    def _layout(self, xml: bytes, begin: int, end: int) -> tuple[list[int], list[str]]:
        """The columns there are, and how the cells of each are mostly written: n, s, str or inlineStr."""
        first = _rows_in(xml[begin : min(end, begin + (1 << 19))])[:_SAMPLED]
        last = _rows_in(xml[max(begin, end - (1 << 17)) : end])[-_SAMPLED // 4 :]
        kinds: dict[int, Counter[str]] = {}
        for piece in [*first, *last]:
            for letters in _LETTERS.findall(piece):
                kinds.setdefault(column_number(letters), Counter())
            for match in _ANY_CELL.finditer(piece):
                if match[5] is not None or match[6] is not None:
                    kinds[column_number(match[1])][match[4] or "n"] += 1
        if not kinds or len(kinds) > _MOST_COLUMNS or max(kinds) > MAX_COLUMNS:
            raise _NotPlain
        columns = list(range(min(kinds), max(kinds) + 1))
        if len(columns) > _MOST_COLUMNS:
            raise _NotPlain
        forms = [(kinds[c].most_common(1)[0][0] if kinds.get(c) else "n") for c in columns]
        return columns, ["n" if form == "b" else form for form in forms]

    def _pattern(self) -> str:
        styles = "|".join(sorted(self._book.styles, key=int))
        style = f'(?: s="(?:{styles})")?'
        any_style = '(?: s="[0-9]{1,5}")?'
        cells = []
        for at, (column, form) in enumerate(zip(self._columns, self._forms, strict=True)):
            value = f"(?P<c{at}>{_NUMBER if form == 'n' else _TEXT})"
            letter = column_letter(column)
            if form == "n":
                # A blank cell may have any format; a number only one under which it is a number and nothing else.
                cell = f'<c r="{letter}{_OWN_ROW}(?:{any_style}/>|{style}(?: t="n")?><v>{value}</v></c>)'
            elif form == "inlineStr":
                cell = f'<c r="{letter}{_OWN_ROW}{any_style}(?:/>| t="inlineStr"><is><t>{value}</t></is></c>)'
            else:
                cell = f'<c r="{letter}{_OWN_ROW}{any_style}(?:/>| t="{form}"><v>{value}</v></c>)'
            cells.append(f"(?:{cell})?")
        return f'^r="(?P<own>{_OWN_ROW})[^>]*>{"".join(cells)}</row>\\s*$'

    def _frame(self, pieces: list[str], numbers: list[int], found: pl.DataFrame) -> pl.DataFrame:
        for at in found["own"].is_null().arg_true().to_list():
            number, cells = self._one_row(pieces[at])
            numbers[at] = number
            self._odd[number] = cells
        for at in pl.Series("x", pieces).str.contains(_HIDDEN).arg_true().to_list():
            self._hidden.add(numbers[at])
        frame = found.drop("own").with_columns(pl.Series("row", numbers, pl.Int64))
        return frame.with_columns(*(self._plain_column(frame, at) for at in range(len(self._columns))))

    def _plain_column(self, frame: pl.DataFrame, at: int) -> pl.Series:
        """The texts of one column as they are meant. Raises _NotPlain for what is no number, or no text in its plain form."""
        series, form = frame[f"c{at}"], self._forms[at]
        if form == "n":
            return series
        if form == "s":
            places = series.cast(pl.Int64, strict=False)
            if places.null_count() != series.null_count() or (places.max() or 0) >= len(self._book.shared):  # type: ignore[operator]
                raise _NotPlain
            kept = sorted({place for place in places.unique().to_list() if place is not None})
            words = [self._book.shared[place] or None for place in kept]
            return places.replace_strict(kept, words, return_dtype=pl.String, default=None).alias(f"c{at}")
        if series.str.contains(_NOT_AS_WRITTEN).any():
            raise _NotPlain
        return series.set(series == "", None)

    def _one_row(self, piece: str) -> tuple[int, dict[int, Cell]]:
        head = _HEAD.match(piece)
        if head is None:
            raise _NotPlain
        number = int(head[1])
        cells: dict[int, Cell] = {}
        at, rest = head.end(), piece
        while True:
            match = _ANY_CELL.match(rest, at)
            if match is None:
                break
            at = match.end()
            letters, line, style, form, value, inline = match.groups()
            column = column_number(letters)
            if int(line) != number or not self._columns[0] <= column <= self._columns[-1] or column in cells:
                raise _NotPlain
            cell = self._cell(style, form, value if inline is None else inline)
            if cell is not None:
                cells[column] = cell
        if rest[at:].strip() not in ("", "</row>"):
            raise _NotPlain
        return number, cells

    def _cell(self, style: str | None, form: str | None, value: str | None) -> Cell:
        if value is None:
            if form in (None, "n", "s", "b"):
                return None
            raise _NotPlain
        if form in (None, "n"):
            if (style is not None and style not in self._book.styles) or _IS_NUMBER.fullmatch(value) is None:
                raise _NotPlain
            return float(value)
        if form == "b":
            if value not in ("0", "1"):
                raise _NotPlain
            return value == "1"
        if form == "s":
            if not value.isdecimal() or int(value) >= len(self._book.shared):
                raise _NotPlain
            return self._book.shared[int(value)] or None
        return _text(value) or None

    def _grid(self, frame: pl.DataFrame, merges: Sequence[bytes]) -> Grid:
        numbers = frame["row"]
        if not (numbers.diff().drop_nulls() > 0).all():
            raise _NotPlain
        names = [f"c{at}" for at in range(len(self._columns))]
        filled = ~pl.all_horizontal(pl.col(name).is_null() for name in names)
        held = frame.filter(filled)["row"]
        ends = [end for end in (held.min(), held.max()) if isinstance(end, int)]
        ends += [number for number, cells in self._odd.items() if cells]
        if not ends:
            raise _NotPlain
        first, last = min(ends), max(ends)
        used = [at for at, name in enumerate(names) if frame[name].null_count() < frame.height]
        columns = sorted({self._columns[at] for at in used} | {c for cells in self._odd.values() for c in cells})
        left, right = columns[0], columns[-1]
        if not 1 <= first <= last <= MAX_ROWS:
            raise _NotPlain
        check_extent(self._name, (first, last), (left, right))
        frame = frame.filter(pl.col("row").is_between(first, last))
        if frame.height != last - first + 1:
            every = pl.DataFrame({"row": pl.Series(range(first, last + 1), dtype=pl.Int64)})
            frame = every.join(frame, on="row", how="left", maintain_order="left")
        chosen = [at for at, column in enumerate(self._columns) if left <= column <= right]
        odd: dict[int, list[Cell]] = {}
        for number, cells in self._odd.items():
            if first <= number <= last:
                odd[number - first] = [cells.get(column) for column in range(left, right + 1)]
        kinds: list[CellKind] = ["number" if self._forms[at] == "n" else "text" for at in chosen]
        rows = ColumnRows(frame.select([names[at] for at in chosen]), kinds, odd)
        merged = tuple(span for text in merges if (span := span_of(text.decode("ascii", "replace"))) is not None)
        return Grid(self._name, rows, first, left, merged, frozenset(self._hidden))


def _matched(
    pool: ThreadPoolExecutor, slices: Iterator[list[str]], pattern: str
) -> Iterator[tuple[list[str], list[int], pl.DataFrame]]:
    """Of each slice its rows, the numbers they bear, and what the expression took from them."""
    pending: deque[tuple[list[str], list[int], Future[pl.DataFrame]]] = deque()
    for pieces in slices:
        marked, numbers = _marked(pieces)
        pending.append((pieces, numbers, pool.submit(_groups, marked, pattern)))
        if len(pending) > _AT_ONCE:
            first = pending.popleft()
            yield first[0], first[1], first[2].result()
    for pieces, numbers, found in pending:
        yield pieces, numbers, found.result()


def _groups(marked: list[str], pattern: str) -> pl.DataFrame:
    return pl.Series("x", marked).str.extract_groups(pattern).struct.unnest()


def _marked(pieces: list[str]) -> tuple[list[str], list[int]]:
    """The rows with a mark for their own number, so that one expression for all rows tells a cell that names another row.

    Where the number ends something else as well, such as a format or a text, the row is of no plain form, and read by itself.
    """
    marked: list[str] = []
    numbers: list[int] = []
    for piece in pieces:
        number = piece[3 : piece.find('"', 3)]
        plain = len(number) < _LONGEST_NUMBER and number.isascii() and number.isdecimal()
        marked.append(piece.replace(f'{number}"', _OWN_ROW) if plain else "")
        numbers.append(int(number) if plain else 0)
    return marked, numbers


def _rows_in(xml: bytes) -> list[str]:
    pieces = xml.decode("utf-8", "replace").split("<row ")
    return pieces[1:-1] or pieces[1:]


def _slices(xml: bytes, begin: int, end: int) -> Iterator[list[str]]:
    """The rows, each from behind its ``<row `` on, some megabytes at a time."""
    at = xml.find(b"<row ", begin, end)
    if at < 0 or xml[begin + len(b"<sheetData>") : at].strip():
        raise _NotPlain
    while at < end:
        until = xml.rfind(b"<row ", at + 1, at + _SLICE) if at + _SLICE < end else end
        if until < 0:
            raise _NotPlain
        yield xml[at + 5 : until].decode().split("<row ")
        at = until


def _text(written: str) -> str:
    if _ENTITY.search(written) or written != written.strip() or "_x" in written or "\r" in written:
        raise _NotPlain
    return unescape(written, _ENTITIES) if "&" in written else written


def _shared_texts(xml: str) -> list[str]:
    if "<!" in xml:
        raise _NotPlain
    found = _SHARED.findall(xml)
    if len(found) != xml.count("<si>") + xml.count("<si ") + xml.count("<si/"):
        raise _NotPlain
    return [_text(text) for text in found]


def _plain_styles(styles: bytes) -> frozenset[str]:
    """The cell formats under which a number is shown as a number."""
    safe = set(_SAFE_FORMATS)
    found: set[str] = {"0"}
    state = {"in": False, "at": 0}

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "numFmt":
            code = attributes.get("formatCode", "")
            plain = _SAFE_CODE.fullmatch(code) is not None or code == "General"
            (safe.add if plain else safe.discard)(attributes.get("numFmtId", ""))
        elif name == "cellXfs":
            state["in"] = True
            found.clear()
        elif name == "xf" and state["in"]:
            if attributes.get("numFmtId", "0") in safe:
                found.add(str(state["at"]))
            state["at"] += 1

    def end(name: str) -> None:
        if name == "cellXfs":
            state["in"] = False

    parse_xml(styles, start, end)
    return frozenset(found or {"0"})
