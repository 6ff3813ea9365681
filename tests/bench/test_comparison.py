"""The arithmetic and the writing of the comparison with peers, and that its data is what the registry answers."""

from __future__ import annotations

import json
import socket
import threading
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

from bench.comparison import asking, ours
from bench.comparison.agreeing import compared, expected, kept
from bench.comparison.chart import chart
from bench.comparison.country import answered, country, figures
from bench.comparison.parties import Party
from bench.comparison.processes import Failed
from bench.comparison.report import goals, judged, report, shown, table
from bench.comparison.rounds import rounds
from bench.comparison.seen import (
    COPY_JSON,
    EMPTY,
    FIRST,
    GOALS,
    PAGES,
    PGBENCH,
    PLAIN,
    RECORDS,
    Goal,
    Run,
    Seen,
    Spread,
)
from tests.fixtures.house import ROOT, serving

SHIPPED = ROOT / "schemas" / "regions.csv"
SQLITE, POSTGRESQL = "ours, SQLite, 1 worker", "ours, PostgreSQL, 1 worker"


def noted(*figures: tuple[str, str, list[float]]) -> Seen:
    seen = Seen()
    for measure, party, values in figures:
        for turn, value in enumerate(values):
            seen.note(measure, party, turn, value)
    return seen


def test_a_spread_is_the_median_the_least_and_the_most():
    assert Spread.of([3.0, 1.0, 10.0]) == Spread(3.0, 1.0, 10.0)
    assert Spread.of([4.0, 2.0]).middle == 3.0
    with pytest.raises(ValueError, match="no figure"):
        Spread.of([])


def test_a_ratio_is_of_the_same_round_and_not_of_medians():
    seen = noted(("t", "a", [1.0, 10.0, 100.0]), ("t", "b", [2.0, 10.0, 400.0]))
    assert seen.ratio(("t", "b"), ("t", "a")) == Spread(2.0, 1.0, 4.0)


def test_a_round_that_one_of_them_missed_gives_no_ratio():
    seen = noted(("t", "a", [1.0, 2.0]))
    seen.note("t", "b", 1, 8.0)
    seen.note("t", "c", 7, 8.0)
    assert seen.ratio(("t", "b"), ("t", "a")) == Spread(4.0, 4.0, 4.0)
    assert seen.ratio(("t", "c"), ("t", "a")) is None
    assert seen.ratio(("t", "d"), ("t", "a")) is None


def test_a_goal_is_judged_by_the_median_for_each_database():
    seen = noted(
        (FIRST, SQLITE, [0.2, 0.1]), (FIRST, POSTGRESQL, [0.5, 0.5]), (FIRST, COPY_JSON, [1.0, 1.0]), (FIRST, PLAIN, [4.0, 4.0])
    )  # fmt: skip
    times, part = GOALS[0], GOALS[1]
    assert (times.sense, times.bound, part.sense, part.bound) == ("at least", 12, "at most", 0.4)
    of_sqlite, of_postgresql = times.judged(seen, "SQLite"), times.judged(seen, "PostgreSQL")
    assert of_sqlite == Spread(30.0, 20.0, 40.0)
    assert of_postgresql is not None
    assert judged(times, of_sqlite) == ["30.00 (20.00–40.00)", "met"]
    assert judged(times, of_postgresql) == ["8.00 (8.00–8.00)", "**not met**"]
    assert judged(part, part.judged(seen, "SQLite"))[1] == "met"
    assert judged(part, part.judged(seen, "PostgreSQL"))[1] == "**not met**"
    assert judged(part, None) == ["not measured", ""]


def test_a_bound_that_is_just_reached_is_met():
    assert Goal("", ("", ""), ("", ""), "at least", 2).met(Spread(2, 1, 3))
    assert Goal("", ("", ""), ("", ""), "at most", 2).met(Spread(2, 1, 3))


def test_more_is_better_for_rates_and_less_for_times():
    """Every goal, with a registry twice as good as the goal and with one half as good."""
    for goal in GOALS:
        over, under = ((measure, party.replace("OURS", "ours, SQLite")) for measure, party in (goal.over, goal.under))
        for factor, words in ((2.0, "met"), (0.5, "**not met**")):
            good = goal.bound * factor if goal.sense == "at least" else goal.bound / factor
            seen = noted((*over, [good]), (*under, [1.0]))
            assert judged(goal, goal.judged(seen, "SQLite"))[1] == words, goal.title


