"""References move as they do in a spreadsheet when rows of data are put in or taken out."""

from __future__ import annotations

import pytest

from app.formats.form_references import RowShift

MORE = RowShift("表一", 5, 7, 3)  # rows 5 and 6 became 5 to 9
FEWER = RowShift("表一", 5, 9, -3)  # rows 5 to 8 became row 5


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("=SUM(D5:D6)", "=SUM(D5:D9)"),
        ("=SUM($D$5:$D$6)+D4", "=SUM($D$5:$D$9)+D4"),
        ("=D7/D$8", "=D10/D$11"),
        ("=SUM(A1:D7)", "=SUM(A1:D10)"),
        ("=SUM(D5:D5)", "=SUM(D5:D5)"),
        ("=SUM(D6:D6)", "=SUM(D6:D9)"),
        ("=SUM(A1:B3)", "=SUM(A1:B3)"),
        ('=IF(D7>1,"D7",说明!D7)', '=IF(D10>1,"D7",说明!D7)'),
        ("=SUM(D:D)+总数", "=SUM(D:D)+总数"),
        ("=SUM('表一'!D5:D6)", "=SUM('表一'!D5:D9)"),
    ],
)
def test_more_rows(before, after):
    assert MORE.formula(before, "表一") == after


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("=SUM(D5:D8)", "=SUM(D5:D5)"),
        ("=D9+D10", "=D6+D7"),
        ("=SUM(D6:D7)", "=SUM(D5:D5)"),
        ("=SUM(D9:D12)", "=SUM(D6:D9)"),
    ],
)
def test_fewer_rows(before, after):
    assert FEWER.formula(before, "表一") == after


def test_other_sheets_move_only_what_looks_at_the_form():
    assert MORE.formula("=表一!D7+D7", "说明") == "=表一!D10+D7"
