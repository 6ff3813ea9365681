"""Every format read back by another program gives the values that were written."""

import csv
import io
import json
import re
import unicodedata
from datetime import date, datetime
from decimal import Context, Decimal

import openpyxl
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings

from app.errors import Problem
from app.formats import writing_json
from app.formats.row_texts import RowWriter
from app.formats.writing import FORMATS, json_records
from app.formats.writing_arrow import wide_fields
from app.mapping.plan import OutputField
from tests.formats.frames import FIELDS, frame_of, records_of

NAMES = [field.name for field in FIELDS]
FORMULA = re.compile(r"[\x00-\x20\u00a0\ufeff\u200b\u3000]*[-=+@＝＋－＠]|[\t\r\n]")


def written(name, records, fields=FIELDS):
    return b"".join(FORMATS[name].write(fields, frame_of(records, fields)))


def guarded(text):
    return "'" + text if FORMULA.match(text) else text


def canonical_text(number):
    """The shortest form, got from the text of the number and not by the writer's way."""
    if number == 0:
        return "0"
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class ExactNumber(str):
    """A JSON number as it was written."""

    __slots__ = ()


def parsed(text):
    return json.loads(text, parse_float=ExactNumber, parse_int=ExactNumber)


def in_json(record):
    def value(cell):
        if isinstance(cell, Decimal):
            return ExactNumber(canonical_text(cell))
        return cell.isoformat() if isinstance(cell, date) else cell

    return {name: value(cell) for name, cell in record.items()}


@given(records_of())
def test_json_and_ndjson_give_the_values_in_shortest_exact_form(records):
    expected = [in_json(record) for record in records]
    assert parsed(written("json", records)) == expected
    assert parsed(json_records(FIELDS, frame_of(records))) == expected
    lines = written("ndjson", records).decode().split("\n")
    assert lines.pop() == ""
    assert [parsed(line) for line in lines] == expected
    assert all(type(a[n]) is type(b[n]) for a, b in zip(map(parsed, lines), expected, strict=True) for n in NAMES)


@given(records_of(most=30))
def test_json_by_cells_and_by_columns_is_the_same(records):
    frame = frame_of(records)
    by_cells = writing_json._by_cells(FIELDS, frame, "\n")
    write = RowWriter(FIELDS, lambda odd: writing_json._by_columns(FIELDS, frame, "\n", odd), writing_json._is_plain)
    assert b"".join(write(frame)) == by_cells
    assert b"".join(piece for row in range(frame.height) for piece in write(frame.slice(row, 1))) == by_cells


@given(records_of())
def test_csv_gives_the_values_and_nothing_that_a_spreadsheet_runs(records):
    header, *rows = csv.reader(io.StringIO(written("csv", records).decode(), newline=""))
    assert header == NAMES
    assert len(rows) == len(records)
    for row, record in zip(rows, records, strict=True):
        for text, cell in zip(row, (record[name] for name in NAMES), strict=True):
            if cell is None:
                assert text == ""
            elif isinstance(cell, Decimal):
                assert text == canonical_text(cell)
            elif isinstance(cell, str):
                assert text == guarded(cell)
            else:
                assert text == (str(cell).lower() if isinstance(cell, bool) else cell.isoformat())


def arrow_expected(records):
    return [dict(record) for record in records]


def assert_arrow(table, records):
    assert table.schema.names == NAMES
    assert table.schema.field("czrk_w").type == pa.decimal128(38, 4)
    assert table.schema.field("bfb").type == pa.decimal128(38, 1)
    assert table.schema.field("hs").type in {pa.int64(), pa.decimal128(38, 0)}
    assert table.schema.field("rq").type == pa.date32()
    assert table.schema.field("sf").type == pa.bool_()
    assert table.schema.field("xzqhdm").type == pa.string()
    assert table.to_pylist() == records


@given(records_of())
def test_arrow_gives_typed_exact_values(records):
    assert_arrow(pa.ipc.open_stream(written("arrow", records)).read_all(), records)


@given(records_of())
@settings(max_examples=40)
def test_parquet_gives_typed_exact_values(records):
    assert_arrow(pq.read_table(io.BytesIO(written("parquet", records))), records)


def as_read_in_a_sheet(text):
    """Undoes what OOXML does to characters that XML cannot hold."""
    return re.sub(r"_x([0-9A-Fa-f]{4})_", lambda m: chr(int(m[1], 16)), text)