def test_a_table_has_as_many_cells_as_titles_and_escapes_its_own_marks():
    assert table(["a", "b"], [["x|y", "two\nlines"]]) == "| a | b |\n| --- | --- |\n| x\\|y | two lines |\n"
    with pytest.raises(ValueError, match="1 cells under 2 titles"):
        table(["a", "b"], [["x"]])
    assert shown(Spread(1234.5678, 0.0004, 9), 3) == "1,234.568 (0.000–9.000)"
    assert shown(Spread(0.0025, 0.001, 0.004), 1, 1_000) == "2.5 (1.0–4.0)"


def run(seen: Seen) -> Run:
    return Run(
        seen=seen, size="3 records", machine={"date": "2026-11-23"}, versions={"fastapi": "0.165.0"},
        memory={SQLITE: (100 << 20, 2_500 << 20)}, client={SQLITE: 0.25}, equal=["the same"], notes=["roapi: refused"],
    )  # fmt: skip


def test_a_report_of_nothing_but_failures_can_be_written():
    text = report(run(Seen()), None)
    assert text.count("not measured") == 2 * len(GOALS)
    assert "- roapi: refused" in text


def test_a_report_shows_every_party_and_judgement():
    seen = noted(
        (PAGES, SQLITE, [400.0, 500.0, 450.0]), (PAGES, PGBENCH, [300.0, 300.0, 300.0]), (RECORDS, EMPTY, [9_000.0])
    )
    text = report(run(seen), "performance.svg")
    assert "| page of 1,000: times pgbench's page | at least 1 | 1.50 (1.33–1.67) | met | not measured |  |" in text
    assert f"| {SQLITE} | 450 (400–500) |  | 25% |" in text
    assert f"| {EMPTY} |  | 9,000 (9,000–9,000) |  |" in text
    assert f"| {SQLITE} | 100 | 2,500 |" in text
    assert "![The chart of the medians](performance.svg)" in text
    assert goals(seen) in text


def test_a_busy_machine_is_said_first():
    quiet = run(Seen())
    busy = replace(quiet, machine={"load average before": "2.50 2.00 1.00"})
    assert "a trial, no measurement" not in report(quiet, None)
    assert report(busy, None).index("load average 2.50") < report(busy, None).index("## Goals")


def test_the_chart_is_well_formed_and_has_the_best_first():
    seen = noted((PAGES, PGBENCH, [300.0]), (PAGES, SQLITE, [600.0]), (FIRST, "a & <b>", [2.0]), (FIRST, SQLITE, [0.5]))
    root = ET.fromstring(chart(seen))
    named = "{http://www.w3.org/2000/svg}"
    names = [text.text for text in root.iter(f"{named}text") if text.get("class") == "name"]
    assert names == [SQLITE, "a & <b>", SQLITE, PGBENCH]
    widths = [float(bar.get("width", "")) for bar in root.iter(f"{named}rect")]
    assert widths[1] == 4 * widths[0]  # less is better: the best is the shortest
    assert widths[2] == 2 * widths[3]


def test_rounds_end_with_the_time_but_one_is_always_taken():
    taken: list[int] = []
    assert rounds(5, 0.0, taken.append) == 1
    assert rounds(3, float("inf"), taken.append) == 3
    assert taken == [0, 0, 1, 2]


def test_the_shipped_places_are_filled_up_with_invented_ones():
    few, more = country(14, None, SHIPPED), country(100, None, SHIPPED)
    assert few.origin == "real codes and names"
    assert {town.name for town in few.townships} > {"长安街道"}
    assert more.origin == "14 real codes and names, the others invented"
    assert len({town.code for town in more.townships}) == len(more.townships) == 100
    assert {town.code for town in few.townships} < {town.code for town in more.townships}


def test_the_province_that_is_shipped_with_the_bench_has_all_the_townships_that_are_wanted():
    henan = country(2_400, None, ROOT / "bench" / "regions" / "henan-2023.csv")
    assert henan.origin == "real codes and names"
    assert len({town.code for town in henan.townships}) == 2_400
    assert {town.code[:2] for town in henan.townships} == {"41"}
    more = country(2_600, None, ROOT / "bench" / "regions" / "henan-2023.csv")
    assert more.origin == "2586 real codes and names, the others invented"
    assert len({line.partition(b",")[0] for line in more.regions.splitlines()}) == len(more.regions.splitlines())


def test_a_list_of_ones_own_is_never_filled_up():
    assert country(10, SHIPPED, SHIPPED).origin == "real codes and names"
    with pytest.raises(ValueError, match="has 15 townships"):
        country(15, SHIPPED, SHIPPED)


