"""Moving ten thousand rows in one statement, on either database.

PostgreSQL copies rows in and takes sets of values as arrays; SQLite takes rows one after another, its fast way, and
sets of values as one JSON text. Everything here goes to the driver directly: at this size a statement with a bound
parameter for each value would cost more to compile than to run.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import orjson
import psycopg
from sqlalchemy import Column, ColumnElement, Connection, Table, any_, bindparam, func, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.exc import DBAPIError

_FEW = 4
RecordPlace = tuple[int, int, str]
"""(region id, period ordinal, key text): where a record is within its dataset."""

_HELD = """
SELECT v.region_id, v.period, v.key, v."values", v.withdrawn
FROM {asked} CROSS JOIN record_version AS v
WHERE v.dataset = {dataset} AND v.superseded_epoch IS NULL
  AND v.region_id = {region} AND v.period = {period} AND v.key = {key}
"""
_HELD_SQLITE = _HELD.format(
    asked="json_each(?) AS asked",
    dataset="?",
    region="asked.value ->> 0",
    period="asked.value ->> 1",
    key="asked.value ->> 2",
)
_HELD_POSTGRESQL = _HELD.format(
    asked="unnest(%s::int[], %s::int[], %s::text[]) AS asked(region_id, period, key)",
    dataset="%s",
    region="asked.region_id",
    period="asked.period",
    key="asked.key",
)
_SUPERSEDE_SQLITE = """
UPDATE record_version SET superseded_epoch = ?
WHERE dataset = ? AND region_id = ? AND period = ? AND key = ? AND superseded_epoch IS NULL
"""
_SUPERSEDE_POSTGRESQL = """
UPDATE record_version AS v SET superseded_epoch = %s
FROM unnest(%s::int[], %s::int[], %s::text[]) AS asked(region_id, period, key)
WHERE v.dataset = %s AND v.superseded_epoch IS NULL
  AND v.region_id = asked.region_id AND v.period = asked.period AND v.key = asked.key
"""


def current_versions(cx: Connection, dataset: str, places: Sequence[RecordPlace]) -> Sequence[Sequence[Any]]:
    """The current versions at these places: (region id, period, key text, values text, withdrawn)."""
    if cx.dialect.name == "sqlite":
        return cx.exec_driver_sql(_HELD_SQLITE, (orjson.dumps(places).decode(), dataset)).fetchall()
    return cx.exec_driver_sql(_HELD_POSTGRESQL, (*_columns(places, 3), dataset)).fetchall()


def supersede(cx: Connection, dataset: str, places: Sequence[RecordPlace], epoch: int) -> int:
    """Mark the current versions at these places as superseded; gives how many there were."""
    if not places:
        return 0
    if cx.dialect.name == "sqlite":
        done = cx.exec_driver_sql(_SUPERSEDE_SQLITE, [(epoch, dataset, *place) for place in places])
    else:
        done = cx.exec_driver_sql(_SUPERSEDE_POSTGRESQL, (epoch, *_columns(places, 3), dataset))
    return done.rowcount


def insert(cx: Connection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Any, ...]]) -> None:
    """Insert rows whose values are as the database takes them: JSON, instants and days as text."""
    if not rows:
        return
    names = ", ".join(f'"{name}"' for name in columns)
    if cx.dialect.name == "sqlite":
        marks = ", ".join("?" * len(columns))
        cx.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", list(rows))  # noqa: S608
        return
    if len(rows) <= _FEW:  # one round trip; a copy takes three
        marks = ", ".join([f"({', '.join(['%s'] * len(columns))})"] * len(rows))
        given = tuple(value for row in rows for value in row)
        cx.exec_driver_sql(f"INSERT INTO {table.name} ({names}) VALUES {marks}", given)  # noqa: S608
        return
    driver = cx.connection.driver_connection
    assert driver is not None  # noqa: S101 - a connection inside a transaction has one
    statement = f"COPY {table.name} ({names}) FROM STDIN"
    try:
        with driver.cursor() as cursor, cursor.copy(statement) as copy:
            for row in rows:
                copy.write_row(row)
    except psycopg.Error as fault:
        raise DBAPIError.instance(statement, None, fault, psycopg.Error, dialect=cx.dialect) from fault


def among(cx: Connection, column: Column[Any] | ColumnElement[Any], values: Collection[Any]) -> ColumnElement[bool]:
    """The condition that ``column`` is one of ``values``, with one bound parameter however many there are."""
    if cx.dialect.name == "sqlite":
        given = func.json_each(orjson.dumps(list(values)).decode()).table_valued("value")
        return column.in_(select(given.c.value))
    return column == any_(bindparam(None, list(values), ARRAY(column.type), unique=True))


def _columns(rows: Sequence[Sequence[Any]], width: int) -> list[list[Any]]:
    return [list(column) for column in zip(*rows, strict=True)] if rows else [[] for _ in range(width)]
