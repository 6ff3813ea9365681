"""Damaged files of every kind are read or refused: a short run of the fuzz that ``make fuzz`` runs for minutes."""

from __future__ import annotations

import io
import random
import struct
import zipfile
from pathlib import Path

import pytest

from app.errors import Problem
from app.formats import reading
from bench.fuzz import KINDS, _broken, context, mutated, read, seeds

SEEDS = seeds()
CONTEXT = context()


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_file_is_read_or_refused(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert read(kind, SEEDS[kind], CONTEXT, tmp_path).rows
    outcomes = set()
    for number in range(40):
        chance = random.Random(f"{kind}/{number}")
        monkeypatch.setattr(reading, "MANY_ROWS", chance.choice((1, 400)))
        try:
            read(kind, mutated(SEEDS[kind], kind, chance), CONTEXT, tmp_path)
            outcomes.add("read")
        except Problem:
            outcomes.add("refused")
    assert "read" in outcomes


def patched(data: bytes, kind: int, at: int, value: bytes) -> bytes:
    """An xls with other bytes in its first record of a kind; the stream of records begins after the header."""
    begin = 512
    while struct.unpack_from("<H", data, begin)[0] != kind:
        begin += 4 + struct.unpack_from("<H", data, begin + 2)[0]
    return data[: begin + 4 + at] + value + data[begin + 4 + at + len(value) :]


XLS = SEEDS["xls"]
LARGE = b"\xff\xff\xff\x7f"


@pytest.mark.parametrize(
    "data",
    [
        patched(XLS, 0x0200, 0, struct.pack("<2I2H", 9, 3, 0, 4)),  # a sheet that ends before it begins
        patched(XLS, 0x0200, 0, struct.pack("<2I2H", 0, 0x7FFFFFFF, 0, 0xFFFF)),
        patched(XLS, 0x00FC, 4, LARGE),  # so many texts
        patched(XLS, 0x0085, 0, struct.pack("<I", 700)),  # a sheet that begins within another record
        XLS[:44] + LARGE + XLS[48:],  # so many sectors of the table of sectors
        XLS[:64] + LARGE + XLS[68:],
        _broken(XLS, random.Random("xls/37/6")),  # a panic inside the library
    ],
)
def test_an_xls_that_would_end_the_process_is_refused(data: bytes, tmp_path: Path) -> None:
    """The library makes room for what a file says it holds: asked for terabytes, it ends the whole process."""
    assert data != XLS
    with pytest.raises(Problem, match="损坏"):
        read("xls", data, CONTEXT, tmp_path)


def test_sheets_of_macros_of_old_are_refused_as_macros(tmp_path: Path) -> None:
    with pytest.raises(Problem, match="宏"):
        read("xls", patched(XLS, 0x0085, 5, b"\x01"), CONTEXT, tmp_path)


def test_an_ods_in_an_encoding_that_no_one_knows_is_refused(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(SEEDS["ods"])) as archive, zipfile.ZipFile(out, "w") as made:
        for name in archive.namelist():
            made.writestr(name, archive.read(name).replace(b"UTF-8", b"UTF-88", 1))
    assert out.getvalue().count(b"UTF-88")
    with pytest.raises(Problem, match="损坏"):
        read("ods", out.getvalue(), CONTEXT, tmp_path)
