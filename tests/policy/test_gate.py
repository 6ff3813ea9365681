"""The one gate: grants only add, the default is nothing, and nobody else can make what it gives."""

from __future__ import annotations

import dataclasses
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.catalogue.model import Catalogue, Dataset, Element
from app.catalogue.units import BUILTIN_UNITS
from app.errors import Problem
from app.policy import gate
from app.policy.agreements import Agreement
from app.policy.callers import Caller
from app.policy.scopes import ForgedError, Grant, Permit, Scope

TODAY = date(2026, 6, 1)
ECOLOGY = Caller("department", "c1", "ecology", department="ecology")
CLERK = Caller("region", "c2", "clerk", region_id=7, role="clerk")
CONFIRMER = Caller("region", "c3", "confirmer", region_id=7, role="confirmer")
ADMIN = Caller("admin", "c4", "admin")


def made(code: str, source: str = "region", sharing: Any = "open") -> Dataset:
    elements = tuple(Element(code, name, name, "integer", "stock", sharing) for name in ("a", "b", "c"))
    return Dataset(code, code, "year", "township", (), source, sharing, None, "none", elements)


CATALOGUE = Catalogue({"d": made("d"), "e": made("e", "department:ecology")}, {}, {}, BUILTIN_UNITS)


def agreement(code: str = "x", **changes: Any) -> Agreement:
    values: dict[str, Any] = {
        "code": code,
        "department": "ecology",
        "purpose": "p",
        "legal_basis": "",
        "elements": ("d.a",),
        "regions": ("*",),
        "first": None,
        "last": None,
        "valid_from": date(2026, 1, 1),
        "valid_until": date(2026, 12, 31),
        **changes,
    }
    return Agreement(**values)


def scope(*agreements: Agreement, caller: Caller = ECOLOGY, today: date = TODAY) -> Scope:
    return gate.scope_of_agreements(caller, agreements, lambda _: None, CATALOGUE, today)


def test_without_an_agreement_nothing_is_seen() -> None:
    assert scope().grants == ()


def test_only_the_departments_own_agreements_in_force_count() -> None:
    assert scope(agreement(department="forestry")).grants == ()
    assert scope(agreement(valid_until=date(2026, 5, 31))).grants == ()
    assert scope(agreement(valid_from=date(2026, 6, 2))).grants == ()
    assert scope(agreement()).sees("d.a")


def test_a_region_or_an_administrator_sees_nothing_through_agreements() -> None:
    assert scope(agreement(), caller=CLERK).grants == ()
    assert scope(agreement(), caller=ADMIN).grants == ()


PATTERNS = st.lists(st.sampled_from(["d.a", "d.b", "d.*", "e.c", "*"]), min_size=1, max_size=3)


@given(st.lists(PATTERNS, max_size=4), PATTERNS)
def test_one_more_agreement_never_shows_less(held: list[list[str]], more: list[str]) -> None:
    before = scope(*(agreement(f"a{i}", elements=tuple(patterns)) for i, patterns in enumerate(held)))
    after = scope(
        *(agreement(f"a{i}", elements=tuple(patterns)) for i, patterns in enumerate(held)),
        agreement("more", elements=tuple(more)),
    )
    assert set(before.by_element) <= set(after.by_element)


@given(st.permutations(["a1", "a2", "a3"]))
def test_the_order_and_names_of_agreements_do_not_matter(order: list[str]) -> None:
    patterns = {"a1": ("d.a",), "a2": ("d.b", "e.c"), "a3": ("e.*",)}
    one = scope(*(agreement(code, elements=patterns[code]) for code in ("a1", "a2", "a3")))
    other = scope(*(agreement(f"renamed-{code}", elements=patterns[code]) for code in order))
    assert one.fingerprint == other.fingerprint


def test_a_scope_and_a_permit_can_not_be_made_or_changed_by_others() -> None:
    with pytest.raises(ForgedError):
        Scope((Grant("x", frozenset({"d.a"}), None),))
    with pytest.raises(ForgedError):
        Permit(ADMIN, "administer")
    real = scope(agreement())
    with pytest.raises((ForgedError, ValueError)):
        dataclasses.replace(real, grants=(Grant("x", frozenset({"d.b"}), None),))


def test_only_its_source_reports_to_a_dataset() -> None:
    assert gate.permit_submission(CLERK, CATALOGUE.datasets["d"]).roots == frozenset({7})
    assert gate.permit_submission(ECOLOGY, CATALOGUE.datasets["e"]).roots is None
    for caller, code in ((ADMIN, "d"), (ECOLOGY, "d"), (CLERK, "e"), (CONFIRMER, "d")):
        with pytest.raises(Problem) as refused:
            gate.permit_submission(caller, CATALOGUE.datasets[code])
        assert refused.value.status == 403


def test_nobody_confirms_their_own_submission() -> None:
    with pytest.raises(Problem):
        gate.permit_confirmation(CLERK, CATALOGUE.datasets["d"], "c2")
    assert gate.permit_confirmation(CONFIRMER, CATALOGUE.datasets["d"], "c2").caller is CONFIRMER


def test_a_closed_dataset_is_known_only_to_those_who_report_or_administer_it() -> None:
    closed, from_department = made("d", sharing="closed"), made("e", "department:ecology", "closed")
    assert not gate.knows_dataset(ECOLOGY, closed)
    assert gate.knows_dataset(CLERK, closed)
    assert gate.knows_dataset(ADMIN, closed)
    assert gate.knows_dataset(ECOLOGY, from_department)
    assert not gate.knows_dataset(CLERK, from_department)
