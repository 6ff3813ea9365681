"""The formats in which records are answered, as a registry that the parameter, the reference and the tests use."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from app.formats.fields import column_name
from app.formats.slices import Writer
from app.formats.writing_arrow import arrow_of_pieces, parquet_of_pieces, write_arrow, write_parquet
from app.formats.writing_csv import csv_head, csv_writer, write_csv
from app.formats.writing_json import json_records, ndjson_writer, write_json, write_ndjson
from app.formats.writing_xlsx import write_xlsx
from app.mapping.plan import OutputField

__all__ = ["FORMATS", "Format", "column_name", "json_records"]


@dataclass(frozen=True, slots=True)
class Lines:
    """How a format of lines is written: ``head`` once, then by the ``writer`` of a frame any of its rows, one after the other."""

    head: Callable[[Sequence[OutputField]], bytes]
    writer: Callable[[Sequence[OutputField], pl.DataFrame], Writer]

    def rows(self, fields: Sequence[OutputField], frame: pl.DataFrame) -> bytes:
        """The lines of all rows of ``frame`` at once."""
        return b"".join(self.writer(fields, frame)(frame))


OfPieces = Callable[[Sequence[OutputField], Collection[str], Iterator[pl.DataFrame]], Iterator[bytes]]
Write = Callable[[Sequence[OutputField], pl.DataFrame], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class Format:
    """One format of answers. ``streamed``: its pieces come as they are made; ``packed``: its bytes are small already.

    ``write(fields, frame)`` takes a mapped frame (columns ``field:<name>``) and gives bytes in pieces; where a format
    cannot hold the rows it raises ``Problem`` before the first piece. The same rows give the same bytes.
    """

    name: str
    media_type: str
    extension: str
    streamed: bool
    description: str
    description_en: str
    write: Write
    packed: bool = False
    lines: Lines | None = None
    of_pieces: OfPieces | None = None
    """``write`` of frames one behind the other, for a format with types: with the ``wide_fields`` of any of them."""

    @property
    def goes_in_pieces(self) -> bool:
        """Whether rows can be written without all of them being there."""
        return self.lines is not None or self.of_pieces is not None


FORMATS: Mapping[str, Format] = {
    each.name: each
    for each in (
        Format(
            "json",
            "application/json",
            "json",
            True,
            "JSON 数组，每条记录一个对象；数字为精确的 JSON 数字",
            "A JSON array with one object a record; numbers are exact JSON numbers",
            write_json,
        ),
        Format(
            "ndjson",
            "application/x-ndjson",
            "ndjson",
            True,
            "每行一个 JSON 对象",
            "One JSON object a line",
            write_ndjson,
            lines=Lines(lambda _: b"", ndjson_writer),
        ),
        Format(
            "csv",
            "text/csv; charset=utf-8",
            "csv",
            True,
            "逗号分隔，UTF-8，首行为字段名；会被当作公式的文字前加撇号",
            "Comma-separated UTF-8 with the field names first; texts that would run as formulas get an apostrophe",
            write_csv,
            lines=Lines(csv_head, csv_writer),
        ),
        Format(
            "arrow",
            "application/vnd.apache.arrow.stream",
            "arrows",
            True,
            "Arrow IPC 流，小数为 decimal128",
            "Arrow IPC stream; decimals as decimal128",
            write_arrow,
            of_pieces=arrow_of_pieces,
        ),
        Format(
            "parquet",
            "application/vnd.apache.parquet",
            "parquet",
            True,
            "Parquet（zstd），小数为 decimal128",
            "Parquet with zstd; decimals as decimal128",
            write_parquet,
            packed=True,
            of_pieces=parquet_of_pieces,
        ),
        Format(
            "xlsx",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "xlsx",
            True,
            "Excel 工作簿，首行为字段名；代码保持文本，15 位以上的数字写作文本以免丢失",
            "Excel workbook, field names first; codes stay text, and so do numbers beyond 15 digits, lest any be lost",
            write_xlsx,
            packed=True,
        ),
    )
}
