"""When figures are due and how long they stay fresh, as a dataset's document says it."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
import yaml

from app.catalogue.care_documents import due_day, due_document, fresh_until, span_document
from app.catalogue.dataset_documents import parse_dataset
from app.catalogue.documents import normal
from app.catalogue.model import Due, Span
from app.catalogue.periods import Period
from tests.fixtures.small import PEOPLE, WELLS


def document(text: str = PEOPLE, **more):
    return {**yaml.safe_load(text), **more}


def test_what_is_said_is_read_and_written_back_as_it_was():
    said = document(due={"working_days": 10, "since": 2024}, fresh_for={"months": 12})
    said["elements"][0]["fresh_for"] = {"days": 90}
    dataset, faults = parse_dataset(said, "people.yaml")
    assert faults == []
    assert (dataset.due, dataset.fresh_for, dataset.elements[0].fresh_for) == (
        Due(10, working=True, since="2024"), Span(months=12), Span(days=90),
    )  # fmt: skip
    kept = normal("dataset", said)
    assert (kept["due"], kept["fresh_for"]) == ({"working_days": 10, "since": "2024"}, {"months": 12})
    assert (due_document(dataset.due), span_document(dataset.fresh_for)) == (kept["due"], kept["fresh_for"])
    assert normal("dataset", kept) == kept


@pytest.mark.parametrize(
    ("text", "more", "place"),
    [
        (PEOPLE, {"due": {}}, "due"),
        (PEOPLE, {"due": {"days": 5, "working_days": 5}}, "due"),
        (PEOPLE, {"due": {"days": -1}}, "due.days"),
        (PEOPLE, {"due": {"days": 5, "since": "2024-01"}}, "due.since"),
        (PEOPLE, {"due": {"days": 5, "after": 1}}, "due.after"),
        (PEOPLE, {"due": 15}, "due"),
        (WELLS, {"due": {"days": 15}}, "due"),
        (PEOPLE, {"fresh_for": {}}, "fresh_for"),
        (PEOPLE, {"fresh_for": {"months": 1, "days": 1}}, "fresh_for"),
        (PEOPLE, {"fresh_for": {"months": 0}}, "fresh_for.months"),
    ],
)
def test_every_fault_is_named_at_its_place(text, more, place):
    dataset, faults = parse_dataset(document(text, **more), "x.yaml")
    assert dataset is None
    assert place in [fault.place for fault in faults]


def test_days_count_from_the_last_day_of_the_period():
    def weekdays(day: date, n: int) -> date:
        while n:
            day += timedelta(days=1)
            n -= day.weekday() < 5
        return day

    assert due_day(Due(15), Period.parse("2025"), weekdays) == date(2026, 1, 15)
    assert due_day(Due(0), Period.parse("2025-Q3"), weekdays) == date(2025, 9, 30)
    assert due_day(Due(3, working=True), Period.parse("2025-10"), weekdays) == date(2025, 11, 5)


def test_months_end_on_the_same_day_or_the_last_of_a_shorter_month():
    assert fresh_until(Span(months=1), date(2026, 1, 31)) == date(2026, 2, 28)
    assert fresh_until(Span(months=12), date(2024, 2, 29)) == date(2025, 2, 28)
    assert fresh_until(Span(months=11), date(2026, 2, 1)) == date(2027, 1, 1)
    assert fresh_until(Span(days=90), date(2026, 1, 1)) == date(2026, 4, 1)
