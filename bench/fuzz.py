"""Damaged files, by the thousand: every reader answers with what it read or with a Problem, in time and in bounded memory.

    uv run python -m bench.fuzz [--seconds 120] [--seed 1] [--kind xlsx]

Valid files of each kind (xlsx of several writers, xls, ods, csv, NDJSON, JSON) are broken at random: bytes flipped, cut, doubled and put
in; within containers the XML of one part; of texts whole lines and tokens. Each is read in a process whose memory may grow by 500 MB
and in which one file may take 5 seconds. Prints how many were read and refused; exit code 1, with seeds, for anything else.
"""

from __future__ import annotations

import argparse
import io
import json
import multiprocessing
import random
import re
import resource
import signal
import sys
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import openpyxl
import xlsxwriter
import xlwt
from odf.opendocument import OpenDocumentSpreadsheet
from odf.table import Table, TableCell, TableRow
from odf.text import P

from app.api.submissions import json_submission
from app.catalogue.model import Catalogue, Dataset, Element
from app.catalogue.periods import Period
from app.catalogue.regions import RegionIndex, RegionState
from app.catalogue.units import BUILTIN_UNITS
from app.errors import Problem
from app.formats import reading
from app.intake import Context, Reading, read_json_rows, read_workbook_rows
from app.services.seen_on_disk import SeenOnce
from app.services.submit_stream import Tally, readings_of

MOST_MEMORY = 500 << 20
MOST_SECONDS = 5
BATCH = 20
KINDS = (
    "xlsx", "xlsx-large", "xlsx-openpyxl", "xls", "ods", "csv-gb18030", "csv-utf8", "tsv-utf16", "ndjson", "json",
)  # fmt: skip
_TEXTS = ("csv", "tsv", "ndjson", "json")
_HEADINGS = ("行政区划代码", "常住人口", "面积（亩）", "备注")
_TOKENS = (
    b"0", b"-1", b"1e999", b"9999999999999999999", b"NaN", b"", b"<", b"&amp;", b"&#0;", b"A1048576", b"XFD1", b"\x00", b"\xff\xfe",
    b'"', b",", b"\n", b"{", b"[", b"null", b"\\u0000", b"\\ud800", "合计".encode(), "三百".encode(), b't="s"', b't="e"', b's="99999"',
)  # fmt: skip
# What stands between quotes or between tags; whole elements without others in them, and rows.
_VALUES = re.compile(rb"(?<=[\">])[^\"<>=]*(?=[\"<])")
_ELEMENTS = re.compile(rb"<(\w+)(?: [^<>]*)?/>|<(\w+)(?: [^<>]*)?>[^<>]*</\2>|<row[ >].{0,2000}?</row>", re.DOTALL)
_ODD_VALUES = (
    b"", b"0", b"-1", b"1", b"65535", b"65536", b"1048577", b"4294967296", b"99999999999999999999", b"1e308", b"-1e-400", b"NaN",
    b"A1", b"A0", b"XFD1048576", b"XFE1", b"A1:XFD1048576", b"B7:A2", b"A99999999", b"$A$1", b"s", b"b", b"e", b"d", b"str",
    b"inlineStr", b"true", b"#REF!", b"2025-02-30", b"-99999", b"&#x10FFFF;", b"\xe4\xb8\x83", "合计".encode(), "三百二十".encode(),
    b"x" * 40_000, b"rId99", b"../../xl/workbook.xml", b"#,##0.00%", b"PT99999999H", b"date", b"percentage", b"\xc2\xa0",
)  # fmt: skip


@dataclass(slots=True)
class Told:
    """What a batch came to."""

    counts: Counter[str] = field(default_factory=Counter)
    faults: list[str] = field(default_factory=list)
    slowest: float = 0.0
    memory: int = 0


class Hang(Exception):
    """A file took too long."""


