"""A checked part of an expression: its typed node and what its number measures.

Every number carries its unit. An element's number is in its own unit; a literal has none and takes that of whatever it
meets, so that ``x >= 0`` and ``x + 1`` mean what a clerk means.

Percentages are written in two ways, and both are understood: ``a / b`` is a pure number that ``unit: '%'`` multiplies
by 100; ``a / b * 100`` (or ``100 * a / b``; 1000 for ‰) already is one in per cent, and stays as it is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fractions import Fraction

from app.catalogue.model import Element
from app.catalogue.units import Dimension, Unit, UnitTable
from app.mapping.scalars import combined
from app.mapping.steps import Steps
from app.mapping.tree import Arithmetic, Kind, Literal, Node, Reading, Scaled, children

# Bases that are measured, not counted: 户 <= 人 is a check that clerks make, 公顷 <= 元 is a slip of the pen.
MEASURED_BASES: frozenset[str] = frozenset(
    "米 公斤 吨标准煤 元 美元 天 月 学时 瓦 千伏 千伏安 度 摄氏度 分贝".split()  # noqa: SIM905 - easier to read
)
_KINDS: Mapping[str, Kind] = {"integer": "number", "decimal": "number", "boolean": "boolean", "date": "date"}
_PER_HUNDREDS = frozenset({Fraction(100), Fraction(1000), Fraction(10000)})


@dataclass(frozen=True, slots=True)
class Quantity:
    """What a number measures: number × ``factor`` is the value in the base of ``dimension``.

    ``multiplier``: the literals it was multiplied by; ``quotient``: a division by data lies behind it;
    ``literal``: a bare number, which takes the unit of whatever it meets. ``code`` is the unit's name while it has one.
    """

    dimension: Dimension = ()
    factor: Fraction = Fraction(1)
    multiplier: Fraction = Fraction(1)
    quotient: bool = False
    literal: bool = False
    code: str | None = None

    @property
    def meant(self) -> Fraction:
        """The factor as it is meant: of ``a / b * 100`` that of a percentage."""
        if self.quotient and self.dimension == () and self.multiplier in _PER_HUNDREDS:
            return self.factor / self.multiplier
        return self.factor


@dataclass(frozen=True, slots=True)
class Typed:
    """A checked part: its node, what it measures if it is a number, and what the whole has to know about it.

    ``decimals``: the greatest of its elements' decimals (of its literals', where it has no element);
    ``measures``: those of its elements; ``coarse``: paths that are coarser in time than the grain.
    """

    node: Node
    quantity: Quantity | None = None
    decimals: int = 0
    divides: bool = False
    measures: frozenset[str] = frozenset()
    coarse: frozenset[str] = frozenset()

    @property
    def kind(self) -> Kind:
        return self.node.kind

    @property
    def measured(self) -> Quantity:
        """What it measures; of anything but a number, a pure number."""
        return self.quantity or Quantity()


def element_reading(element: Element, steps: Steps, units: UnitTable, *, coarse: bool = False) -> Typed:
    """One element brought to the grain by ``steps``, as a part of an expression."""
    coarser = frozenset({element.path} if coarse else ())
    if steps.counts:
        return Typed(Reading("number", element.path, steps), Quantity(), measures=frozenset({"flow"}), coarse=coarser)
    node = Reading(_KINDS.get(element.type, "text"), element.path, steps)
    quantity = _quantity(element, units) if element.numeric else None
    decimals = element.decimals if element.type == "decimal" else 0
    return Typed(node, quantity, decimals, measures=frozenset({_measure(element, steps)}), coarse=coarser)


def _quantity(element: Element, units: UnitTable) -> Quantity:
    if element.unit is None:
        return Quantity()
    unit = units.get(element.unit)
    if unit is None:
        return Quantity(((element.unit, 1),), code=element.unit)
    return Quantity(unit.dimension, unit.factor, code=element.unit)


def _measure(element: Element, steps: Steps) -> str:
    """Its measure after the steps: of a flow only a sum is still one, of a cumulative only the latest."""
    kept = {"flow": "sum", "cumulative": "last"}.get(element.measure)
    if kept is None or steps.over_time not in (None, kept) or steps.over_regions not in (None, "sum"):
        return "stock" if element.measure in ("flow", "cumulative") else element.measure
    return element.measure


def converted(part: Typed, unit: Unit, code: str) -> Typed | None:
    """The number in ``unit``; None if it measures something else. A bare literal takes the unit as its own."""
    own = part.measured
    if own.literal and own.dimension != unit.dimension:
        node = part.node
    elif own.dimension == unit.dimension:
        node = times(part.node, own.meant / unit.factor)
    else:
        return None
    return replace(part, node=node, quantity=Quantity(unit.dimension, unit.factor, code=code))


def told(quantity: Quantity) -> str:
    """What a number measures, for a message."""
    if quantity.code is not None:
        return f"“{quantity.code}”"
    if not quantity.dimension:
        return "无单位的数"
    above = "·".join(base if power == 1 else f"{base}^{power}" for base, power in quantity.dimension if power > 0)
    below = "·".join(base if power == -1 else f"{base}^{-power}" for base, power in quantity.dimension if power < 0)
    return f"“{above or '1'}{'/' + below if below else ''}”"


def is_count(quantity: Quantity) -> bool:
    """Whether it is a number of things: of one counting unit, or of none. A rate is not."""
    match quantity.dimension:
        case ():
            return quantity.factor == 1 and not quantity.quotient
        case ((base, 1),):
            return base not in MEASURED_BASES
        case _:
            return False


def merged(node: Node, parts: Sequence[Typed], quantity: Quantity | None = None) -> Typed:
    """A node over ``parts``, with what the whole inherits from them."""
    resting = [part for part in parts if part.measures] or list(parts)
    return Typed(
        node,
        quantity,
        max((part.decimals for part in resting if part.kind == "number"), default=0),
        any(part.divides for part in parts),
        frozenset().union(*(part.measures for part in parts)),
        frozenset().union(*(part.coarse for part in parts)),
    )


def multiplied(part: Typed, literal: Typed) -> Typed:
    """``part`` times a literal: the unit stays, the literal is remembered."""
    own = part.measured
    value = literal_value(literal)
    if literal.node != Literal("number", value):
        return merged(Arithmetic("*", part.node, literal.node), (part, literal), replace(own, code=None))
    quantity = replace(own, multiplier=own.multiplier * value, code=own.code if value == 1 else None)
    return merged(times(part.node, value), (part, literal), quantity)


def literal_value(part: Typed) -> Fraction:
    """The number that a literal is, for what it multiplies; 1 where it is zero or has none."""
    value = part.node.value if isinstance(part.node, Literal) else None
    return value if isinstance(value, Fraction) and value != 0 else Fraction(1)


def times(node: Node, factor: Fraction) -> Node:
    if factor == 1:
        return node
    if isinstance(node, Scaled):
        product = node.factor * factor
        return node.operand if product == 1 else Scaled(node.operand, product)
    return folded(Scaled(node, factor))


def folded(node: Node) -> Node:
    """The constant that a node over constants is; any other node as it is."""
    operands = [child for child in children(node) if isinstance(child, Literal)]
    if len(operands) < len(children(node)):
        return node
    return Literal(node.kind, combined(node, [operand.value for operand in operands]))


def combined_dimension(one: Dimension, other: Dimension, sign: int) -> Dimension:
    exponents = dict(one)
    for base, exponent in other:
        exponents[base] = exponents.get(base, 0) + sign * exponent
    return tuple(sorted((base, exponent) for base, exponent in exponents.items() if exponent))


def as_date(part: Typed, beside: Typed) -> Typed:
    """A text literal in ISO form read as a date, where it stands beside one."""
    if beside.kind != "date" or not isinstance(part.node, Literal) or part.kind != "text":
        return part
    try:
        return replace(part, node=Literal("date", date.fromisoformat(str(part.node.value))))
    except ValueError:
        return part
