"""The further keys of an agreement: read with every fault at its place, kept in one form, and told in words."""

from __future__ import annotations

from datetime import date
from fractions import Fraction
from typing import Any

from app.catalogue.building import describe_changes
from app.policy import gate
from app.policy.agreement_documents import normal_agreement, parse_agreement
from app.policy.agreement_words import agreement_text
from app.policy.agreements import Agreement, check_agreement
from app.policy.callers import Caller
from app.policy.cell_masks import CellMask
from app.policy.scopes import Scope, grant_from_document
from app.policy.terms import Quota
from app.services.agreement_checks import condition_faults
from tests.policy.test_agreements import CATALOGUE, document

FULL = {
    "provider": "公安局",
    "use": "接口读取",
    "frequency": "每日一次",
    "quota": {"requests_per_minute": 60, "rows_per_day": 100000},
    "retention": 365,
    "onward_use": "forbidden",
    "sensitive": True,
    "readers_shown_as": "某监管部门",
    "where": "population.total >= 100",
    "masks": {"population.total": {"round": 100}, "population.elderly": {"band": [0, 10, "99.5"]}},
}
ECOLOGY = Caller("department", "c", "e", department="ecology")


def parsed(**changes: Any) -> Agreement:
    agreement, faults = parse_agreement(document(**changes), "a.yaml")
    assert agreement is not None, faults
    return agreement


def scope(*agreements: Agreement) -> Scope:
    return gate.scope_of_agreements(ECOLOGY, agreements, lambda _: None, CATALOGUE, date(2026, 6, 1))


def places(**changes: Any) -> list[str]:
    """Where faults of form and of meaning are found."""
    agreement, faults = parse_agreement(document(**changes), "a.yaml")
    if agreement is not None:
        faults = check_agreement(agreement, CATALOGUE, frozenset({"430682"}), "a.yaml")
        faults += condition_faults(agreement, CATALOGUE, "a.yaml")
    return [fault.place for fault in faults]


def test_every_key_is_read() -> None:
    agreement = parsed(**FULL)
    assert agreement.quota == Quota(requests_per_minute=60, rows_per_day=100000)
    assert (agreement.sensitive, agreement.readers_shown_as) == (True, "某监管部门")
    assert (agreement.terms.retention, agreement.terms.provider) == (365, "公安局")
    assert agreement.where == (("*", "population.total >= 100"),)
    assert dict(agreement.masks) == {
        "population.total": CellMask("round", (Fraction(100),)),
        "population.elderly": CellMask("band", (Fraction(0), Fraction(10), Fraction(199, 2))),
    }
    assert places(**FULL) == []


def test_an_agreement_without_further_keys_is_kept_as_it_always_was() -> None:
    plain = parsed()
    assert (plain.quota, plain.where, plain.masks, plain.sensitive, plain.readers_shown_as) == (
        None,
        (),
        (),
        False,
        None,
    )
    assert list(normal_agreement(document())) == [
        "code", "department", "purpose", "legal_basis", "elements", "regions", "periods", "valid",
    ]  # fmt: skip
    (grant,) = scope(plain).grants
    assert set(grant.document()) == {"name", "elements", "roots", "first", "last"}


def test_the_normal_form_says_the_same_and_is_its_own_normal_form() -> None:
    kept = normal_agreement(document(**FULL))
    again, faults = parse_agreement(kept, "a.yaml")
    assert not faults
    assert again == parsed(**FULL)
    assert normal_agreement(kept) == kept
    assert normal_agreement(document(**{**FULL, "where": {"*": FULL["where"]}})) == kept