@given(records_of(most=12))
@settings(max_examples=40)
def test_xlsx_gives_numbers_as_numbers_and_texts_as_texts(records):
    sheet = openpyxl.load_workbook(io.BytesIO(written("xlsx", records))).active
    header, *rows = sheet.iter_rows(max_col=len(FIELDS))
    assert [cell.value for cell in header] == NAMES
    beyond = [record for record in records[len(rows) :] if any(value is not None for value in record.values())]
    assert not beyond  # the reader passes over rows at the end that have no cell
    for row, record in zip(rows, records, strict=False):
        for cell, value in zip(row, (record[name] for name in NAMES), strict=True):
            assert cell.data_type != "f"
            if value is None:
                assert cell.value is None
            elif isinstance(value, Decimal):
                read = Decimal(cell.value) if isinstance(cell.value, str) else Decimal(repr(cell.value))
                assert read == value
                assert isinstance(cell.value, str) == (len(Context(prec=99).normalize(value).as_tuple().digits) > 15)
            elif isinstance(value, bool):
                assert cell.value is value
            elif isinstance(value, date):
                shown = cell.value.date() if isinstance(cell.value, datetime) else date.fromisoformat(cell.value)
                assert shown == value
                assert isinstance(cell.value, datetime) == (value >= date(1900, 3, 1))
            else:
                assert as_read_in_a_sheet(cell.value or "") == guarded(value)


@pytest.mark.parametrize("name", FORMATS)
@example(records=[])
@given(records=records_of(most=5))
@settings(max_examples=5)
def test_the_same_rows_give_the_same_bytes_also_from_narrow_columns_and_in_chunks(name, records):
    small = [{**r, **{n: v and v % 1000 for n, v in r.items() if isinstance(v, Decimal)}} for r in records]
    wide, narrow = frame_of(small), frame_of(small, wide=False)
    once = b"".join(FORMATS[name].write(FIELDS, wide))
    assert b"".join(FORMATS[name].write(FIELDS, narrow)) == once
    if small:
        pieces = pl.concat([wide.slice(0, 1), wide.slice(1)], rechunk=False)
        assert b"".join(FORMATS[name].write(FIELDS, pieces)) == once


@pytest.mark.parametrize("name", FORMATS)
def test_many_slices_are_one_whole(name, monkeypatch):
    records = [dict.fromkeys(NAMES) | {"xzqhdm": f"{i:09d}", "czrk_w": Decimal(i).scaleb(-4)} for i in range(23)]
    whole = written(name, records)
    monkeypatch.setattr(f"app.formats.writing_{'json' if 'json' in name else _module(name)}.SLICE", 7)
    sliced = written(name, records)
    if name in {"json", "ndjson", "csv"}:
        assert sliced == whole
    read = {
        "json": lambda b: [r["xzqhdm"] for r in json.loads(b)],
        "ndjson": lambda b: [json.loads(line)["xzqhdm"] for line in b.splitlines()],
        "csv": lambda b: [r[0] for r in csv.reader(io.StringIO(b.decode(), newline=""))][1:],
        "arrow": lambda b: pa.ipc.open_stream(b).read_all().column(0).to_pylist(),
        "parquet": lambda b: pq.read_table(io.BytesIO(b)).column(0).to_pylist(),
        "xlsx": lambda b: [r[0].value for r in openpyxl.load_workbook(io.BytesIO(b)).active.iter_rows(min_row=2)],
    }[name]
    assert read(sliced) == read(whole) == [record["xzqhdm"] for record in records]


def _module(name):
    return {"csv": "csv", "arrow": "arrow", "parquet": "arrow", "xlsx": "xlsx"}[name]


@pytest.mark.parametrize(
    ("integer", "decimals", "text"),
    [
        (32458, 4, "3.2458"),
        (1000000, 4, "100"),
        (-5000, 4, "-0.5"),
        (0, 4, "0"),
        (-1, 1, "-0.1"),
        (7, 0, "7"),
        (100, 0, "100"),
        (1, 9, "0.000000001"),
        (-(10**30), 2, "-10000000000000000000000000000"),
        (10, 1, "1"),
    ],
)
def test_numbers_are_written_in_one_way(integer, decimals, text):
    field = OutputField("n", "n", "number", decimals)
    for count in (1, 100):
        frame = pl.DataFrame({"field:n": pl.Series([integer] * count, dtype=pl.Int128)})
        assert b"".join(FORMATS["ndjson"].write([field], frame)) == f'{{"n":{text}}}\n'.encode() * count
        assert b"".join(FORMATS["csv"].write([field], frame)) == b"n\r\n" + f"{text}\r\n".encode() * count


