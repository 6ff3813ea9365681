from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import select
from sqlalchemy.exc import StatementError

from app.store import tables as t
from app.store.database import Database
from app.store.types import instant_text, parse_instant

CHINA = timezone(timedelta(hours=8))


def _logged(database: Database, *instants: datetime) -> None:
    with database.write() as write:
        rows = [{"epoch": 1_000 + n, "at": at, "reason": "test"} for n, at in enumerate(instants)]
        write.connection.execute(t.epoch_log.insert(), rows)


def test_an_instant_comes_back_in_utc_to_the_microsecond(database):
    given = datetime(2026, 3, 1, 8, 0, 0, 123_456, tzinfo=CHINA)
    _logged(database, given)
    with database.read() as cx:
        found = cx.execute(select(t.epoch_log.c.at)).scalar_one()
    assert found == given
    assert found.utcoffset() == timedelta(0)
    assert found.hour == 0


def test_an_instant_without_offset_is_refused(database):
    with pytest.raises((StatementError, ValueError), match="offset"):
        _logged(database, datetime(2026, 3, 1, 8, 0))  # noqa: DTZ001 - naive on purpose


def test_instants_sort_by_time_whatever_their_offset_and_fraction(database):
    instants = [
        datetime(2026, 3, 1, 8, 0, tzinfo=CHINA),
        datetime(2026, 3, 1, 0, 0, 0, 1, tzinfo=UTC),
        datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(999, 1, 1, tzinfo=UTC),
    ]
    _logged(database, *instants)
    with database.read() as cx:
        found = list(cx.execute(select(t.epoch_log.c.at).order_by(t.epoch_log.c.at)).scalars())
    assert found == sorted(instants)


def test_the_text_of_an_instant_has_one_width_and_reads_back():
    for instant in (datetime(999, 1, 1, tzinfo=UTC), datetime(2026, 12, 31, 23, 59, 59, 7, tzinfo=UTC)):
        assert len(instant_text(instant)) == 27
        assert parse_instant(instant_text(instant)) == instant


def test_a_document_is_kept_byte_for_byte(new_database):
    body = {"标题": "人口", "b": [1, None, True, {"深": "井"}], "a": "1.10", "z": 9_007_199_254_740_993}
    texts = []
    for kind in ("sqlite", "postgresql"):
        database = new_database(kind)
        with database.write() as write:
            write.connection.execute(
                t.definition.insert().values(
                    kind="dataset",
                    code="x",
                    version=1,
                    epoch=1,
                    body=body,
                    digest="",
                    created_at=write.now,
                    created_by="",
                )
            )
        with database.read() as cx:
            texts.append(cx.exec_driver_sql("SELECT body FROM definition").scalar_one())
            assert cx.execute(select(t.definition.c.body)).scalar_one() == body
    assert texts[0] == texts[1] == '{"标题":"人口","b":[1,null,true,{"深":"井"}],"a":"1.10","z":9007199254740993}'
