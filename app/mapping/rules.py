"""Checks of a dataset: the same expression language over the elements of one record, and what stands beside it.

Beside its own elements a check may name those of other datasets, of the same region and the period that contains the
record's, and ``sum_below(dataset.element)``: the sum of all regions below, of the level of that dataset.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import cast

from app.catalogue.model import LEVELS, Catalogue, Dataset, Element
from app.catalogue.periods import is_coarser_or_equal
from app.catalogue.values import Canonical
from app.errors import Fault
from app.mapping.inference import Inference, Unreadable
from app.mapping.scalars import COMPARISONS, combined
from app.mapping.steps import DIRECT
from app.mapping.syntax import Applied, Binary, Chain, Joined, Name, Syntax, SyntaxFault, Unary, parse_expression
from app.mapping.tree import Comparison, Node, Reading, Value, children
from app.mapping.typed import Typed, element_reading

SUM_BELOW = "sum_below"
_NO_TIME = "检查只看一条记录，没有别的期间（a check looks at one record）"
_SUM = f"{SUM_BELOW}("


@dataclass(frozen=True, slots=True)
class Beyond:
    """A figure of another dataset that a check names. ``name`` is unlike any element code; ``summed``: over all below."""

    name: str
    element: Element
    summed: bool


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled check.

    ``elements`` are the codes of the dataset's own elements it names, in the order of the text; ``beyond`` those of others.
    """

    text: str
    tree: Node
    elements: tuple[str, ...]
    beyond: tuple[Beyond, ...] = ()
    share: Fraction = Fraction(0)
    slack: Fraction = Fraction(0)

    def holds(self, values: Mapping[str, Canonical]) -> bool | None:
        """Whether the record keeps the rule; None, a pass, where an operand is missing.

        ``values`` has the record's own by element code, those of other datasets by ``Beyond.name``.
        """
        return cast("bool | None", self._value(self.tree, values))

    def _value(self, node: Node, values: Mapping[str, Canonical]) -> Value:
        if isinstance(node, Reading):
            return values.get(node.path if node.path.startswith("@") else node.path.partition(".")[2])
        found = [self._value(child, values) for child in children(node)]
        if isinstance(node, Comparison) and (self.share or self.slack):
            return self._compared(node.operator, *found)
        return combined(node, found)

    def _compared(self, operator: str, left: Value, right: Value) -> bool | None:
        """A comparison of numbers within the tolerance: what it takes for equal neither exceeds nor falls short."""
        if left is None or right is None:
            return None
        if not isinstance(left, Fraction) or not isinstance(right, Fraction):
            return COMPARISONS[operator](left, right)
        close = abs(left - right) <= max(self.slack, self.share * max(abs(left), abs(right)))
        if close:
            return operator in ("==", "<=", ">=")
        return COMPARISONS[operator](left, right)


def compile_rule(
    text: str,
    dataset: Dataset,
    catalogue: Catalogue,
    file: str = "",
    place: str = "rule",
    *,
    tolerance: str | None = None,
) -> tuple[Rule | None, list[Fault]]:
    """The rule that ``text`` writes over ``dataset``, or None and every fault of it."""
    named: list[str] = []
    beyond: dict[str, Beyond] = {}

    def resolve(path: str) -> Typed:
        code = path.removeprefix(f"{dataset.code}.")
        element = dataset.by_code.get(code)
        if element is None:
            found = _beyond(path, dataset, catalogue)
            beyond[found.name] = found
            typed = element_reading(found.element, DIRECT, catalogue.units)
            return replace(typed, node=replace(cast("Reading", typed.node), path=found.name))
        if code not in named:
            named.append(code)
        return element_reading(element, DIRECT, catalogue.units)

    try:
        syntax = _with_sums(parse_expression(text))
    except SyntaxFault as fault:
        return None, [Fault(file, place, f"第 {fault.at + 1} 个字符：{fault.message}")]
    inference = Inference(catalogue.units, resolve, None, _NO_TIME)
    part = inference.infer(syntax)
    faults = [Fault(file, place, message) for message in inference.faults]
    if part is not None and part.kind != "boolean":
        faults.append(Fault(file, place, "检查须得出成立或不成立，如 a <= b（a check must be true or false）"))
    if part is not None and not named:
        faults.append(Fault(file, place, "检查没有用到本数据集的任何元素（the check names no element of its own）"))
    if part is None or faults:
        return None, faults
    share, slack = _tolerances(tolerance)
    return Rule(text, part.node, tuple(named), tuple(beyond.values()), share, slack), []