def test_missing_values_of_a_single_column_still_are_rows_of_csv():
    field = OutputField("n", "n", "number", 1)
    frame = pl.DataFrame({"field:n": pl.Series([None, 15], dtype=pl.Int64)})
    assert [row for row in csv.reader(io.StringIO(b"".join(FORMATS["csv"].write([field], frame)).decode())) if row] == [
        ["n"],
        [""],
        ["1.5"],
    ]


def test_csv_has_no_byte_order_mark_and_ends_lines_as_the_rfc_says():
    data = written("csv", [dict.fromkeys(NAMES) | {"xzqhdm": "430682101"}])
    assert data.startswith(b"xzqhdm,")
    assert data.endswith(b"430682101,,,,,,\r\n")


def test_a_field_name_that_looks_like_a_formula_is_made_harmless_too():
    field = OutputField("=cmd|x", "x", "text")
    frame = pl.DataFrame({"field:=cmd|x": ["a"]})
    assert b"".join(FORMATS["csv"].write([field], frame)).startswith(b"'=cmd|x\r\n")
    sheet = openpyxl.load_workbook(io.BytesIO(b"".join(FORMATS["xlsx"].write([field], frame)))).active
    assert sheet["A1"].value == "'=cmd|x"


def test_a_text_that_looks_like_an_escape_of_the_sheet_is_read_as_it_was():
    records = [dict.fromkeys(NAMES) | {"xzqhdm": "_x0041_x0042_ & max_x <1>"}]
    sheet = openpyxl.load_workbook(io.BytesIO(written("xlsx", records))).active
    assert as_read_in_a_sheet(sheet["A2"].value) == "_x0041_x0042_ & max_x <1>"
    sheet = openpyxl.load_workbook(io.BytesIO(written("xlsx", [records[0] | {"xzqhdm": "max_x"}]))).active
    assert sheet["A2"].value == "max_x"


def test_negative_numbers_are_never_taken_for_formulas():
    field = OutputField("n", "n", "number", 1)
    frame = pl.DataFrame({"field:n": pl.Series([-15], dtype=pl.Int64)})
    assert b"".join(FORMATS["csv"].write([field], frame)) == b"n\r\n-1.5\r\n"
    assert (
        openpyxl.load_workbook(io.BytesIO(b"".join(FORMATS["xlsx"].write([field], frame)))).active["A2"].value == -1.5
    )


def test_full_width_signs_are_signs():
    for sign in "＝＋－＠":
        assert unicodedata.normalize("NFKC", sign) in "=+-@"
        data = written("csv", [dict.fromkeys(NAMES) | {"xzqhdm": f"{sign}1"}])
        assert f"'{sign}1".encode() in data


def test_numbers_without_decimals_are_wide_in_arrow_only_where_one_needs_it():
    field = OutputField("n", "n", "number", 0)
    for value, kind in ((2**63 - 1, pa.int64()), (2**63, pa.decimal128(38, 0))):
        frame = pl.DataFrame({"field:n": pl.Series([value, None], dtype=pl.Int128)})
        table = pa.ipc.open_stream(b"".join(FORMATS["arrow"].write([field], frame))).read_all()
        assert table.schema.field("n").type == kind
        assert [v and int(v) for v in table.column("n").to_pylist()] == [value, None]


@pytest.mark.parametrize("name", FORMATS)
def test_a_value_that_was_made_null_is_nowhere_in_the_bytes(name):
    record = {
        "xzqhdm": "秘密的文字很长很长很长",
        "czrk_w": Decimal("123456789.1234"),
        "hs": Decimal(1234567890123456789),
        "bfb": Decimal(1),
        "rq": date(2024, 3, 5),
        "sf": True,
        NAMES[-1]: "x",
    }
    whole = frame_of([record] * 40)
    shut = pl.Series([False, True] * 20)
    masked = whole.with_columns(pl.when(shut).then(pl.col(f"field:{n}")).otherwise(None) for n in NAMES)
    never_there = frame_of([dict.fromkeys(NAMES), record] * 20)
    assert b"".join(FORMATS[name].write(FIELDS, masked)) == b"".join(FORMATS[name].write(FIELDS, never_there))
    masked = whole.with_columns(pl.when(~shut & shut).then(pl.col(f"field:{n}")).otherwise(None) for n in NAMES)
    assert "秘密".encode() not in b"".join(FORMATS[name].write(FIELDS, masked))


@pytest.mark.parametrize("name", ["arrow", "parquet"])
def test_no_rows_keep_their_schema(name):
    data = written(name, [])
    table = pa.ipc.open_stream(data).read_all() if name == "arrow" else pq.read_table(io.BytesIO(data))
    assert table.num_rows == 0
    assert_arrow(table, [])


