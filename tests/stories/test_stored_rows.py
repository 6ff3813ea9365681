"""Aggregates of a view against a relational query, written here, over the rows that the registry stored."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import text

from app.catalogue.periods import Period
from app.services.questions import Question
from tests.fixtures.databases import Kind
from tests.fixtures.services import (
    CODES,
    EVERYTHING,
    REGIONS,
    SUCCESSIONS,
    VALID,
    apply,
    read,
    reader_of,
    registry_of,
    report,
)

CASES = {
    "code": "cases",
    "title": "案件",
    "frequency": "month",
    "level": "township",
    "source": "region",
    "sharing": "open",
    "elements": [
        {"code": "received", "title": "受理", "type": "integer", "unit": "件", "measure": "flow"},
        {"code": "staff", "title": "人员", "type": "integer", "unit": "人", "measure": "stock"},
    ],
}
COUNTY = {
    "code": "counties",
    "department": "ecology",
    "title": "县",
    "grain": {"level": "county", "frequency": "year"},
    "fields": [
        {"name": "dm", "from": "region.code"},
        {"name": "nd", "from": "period"},
        {"name": "sl", "from": "cases.received"},
        {"name": "zd", "from": "cases.received", "aggregate": "max"},
        {"name": "pj", "from": "cases.received", "aggregate": "mean", "decimals": 6},
        {"name": "ry", "from": "cases.staff"},
    ],
}
# A township belongs to the county it is in on the last day of the year, or on its own last day; what is there to stay
# (staff) counts only for those that are there at the end.
BY_COUNTY = """
WITH placed AS (
  SELECT r.region, r.year, r.period, r.received, r.staff,
    (SELECT s.parent FROM state s WHERE s.region = r.region AND s.first <= r.year || '-12-31' ORDER BY s.first DESC LIMIT 1)
      AS county,
    (SELECT max(s.last) FROM state s WHERE s.region = r.region) >= r.year || '-12-31' AS lasting
  FROM record r
), timed AS (
  SELECT county, year, region, sum(received) AS s, max(received) AS m, sum(received) * 1.0 / count(received) AS a,
    (SELECT q.staff FROM placed q WHERE q.region = p.region AND q.year = p.year AND q.staff IS NOT NULL AND q.lasting
      ORDER BY q.period DESC LIMIT 1) AS staff
  FROM placed p GROUP BY county, year, region
)
SELECT c.code, t.year, sum(t.s), max(t.m), avg(t.a), sum(t.staff) FROM timed t
JOIN state c ON c.region = t.county GROUP BY c.code, t.year ORDER BY c.code, t.year
"""


@settings(max_examples=8, deadline=None, suppress_health_check=list(HealthCheck), phases=[Phase.generate])
@given(data=st.data())
def test_aggregates_are_what_a_query_over_the_stored_rows_gives(
    database_kind: Kind, new_url: Callable[[Kind], str], tmp_path_factory: Any, data: st.DataObject
) -> None:
    with registry_of(new_url(database_kind), tmp_path_factory.mktemp("data")) as registry:
        apply(
            registry,
            {
                "regions.csv": REGIONS,
                "successions.csv": SUCCESSIONS,
                "departments.yaml": "departments: [{code: ecology, name: 生态环境局}]",
                "datasets/cases.yaml": CASES,
                "views/counties.yaml": COUNTY,
            },
        )
        apply(
            registry, {"agreements/all.yaml": {**EVERYTHING, "elements": ["cases.*"], "regions": ["*"], "valid": VALID}}
        )
        regions = registry.state().regions
        figures = st.none() | st.integers(0, 10_000)
        rows = []
        for code in CODES["township"]:
            for month in data.draw(
                st.sets(st.sampled_from([f"{y}-{m:02}" for y in (2024, 2025) for m in range(1, 13)]))
            ):
                end = Period.parse(month).end
                holder = regions.holder(code, end)
                if holder is not None and regions.exists(holder, end):
                    values = {"received": data.draw(figures), "staff": data.draw(figures)}
                    if values["received"] is not None or values["staff"] is not None:
                        rows.append({"region": code, "period": month, **values})
        report(registry, "cases", rows)
        memory = sqlite3.connect(":memory:")
        memory.execute("CREATE TABLE record (region, year, period, received, staff)")
        memory.execute("CREATE TABLE state (region, code, parent, first, last)")
        with registry.database.read() as cx:
            held = cx.execute(
                text('SELECT region_id, year, period, "values" FROM record_version WHERE superseded_epoch IS NULL')
            ).all()
            states = cx.execute(
                text(
                    "SELECT region_id, code, parent_id, valid_from, valid_to FROM region_state WHERE superseded_epoch IS NULL"
                )
            ).all()
        for region, year, period, values in held:
            stored: dict[str, Any] = values if isinstance(values, dict) else json.loads(values)
            numbers = [stored.get(code, {}).get("n") for code in ("received", "staff")]
            memory.execute(
                "INSERT INTO record VALUES (?, ?, ?, ?, ?)",
                (region, year, period, *(None if n is None else int(n) for n in numbers)),
            )
        for region, code, parent, first, last in states:
            said = (str(first or "0001-01-01"), str(last or "9999-12-31"))
            memory.execute("INSERT INTO state VALUES (?, ?, ?, ?, ?)", (region, code, parent, *said))
        expected = memory.execute(BY_COUNTY).fetchall()
        found = read(reader_of(registry), "counties", Question())
        assert isinstance(found, list)
        shown = [(row["dm"], row["nd"], row["sl"], row["zd"], row["ry"]) for row in found]
        assert shown == [(code, str(year), total, most, staff) for code, year, total, most, _, staff in expected]
        means = [row["pj"] for row in found]
        assert all(
            (mean is None) == (row[4] is None) and (mean is None or abs(float(mean) - row[4]) < 1e-5)
            for mean, row in zip(means, expected, strict=True)
        )
