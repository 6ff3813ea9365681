"""A data sharing agreement: what its document may say, and what it opens."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from app.catalogue.model import Catalogue, Dataset, Department, Element
from app.catalogue.units import BUILTIN_UNITS
from app.policy.agreement_documents import normal_agreement, parse_agreement
from app.policy.agreements import check_agreement


def dataset(code: str, **sharing: Any) -> Dataset:
    elements = tuple(
        Element(code, name, name, "integer", "stock", sharing=value, unit="人") for name, value in sharing.items()
    )
    return Dataset(code, code, "year", "township", (), "region", "open", None, "none", elements)


CATALOGUE = Catalogue(
    datasets={
        "population": dataset("population", total="open", elderly="conditional", watched="closed"),
        "secret": dataset("secret", names="closed"),
    },
    codelists={},
    departments={"ecology": Department("ecology", "生态环境局")},
    units=BUILTIN_UNITS,
)


def document(**changes: Any) -> dict[str, Any]:
    return {
        "code": "ecology-2026",
        "department": "ecology",
        "purpose": "考核",
        "legal_basis": "示例依据",
        "elements": ["population.*"],
        "regions": ["430682"],
        "periods": {"from": "2024"},
        "valid": {"from": date(2026, 1, 1), "until": "2026-12-31"},
        **changes,
    }


def test_a_star_passes_closed_elements_over() -> None:
    agreement, faults = parse_agreement(document(elements=["*"]), "a.yaml")
    assert not faults
    assert agreement is not None
    assert agreement.covered_elements(CATALOGUE) == {"population.total", "population.elderly"}


def test_an_agreement_that_names_a_closed_element_is_refused_at_its_place() -> None:
    agreement, _ = parse_agreement(document(elements=["population.total", "population.watched"]), "a.yaml")
    assert agreement is not None
    (fault,) = check_agreement(agreement, CATALOGUE, frozenset({"430682"}), "a.yaml")
    assert (fault.file, fault.place) == ("a.yaml", "elements[1]")


def test_both_ends_of_its_validity_are_inclusive() -> None:
    agreement, _ = parse_agreement(document(), "a.yaml")
    assert agreement is not None
    assert not agreement.in_force(date(2025, 12, 31))
    assert agreement.in_force(date(2026, 1, 1))
    assert agreement.in_force(date(2026, 12, 31))
    assert not agreement.in_force(date(2027, 1, 1))


def test_all_faults_of_a_document_are_told_at_once() -> None:
    _, faults = parse_agreement(
        {
            "code": "x",
            "department": "",
            "elements": ["population"],
            "regions": [],
            "periods": {"from": "2024-13", "until": "2025"},
            "valid": {"from": "2026-12-31", "until": "yesterday"},
            "secret": True,
        },
        "a.yaml",
    )
    assert {fault.place for fault in faults} == {
        "department", "purpose", "elements[0]", "regions", "periods", "valid.until", "secret",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("bound", "first", "last"),
    [
        ({"from": "2024"}, date(2024, 1, 1), None),
        ({"from": 2024, "to": 2025}, date(2024, 1, 1), date(2025, 12, 31)),
        ({"from": "2024-Q2", "to": "2024-08"}, date(2024, 4, 1), date(2024, 8, 31)),
        ({}, None, None),
    ],
)
def test_periods_are_inclusive_whatever_their_frequency(
    bound: dict[str, Any], first: date | None, last: date | None
) -> None:
    agreement, faults = parse_agreement(document(periods=bound), "a.yaml")
    assert not faults
    assert agreement is not None
    assert (agreement.first, agreement.last) == (first, last)


def test_what_it_refers_to_must_be_there() -> None:
    agreement, _ = parse_agreement(
        document(department="nobody", elements=["population.none", "nothing.*"], regions=["430682", "999999"]), "a.yaml"
    )
    assert agreement is not None
    faults = check_agreement(agreement, CATALOGUE, frozenset({"430682"}), "a.yaml")
    assert [fault.place for fault in faults] == ["department", "elements[0]", "elements[1]", "regions[1]"]


def test_its_normal_form_reads_back_to_the_same_agreement() -> None:
    first, _ = parse_agreement(document(), "a.yaml")
    body = normal_agreement(document())
    again, faults = parse_agreement(body, "a.yaml")
    assert not faults
    assert again == first
    assert normal_agreement(body) == body