def context() -> Context:
    """A county with some townships, a dataset of three elements."""
    elements = (
        Element("people", "total", "常住人口", "integer", "stock", "open", unit="人"),
        Element("people", "area", "面积", "decimal", "stock", "open", unit="公顷", decimals=2),
        Element("people", "note", "备注", "text", "attribute", "open"),
    )
    dataset = Dataset(
        "people", "人口", elements=elements, frequency="year", level="township", key=(), source="region", sharing="open",
        sharing_basis=None, confirmation="none",
    )  # fmt: skip
    regions = RegionIndex(
        [
            RegionState(1, "43", "省", "province", None),
            RegionState(2, "4301", "市", "prefecture", 1),
            RegionState(3, "430101", "县", "county", 2),
            *(RegionState(100 + n, f"430101{100 + n}", f"镇{n}", "township", 3) for n in range(60)),
        ]
    )
    catalogue = Catalogue({"people": dataset}, {}, {}, BUILTIN_UNITS)
    return Context(dataset, catalogue, regions, date(2026, 1, 1), period=Period.parse("2025"))


def table(count: int) -> list[list[object]]:
    """Rows with everything that people write."""
    odd: Sequence[object] = ("1,234", "三百二十", "-", "不详", None, 12.5, "合计")
    return [
        [f"430101{100 + n}", odd[n % len(odd)] if n % 5 == 0 else n * 7, n / 4, "说明" if n % 9 == 0 else None]
        for n in range(count)
    ]


def seeds() -> dict[str, bytes]:
    """One valid file of each kind."""
    rows = table(40)
    made: dict[str, bytes] = {}
    for kind, lines in (("xlsx", rows), ("xlsx-large", [r for _ in range(12) for r in rows])):
        out = io.BytesIO()
        with xlsxwriter.Workbook(out, {"in_memory": True}) as book:
            sheet = book.add_worksheet("数据")
            percent = book.add_format({"num_format": "0.0%"})
            sheet.merge_range(0, 0, 0, 3, "人口一览表（2025年）")
            sheet.write_row(1, 0, _HEADINGS)
            for at, row in enumerate(lines, 2):
                sheet.write_row(at, 0, row)
            sheet.write_formula(len(lines) + 2, 1, "=SUM(B3:B9)", None, 42)
            if kind == "xlsx":
                sheet.write_number(5, 2, 0.25, percent)
        made[kind] = out.getvalue()
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(_HEADINGS)
    for row in rows:
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    made["xlsx-openpyxl"] = out.getvalue()
    everything: list[list[object]] = [list(_HEADINGS), *rows]
    old = xlwt.Workbook()
    sheet = old.add_sheet("数据")
    for at, row in enumerate(everything):
        for column, cell in enumerate(row):
            if cell is not None:
                sheet.write(at, column, cell)
    out = io.BytesIO()
    old.save(out)
    made["xls"] = out.getvalue()
    made["ods"] = _ods(everything)
    for kind, mark, coding in (("csv", ",", "gb18030"), ("csv", ",", "utf8"), ("tsv", "\t", "utf16")):
        quoted = [["" if cell is None else f'"{cell}"' for cell in row] for row in everything]
        made[f"{kind}-{coding}"] = "\n".join(mark.join(row) for row in quoted).encode(coding)
    documents = [{"region": row[0], "total": row[1], "area": row[2], "note": row[3]} for row in rows]
    made["ndjson"] = "\n".join(json.dumps(row, ensure_ascii=False) for row in documents).encode()
    made["json"] = json.dumps({"dataset": "people", "period": "2025", "rows": documents}, ensure_ascii=False).encode()
    return made


def _ods(rows: Sequence[Sequence[object]]) -> bytes:
    document = OpenDocumentSpreadsheet()
    sheet = Table(name="数据")
    for row in rows:
        line = TableRow()
        for cell in row:
            number = isinstance(cell, int | float)
            made = TableCell(valuetype="float", value=cell) if number else TableCell(valuetype="string")
            made.addElement(P(text="" if cell is None else str(cell)))
            line.addElement(made)
        sheet.addElement(line)
    document.spreadsheet.addElement(sheet)
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def ending(kind: str) -> str:
    """What the name of a file of this kind ends in."""
    return kind.partition("-")[0]