def test_what_an_xlsx_sheet_cannot_hold_is_refused_before_the_first_byte():
    field = OutputField("t", "t", "text")
    with pytest.raises(Problem) as refused:
        FORMATS["xlsx"].write([field], pl.DataFrame({"field:t": ["长" * 40_000]}))
    assert refused.value.code == "bad_request"
    with pytest.raises(Problem):
        FORMATS["xlsx"].write(
            [field], pl.DataFrame({"field:t": pl.repeat(None, 1_048_576, dtype=pl.String, eager=True)})
        )


def test_every_format_says_what_it_is_in_both_languages():
    for name, each in FORMATS.items():
        assert each.name == name
        assert each.description
        assert each.description_en.isascii()
        assert "/" in each.media_type


def plain_text(integer, decimals):
    sign, digits = "-" if integer < 0 else "", str(abs(integer)).rjust(decimals + 1, "0")
    whole, part = digits[: len(digits) - decimals], digits[len(digits) - decimals :].rstrip("0")
    return f"{sign}{whole}.{part}" if part else sign + whole


EDGES = [0, 1, 9, 10, 99, 100, 12_345, 2**18 - 1, 2**18, 2**32 - 1, 2**32, 10**12 + 50, 2**62, 2**63 - 1]


@pytest.mark.parametrize("decimals", [0, 1, 2, 3, 4, 5, 9])
@pytest.mark.parametrize("most", EDGES)
def test_numbers_of_every_size_are_written_exactly(decimals, most):
    # Each column is written by the largest and the least it has, so every size is tried with and without its negative.
    field = OutputField("n", "", "number", decimals)
    for integers in (edges := [edge for edge in EDGES if edge <= most]), [*edges, *(-edge for edge in edges), None]:
        frame = pl.DataFrame({"field:n": pl.Series(integers, dtype=pl.Int64)})
        expected = [None if integer is None else plain_text(integer, decimals) for integer in integers]
        assert [line or None for line in written_rows("csv", field, frame)] == [each or '""' for each in expected]
        assert written_rows("ndjson", field, frame) == [f'{{"n":{each or "null"}}}' for each in expected]


def written_rows(name, field, frame):
    return FORMATS[name].lines.rows([field], pl.concat([frame] * 40)).decode().split()[: frame.height]


@pytest.mark.parametrize(
    "texts", [["甲", "-1"], ["甲", ""], ["甲", " ＝1"], ["2021-02", "a-b"], ["a,b", None], ["，", "、"]]
)
def test_a_column_of_csv_with_one_text_that_is_to_be_changed_is_as_if_it_were_alone(texts):
    fields = [OutputField("a", "", "text"), OutputField("b", "", "number")]

    def lines(texts):
        frame = pl.DataFrame({"field:a": pl.Series(texts, dtype=pl.String), "field:b": [1] * len(texts)})
        return FORMATS["csv"].lines.rows(fields, frame)

    assert lines(texts) == b"".join(lines([text]) for text in texts)
    apart = [[guarded(text) if text else "", "1"] for text in texts]
    assert list(csv.reader(io.StringIO(lines(texts).decode(), newline=""))) == apart


@pytest.mark.parametrize("name", ["arrow", "parquet"])
@pytest.mark.parametrize("heights", [[0, 3, 0, 20, 1], [7, 7, 10], [24], [1] * 24, []])
def test_typed_rows_that_come_in_pieces_give_the_bytes_of_the_whole(monkeypatch, name, heights):
    monkeypatch.setattr("app.formats.writing_arrow.SLICE", 7)
    fields = [OutputField("t", "", "text"), OutputField("n", "", "number"), OutputField("d", "", "number", 2)]
    numbers = pl.Series([None, 5, *([2**64] if 24 in heights else []), *range(30)], dtype=pl.Int128)[: sum(heights)]
    texts = [None, *"甲乙"] * 10
    frame = pl.DataFrame({"field:t": texts[: len(numbers)], "field:n": numbers, "field:d": numbers.cast(pl.Int128)},
                         schema_overrides={"field:t": pl.String})  # fmt: skip
    starts = [sum(heights[:place]) for place in range(len(heights))]
    pieces = [frame.slice(start, height) for start, height in zip(starts, heights, strict=True)]
    narrow = [
        each if wide_fields(fields, each) else each.with_columns(pl.col("field:n").cast(pl.Int64)) for each in pieces
    ]
    wide = frozenset[str]().union(*(wide_fields(fields, each) for each in pieces))
    form = FORMATS[name]
    assert b"".join(form.of_pieces(fields, wide, iter(narrow))) == b"".join(form.write(fields, frame))
