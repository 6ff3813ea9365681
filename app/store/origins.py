"""Where values come from: records as they were at an epoch, and the submissions that brought them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import Connection, select

from app.store import tables as t
from app.store.bulk import RecordPlace, among

_S = t.submission.c
_AT = """
SELECT v.region_id, v.period, v.key, v."values"
FROM {asked} CROSS JOIN record_version AS v
WHERE v.dataset = {mark} AND v.epoch <= {mark} AND (v.superseded_epoch IS NULL OR v.superseded_epoch > {mark})
  AND NOT v.withdrawn AND v.region_id = {region} AND v.period = {period} AND v.key = {key}
"""
_AT_SQLITE = _AT.format(
    asked="json_each(?) AS asked",
    mark="?",
    region="asked.value ->> 0",
    period="asked.value ->> 1",
    key="asked.value ->> 2",
)
_AT_POSTGRESQL = _AT.format(
    asked="unnest(%s::int[], %s::int[], %s::text[]) AS asked(region_id, period, key)",
    mark="%s",
    region="asked.region_id",
    period="asked.period",
    key="asked.key",
)
_BATCH = 20_000


@dataclass(frozen=True, slots=True)
class Origin:
    """What of a submission may be told to those who read a value it brought: none of its other contents."""

    id: str
    channel: str
    filename: str | None
    created_at: datetime
    confirmed_at: datetime | None
    by_department: str | None
    by_region_id: int | None


def values_at(
    cx: Connection, dataset: str, places: Sequence[RecordPlace], at_epoch: int
) -> Iterator[tuple[RecordPlace, Mapping[str, Mapping[str, Any]]]]:
    """The records held at these places at an epoch: element → document of ``Reported``, withdrawn ones left out."""
    for start in range(0, len(places), _BATCH):
        asked = places[start : start + _BATCH]
        if cx.dialect.name == "sqlite":
            rows = cx.exec_driver_sql(
                _AT_SQLITE, (orjson.dumps(asked).decode(), dataset, at_epoch, at_epoch)
            ).fetchall()
        else:
            columns = [list(column) for column in zip(*asked, strict=True)]
            rows = cx.exec_driver_sql(_AT_POSTGRESQL, (*columns, dataset, at_epoch, at_epoch)).fetchall()
        for region, period, key, values in rows:
            yield (region, period, key), orjson.loads(values)


def origins(cx: Connection, submissions: Collection[str]) -> dict[str, Origin]:
    """The submissions of these ids, by id."""
    rows = cx.execute(
        select(_S.id, _S.channel, _S.filename, _S.created_at, _S.confirmed_at, _S.by_department, _S.by_region_id).where(
            among(cx, _S.id, sorted(submissions))
        )
    )
    return {row[0]: Origin(*row) for row in rows}
