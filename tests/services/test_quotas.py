"""What may be asked in a minute or a day: never more than the limit, whatever the number of processes."""

from __future__ import annotations

import re
import threading
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from app.errors import Problem
from app.policy.callers import Caller
from app.policy.terms import Quota
from app.services.exports import Exports
from app.services.quotas import Quotas, span
from app.settings import Settings
from app.store.database import Database

NOON = datetime(2026, 3, 1, 12, 0, 30, tzinfo=UTC)
CALLER = Caller("department", "c1", "ecology", department="ecology")


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def agreement(**quota: int) -> Any:
    return cast("Any", SimpleNamespace(code="eco", quota=Quota(**quota) if quota else None))


def tries(quotas: Quotas, one: Any, count: int) -> list[str]:
    found = []
    for _ in range(count):
        try:
            quotas.reading([one])
            found.append("ok")
        except Problem as problem:
            found.append(problem.code)
    return found


def parsed(header: str) -> dict[str, dict[str, str]]:
    items = [item.strip() for item in header.split(",")]
    assert all(re.fullmatch(r'"[a-z0-9-]+"(;[a-z]+=([0-9]+|"[a-z]+"))+', item) for item in items), header
    return {item.split(";")[0].strip('"'): dict(p.split("=") for p in item.split(";")[1:]) for item in items}


def test_the_headers_are_those_of_the_draft(database: Database, clock: Clock) -> None:
    quotas = Quotas(Settings(requests_per_minute=100), database, clock)
    assert quotas.request(CALLER) == {
        "RateLimit-Policy": '"credential-minute";q=100;w=60',
        "RateLimit": '"credential-minute";r=99;t=30',
    }
    told = quotas.reading([agreement(requests_per_minute=3, requests_per_day=1_000), agreement()])
    assert parsed(told["RateLimit-Policy"]) == {
        "eco-minute": {"q": "3", "w": "60"},
        "eco-day": {"q": "1000", "w": "86400"},
    }
    # 12:00:30 in UTC is 20:00:30 in Shanghai.
    assert parsed(told["RateLimit"]) == {"eco-minute": {"r": "2", "t": "30"}, "eco-day": {"r": "999", "t": "14370"}}
    rows = quotas.rows([agreement(rows_per_day=10)], 4)
    assert parsed(rows["RateLimit-Policy"]) == {"eco-rows": {"q": "10", "w": "86400", "qu": '"rows"'}}
    assert parsed(rows["RateLimit"])["eco-rows"]["r"] == "6"
    assert Quotas(Settings(), database, clock).request(CALLER) == {}
    assert quotas.reading([agreement()]) == {}


def test_a_limit_ends_and_begins_anew_with_its_minute_or_day(database: Database, clock: Clock) -> None:
    quotas = Quotas(Settings(), database, clock)
    one = agreement(requests_per_minute=2, requests_per_day=5)
    assert tries(quotas, one, 3) == ["ok", "ok", "rate_limited"]
    clock.now += timedelta(seconds=30)
    assert tries(quotas, one, 3) == ["ok", "ok", "rate_limited"]
    clock.now += timedelta(minutes=1)
    assert tries(quotas, one, 2) == ["ok", "quota_exhausted"]
    clock.now += timedelta(minutes=1)
    with pytest.raises(Problem) as told:
        quotas.reading([one])
    assert int(told.value.headers["Retry-After"]) == 4 * 3600 - 180
    clock.now = datetime(2026, 3, 1, 16, 0, tzinfo=UTC)  # midnight in Shanghai
    assert tries(quotas, one, 1) == ["ok"]


def test_rows_are_given_whole_or_not_at_all(database: Database, clock: Clock) -> None:
    quotas = Quotas(Settings(), database, clock)
    one = agreement(rows_per_day=10)
    quotas.rows([one], 7)
    with pytest.raises(Problem) as told:
        quotas.rows([one], 4)
    assert told.value.code == "quota_exhausted"
    quotas.rows([one], 3)
    assert parsed(quotas.rows([one], 0)["RateLimit"])["eco-rows"]["r"] == "0"


@pytest.mark.parametrize(("limit", "missing"), [(100, 0), (1_000, 1_000 // 128)])
def test_several_processes_together_never_give_more_than_the_limit(
    database: Database, clock: Clock, limit: int, missing: int
) -> None:
    """Each ``Quotas`` stands for a process. What is not given is at most what the other one holds unspent."""
    processes = [Quotas(Settings(), database, clock) for _ in range(2)]
    one = agreement(requests_per_day=limit)
    given: list[int] = []

    def ask(quotas: Quotas) -> None:
        given.append(tries(quotas, one, limit).count("ok"))

    threads = [threading.Thread(target=ask, args=(quotas,)) for quotas in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert limit - missing <= sum(given) <= limit


def test_two_credentials_have_a_limit_each(database: Database, clock: Clock) -> None:
    quotas = Quotas(Settings(requests_per_day=1), database, clock)
    quotas.request(CALLER)
    quotas.request(replace(CALLER, credential_id="c2"))
    with pytest.raises(Problem) as told:
        quotas.request(CALLER)
    assert told.value.code == "rate_limited"


def test_exports_at_once_are_counted_by_all_processes(database: Database, clock: Clock) -> None:
    settings = Settings(exports_at_once=3, exports_per_credential=2, longest_export_seconds=600)
    processes = [Exports(settings, database, clock) for _ in range(2)]
    other = replace(CALLER, credential_id="c2")
    ends = [exports.begin(CALLER, [agreement()]) for exports in processes]

    def refused(caller: Caller, *agreements: Any) -> Mapping[str, str]:
        with pytest.raises(Problem) as told:
            processes[0].begin(caller, agreements)
        assert told.value.code == "too_many_exports"
        return told.value.headers

    assert refused(CALLER) == {"Retry-After": "5"}
    single = agreement(exports_at_once=1)
    third = processes[1].begin(other, [single])
    assert refused(replace(CALLER, credential_id="c3"))  # everybody together
    ends[0]()
    assert refused(replace(CALLER, credential_id="c3"), single)  # under that agreement
    third()
    third()
    processes[0].begin(CALLER, [single])
    clock.now += timedelta(seconds=661)  # what a process that is gone held comes back
    processes[0].begin(CALLER, [single])


def test_a_day_is_that_of_the_calendar_in_shanghai() -> None:
    begins, ends = span("day", datetime(2026, 2, 28, 16, 0, tzinfo=UTC))
    assert (begins.isoformat(), ends.isoformat()) == ("2026-03-01T00:00:00+08:00", "2026-03-02T00:00:00+08:00")