def test_the_expected_answer_is_fifteen_mu_to_the_hectare():
    town = country(14, None, SHIPPED).townships[3]
    held, read = figures(town, 7), answered(town, 7)
    assert Fraction(read["f10"]) == Fraction(held["e10"]) * 15
    assert Fraction(read["f16"]) == Fraction(held["e16"])
    assert read["f20"] == "K" + held["e20"]
    assert (read["dm"], read["qj"], read["f0"]) == (town.code, "2021-08", held["e0"])
    other = figures(town, 7, shift=1)
    assert all(held[name] != other[name] for name in ("e0", "e10", "e20", "e22"))


def test_the_registry_answers_what_is_expected_of_it(tmp_path, new_url):
    places, months = country(14, None, SHIPPED), 3
    url = new_url("sqlite")
    keys = ours.fill(url, tmp_path, places, months, views=1)
    with serving(url, tmp_path) as house:
        at = urlsplit(house.url)
        server: Any = SimpleNamespace(host=at.hostname, port=at.port)
        party = ours.party(SQLITE, server, keys, [(places.townships[0].code, "2021-01")])
        right = expected(places, months)
        assert len(right) == 42
        assert not [line for line in kept({SQLITE: party}, tmp_path, right) if "**" in line]
        wrong = [dict(right[0], f0=-1), *right[1:]]
        assert any("not the expected one" in line for line in kept({SQLITE: party}, tmp_path, wrong))
        peer = Party("peer", server, party.headers, {"ndjson": ours.view_path(0, "format=ndjson")})
        assert compared(peer, right) == "peer: the same values, 42 records"
        assert "**other values**" in compared(peer, wrong)
        assert json.loads(ours.fetched(party, party.records[0]))["records"] == right[:1]
        assert len(ours.cursors(party, 5)) == 1
        body, kind = ours.form({"dataset": "figures", "mode": "apply"}, ours.workbook(places, 20, 1))
        told = ours.posted(server, "/v1/submissions", keys.clerk, body, kind)[1]
        assert told["counts"] == {"rows": 20, "new": 8, "changed": 12, "unchanged": 0}
        with pytest.raises(Failed, match="401"):
            ours.posted(server, "/v1/submissions", "nobody", body, kind)


# -- the load ------------------------------------------------------------------------------------------------------

HEADED = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"


@contextmanager
def answering(answer: bytes, *, piece: int, ending: bool = False) -> Iterator[dict[str, Any]]:
    """A server that gives every request this answer, so many bytes at a time."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(link: socket.socket) -> None:
        with link:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            while b"\r\n\r\n" in link.recv(4_096):
                for place in range(0, len(answer), piece):
                    link.sendall(answer[place : place + piece])
                if ending:
                    return

    def accept() -> None:
        while True:
            try:
                link = listener.accept()[0]
            except OSError:
                return
            threading.Thread(target=serve, args=(link,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield {"host": "127.0.0.1", "port": listener.getsockname()[1], "headers": [], "path": "/", "paths": ["/"]}
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.mark.parametrize("answer", [HEADED, CHUNKED])
@pytest.mark.parametrize("piece", [1, 7, 1_000])
def test_answers_are_counted_however_they_arrive(answer, piece):
    with answering(answer, piece=piece) as server:
        found = asking.rate({**server, "start": 0, "connections": 3, "seconds": 0.05})
    assert set(found["statuses"]) == {200}
    assert 0 < found["rate"] * 0.05 <= found["statuses"][200] * 2
    assert found["middle"] <= found["late"] <= 0.05


def test_answers_that_come_too_late_are_looked_at_but_no_part_of_the_rate():
    with answering(HEADED.replace(b"200", b"500"), piece=1_000) as server:
        found = asking.rate({**server, "start": 0, "connections": 2, "seconds": -1.0})
    assert (found["rate"], found["statuses"]) == (0, {500: 2})


def test_an_answer_that_ends_too_early_is_no_answer():
    with answering(CHUNKED, piece=1_000, ending=True) as server:
        assert asking.whole(server)["status"] == 200
    with answering(CHUNKED[:-4], piece=1_000, ending=True) as server:
        assert asking.whole(server)["status"] == 0
    with answering(HEADED[:-1], piece=1_000, ending=True) as server:
        assert asking.whole(server)["status"] == 0
        with pytest.raises(ConnectionError):
            asking.rate({**server, "start": 0, "connections": 1, "seconds": 0.05})


def test_a_programs_output_is_drained_and_its_failure_seen():
    assert asking.command({"command": ["head", "-c", "3000000", "/dev/zero"]})["size"] == 3_000_000
    assert asking.command({"command": ["false"]})["status"] == 500