def _tolerances(text: str | None) -> tuple[Fraction, Fraction]:
    """The share of the greater number, and the amount, by which numbers may differ."""
    if text is None:
        return Fraction(0), Fraction(0)
    number = Fraction(text.removesuffix("%"))
    return (number / 100, Fraction(0)) if text.endswith("%") else (Fraction(0), number)


def _with_sums(syntax: Syntax) -> Syntax:
    """The same with every ``sum_below(dataset.element)`` as one name, which no text can write."""
    match syntax:
        case Applied(function=function, arguments=(Name(path=path),)) if function == SUM_BELOW:
            return Name(syntax.at, f"{_SUM}{path})")
        case Applied(function=function) if function == SUM_BELOW:
            raise SyntaxFault(
                f"{SUM_BELOW} 的参数须是另一数据集的一个数据项，如 {SUM_BELOW}(village.total)（takes one element）",
                syntax.at,
            )
        case Applied():
            return replace(syntax, arguments=tuple(_with_sums(part) for part in syntax.arguments))
        case Unary():
            return replace(syntax, operand=_with_sums(syntax.operand))
        case Binary():
            return replace(syntax, left=_with_sums(syntax.left), right=_with_sums(syntax.right))
        case Chain():
            rest = tuple((sign, _with_sums(part)) for sign, part in syntax.rest)
            return replace(syntax, first=_with_sums(syntax.first), rest=rest)
        case Joined():
            return replace(syntax, operands=tuple(_with_sums(part) for part in syntax.operands))
        case _:
            return syntax


def _beyond(written: str, dataset: Dataset, catalogue: Catalogue) -> Beyond:
    """The figure of another dataset that ``written`` names; raises Unreadable where it cannot stand beside a record."""
    summed = written.startswith(_SUM)
    path = written[len(_SUM) : -1] if summed else written
    other = catalogue.datasets.get(path.partition(".")[0])
    element = catalogue.element(path)
    if element is None or other is None:
        raise Unreadable(f"“{dataset.title}”没有元素“{path}”（the dataset has no such element）")
    if other.code == dataset.code:
        raise Unreadable(f"{SUM_BELOW} 须用于另一数据集（needs another dataset）")
    if element.sharing == "closed":
        raise Unreadable(f"“{path}”不予共享，不能用于其他数据集的检查（a closed element may not be used elsewhere）")
    if other.key or other.frequency == "event":
        raise Unreadable(f"“{other.title}”一个区划一期有多条记录（the dataset has several records of one region）")
    if not is_coarser_or_equal(other.frequency, dataset.frequency):
        raise Unreadable(f"“{other.title}”的频度比“{dataset.title}”细（is of a finer frequency）")
    if not summed and other.level != dataset.level:
        words = f"“{other.title}”的层级是 {other.level}，不是 {dataset.level}"
        raise Unreadable(f"{words}；下级之和写作 {SUM_BELOW}({path})（is of another level）")
    if summed and LEVELS.index(other.level) <= LEVELS.index(dataset.level):
        raise Unreadable(f"“{other.title}”的层级不在 {dataset.level} 之下（is not of a level below）")
    if summed and (not element.numeric or element.measure in ("ratio", "attribute")):
        raise Unreadable(f"“{path}”不能相加（its values do not add up）")
    return Beyond(f"@{written}", element, summed)