def mutated(data: bytes, kind: str, chance: random.Random) -> bytes:
    """A damaged copy."""
    if data.startswith(b"PK") and chance.random() < 0.75:
        return _inside(data, chance)
    if kind == "xls" and chance.random() < 0.6:
        return _in_place(data, chance)
    if ending(kind) in _TEXTS and chance.random() < 0.5:
        lines = data.split(b"\n" if kind != "json" else b"}")
        for _ in range(chance.randint(1, 5)):
            at = chance.randrange(len(lines))
            lines[at : at + 1] = chance.choice(
                ([], [lines[at]] * 3, [_broken(lines[at], chance)], lines[at:] + lines[:at])
            )
            lines = lines or [b""]
        return (b"\n" if kind != "json" else b"}").join(lines)
    return _broken(data, chance)


def _inside(data: bytes, chance: random.Random) -> bytes:
    """The container whole, one or two of its parts damaged, renamed, doubled or left out."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = [(name, archive.read(name)) for name in archive.namelist()]
    weights = [4 if "sheet" in name or "content" in name else 1 for name, _ in parts]
    for _ in range(chance.randint(1, 2)):
        at = chance.choices(range(len(parts)), weights[: len(parts)])[0]
        name, content = parts[at]
        what = chance.random()
        if what < 0.5 and b"<" in content:
            parts[at] = (name, _restructured(content, chance))
        elif what < 0.85:
            parts[at] = (name, _broken(content, chance))
        elif what < 0.9:
            parts[at] = (name + "x", content)
        elif what < 0.95:
            parts[at] = (name, b"")
        elif len(parts) > 1:
            parts.pop(at)
            weights.pop(at)
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts:
            archive.writestr(name, content)
    return out.getvalue()


def _in_place(data: bytes, chance: random.Random) -> bytes:
    """The container whole, some bytes of what is in it others: lengths, kinds and contents of records."""
    made = bytearray(data)
    for _ in range(chance.choice((1, 2, 8, 32))):
        at = chance.randrange(24, len(made) - 4)
        made[at : at + 2] = chance.choice(
            (b"\0\0", b"\xff\xff", bytes([chance.randrange(256), made[at + 1]]), made[at + 2 : at + 4])
        )
    return bytes(made)


def _restructured(content: bytes, chance: random.Random) -> bytes:
    """XML that is still XML: values of attributes and texts are others, elements are gone, doubled, nested or elsewhere."""

    def some(pattern: re.Pattern[bytes]) -> tuple[int, int]:
        found = pattern.search(content, chance.randrange(len(content))) or pattern.search(content)
        return found.span() if found else (0, 0)

    for _ in range(chance.choice((1, 2, 4, 16))):
        what = chance.random()
        if what < 0.5:
            begin, end = some(_VALUES)
            token = content[slice(*some(_VALUES))] if what < 0.15 else chance.choice(_ODD_VALUES)
            content = content[:begin] + token + content[end:]
            continue
        begin, end = some(_ELEMENTS)
        element, at = content[begin:end], some(_ELEMENTS)[0]
        if what < 0.65:
            content = content[:begin] + content[end:]
        elif what < 0.8:
            content = content[:begin] + element * chance.choice((2, 3, 200)) + content[end:]
        else:
            content = content[:at] + element + content[at:]
        if not content:
            break
    return content


def _broken(data: bytes, chance: random.Random) -> bytes:
    made = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 4, 16))):
        at = chance.randrange(len(made) + 1)
        length = chance.choice((1, 2, 8, 64, 512))
        match chance.randrange(6):
            case 0:
                made[at : at + 1] = bytes([chance.randrange(256)])
            case 1:
                del made[at : at + length]
            case 2:
                made[at:at] = made[at : at + length] * chance.choice((1, 2, 50))
            case 3:
                made[at : at + chance.choice((0, 1, 4))] = chance.choice(_TOKENS)
            case 4:
                other = chance.randrange(len(made) + 1)
                made[at:at] = made[other : other + length]
            case _ if chance.random() < 0.3:
                del made[at:]
    return bytes(made)


def read(kind: str, data: bytes, given: Context, folder: Path) -> Reading:
    """The way of the service: the reader of the kind, then the intake."""
    if kind == "json":
        return read_json_rows(json_submission(data)["rows"], given)
    if kind == "ndjson":
        file = folder / f"fuzz-{multiprocessing.current_process().pid}.ndjson"
        file.write_bytes(data)
        try:
            parts = list(readings_of(file, given, SeenOnce(), Tally()))
        finally:
            file.unlink()
        return parts[-1]
    return read_workbook_rows(reading.read_workbook(data, f"表.{ending(kind)}"), given)


_STATE: dict[str, object] = {}


def begin(folder: str) -> None:
    """Of each process: what it needs, then the bound on what it may use."""
    given, made = context(), seeds()
    for kind, data in made.items():
        found = read(kind, data, given, Path(folder))
        assert found.rows, kind
    _STATE.update(context=given, seeds=made, folder=Path(folder))
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + MOST_MEMORY,) * 2)
    signal.signal(signal.SIGALRM, _too_long)


def _too_long(*_: object) -> None:
    raise Hang


def batch(kind: str, seed: int) -> Told:
    """Reads some damaged files; all that is random comes from the seed."""
    told = Told()
    made: Mapping[str, bytes] = _STATE["seeds"]  # type: ignore[assignment]
    given: Context = _STATE["context"]  # type: ignore[assignment]
    folder: Path = _STATE["folder"]  # type: ignore[assignment]
    for number in range(BATCH):
        chance = random.Random(f"{kind}/{seed}/{number}")
        data = mutated(made[kind], kind, chance)
        vars(reading)["MANY_ROWS"] = chance.choice((1, 400))
        started = time.monotonic()
        signal.setitimer(signal.ITIMER_REAL, MOST_SECONDS)
        try:
            read(kind, data, given, folder)
            told.counts["read"] += 1
        except Problem as problem:
            told.counts[f"refused {problem.code}"] += 1
        except BaseException as fault:  # noqa: BLE001 - that is what is looked for
            told.counts["fault"] += 1
            told.faults.append(f"{kind} seed {seed} number {number}: {type(fault).__name__}: {str(fault)[:200]}")
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        told.slowest = max(told.slowest, time.monotonic() - started)
    told.memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return told


def run(seconds: float, seed: int, kinds: Sequence[str], folder: Path, say: Callable[[str], None] = print) -> list[str]:
    """Goes on for about so long, over all kinds in turn; gives the faults."""
    ends = time.monotonic() + seconds
    totals = {kind: Told() for kind in kinds}
    faults: list[str] = []
    while time.monotonic() < ends and len(faults) < 20:
        spawn = multiprocessing.get_context("spawn")
        with ProcessPoolExecutor(1, spawn, initializer=begin, initargs=(str(folder),)) as pool:
            for _ in range(60):
                if time.monotonic() >= ends:
                    break
                for kind in kinds:
                    seed += 1
                    try:
                        told = pool.submit(batch, kind, seed).result(timeout=BATCH * MOST_SECONDS * 2)
                    except (BrokenProcessPool, TimeoutError) as crash:
                        faults.append(f"{kind} seed {seed}: {type(crash).__name__}")
                        break
                    total = totals[kind]
                    total.counts += told.counts
                    total.slowest = max(total.slowest, told.slowest)
                    total.memory = max(total.memory, told.memory)
                    faults += told.faults
                if faults:
                    break
    for kind, total in totals.items():
        listed = ", ".join(f"{name} {count}" for name, count in total.counts.most_common())
        say(
            f"{kind}: {total.counts.total()} files; {listed}; slowest {total.slowest:.2f} s; most memory {total.memory >> 10} MB"
        )
    for fault in faults:
        say(f"FAULT {fault}")
    return faults


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kind", choices=KINDS, action="append")
    parser.add_argument("--folder", type=Path, default=Path("/tmp"))
    asked = parser.parse_args()
    return 1 if run(asked.seconds, asked.seed, asked.kind or KINDS, asked.folder) else 0


if __name__ == "__main__":
    sys.exit(main())
