"""Very large views, mapped some regions at a time: a whole country passes through, and is never all in memory.

Only for views whose rows rest on their own regions alone; what they show, and its digest, are the same either way.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import polars as pl

from app.formats.slices import written
from app.formats.writing import FORMATS, Format
from app.formats.writing_arrow import wide_fields
from app.mapping.plan import Plan
from app.policy.scopes import Scope
from app.services.answered import told_of
from app.services.held_records import HeldRecords
from app.services.mapped import SeenBefore, mapped_of
from app.services.questions import Question
from app.services.registry import Registry, State
from app.services.row_by_row import Stretch, digest_of, is_row_by_row, prefix_of, stretches

LARGE = 400_000  # records of one dataset above which a view is not mapped at once
_SLICE = 25_000
_REGIONS = 1_500  # in a piece


@dataclass(frozen=True)
class Overview(SeenBefore):
    """What is to be known of a view before its first row is sent: the digest, how many rows, and what they are about."""

    rows: int
    answered: dict[str, object]
    wide: frozenset[str]


@dataclass(frozen=True)
class ViewInPieces:
    """A view at one state, under one scope."""

    registry: Registry
    state: State
    code: str
    version: str
    plan: Plan
    scope: Scope
    today: date

    def is_large(self) -> bool:
        """Whether it is to be mapped in pieces, and can be."""
        if not is_row_by_row(self.plan, self.state, self.scope):
            return False
        held = HeldRecords(self.registry, self.state)
        return any(held.count(dataset) > LARGE for dataset in self.plan.sources)

    def frames(self) -> Iterator[pl.DataFrame]:
        """The rows of the mapped view, in its order."""
        for prefixes, regions in self._pieces():
            mapped = mapped_of(self.registry, self.state, self.plan, self.scope, self.today, regions)
            # A region may have had codes that begin otherwise: those rows are of another piece.
            yield mapped.frame.filter(prefix_of(pl.col("code")).is_in(sorted(prefixes)))
            self.registry.parts.let_go()

    def written(self, form: Format, overview: Overview) -> Iterator[bytes]:
        """All rows in a format that goes in pieces, with its head."""
        fields, lines = self.plan.outputs, form.lines
        if form.of_pieces is not None:
            yield from form.of_pieces(fields, overview.wide, self.frames())
            return
        if lines is None:
            raise ValueError(f"{form.name} does not go in pieces")
        head = lines.head(fields)
        if head:
            yield head
        for frame in self.frames():
            yield from written(frame, _SLICE, lines.writer(fields, frame))

    def overview(self) -> Overview:
        """Goes through all rows once."""
        parts: list[Stretch] = []
        rows = 0
        codes: set[str] = set()
        periods: set[int] = set()
        wide: frozenset[str] = frozenset()
        for frame in self.frames():
            parts += stretches(frame)
            rows += frame.height
            codes.update(frame["code"].unique().to_list())
            periods.update(frame["period"].unique().to_list())
            wide |= wide_fields(self.plan.outputs, frame)
        outputs = self.plan.outputs
        digest = digest_of(f"{self.code}\0{self.version}", outputs, parts)
        said = told_of([field.name for field in outputs], codes, periods, self.plan.frequency)
        return Overview(digest, rows, said, wide)

    def _pieces(self) -> Iterator[tuple[set[str], frozenset[int]]]:
        """Beginnings of codes next to each other, with every region that ever had a code that begins so."""
        by_prefix: dict[str, set[int]] = {}
        for each in self.state.regions.states():
            by_prefix.setdefault(each.code[:4], set()).add(each.region_id)
        prefixes: set[str] = set()
        regions: set[int] = set()
        for prefix in sorted(by_prefix):
            prefixes.add(prefix)
            regions |= by_prefix[prefix]
            if len(regions) >= _REGIONS:
                yield prefixes, frozenset(regions)
                prefixes, regions = set(), set()
        if prefixes:
            yield prefixes, frozenset(regions)


def may_go_in_pieces(question: Question) -> bool:
    """Whether all rows and fields are asked for, in their own order, in a format that goes in pieces."""
    return FORMATS[question.format].goes_in_pieces and question == Question(
        as_of=question.as_of, format=question.format
    )
