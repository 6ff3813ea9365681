"""Units of measure: exact rational factors, and one parser for quotients and products of known units.

``公斤/亩``, ``元/人·月`` (per person and month), ``例/10万人``, ``万立方米/日`` need no entry: a code is read as parts
joined by ``·`` and ``/`` (all parts after the first ``/`` divide), each part a known unit, perhaps with 十 百 千 万 亿
before it. Spaces and full-width forms are normalised on look-up.

Water: 立方米 and 吨 are kept apart. The convention 1 立方米 ≈ 1 吨 is had by naming the unit ``吨水``, or by asking
``factor(..., approximate=True)``; both say that the number is a convention.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from app.catalogue.unit_definitions import DIMENSIONED_DEFINITIONS, PURE_DEFINITIONS, UnitDefinition

__all__ = [
    "BUILTIN_UNITS",
    "Dimension",
    "Unit",
    "UnitDefinition",
    "UnitMismatch",
    "UnitTable",
    "normal_unit_code",
    "parse_factor",
]

Dimension = tuple[tuple[str, int], ...]  # sorted (base, exponent); () is a pure number

MAX_CODE_LENGTH = 40
_MAX_PARTS = 6
_REMEMBERED = 4096
_MULTIPLES = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000}
_MULTIPLE = re.compile(r"[十百千万]?[万亿]|[十百千]")
_ONE_MULTIPLE = re.compile(r"[十百千万亿]")
_PER_NUMBER = re.compile(r"([1-9][0-9]{0,8})(?=\D)")
_FACTOR = re.compile(r"([0-9]{1,30})(?:\.([0-9]{1,30}))?(?:/([0-9]{1,30})(?:\.([0-9]{1,30}))?)?")
_DOTS = str.maketrans(dict.fromkeys("・•⋅∙*×․", "·") | {"÷": "/", "∕": "/", "⁄": "/", "〔": "(", "〕": ")"})
_WATER: Dimension = (("公斤", 1), ("米", -3))  # a density of 1000 公斤 a 立方米, where the convention is asked for


@dataclass(frozen=True, slots=True)
class Unit:
    """A unit of measure: ``factor`` takes a number in it to the base of its ``dimension``.

    ``approximate`` marks a unit that rests on a convention (吨水), not on a definition.
    """

    code: str
    dimension: Dimension
    factor: Fraction
    approximate: bool = False


class UnitMismatch(ValueError):
    """Two units do not convert into each other, or one of them is not known."""


def normal_unit_code(text: str) -> str:
    """``text`` without spaces, in half-width, with one sign for each of product and quotient."""
    folded = unicodedata.normalize("NFKC", text).translate(_DOTS)
    return "".join(folded.split())


def parse_factor(text: str) -> Fraction:
    """An exact factor, written as a decimal or a fraction such as ``1/15``; ValueError unless it is above zero."""
    match = _FACTOR.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"不是大于零的系数（not a factor above zero）: {text}")
    whole, part, below, below_part = match.groups()
    denominator = Fraction(f"{below}.{below_part or 0}") if below is not None else Fraction(1)
    if denominator == 0:
        raise ValueError(f"不是大于零的系数（not a factor above zero）: {text}")
    factor = Fraction(f"{whole}.{part or 0}") / denominator
    if factor == 0:
        raise ValueError(f"不是大于零的系数（not a factor above zero）: {text}")
    return factor


def _combined(parts: Iterable[tuple[Unit, int]]) -> tuple[Dimension, Fraction, bool]:
    exponents: dict[str, int] = {}
    factor = Fraction(1)
    approximate = False
    for unit, sign in parts:
        factor *= unit.factor**sign
        approximate = approximate or unit.approximate
        for base, exponent in unit.dimension:
            exponents[base] = exponents.get(base, 0) + sign * exponent
    return tuple(sorted((base, e) for base, e in exponents.items() if e)), factor, approximate


class UnitTable:
    """The units known to one catalogue. Immutable; ``extended`` gives a larger one."""

    def __init__(self, units: Sequence[Unit], spellings: dict[str, str], prefixed: frozenset[str]) -> None:
        self._units = {unit.code: unit for unit in units}
        self._spellings = spellings
        self._prefixed = prefixed
        self._found: dict[str, Unit | None] = {}
        self._aliases: dict[str, tuple[str, ...]] = {}
        for alias, code in spellings.items():
            self._aliases[code] = (*self._aliases.get(code, ()), alias)
        self._folded: dict[str, str] | None = None

    @property
    def units(self) -> tuple[Unit, ...]:
        """Every unit that has an entry of its own, in order of definition."""
        return tuple(self._units.values())

    def spellings(self, code: str) -> tuple[str, ...]:
        """The other spellings under which the unit ``code`` is known."""
        return self._aliases.get(code, ())

    def folded(self) -> Mapping[str, str]:
        """Code by every spelling in folded case; '' for one that means two units when its case is lost (MW, mW)."""
        if self._folded is None:
            folded: dict[str, str] = {}
            for unit in self._units:
                for spelling in (unit, *self.spellings(unit)):
                    present = folded.setdefault(spelling.casefold(), unit)
                    if present != unit:
                        folded[spelling.casefold()] = ""
            self._folded = folded
        return self._folded

    def get(self, code: str) -> Unit | None:
        """The unit that ``code`` names: an entry, a multiple (万亩) or a quotient or product of such; None if none."""
        if code in self._found:
            return self._found[code]
        if len(code) > MAX_CODE_LENGTH:
            return None
        unit = self._read(normal_unit_code(code))
        if len(self._found) < _REMEMBERED:  # texts come from workbooks: what is remembered stays bounded
            self._found[code] = unit
        return unit

    def __contains__(self, code: str) -> bool:
        return self.get(code) is not None

    def known(self, code: str) -> Unit:
        """The unit that ``code`` names; raises UnitMismatch if there is none."""
        unit = self.get(code)
        if unit is None:
            raise UnitMismatch(f"没有计量单位“{code}”（there is no unit of measure {code!r}）")
        return unit

    def factor(self, source: str, target: str, *, approximate: bool = False) -> Fraction:
        """What a value in ``source`` is multiplied by to be in ``target``, exactly.

        Raises UnitMismatch if one is unknown or they measure different things. ``approximate`` also lets water pass
        between 立方米 and 吨, one to one.
        """
        if source == target and source in self._units:
            return Fraction(1)
        a, b = self.known(source), self.known(target)
        if a.dimension == b.dimension:
            return a.factor / b.factor
        if approximate:
            bridge = Unit("", _WATER, Fraction(1000))
            for sign in (1, -1):
                dimension, factor, _ = _combined([(a, 1), (bridge, sign)])
                if dimension == b.dimension:
                    return factor / b.factor
        raise UnitMismatch(f"“{source}”与“{target}”不能换算（{source} does not convert into {target}）")

    def same(self, one: str | None, other: str | None) -> bool:
        """Whether two codes mean one unit (平方公里 and km²), so that numbers need no conversion."""
        if one == other:
            return True
        a, b = self.get(one) if one else None, self.get(other) if other else None
        return a is not None and b is not None and (a.dimension, a.factor) == (b.dimension, b.factor)

    def faults(self, definitions: Sequence[UnitDefinition]) -> list[tuple[int, str]]:
        """What is wrong with adding ``definitions``: (index, message) of every one at fault."""
        return self._extend(definitions)[1]

    def extended(self, definitions: Sequence[UnitDefinition]) -> UnitTable:
        """This table with ``definitions`` added, in any order; ValueError where ``faults`` has something to say."""
        table, faults = self._extend(definitions)
        if faults:
            raise ValueError("; ".join(message for _, message in faults))
        return table

    def _extend(self, definitions: Sequence[UnitDefinition]) -> tuple[UnitTable, list[tuple[int, str]]]:
        table = self
        faults: list[tuple[int, str]] = []
        waiting = list(enumerate(definitions))
        while waiting:
            ready = [(i, d) for i, d in waiting if d.of is None or d.of in table]
            if not ready:
                faults += [(i, f"没有计量单位“{d.of}”（of names no known unit: {d.of}）") for i, d in waiting]
                break
            for i, definition in ready:
                present = table.get(definition.code)
                added = table._defined(definition)
                if present is None:
                    table = table._with(added, definition)
                elif (present.dimension, present.factor) != (added.dimension, added.factor):
                    faults.append((i, f"“{definition.code}”已有别的含义（already has another meaning）"))
            waiting = [pair for pair in waiting if pair not in ready]
        return table, sorted(faults)

    def _defined(self, definition: UnitDefinition) -> Unit:
        code = normal_unit_code(definition.code)
        if definition.of is None:
            return Unit(code, ((code, 1),), Fraction(1), definition.approximate)
        base = self.known(definition.of)
        approximate = definition.approximate or base.approximate
        return Unit(code, base.dimension, base.factor * definition.factor, approximate)

    def _with(self, unit: Unit, definition: UnitDefinition) -> UnitTable:
        spellings = self._spellings | {normal_unit_code(alias): unit.code for alias in definition.aliases}
        prefixed = self._prefixed | ({unit.code} if definition.prefixed else set())
        return UnitTable([*self._units.values(), unit], spellings, prefixed)

    def _read(self, text: str) -> Unit | None:
        single = self._entry(text) or self._multiple(text)
        if single is not None or not any(sign in text for sign in "/·每"):
            return single
        segments = re.split(r"/|(?<=.)每(?=.)", text)
        parts: list[tuple[Unit, int]] = []
        names: list[str] = []
        for position, segment in enumerate(segments):
            inner = segment[1:-1] if segment.startswith("(") and segment.endswith(")") else segment
            sign = 1 if position == 0 else -1
            for name in inner.split("·"):
                part = self._entry(name) or self._multiple(name) or (self._numbered(name) if sign < 0 else None)
                if part is None or len(parts) == _MAX_PARTS:
                    return None
                parts.append((part, sign))
            names.append("·".join(part.code for part, _ in parts[len(parts) - inner.count("·") - 1 :]))
        dimension, factor, approximate = _combined(parts)
        return Unit("/".join(names), dimension, factor, approximate)

    def _entry(self, text: str) -> Unit | None:
        return self._units.get(self._spellings.get(text, text))

    def _multiple(self, text: str) -> Unit | None:
        for match in (_MULTIPLE.match(text), _ONE_MULTIPLE.match(text)):  # 万千瓦时, then 千瓦时 as it is
            if match is None:
                continue
            unit = self._entry(text[match.end() :])
            if unit is not None and unit.code in self._prefixed:
                times = 1
                for digit in match.group():
                    times *= _MULTIPLES[digit]
                return Unit(match.group() + unit.code, unit.dimension, unit.factor * times, unit.approximate)
        return None

    def _numbered(self, text: str) -> Unit | None:
        """``10万人`` after a stroke; never before one, where （2025年） would pass for a unit."""
        match = _PER_NUMBER.match(text)
        if match is None:
            return None
        rest = text[match.end() :]
        unit = self._entry(rest) or self._multiple(rest)
        if unit is None:
            return None
        return Unit(match.group() + unit.code, unit.dimension, unit.factor * int(match.group()), unit.approximate)


def _builtin() -> UnitTable:
    units: dict[str, Unit] = {d.code: Unit(d.code, (), d.factor) for d in PURE_DEFINITIONS}
    spellings = {alias: d.code for d in PURE_DEFINITIONS for alias in d.aliases}
    prefixed: set[str] = set()
    table = UnitTable(list(units.values()), spellings, frozenset())
    for definition in DIMENSIONED_DEFINITIONS:
        unit = table._defined(definition)  # noqa: SLF001 - its own kind
        clashes = [name for name in (unit.code, *definition.aliases) if name in units or name in spellings]
        if clashes:
            raise ValueError(f"defined twice: {clashes}")
        units[unit.code] = unit
        spellings |= {normal_unit_code(alias): unit.code for alias in definition.aliases}
        prefixed |= {unit.code} if definition.prefixed else set()
        table = UnitTable(list(units.values()), spellings, frozenset(prefixed))
    return table


BUILTIN_UNITS: UnitTable = _builtin()
