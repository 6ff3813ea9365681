"""Stretches that were written before are taken as they stand, and the answer is what it would be without that."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from app.formats.slices import Writer
from app.formats.writing import FORMATS
from app.mapping.plan import OutputField
from app.services.kept_answers import Identity
from app.services.row_by_row import stretches
from app.services.written_before import WrittenBefore

FIELDS = (OutputField("代码", "", "text"), OutputField("n", "", "number", 2), OutputField("b", "", "boolean"))


def frame(values: list[int | None]) -> pl.DataFrame:
    codes = [f"43{place:02d}01101" for place in range(len(values) // 2) for _ in range(2)]
    return pl.DataFrame(
        {
            "region": range(len(values)), "code": codes, "period": [2024, 2025] * (len(values) // 2),
            "field:代码": [f'"{code}",=' for code in codes], "field:n": values, "field:b": [None, True] * (len(values) // 2),
        },
        schema_overrides={"field:n": pl.Int64},
    )  # fmt: skip


def written(before: WrittenBefore, format: str, path: Path, rows: pl.DataFrame) -> tuple[bytes, list[int]]:
    """The answer, put where it is kept; and the number of rows of each stretch that was written anew."""
    form, anew = FORMATS[format], []
    assert form.lines is not None

    def counted(fields: Sequence[OutputField], rows: pl.DataFrame) -> Writer:
        write = form.lines.writer(fields, rows)  # type: ignore[union-attr]

        def counting(piece: pl.DataFrame) -> Iterator[bytes]:
            anew.append(piece.height)
            return write(piece)

        return counting

    lines, identity = replace(form.lines, writer=counted), Identity()
    data = b"".join(identity.passing(before.pieces("kind", path, lines, FIELDS, rows, stretches(rows), identity)))
    path.write_bytes(data)
    assert data == b"".join(form.write(FIELDS, rows))
    return data, anew


@pytest.mark.parametrize("format", ["ndjson", "csv"])
def test_only_what_changed_is_written(tmp_path: Path, format: str) -> None:
    before, values = WrittenBefore(), [*range(-7, 8), None]
    assert written(before, format, tmp_path / "1", frame(values))[1] == [2] * 8
    assert written(before, format, tmp_path / "2", frame(values))[1] == []
    values[5] = 10**15
    assert written(before, format, tmp_path / "3", frame(values))[1] == [2]
    assert written(before, format, tmp_path / "4", frame(values[:6] + values[8:]))[1] != [2] * 7


@pytest.mark.parametrize("damage", [b"", b"something else", None])
def test_a_file_that_is_not_what_it_was_is_of_no_use(tmp_path: Path, damage: bytes | None) -> None:
    before, rows = WrittenBefore(), frame([1, 2, 3, 4])
    written(before, "ndjson", tmp_path / "1", rows)
    if damage is None:
        (tmp_path / "1").unlink()
    else:
        (tmp_path / "1").write_bytes(damage)
    assert written(before, "ndjson", tmp_path / "2", rows)[1] == [2, 2]


def test_an_answer_broken_off_leaves_what_was_known(tmp_path: Path) -> None:
    before, rows = WrittenBefore(), frame([1, 2, 3, 4])
    written(before, "ndjson", tmp_path / "1", rows)
    form = FORMATS["ndjson"]
    assert form.lines is not None
    begun = before.pieces("kind", tmp_path / "2", form.lines, FIELDS, frame([9, 9, 9, 9]), stretches(rows), Identity())
    next(begun)
    begun.close()  # type: ignore[attr-defined]
    assert written(before, "ndjson", tmp_path / "3", rows)[1] == []
