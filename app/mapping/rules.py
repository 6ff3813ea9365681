"""Checks of a dataset: the same expression language over the elements of one record."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

from app.catalogue.model import Catalogue, Dataset
from app.catalogue.values import Canonical
from app.errors import Fault
from app.mapping.inference import Inference, Unreadable
from app.mapping.scalars import evaluate
from app.mapping.steps import DIRECT
from app.mapping.syntax import SyntaxFault, parse_expression
from app.mapping.tree import Node
from app.mapping.typed import Typed, element_reading

_NO_TIME = "检查只看一条记录，没有别的期间（a check looks at one record）"


@dataclass(frozen=True, slots=True)
class Rule:
    """A compiled check. ``elements`` are the codes of the elements it names, in the order of the text."""

    text: str
    tree: Node
    elements: tuple[str, ...]

    def holds(self, values: Mapping[str, Canonical]) -> bool | None:
        """Whether the record keeps the rule; ``values`` by element code. None, a pass, where an operand is missing."""
        found = evaluate(self.tree, lambda reading: values.get(reading.path.partition(".")[2]))
        return cast("bool | None", found)


def compile_rule(
    text: str, dataset: Dataset, catalogue: Catalogue, file: str = "", place: str = "rule"
) -> tuple[Rule | None, list[Fault]]:
    """The rule that ``text`` writes over ``dataset``, or None and every fault of it."""
    named: list[str] = []

    def resolve(path: str) -> Typed:
        code = path.removeprefix(f"{dataset.code}.")
        element = dataset.by_code.get(code)
        if element is None:
            raise Unreadable(f"“{dataset.title}”没有元素“{path}”（the dataset has no such element）")
        if code not in named:
            named.append(code)
        return element_reading(element, DIRECT, catalogue.units)

    try:
        syntax = parse_expression(text)
    except SyntaxFault as fault:
        return None, [Fault(file, place, f"第 {fault.at + 1} 个字符：{fault.message}")]
    inference = Inference(catalogue.units, resolve, None, _NO_TIME)
    part = inference.infer(syntax)
    faults = [Fault(file, place, message) for message in inference.faults]
    if part is not None and part.kind != "boolean":
        faults.append(Fault(file, place, "检查须得出成立或不成立，如 a <= b（a check must be true or false）"))
    if part is not None and not named:
        faults.append(Fault(file, place, "检查没有用到任何元素（the check names no element）"))
    if part is None or faults:
        return None, faults
    return Rule(text, part.node, tuple(named)), []
