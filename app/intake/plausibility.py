"""Figures that may be right but are odd: beside their own past, and beside how the neighbours' grew.

Each kind is one small object of PLAUSIBILITY. All are warnings; their messages have the region's own figures and
nobody else's, since a submission is seen by others than those who may read the neighbours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from statistics import median
from typing import NamedTuple

from app.catalogue.model import Element, Plausible
from app.catalogue.values import Reported, canonical, shown
from app.errors import Finding
from app.intake.finding_codes import FINDING_CODES
from app.intake.grid import plain
from app.intake.records import Context, InputRow
from app.intake.surroundings import EARLIER_PERIODS, Surroundings, plausibles_of

FEWEST_EARLIER = 3
FEWEST_NEIGHBOURS = 3


class Own(NamedTuple):
    """One figure beside its past (None: not held) and, of each neighbour with both, its growth since the period before."""

    now: Fraction
    before: Fraction | None
    last_year: Fraction | None
    earlier: Sequence[Fraction]
    growths: Sequence[Fraction]


class Oddity(NamedTuple):
    """What is odd: the words after the figure, and what would not be odd."""

    words: str
    words_en: str
    accepted: str | None = None


@dataclass(frozen=True, slots=True)
class PlausibilityCheck:
    """One kind: its key under ``plausible``, its finding code, what it asks, and the judgement."""

    key: str
    code: str
    description: str
    description_en: str
    example: str
    judge: Callable[[Own, Plausible, Callable[[Fraction], str]], Oddity | None]


def _percent(share: Fraction) -> str:
    return f"{plain(shown(share * 100, 1))}%"


def _off(now: Fraction, then: Fraction | None, most: Decimal | None, when: str, when_en: str, say: Callable[[Fraction], str]) -> Oddity | None:  # fmt: skip
    if most is None or not then:
        return None
    share = (now - then) / abs(then)
    if abs(share) <= Fraction(most):
        return None
    room = abs(then) * Fraction(most)
    sign = "+" if share > 0 else ""
    return Oddity(
        f"{when}为{say(then)}，变化{sign}{_percent(share)}，超过{_percent(Fraction(most))}",
        f"{when_en} it was {say(then)}: {sign}{_percent(share)}, more than {_percent(Fraction(most))}",
        f"{say(then - room)} … {say(then + room)}",
    )


def _change(own: Own, asked: Plausible, say: Callable[[Fraction], str]) -> Oddity | None:
    return _off(own.now, own.before, asked.change, "上一期", "the period before", say)


def _last_year(own: Own, asked: Plausible, say: Callable[[Fraction], str]) -> Oddity | None:
    return _off(own.now, own.last_year, asked.last_year, "上年同期", "a year before", say)


def _median(own: Own, asked: Plausible, say: Callable[[Fraction], str]) -> Oddity | None:
    if asked.median is None or len(own.earlier) < FEWEST_EARLIER:
        return None
    middle, factor = median(own.earlier), Fraction(asked.median)
    if middle <= 0 or middle / factor <= own.now <= middle * factor:
        return None
    return Oddity(
        f"以往{len(own.earlier)}期的中位数为{say(middle)}，相差超过{plain(asked.median)}倍",
        f"the median of {len(own.earlier)} earlier periods is {say(middle)}: off by more than {plain(asked.median)} times",
        f"{say(middle / factor)} … {say(middle * factor)}",
    )


def _zero(own: Own, asked: Plausible, say: Callable[[Fraction], str]) -> Oddity | None:
    if asked.zero is None or own.now != 0 or own.before is None or abs(own.before) < Fraction(asked.zero):
        return None
    return Oddity(f"上一期为{say(own.before)}，本期为零", f"the period before it was {say(own.before)}, now it is zero")


def _sign(own: Own, asked: Plausible, say: Callable[[Fraction], str]) -> Oddity | None:
    if not asked.sign or own.before is None or own.now * own.before >= 0:
        return None
    return Oddity(
        f"上一期为{say(own.before)}，正负号相反", f"the period before it was {say(own.before)}, of the other sign"
    )


def _neighbours(own: Own, asked: Plausible, say: Callable[[Fraction], str]) -> Oddity | None:
    if asked.neighbours is None or not own.before or len(own.growths) < FEWEST_NEIGHBOURS:
        return None
    growth = own.now / own.before
    if abs(growth - median(own.growths)) <= Fraction(asked.neighbours):
        return None
    return Oddity(
        f"上一期为{say(own.before)}，变化{_percent(growth - 1)}，与同一上级的{len(own.growths)}个区划的变化明显不同",
        f"the period before it was {say(own.before)}: {_percent(growth - 1)}, unlike {len(own.growths)} regions beside it",
    )


PLAUSIBILITY: tuple[PlausibilityCheck, ...] = (
    PlausibilityCheck(
        "change", "plausible_change", "与上一期相差超过这一比例", "off from the period before by more than this share",
        'change: "0.5"', _change,
    ),
    PlausibilityCheck(
        "last_year", "plausible_last_year", "与上年同期相差超过这一比例",
        "off from the same period a year before by more than this share", 'last_year: "0.3"', _last_year,
    ),
    PlausibilityCheck(
        "median", "plausible_median", f"与以往{EARLIER_PERIODS}期（至少{FEWEST_EARLIER}期）的中位数相差超过这一倍数",
        f"off from the median of the last {EARLIER_PERIODS} periods (at least {FEWEST_EARLIER} held) by more than this factor",
        'median: "3"', _median,
    ),
    PlausibilityCheck(
        "zero", "plausible_zero", "上一期不少于此数，本期为零", "zero after at least this much", 'zero: "100"', _zero
    ),
    PlausibilityCheck(
        "sign", "plausible_sign", "与上一期正负号相反", "of another sign than the period before", "sign: true", _sign
    ),
    PlausibilityCheck(
        "neighbours", "plausible_neighbours",
        f"较上一期的变化与同一上级的其他区划（至少{FEWEST_NEIGHBOURS}个，且提交人有权填报）的中位变化相差超过这一比例",
        f"its growth is off from the median growth of the regions beside it (at least {FEWEST_NEIGHBOURS}, all of them the"
        " caller's to report) by more than this share",
        'neighbours: "0.3"', _neighbours,
    ),
)  # fmt: skip
"""Every kind of plausibility check; an element has those that its dataset's document asks for."""


