"""Packed rows laid over what is held come to the same records, byte for byte, as rows whose every cell is a value."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any
from unittest.mock import patch

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.formats import reading
from app.formats.reading import read_workbook
from app.intake import HeldRecord, compare, read_json_rows, read_workbook_rows
from app.intake.laid_over import LaidOver
from app.intake.packed import HeldValues
from app.services.submit import stamped
from app.store.types import json_text
from tests.intake.test_bulk_rows import CONTEXT, PLOTS, book, documents, slowly

PLAIN = replace(CONTEXT, dataset=replace(PLOTS, checks=()))
WORDS = st.fixed_dictionaries({}, optional={"s": st.just("earlier"), "h": st.just("表"), "c": st.just("C9")})
NUMBERS = st.sampled_from(
    ["5", "12", "0.5", "1.50", "1E+1", "0", "-0", "12.34", "12.344", "12.3449", "0.33333", "7", "180"]
)
SILENT = st.sampled_from([{}, {"m": "unknown"}, {"m": "withheld"}])
SAID = {
    "total": st.one_of(SILENT, st.fixed_dictionaries({"n": NUMBERS}, optional={"u": st.sampled_from(["人"])})),
    "area": st.one_of(SILENT, st.fixed_dictionaries({"n": NUMBERS}, optional={"u": st.sampled_from(["亩", "公顷"])})),
    "rate": st.one_of(SILENT, st.fixed_dictionaries({"n": NUMBERS})),
    "kind": st.one_of(SILENT, st.fixed_dictionaries({"b": st.booleans()})),
    "name": st.one_of(SILENT, st.fixed_dictionaries({"t": st.sampled_from(["某地", "别处", 'a"},"b'])})),
}
HELD = st.fixed_dictionaries(
    {},
    optional={code: st.tuples(said, WORDS).map(lambda both: {**both[0], **both[1]}) for code, said in SAID.items()},
)
CELLS = st.tuples(
    st.sampled_from([5, 12, 7, 0, 180]),
    st.sampled_from([None, 12.34, 12.3449, 0.5, 180, 12, "不详"]),
    st.sampled_from([None, 0.33333, 0.3333, 0.5, 12.344]),
    st.sampled_from([None, "是", "否"]),
    st.sampled_from([None, "某地", "别处", "不详"]),
)


@settings(max_examples=80)
@given(
    st.lists(st.tuples(CELLS, st.none() | st.tuples(HELD, st.permutations(list(SAID)))), min_size=1, max_size=12),
    st.booleans(),
    st.booleans(),
)
def test_packed_rows_over_what_is_held_come_to_what_careful_ones_do(
    given_rows: Sequence[tuple[Any, Any]], checked: bool, as_json: bool
) -> None:
    around = CONTEXT if checked else PLAIN
    if as_json:
        rows = [
            {"region": "430682001", "number": f"k{at}", **dict(zip(SAID, cells, strict=True))}
            for at, (cells, _) in enumerate(given_rows)
        ]
        rows = [{key: Decimal(str(v)) if isinstance(v, float) else v for key, v in row.items()} for row in rows]
        with slowly():
            slow = read_json_rows(rows, around)
        quick = read_json_rows(rows, around)
    else:
        data = book([("430682001", f"k{at}", *cells, None) for at, (cells, _) in enumerate(given_rows)], inline=False)
        with slowly():
            slow = read_workbook_rows(read_workbook(data, "x.xlsx"), around)
        with patch.object(reading, "MANY_ROWS", 1):
            quick = read_workbook_rows(read_workbook(data, "x.xlsx"), around)
    held = {}
    for row in slow.rows:
        found = given_rows[int(row.key[0][1:])][1]
        if found is not None:
            said, order = found
            text = orjson.dumps({code: said[code] for code in order if code in said}).decode()
            held[row.record_key] = HeldRecord(HeldValues(text))
    assert documents(compare(quick, held, around)) == documents(compare(slow, held, around))


@pytest.mark.parametrize("around", [CONTEXT, PLAIN], ids=["with a check", "without"])
def test_what_differs_has_the_word_of_its_bringer_and_the_rest_keeps_its_own(around: Any) -> None:
    held = '{"name":{"t":"某地","s":"earlier"},"total":{"n":"5","u":"人","s":"earlier"},"rate":{"n":"0.12345","s":"earlier"}}'
    row = {"region": "430682001", "number": "k1", "total": 6, "rate": Decimal("0.1235"), "name": "某地"}
    found = read_json_rows([row], around)
    changes = stamped(compare(found, {found.rows[0].record_key: HeldRecord(HeldValues(held))}, around), "now")
    (change,) = changes.changed
    assert isinstance(change.values, LaidOver)
    assert change.changed == {"total"}
    expected = held.replace('"n":"5","u":"人","s":"earlier"', '"n":"6","u":"人","s":"now"')
    assert change.values.document() == expected
    assert json_text({code: value.document() for code, value in change.values.items()}) == expected
    assert (len(change.values), "area" in change.values, "rate" in change.values) == (3, False, True)
