"""What was seen: one figure for each measure, party and round, and what follows from them. Arithmetic only."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of some figures, the least and the most of them."""

    middle: float
    least: float
    most: float

    @classmethod
    def of(cls, figures: Sequence[float]) -> Spread:
        """Raises ValueError without a figure."""
        if not figures:
            raise ValueError("no figure")
        return cls(statistics.median(figures), min(figures), max(figures))


@dataclass(slots=True)
class Seen:
    """Figures by measure, party and round."""

    _figures: dict[tuple[str, str], dict[int, float]] = field(default_factory=lambda: defaultdict(dict))

    def note(self, measure: str, party: str, turn: int, figure: float) -> None:
        self._figures[measure, party][turn] = figure

    def figure(self, measure: str, party: str, turn: int) -> float | None:
        return self._figures.get((measure, party), {}).get(turn)

    def parties(self, measure: str) -> list[str]:
        """Who has a figure in it, in the order of their first."""
        return [party for known, party in self._figures if known == measure]

    def spread(self, measure: str, party: str) -> Spread | None:
        """None where the party has no figure."""
        found = self._figures.get((measure, party))
        return Spread.of(list(found.values())) if found else None

    def ratio(self, over: tuple[str, str], under: tuple[str, str]) -> Spread | None:
        """``over`` divided by ``under`` (each a measure and a party), round by round; None without a common round."""
        above, below = self._figures.get(over, {}), self._figures.get(under, {})
        found = [above[turn] / below[turn] for turn in sorted(above.keys() & below.keys()) if below[turn] > 0]
        return Spread.of(found) if found else None


@dataclass(frozen=True, slots=True)
class Goal:
    """A ratio that is to be at least or at most so much. In ``over`` and ``under`` the party OURS is the one judged."""

    title: str
    over: tuple[str, str]
    under: tuple[str, str]
    sense: Literal["at least", "at most"]
    bound: float

    def met(self, ratio: Spread) -> bool:
        return ratio.middle >= self.bound if self.sense == "at least" else ratio.middle <= self.bound

    def judged(self, seen: Seen, database: str) -> Spread | None:
        """The ratio of the registry on a database; None where it was not measured."""
        over, under = (
            (measure, party.replace(OURS, f"ours, {database}")) for measure, party in (self.over, self.under)
        )
        return seen.ratio(over, under)


OURS = "OURS"
ONE, TWO = f"{OURS}, 1 worker", f"{OURS}, 2 workers"
FILE, PLAIN, EMPTY = "the same bytes from a file", "plain FastAPI + ORM + models", "an empty FastAPI handler"
COPY_CSV, COPY_JSON, PGBENCH = "psql COPY csv", "psql COPY (row_to_json)", "pgbench"
FIRST, AGAIN = "whole view, NDJSON, first time", "whole view, NDJSON, second time"
CSV_FIRST, CSV_AGAIN = "whole view, CSV, first time", "whole view, CSV, second time"
PAGES, RECORDS = "pages of 1,000", "single records"
UPLOADS = ("upload of new records", "upload of changed records")
ALONE, AFTER = "without a write", "after a write"
READS = ("one record", "a page of 1,000", "the whole view")

GOALS = (
    Goal("whole view, first time, NDJSON: times as fast as the plain service", (FIRST, PLAIN), (FIRST, ONE), "at least", 12),
    Goal("the same: part of the time of COPY (row_to_json)", (FIRST, ONE), (FIRST, COPY_JSON), "at most", 0.4),
    Goal("whole view, first time, CSV: part of the time of COPY csv", (CSV_FIRST, ONE), (CSV_FIRST, COPY_CSV), "at most", 0.8),
    Goal("second time, NDJSON: times that of sending a file", (AGAIN, ONE), (AGAIN, FILE), "at most", 1.6),
    Goal("second time, CSV: times that of sending a file", (CSV_AGAIN, ONE), (CSV_AGAIN, FILE), "at most", 1.6),
    Goal("page of 1,000: times the plain service", (PAGES, ONE), (PAGES, PLAIN), "at least", 12),
    Goal("page of 1,000: times pgbench's page", (PAGES, ONE), (PAGES, PGBENCH), "at least", 1),
    Goal("one record: times the plain service", (RECORDS, ONE), (RECORDS, PLAIN), "at least", 4),
    Goal("one record: part of an empty handler (stretch 0.6)", (RECORDS, ONE), (RECORDS, EMPTY), "at least", 0.5),
    Goal("one record: two workers to one", (RECORDS, TWO), (RECORDS, ONE), "at least", 1.6),
    *(
        Goal(f"{read} after a write of one township, to one without", (f"{read} {AFTER}", ONE), (f"{read} {ALONE}", ONE), "at most", 3)
        for read in READS
    ),
    *(
        Goal(f"{upload} from xlsx: times as fast as openpyxl + models + ORM", (upload, PLAIN), (upload, ONE), "at least", 15)
        for upload in UPLOADS
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Run:
    """All that a report tells: the figures, and what they were taken with."""

    seen: Seen
    size: str
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    memory: Mapping[str, tuple[int, int]]  # bytes when it began to listen, and the most
    client: Mapping[str, float]  # share of one processor that the load took beside each party's single records
    equal: Sequence[str]
    notes: Sequence[str]