class PlausibilityJudge:
    """Judges the figures that a submission brings, once all of its records are known."""

    def __init__(self, context: Context, around: Surroundings) -> None:
        self._context, self._around = context, around
        self._elements = [element for element in context.dataset.elements if element.plausible is not None]
        self._brought: list[tuple[InputRow, Iterable[str]]] = []
        self._now: dict[tuple[int, int, tuple[str, ...]], Mapping[str, Reported]] = {}
        self.asked = bool(plausibles_of(context.dataset))

    def see(self, row: InputRow, merged: Mapping[str, Reported], differing: Iterable[str]) -> None:
        """One record as it would be held, and the elements that differ from what is."""
        if self.asked:
            self._brought.append((row, differing))
            self._now[row.record_key] = merged

    def findings(self) -> list[Finding]:
        """The warnings about every figure that was brought and is odd."""
        found: list[Finding] = []
        for row, differing in self._brought:
            for element in self._elements:
                if element.code in differing and element.code not in row.faulty:
                    found += self._judged(row, element)
        return found

    def _judged(self, row: InputRow, element: Element) -> Iterable[Finding]:
        now = self._held(element, row.region_id, row.period.ordinal, row.key)
        asked = element.plausible
        if now is None or asked is None:
            return
        own = self._own(row, element, now)

        def say(value: Fraction) -> str:
            return f"{plain(shown(value, element.decimals))}{element.unit or ''}"

        cell = row.place.cells.get(element.code)
        for check in PLAUSIBILITY:
            odd = check.judge(own, asked, say)
            if odd is not None:
                yield Finding(
                    severity=FINDING_CODES[check.code].severity,
                    code=check.code,
                    message=f"{element.title}为{say(now)}，{odd.words}，请核对",
                    sheet=row.place.sheet,
                    row=int(cell.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")) if cell is not None else row.place.row,
                    column=cell.rstrip("0123456789") if cell is not None else None,
                    cell=cell,
                    element=element.code,
                    value=say(now),
                    accepted=odd.accepted,
                    message_en=f"{element.code} is {say(now)}; {odd.words_en}; please check",
                )

    def _own(self, row: InputRow, element: Element, now: Fraction) -> Own:
        region, period, key = row.region_id, row.period, row.key
        earlier = [self._held(element, region, period.ordinal - step, key) for step in range(1, EARLIER_PERIODS + 1)]
        growths: list[Fraction] = []
        for beside in self._around.neighbours.get((region, period.ordinal), ()):
            then = self._held(element, beside, period.ordinal - 1, key)
            theirs = self._held(element, beside, period.ordinal, key)
            if then and theirs is not None:
                growths.append(theirs / then)
        return Own(
            now,
            earlier[0],
            self._held(element, region, period.last_year().ordinal, key),
            [value for value in earlier if value is not None],
            growths,
        )

    def _held(self, element: Element, region: int, ordinal: int, key: tuple[str, ...]) -> Fraction | None:
        """As it would be held after the submission: a file that brings several periods is compared with itself."""
        merged = self._now.get((region, ordinal, key))
        if merged is not None:
            return self._number(element, merged)
        record = self._around.records.get((region, ordinal, key))
        return self._number(element, record.values) if record is not None and not record.withdrawn else None

    def _number(self, element: Element, values: Mapping[str, Reported]) -> Fraction | None:
        reported = values.get(element.code)
        value = canonical(reported, element, self._context.catalogue.units) if reported is not None else None
        return value if isinstance(value, Fraction) else None
