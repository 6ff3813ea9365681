"""A question put to a view, as the parameters of its request."""

from __future__ import annotations

from collections.abc import Sequence

from app.client.connection import comma_list

Many = str | Sequence[str] | None


def asked(
    *,
    period: Many = None,
    region: Many = None,
    fields: Many = None,
    filter: Many = None,
    sort: Many = None,
    count: str | None = None,
    as_of: str | None = None,
) -> dict[str, str | Sequence[str] | int | None]:
    """A question put to a view, as its parameters: lists become the contract's comma lists, filters are repeated."""
    return {
        "period": comma_list(period),
        "region": comma_list(region),
        "fields": comma_list(fields),
        "filter": filter,
        "sort": comma_list(sort),
        "count": count,
        "as_of": as_of,
    }
