"""Kinds and dimensions of an expression: from its syntax to a typed tree, or every reason why it has none.

``+ -`` and comparison convert the right side to the unit of the left, exactly, and refuse another dimension; ``* /``
combine dimensions. What a literal and a percentage measure is told in ``app.mapping.typed``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction

from app.catalogue.units import UnitTable
from app.mapping.functions import FUNCTIONS
from app.mapping.syntax import Applied, Binary, Chain, Joined, Name, Number, Syntax, Text, Truth, Unary
from app.mapping.tree import Arithmetic, Call, Comparison, Kind, Literal, Logic, Node, Shifted, YearToDate
from app.mapping.typed import (
    Quantity,
    Typed,
    as_date,
    combined_dimension,
    converted,
    folded,
    is_count,
    literal_value,
    merged,
    multiplied,
    times,
    told,
)

MOST_TIME_STEPS = 4
MOST_ROUND_DIGITS = 18

_KIND_WORDS: dict[Kind, str] = {"number": "数", "text": "文本", "boolean": "真假值", "date": "日期"}


class Unreadable(Exception):
    """The name stands for nothing that can be read here; the text says why."""


class Inference:
    """Checks one expression. Faults are gathered in ``faults``; a part at fault is None and silences what rests on it.

    ``resolve`` gives the element of a path or raises Unreadable. ``per_year``: periods of the grain in a year, or None
    where ``no_time`` says why nothing can move in time.
    """

    def __init__(
        self, units: UnitTable, resolve: Callable[[str], Typed], per_year: int | None, no_time: str = ""
    ) -> None:
        self._units = units
        self._resolve = resolve
        self._per_year = per_year
        self._no_time = no_time
        self._moves = 0
        self.faults: list[str] = []

    def infer(self, syntax: Syntax) -> Typed | None:
        """The typed tree of ``syntax``, or None where ``faults`` says why not."""
        found: Typed | None
        match syntax:
            case Number() | Text() | Truth():
                found = _literal(syntax)
            case Name(path=path):
                found = self._name(path, syntax.at)
            case Unary():
                found = self._unary(syntax)
            case Binary():
                found = self._binary(syntax)
            case Chain():
                found = self._chain(syntax)
            case Joined(operator=operator, operands=operands):
                found = self._logic(operator, operands)
            case Applied():
                found = self._applied(syntax)
        return found

    def _fault(self, at: int, message: str) -> None:
        told = f"第 {at + 1} 个字符：{message}"
        if told not in self.faults:
            self.faults.append(told)

    def _name(self, path: str, at: int) -> Typed | None:
        try:
            return self._resolve(path)
        except Unreadable as reason:
            self._fault(at, str(reason))
            return None

    def _is(self, kind: Kind, part: Typed, at: int) -> bool:
        if part.kind == kind:
            return True
        words = f"此处须是{_KIND_WORDS[kind]}，而不是{_KIND_WORDS[part.kind]}"
        self._fault(at, f"{words}（a {kind} is needed, not a {part.kind}）")
        return False

    def _are(self, kind: Kind, parts: Sequence[Typed], places: Sequence[Syntax]) -> bool:
        found = [self._is(kind, part, place.at) for part, place in zip(parts, places, strict=True)]
        return all(found)

    def _all(self, parts: Sequence[Syntax]) -> list[Typed] | None:
        """Every part checked, so that all their faults are told; None if one is at fault."""
        found = [self.infer(part) for part in parts]
        sound = [part for part in found if part is not None]
        return sound if len(sound) == len(found) else None

    # -- operators ---------------------------------------------------------------------------------------------
    def _unary(self, syntax: Unary) -> Typed | None:
        if syntax.operator == "not":
            return self._logic("not", (syntax.operand,))
        part = self.infer(syntax.operand)
        if part is None or not self._is("number", part, syntax.operand.at):
            return None
        return part if syntax.operator == "+" else replace(part, node=times(part.node, Fraction(-1)))

    def _logic(self, operator: str, operands: Sequence[Syntax]) -> Typed | None:
        parts = self._all(operands)
        if parts is None or not self._are("boolean", parts, operands):
            return None
        return merged(folded(Logic(operator, tuple(part.node for part in parts))), parts)

    def _binary(self, syntax: Binary) -> Typed | None:
        parts = self._all((syntax.left, syntax.right))
        if parts is None:
            return None
        left, right = parts
        if not self._are("number", parts, (syntax.left, syntax.right)):
            return None
        if syntax.operator == "*":
            return self._product(left, right)
        if syntax.operator == "/":
            return self._quotient(left, right, syntax.at)
        aligned = self._aligned(parts, syntax.at, "相加减")
        if aligned is None:
            return None
        quantity, (one, other) = aligned
        return merged(folded(Arithmetic(syntax.operator, one, other)), parts, quantity)

    def _product(self, left: Typed, right: Typed) -> Typed:
        a, b = left.measured, right.measured
        if isinstance(right.node, Literal) and b.literal and not a.literal:
            return multiplied(left, right)
        if isinstance(left.node, Literal) and a.literal and not b.literal:
            return multiplied(right, left)
        quantity = Quantity(
            combined_dimension(a.dimension, b.dimension, 1),
            a.factor * b.factor,
            a.multiplier * b.multiplier,
            a.quotient or b.quotient,
            a.literal and b.literal,
        )
        return merged(folded(Arithmetic("*", left.node, right.node)), (left, right), quantity)

    def _quotient(self, left: Typed, right: Typed, at: int) -> Typed | None:
        a, b = left.measured, right.measured
        if isinstance(right.node, Literal):
            if right.node.value == 0:
                self._fault(at, "除以零（division by zero）")
                return None
            if isinstance(right.node.value, Fraction) and not a.literal:
                inverse = replace(right, node=Literal("number", 1 / right.node.value))
                return replace(multiplied(left, inverse), divides=True)
        quantity = Quantity(
            combined_dimension(a.dimension, b.dimension, -1),
            a.factor / b.factor,
            literal_value(left) / b.multiplier if a.literal else a.multiplier / b.multiplier,
            quotient=not (a.literal and b.literal),
            literal=a.literal and b.literal,
        )
        part = merged(folded(Arithmetic("/", left.node, right.node)), (left, right), quantity)
        return replace(part, divides=True)

    def _chain(self, syntax: Chain) -> Typed | None:
        operands = (syntax.first, *(operand for _, operand in syntax.rest))
        parts = self._all(operands)
        if parts is None:
            return None
        compared = [
            self._comparison(operator, parts[index], parts[index + 1], syntax.rest[index][1].at)
            for index, (operator, _) in enumerate(syntax.rest)
        ]
        sound = [node for node in compared if node is not None]
        if len(sound) < len(compared):
            return None
        return merged(sound[0] if len(sound) == 1 else folded(Logic("and", tuple(sound))), parts)

    def _comparison(self, operator: str, left: Typed, right: Typed, at: int) -> Node | None:
        if left.kind == "number" and right.kind == "number":
            aligned = self._aligned((left, right), at, "比较", counts=True)
            if aligned is None:
                return None
            _, (one, other) = aligned
            return folded(Comparison(operator, one, other))
        left, right = as_date(left, right), as_date(right, left)
        if left.kind != right.kind:
            words = f"{_KIND_WORDS[left.kind]}与{_KIND_WORDS[right.kind]}"
            self._fault(at, f"{words}不能比较（a {left.kind} does not compare with a {right.kind}）")
            return None
        if left.kind == "boolean" and operator not in ("==", "!="):
            self._fault(at, "真假值没有大小（booleans have no order）")
            return None
        return folded(Comparison(operator, left.node, right.node))

    # -- functions ---------------------------------------------------------------------------------------------
    def _applied(self, syntax: Applied) -> Typed | None:
        function = FUNCTIONS.get(syntax.function)
        if function is None:
            known = "、".join(FUNCTIONS)
            self._fault(syntax.at, f"没有函数“{syntax.function}”，可用 {known}（there is no such function）")
            return None
        given = len(syntax.arguments)
        if given < function.fewest or (function.most is not None and given > function.most):
            self._fault(syntax.at, f"{function.signature} 的参数个数不对（wrong number of arguments）")
            return None
        match function.name:
            case "to":
                return self._to(syntax)
            case "previous" | "last_year" | "ytd":
                return self._moved(syntax)
            case "if":
                return self._if(syntax)
            case "round":
                return self._round(syntax)
            case _:
                return self._alike(syntax)

    def _to(self, syntax: Applied) -> Typed | None:
        value, target = syntax.arguments
        part = self.infer(value)
        if not isinstance(target, Text):
            self._fault(target.at, "to 的第二个参数须是引号中的单位（the unit is a text in quotes）")
            return None
        if part is None or not self._is("number", part, value.at):
            return None
        unit = self._units.get(target.value)
        if unit is None:
            self._fault(target.at, f"没有计量单位“{target.value}”（there is no such unit）")
            return None
        found = converted(part, unit, target.value)
        if found is None:
            words = f"{told(part.measured)}不能换算成“{target.value}”"
            self._fault(syntax.at, f"{words}（it does not convert into that unit）")
        return found

    def _moved(self, syntax: Applied) -> Typed | None:
        if self._per_year is None:
            self._fault(syntax.at, f"不能用 {syntax.function}：{self._no_time}")
            return None
        if self._moves == MOST_TIME_STEPS:
            self._fault(syntax.at, f"previous、last_year、ytd 嵌套超过 {MOST_TIME_STEPS} 层（nested too deeply）")
            return None
        self._moves += 1
        part = self.infer(syntax.arguments[0])
        self._moves -= 1
        if part is None:
            return None
        if syntax.function == "ytd":
            return self._year_to_date(part, syntax)
        if isinstance(part.node, Literal):
            return part
        periods = 1 if syntax.function == "previous" else self._per_year
        return replace(part, node=Shifted(part.node, periods, part.kind))

    def _year_to_date(self, part: Typed, syntax: Applied) -> Typed | None:
        if not self._is("number", part, syntax.arguments[0].at):
            return None
        if part.coarse:
            what = "、".join(sorted(part.coarse))
            self._fault(
                syntax.at, f"ytd：{what} 的周期比视图粗，逐期相加会重复（its period is coarser than the grain）"
            )
            return None
        if part.measures == {"cumulative"}:
            return part
        if "cumulative" in part.measures and part.measures <= {"cumulative", "flow"}:
            self._fault(
                syntax.at, "ytd：累计值与本期值混用，请对各元素分别写 ytd（write ytd for each element by itself）"
            )
            return None
        if not part.measures <= {"flow"}:
            words = "只有本期值和累计值可累计，时点值、比率和属性不能"
            self._fault(syntax.at, f"ytd：{words}（only flows and cumulatives add up）")
            return None
        if part.divides and part.measured.quotient:
            self._fault(
                syntax.at, "ytd：商不能逐期相加，请分别累计分子和分母 （a quotient has no sum: write ytd(a) / ytd(b)）"
            )
            return None
        return replace(part, node=YearToDate(part.node))

    def _if(self, syntax: Applied) -> Typed | None:
        parts = self._all(syntax.arguments)
        if parts is None or not self._is("boolean", parts[0], syntax.arguments[0].at):
            return None
        branches = self._unified(parts[1:], syntax.at)
        if branches is None:
            return None
        quantity, nodes = branches
        return merged(folded(Call(nodes[0].kind, "if", (parts[0].node, *nodes))), parts, quantity)

    def _round(self, syntax: Applied) -> Typed | None:
        part = self.infer(syntax.arguments[0])
        digits = 0
        if len(syntax.arguments) > 1:
            given = self.infer(syntax.arguments[1])
            whole = given.node.value if given is not None and isinstance(given.node, Literal) else None
            if not isinstance(whole, Fraction) or whole.denominator != 1 or abs(whole) > MOST_ROUND_DIGITS:
                words = "round 的位数须是不大的整数常量"
                self._fault(syntax.arguments[1].at, f"{words}（the digits are a small whole literal）")
                return None
            digits = int(whole)
        if part is None or not self._is("number", part, syntax.arguments[0].at):
            return None
        return replace(part, node=folded(Call("number", "round", (part.node,), digits)))

    def _alike(self, syntax: Applied) -> Typed | None:
        """abs, min, max and coalesce: the result is of the kind and unit of the arguments."""
        parts = self._all(syntax.arguments)
        if parts is None:
            return None
        unified = self._unified(parts, syntax.at)
        if unified is None:
            return None
        quantity, nodes = unified
        kind = nodes[0].kind
        if kind != "number" and (syntax.function == "abs" or (syntax.function != "coalesce" and kind != "date")):
            words = f"{syntax.function} 不用于{_KIND_WORDS[kind]}"
            self._fault(syntax.at, f"{words}（{syntax.function} has no meaning for a {kind}）")
            return None
        return merged(folded(Call(kind, syntax.function, nodes)), parts, quantity)

    # -- units -------------------------------------------------------------------------------------------------
    def _unified(self, parts: Sequence[Typed], at: int) -> tuple[Quantity | None, tuple[Node, ...]] | None:
        """The nodes brought to one kind and unit."""
        if all(part.kind == "number" for part in parts):
            return self._aligned(parts, at, "并列")
        dated = [as_date(part, next((p for p in parts if p.kind == "date"), part)) for part in parts]
        kinds = {part.kind for part in dated}
        if len(kinds) > 1:
            words = "、".join(_KIND_WORDS[kind] for kind in sorted(kinds))
            self._fault(at, f"各个值须是同一种类，这里有{words}（the values must be of one kind）")
            return None
        return None, tuple(part.node for part in dated)

    def _aligned(
        self, parts: Sequence[Typed], at: int, doing: str, *, counts: bool = False
    ) -> tuple[Quantity, tuple[Node, ...]] | None:
        """The nodes converted to the unit of the first that has one; ``counts`` lets 户 and 人 stand side by side."""
        leading = next((part.measured for part in parts if not part.measured.literal), None)
        if leading is None:
            return Quantity(literal=True), tuple(part.node for part in parts)
        nodes: list[Node] = []
        for part in parts:
            own = part.measured
            if own.literal:
                nodes.append(part.node)
            elif own.dimension == leading.dimension:
                nodes.append(times(part.node, own.meant / leading.meant))
            elif counts and is_count(own) and is_count(leading):
                nodes.append(times(part.node, own.factor / leading.factor))
            else:
                words = f"{told(leading)}与{told(own)}"
                self._fault(at, f"{words}量纲不同，不能{doing}（values of different dimensions do not go together）")
                return None
        return leading, tuple(nodes)


def _literal(syntax: Number | Text | Truth) -> Typed:
    match syntax:
        case Number(value=number, decimals=decimals):
            return Typed(Literal("number", number), Quantity(literal=True), decimals)
        case Text(value=text):
            return Typed(Literal("text", text))
        case Truth(value=truth):
            return Typed(Literal("boolean", truth))
