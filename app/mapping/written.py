"""A typed tree written out again as text: what is really computed, conversions as the factors that they are."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from app.mapping.tree import Arithmetic, Call, Comparison, Literal, Logic, Node, Reading, Scaled, Shifted, YearToDate

_LOOSEST = {"or": 0, "and": 1, "not": 2}
_COMPARISON, _SUM, _PRODUCT, _ATOM = 3, 4, 5, 6
_MOST_PLACES, _PLACES = 40, 20


def written(node: Node, per_year: int = 1) -> str:
    """The expression of ``node``. ``per_year``: periods of the grain in a year, to tell ``last_year`` by."""
    return _written(node, per_year)[0]


def decimal_text(value: Fraction) -> tuple[str, bool]:
    """The number in decimal digits and whether they are all there; else cut off after 20 places, not rounded."""
    rest, power = value.denominator, 0
    for prime in (2, 5):
        times = 0
        while rest % prime == 0:
            rest //= prime
            times += 1
        power = max(power, times)
    exact = rest == 1 and power <= _MOST_PLACES
    digits = power if exact else _PLACES
    whole, part = divmod(abs(value.numerator) * 10**digits // value.denominator, 10**digits)
    text = f"{whole}.{part:0{digits}d}" if digits else str(whole)
    return ("-" if value < 0 else "") + text, exact


def _written(node: Node, per_year: int) -> tuple[str, int]:  # noqa: PLR0911 - one for each form of the language
    """The text and how tightly it holds together."""

    def part(child: Node, least: int) -> str:
        text, tightness = _written(child, per_year)
        return text if tightness >= least else f"({text})"

    match node:
        case Literal(value=value):
            return _constant(value)
        case Reading(path=path):
            return path, _ATOM
        case Scaled(operand=operand, factor=factor):
            if factor == -1:
                return f"-{part(operand, _ATOM)}", _PRODUCT
            text = str(factor) if factor.denominator == 1 and factor > 0 else f"({factor})"
            return f"{part(operand, _PRODUCT)} * {text}", _PRODUCT
        case Arithmetic(operator=operator, left=left, right=right):
            level = _SUM if operator in "+-" else _PRODUCT
            return f"{part(left, level)} {operator} {part(right, level + 1)}", level
        case Comparison(operator=operator, left=left, right=right):
            return f"{part(left, _SUM)} {operator} {part(right, _SUM)}", _COMPARISON
        case Logic(operator="not", operands=(operand,)):
            return f"not {part(operand, _COMPARISON)}", _LOOSEST["not"]
        case Logic(operator=operator, operands=operands):
            level = _LOOSEST[operator]
            return f" {operator} ".join(part(each, level + 1) for each in operands), level
        case Call(function=function, operands=operands, digits=digits):
            arguments = [part(each, 0) for each in operands]
            if function == "round" and digits:
                arguments.append(str(digits))
            return f"{function}({', '.join(arguments)})", _ATOM
        case Shifted(operand=operand, periods=periods):
            name = "last_year" if periods == per_year != 1 else "previous"
            return f"{name}({part(operand, 0)})", _ATOM
        case YearToDate(operand=operand):
            return f"ytd({part(operand, 0)})", _ATOM


def _constant(value: Fraction | str | bool | date | None) -> tuple[str, int]:
    if value is None:
        return "missing", _ATOM
    if isinstance(value, bool):
        return ("true" if value else "false"), _ATOM
    if isinstance(value, Fraction):
        text, exact = decimal_text(value)
        if not exact:
            return f"({value})", _ATOM
        return text, _ATOM if value >= 0 else _PRODUCT
    return f"'{value.isoformat() if isinstance(value, date) else value}'", _ATOM
