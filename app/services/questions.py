"""What a reader may ask of a view, read strictly: anything not of the right form is refused by name."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import orjson
import polars as pl

from app.catalogue.model import FREQUENCIES, Frequency
from app.catalogue.periods import Period
from app.errors import Problem

PAGE = 1_000
LARGEST_PAGE = 10_000
_CODE = re.compile(r"[0-9]{2}|[0-9]{4}|[0-9]{6}|[0-9]{9}|[0-9]{12}")
_LONGEST_LIST = 5_000


@dataclass(frozen=True, slots=True)
class Question:
    """One reading as it was asked. ``filters`` are ``name:op:value``; ``limit`` None means whole or one page."""

    period: str | None = None
    region: str | None = None
    fields: str | None = None
    filters: tuple[str, ...] = ()
    sort: str | None = None
    limit: int | None = None
    cursor: str | None = None
    count: bool = False
    as_of: str | None = None
    format: str = "json"
    provenance: bool = False
    counts: bool = False

    @property
    def annotated(self) -> bool:
        """Whether something is to be said beside the fields of each record."""
        return self.provenance or self.counts

    def digest(self) -> str:
        """What the rows and their order depend on; a cursor goes on only with the same question."""
        asked = [self.period, self.region, self.fields, list(self.filters), self.sort, self.as_of]
        return hashlib.blake2b(orjson.dumps(asked), digest_size=12).hexdigest()

    def document(self) -> dict[str, object]:
        """The question for the audit."""
        asked: dict[str, object] = {
            "period": self.period, "region": self.region, "fields": self.fields, "filter": list(self.filters),
            "sort": self.sort, "limit": self.limit, "as_of": self.as_of, "format": self.format,
        }  # fmt: skip
        if self.cursor is not None:
            asked["cursor"] = True  # a further page of the same reading
        if self.provenance:
            asked["provenance"] = True
        if self.counts:
            asked["counts"] = True
        return {key: value for key, value in asked.items() if value not in (None, [])}


@dataclass(frozen=True, slots=True)
class Span:
    """Periods asked for: ordinals of the grain's frequency, first and last inclusive."""

    first: int
    last: int
    start: Period
    end: Period


@lru_cache(maxsize=4096)
def read_periods(text: str | None, frequency: Frequency) -> tuple[Span, ...] | None:
    """``2025``, ``2025-01,2025-03`` or ``2025-01..2025-12`` as spans of the grain; None when nothing was asked."""
    if text is None:
        return None
    if frequency == "once":
        raise Problem("bad_request", "该数据不分期间，不能给出 period (this view has no periods)")
    spans = []
    for item in text.split(","):
        first, dots, last = item.strip().partition("..")
        start = _period(first, frequency)
        end = _period(last, frequency) if dots else start
        low, high = _ordinals(start, frequency)[0], _ordinals(end, frequency)[1]
        if high < low:
            raise Problem("bad_request", f"期间 {item} 的止早于起 (the period ends before it begins)")
        spans.append(Span(low, high, start, end))
    return tuple(spans)


def _period(text: str, frequency: Frequency) -> Period:
    try:
        period = Period.parse(text)
    except ValueError as error:
        raise Problem("bad_request", f"期间 {text!r} 应写作 2025、2025-H1、2025-Q3、2025-03 (not a period)") from error
    if FREQUENCIES.index(period.frequency) > FREQUENCIES.index(frequency):
        raise Problem("bad_request", f"期间 {text} 比该视图的粒度更细 (finer than the grain of the view)")
    return period


def _ordinals(period: Period, frequency: Frequency) -> tuple[int, int]:
    return Period.of(period.start, frequency).ordinal, Period.of(period.end, frequency).ordinal


def period_expression(spans: Sequence[Span]) -> pl.Expr:
    inside = pl.lit(value=False)
    for span in spans:
        inside = inside | pl.col("period").is_between(span.first, span.last)
    return inside


def read_regions(text: str | None) -> tuple[str, ...] | None:
    """Region codes of 2, 4, 6, 9 or 12 digits; None when nothing was asked."""
    if text is None:
        return None
    codes = tuple(item.strip() for item in text.split(","))
    if len(codes) > _LONGEST_LIST:
        raise Problem("bad_request", f"区划代码最多 {_LONGEST_LIST} 个 (too many region codes)")
    for code in codes:
        if not _CODE.fullmatch(code):
            raise Problem("bad_request", f"区划代码 {code!r} 应为 2、4、6、9 或 12 位数字 (not a region code)")
    return codes
