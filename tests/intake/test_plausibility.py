"""Figures that may be right but are odd: only where the dataset asks, always warnings, always with the own numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from app.catalogue.documents import normal, parse_dataset
from app.catalogue.model import Dataset, Plausible
from app.catalogue.periods import Period
from app.catalogue.values import Reported
from app.errors import Finding
from app.intake import FINDING_CODES, Context, HeldRecord, compare, read_json_rows
from app.intake.plausibility import PLAUSIBILITY
from app.intake.surroundings import Surroundings, neighbours_of, places_around
from tests.intake.county import IDS, POPULATION, context

CODE, TOWN = "430682001", IDS["430682001"]
BESIDE = [IDS[code] for code in ("430682003", "430682004", "430682005", "430682101")]


def asking(**more: Any) -> Dataset:
    """People, of whom so much is asked of the registered population."""
    numbers: dict[str, Any] = {key: Decimal(value) if isinstance(value, str) else value for key, value in more.items()}
    elements = [
        replace(e, plausible=Plausible(**numbers), min=None) if e.code == "registered_population" else e
        for e in POPULATION.elements
    ]
    return replace(POPULATION, elements=tuple(elements), checks=())


def held(of: Mapping[tuple[int, int], int]) -> dict[Any, HeldRecord]:
    """Registered people by region id and year."""
    return {
        (region, year, ()): HeldRecord({"registered_population": Reported(number=Decimal(count), unit="人")})
        for (region, year), count in of.items()
    }


def said(
    of: Dataset, now: int | None, past: Mapping[tuple[int, int], int], given: Context | None = None
) -> Sequence[Finding]:
    """What is said of ``now`` in 2025, where ``past`` is held."""
    ctx = replace(given or context(), dataset=of)
    row = {"region": CODE, "resident_population": 1, "registered_population": now}
    reading = read_json_rows([row], ctx)
    beside = neighbours_of(reading, ctx)
    wanted = places_around(reading, ctx, beside)
    records = {place: record for place, record in held(past).items() if place in wanted}
    return compare(reading, {}, ctx, Surroundings(records=records, neighbours=beside)).findings


@pytest.mark.parametrize(
    ("asked", "now", "past", "code"),
    [
        ({"change": "0.5"}, 1501, {2024: 1000}, "plausible_change"),
        ({"change": "0.5"}, 1500, {2024: 1000}, None),
        ({"change": "0.5"}, 499, {2024: 1000}, "plausible_change"),
        ({"change": "0.5"}, 9000, {2023: 1000}, None),
        ({"change": "0.5"}, 9000, {2024: 0}, None),
        ({"last_year": "0.1"}, 1101, {2024: 1000}, "plausible_last_year"),
        ({"median": "3"}, 3001, {2024: 9000, 2023: 1000, 2022: 1000}, "plausible_median"),
        ({"median": "3"}, 333, {2024: 1000, 2023: 1000, 2022: 9000}, "plausible_median"),
        ({"median": "3"}, 3000, {2024: 1000, 2023: 1000, 2022: 9000}, None),
        ({"median": "3"}, 90000, {2024: 1000, 2023: 1000}, None),
        ({"median": "3"}, 90000, {2024: 1000, 2023: 1000, 2010: 1000}, None),
        ({"zero": "100"}, 0, {2024: 100}, "plausible_zero"),
        ({"zero": "100"}, 0, {2024: 99}, None),
        ({"sign": True}, -5, {2024: 100}, "plausible_sign"),
        ({"sign": True}, 0, {2024: 100}, None),
    ],
)
def test_a_figure_that_is_odd_beside_its_past_is_a_warning(
    asked: dict[str, Any], now: int, past: dict[int, int], code: str | None
) -> None:
    found = said(asking(**asked), now, {(TOWN, year): count for year, count in past.items()})
    assert [(finding.severity, finding.code) for finding in found] == ([("warning", code)] if code else [])


def test_the_warning_has_the_numbers_the_place_and_what_would_not_be_odd() -> None:
    (found,) = said(asking(change="0.5"), 1600, {(TOWN, 2024): 1000})
    assert found.message == "户籍人口为1600人，上一期为1000人，变化+60%，超过50%，请核对"
    assert found.message_en == (
        "registered_population is 1600人; the period before it was 1000人: +60%, more than 50%; please check"
    )
    assert (found.row, found.element, found.value, found.accepted) == (
        0, "registered_population", "1600人", "500人 … 1500人",
    )  # fmt: skip


def test_nothing_is_said_where_the_dataset_asks_for_nothing() -> None:
    assert said(replace(POPULATION, checks=()), 10**6, {(TOWN, 2024): 1}) == []


def test_a_missing_figure_is_not_odd_and_one_that_does_not_change_is_not_told_again() -> None:
    of = asking(change="0.5", zero="1")
    assert said(of, None, {(TOWN, 2024): 1000}) == []
    ctx = replace(context(), dataset=of)
    reading = read_json_rows([{"region": CODE, "registered_population": 5000}], ctx)
    now, before = held({(TOWN, 2025): 5000}), held({(TOWN, 2024): 1000})
    assert compare(reading, now, ctx, Surroundings(records=before)).findings == []


NEIGHBOURS = {(region, year): 1000 + 10 * (year - 2024) for region in BESIDE for year in (2024, 2025)}


def test_growth_unlike_the_neighbours_is_told_without_a_word_of_their_numbers() -> None:
    of = asking(neighbours="0.3")
    (found,) = said(of, 3000, {**NEIGHBOURS, (TOWN, 2024): 2000})
    assert found.code == "plausible_neighbours"
    assert found.message == "户籍人口为3000人，上一期为2000人，变化50%，与同一上级的4个区划的变化明显不同，请核对"
    assert not any(str(number) in f"{found.message}{found.message_en}" for number in (1000, 1010))
    assert said(of, 2100, {**NEIGHBOURS, (TOWN, 2024): 2000}) == []


def test_neighbours_are_not_looked_at_by_one_who_may_not_report_for_them() -> None:
    of = asking(neighbours="0.3")
    alone = replace(context(), may_write=lambda region, _: region == TOWN)
    assert said(of, 3000, {**NEIGHBOURS, (TOWN, 2024): 2000}, alone) == []


def test_the_past_of_a_region_that_was_anothers_is_not_looked_at() -> None:
    of = asking(change="0.5")
    newcomer = replace(context(), may_write=lambda region, when: when != Period("year", 2024))
    assert said(of, 9000, {(TOWN, 2024): 1000}, newcomer) == []


def test_several_periods_in_one_submission_are_compared_with_one_another() -> None:
    ctx = replace(context(period=None), dataset=asking(change="0.5"))
    rows = [{"region": CODE, "period": year, "registered_population": n} for year, n in (("2024", 100), ("2025", 900))]
    found = compare(read_json_rows(rows, ctx), {}, ctx).findings
    assert [(f.code, f.row) for f in found if f.severity == "warning"] == [("plausible_change", 1)]


def test_every_kind_has_a_finding_code_a_key_and_an_example_that_parses() -> None:
    assert {check.code for check in PLAUSIBILITY} == {code for code in FINDING_CODES if code.startswith("plausible_")}
    for check in PLAUSIBILITY:
        key, _, value = check.example.partition(": ")
        document = {
            "code": "a", "title": "甲", "frequency": "year", "level": "township", "sharing": "open",
            "elements": [
                {"code": "x", "title": "甲", "type": "integer", "plausible": {key: value.strip('"') if value != "true" else True}}
            ],
        }  # fmt: skip
        parsed, faults = parse_dataset(document, "a.yaml")
        assert faults == []
        assert parsed is not None
        assert getattr(parsed.elements[0].plausible, check.key) is not None
        assert parse_dataset(normal("dataset", document), "a.yaml")[0] == parsed


@pytest.mark.parametrize(
    ("plausible", "kind", "frequency", "place"),
    [
        ({}, "integer", "year", "elements[0].plausible"),
        ({"change": "-1"}, "integer", "year", "elements[0].plausible.change"),
        ({"median": 1}, "integer", "year", "elements[0].plausible.median"),
        ({"often": 1}, "integer", "year", "elements[0].plausible.often"),
        ({"sign": True}, "text", "year", "elements[0].plausible"),
        ({"sign": True}, "integer", "once", "elements[0].plausible"),
    ],
)
def test_what_cannot_be_asked_is_refused_at_its_place(
    plausible: dict[str, Any], kind: str, frequency: str, place: str
) -> None:
    document = {
        "code": "a", "title": "甲", "frequency": frequency, "level": "township", "sharing": "open",
        "elements": [{"code": "x", "title": "甲", "type": kind, "plausible": plausible}],
    }  # fmt: skip
    assert [fault.place for fault in parse_dataset(document, "a.yaml")[1]] == [place]
