"""The points at which expressions are evaluated: region, period of the grain and, for a list, its key."""

from __future__ import annotations

from dataclasses import dataclass, field

import polars as pl


@dataclass(frozen=True, slots=True)
class ToDate:
    """The year to date of some points: for each ``row`` of theirs every ``point`` (row of ``points``) that it sums."""

    points: Points
    links: pl.DataFrame

    def summed(self, column: pl.Series) -> tuple[pl.Series, pl.Series]:
        """For each row the sum over its points and whether none of them is null."""
        frame = self.links.with_columns(value=column.gather(self.links["point"]))
        found = frame.group_by("row").agg(pl.col("value").sum(), whole=pl.col("value").null_count() == 0).sort("row")
        return found["value"], found["whole"]


@dataclass(slots=True)
class Points:
    """Distinct points in a given order. Columns of ``frame``: region Int32, period Int32, then ``key:<element>``.

    ``indexes`` remembers where a table's records are for these points; it is filled by whoever looks them up.
    """

    frame: pl.DataFrame
    per_year: int
    indexes: dict[object, pl.Series | None] = field(default_factory=dict)
    _shifted: dict[int, Points] = field(default_factory=dict)
    _to_date: ToDate | None = None

    def __len__(self) -> int:
        return self.frame.height

    @property
    def key(self) -> list[str]:
        """The columns of the list's key."""
        return self.frame.columns[2:]

    def shifted(self, periods: int) -> Points:
        """The points ``periods`` earlier, in the same order."""
        found = self._shifted.get(periods)
        if found is None:
            found = Points(self.frame.with_columns(pl.col("period") - pl.lit(periods, dtype=pl.Int32)), self.per_year)
            self._shifted[periods] = found
        return found

    def to_date(self) -> ToDate:
        """The points from the year's first period through each of these."""
        if self._to_date is None:
            month = pl.col("period") % self.per_year
            spread = (
                self.frame.with_row_index("row")
                .with_columns(period=pl.int_ranges(pl.col("period") - month, pl.col("period") + 1, dtype=pl.Int32))
                .explode("period")
            )
            columns = self.frame.columns
            distinct = spread.select(columns).unique(maintain_order=True)
            numbered = distinct.with_row_index("point")
            links = spread.join(numbered, on=columns, how="left", maintain_order="left").select("row", "point")
            self._to_date = ToDate(Points(distinct, self.per_year), links)
        return self._to_date

    def cells(self) -> pl.DataFrame:
        """The distinct (region, period) of these points."""
        return self.frame.select("region", "period").unique(maintain_order=True)