def test_every_fault_of_form_is_named_at_its_place() -> None:
    wrong = places(
        quota={"requests_per_minute": 0, "bytes": 3},
        retention="0",
        readers_shown_as="某部门",
        where={"population": ""},
        masks={
            "population.total": {"round": 0},
            "population.elderly": {"round": 1, "band": [0]},
            "population": {"hash": True},
            "a.b": {"band": [3, 1]},
            "c.d": {"blur": 1},
            "e.f": {},
        },
    )
    assert sorted(set(wrong)) == [
        "masks.a.b.band", "masks.c.d", "masks.c.d.blur", "masks.e.f", "masks.population", "masks.population.elderly",
        "masks.population.total.round", "quota.bytes", "quota.requests_per_minute", "readers_shown_as", "retention",
        "where.population",
    ]  # fmt: skip


def test_a_mask_that_does_not_fit_and_one_of_what_is_not_covered_are_refused() -> None:
    assert places(masks={"population.total": {"hash": True}}) == ["masks.population.total"]
    assert places(elements=["population.total"], masks={"population.elderly": {"round": 1}}) == [
        "masks.population.elderly"
    ]
    assert places(masks={"population.*": {"suppress_below": 10}}) == []
    assert places(masks={"population.watched": {"round": 1}}) == ["masks.population.watched"]


def test_a_condition_has_to_mean_something_for_what_it_limits() -> None:
    assert places(where={"secret": "secret.names >= 1"}) == ["where.secret"]
    assert places(where="population.total") == ["where"]
    assert places(where="population.nothing >= 1") == ["where"]
    assert places(where={"population": "population.watched >= 1"}) == ["where.population"]
    assert places(where={"population": "1 >= 1"}) == ["where.population"]


def test_the_masks_of_an_element_go_before_those_of_its_dataset() -> None:
    agreement = parsed(masks={"population.*": {"round": 10}, "population.total": {"round": 5}})
    (grant,) = scope(agreement).grants
    assert grant.mask("population.total") == CellMask("round", (Fraction(5),))
    assert grant.mask("population.elderly") == CellMask("round", (Fraction(10),))


def test_a_scope_is_known_by_its_conditions_and_masks_and_can_be_kept() -> None:
    plain, masked = scope(parsed()), scope(parsed(**FULL))
    assert plain.fingerprint != masked.fingerprint
    assert scope(parsed(masks=FULL["masks"])).fingerprint != scope(parsed(where=FULL["where"])).fingerprint
    (grant,) = masked.grants
    kept = grant_from_document(grant.document())
    assert (kept.where, dict(kept.masks)) == (grant.where, dict(grant.masks))
    assert masked.refined("population.total")
    assert not plain.refined("population.total")


def test_terms_that_are_only_recorded_change_nothing_of_what_is_seen() -> None:
    recorded = {key: FULL[key] for key in FULL if key not in {"where", "masks"}}
    assert scope(parsed(**recorded)).fingerprint == scope(parsed()).fingerprint


def test_what_changed_is_said_line_by_line() -> None:
    before, after = normal_agreement(document()), normal_agreement(document(**FULL))
    lines = describe_changes("agreement", before, after)
    assert any(line.startswith("+ where") for line in lines)
    assert any(line.startswith("+ masks") for line in lines)


def test_the_text_says_every_term() -> None:
    text = agreement_text(parsed(**FULL), CATALOGUE, {"430682": "临湘市"}, 3)
    for said in (
        "ecology-2026（第 3 版）", "提供方：公安局", "接收方：生态环境局（ecology）", "用途：考核", "依据：示例依据",
        "total（population.total，无条件共享，单位 人）：舍入到 100 的整倍数", "0 至不足 10、10 至不足 99.5、99.5 及以上",
        "临湘市（430682）", "自 2024 年 1 月 1 日起", "population.total >= 100（population.total 为total）", "每日一次",
        "每分钟请求不超过 60 次；每日取得记录不超过 100000 条", "365 日", "不得再提供给他人",
        "自 2026 年 1 月 1 日起，至 2026 年 12 月 31 日止", "显示为“某监管部门”",
    ):  # fmt: skip
        assert said in text, said
    assert "watched" not in text
