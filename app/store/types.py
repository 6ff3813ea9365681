"""Column types that mean the same on SQLite and PostgreSQL."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import BigInteger, DateTime, Dialect, Integer, Text, TypeDecorator
from sqlalchemy.types import TypeEngine

BIG_ID = BigInteger().with_variant(Integer(), "sqlite")  # SQLite counts up only an INTEGER primary key


def instant_text(value: datetime) -> str:
    """An instant as text of fixed width (``2026-03-01T08:00:00.000000Z``), so that text order is time order."""
    if value.tzinfo is UTC:
        return value.isoformat(timespec="microseconds")[:-6] + "Z"
    if value.tzinfo is None or value.utcoffset() is None:
        raise ValueError(f"an instant needs an offset from UTC: {value!r}")
    return value.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds") + "Z"


def parse_instant(text: str) -> datetime:
    """The instant that ``instant_text`` wrote. Raises ValueError for any other text."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None or instant_text(instant) != text:
        raise ValueError(f"not an instant as it is kept: {text!r}")
    return instant


class Instant(TypeDecorator[datetime]):
    """A point in time in UTC, to the microsecond; a value without offset is refused with ValueError.

    PostgreSQL: ``timestamp with time zone``. SQLite: text of fixed width.
    """

    impl = DateTime(timezone=True)
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(Text() if dialect.name == "sqlite" else DateTime(timezone=True))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if value.tzinfo is None or value.utcoffset() is None:
            raise ValueError(f"an instant needs an offset from UTC: {value!r}")
        return instant_text(value) if dialect.name == "sqlite" else value.astimezone(UTC)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return parse_instant(value) if isinstance(value, str) else value.astimezone(UTC)


def json_text(document: Any) -> str:
    """The one JSON text of a document: UTF-8, no spaces, keys in the order given."""
    return orjson.dumps(document).decode()


class Json(TypeDecorator[Any]):
    """A JSON document kept as text, byte for byte the same in both databases; ``None`` is SQL NULL."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        return None if value is None else json_text(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002
        return None if value is None else orjson.loads(value)
