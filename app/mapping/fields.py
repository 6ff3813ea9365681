"""One field of a view: from its spec to what it is made of, with every fault and remark."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from difflib import get_close_matches
from fractions import Fraction

from app.catalogue.model import Catalogue, Element
from app.catalogue.periods import PER_YEAR
from app.mapping.functions import FUNCTIONS
from app.mapping.inference import Inference, Unreadable
from app.mapping.plan import (
    REGION_ATTRIBUTES,
    CompiledField,
    FromConstant,
    FromElements,
    FromPeriod,
    FromRegion,
    OutputField,
)
from app.mapping.spec import FieldSpec, ViewSpec
from app.mapping.steps import Refused, coarser_in_time, steps_to_grain
from app.mapping.syntax import Name, Syntax, SyntaxFault, parse_expression
from app.mapping.tree import Call, Kind, Node, Reading, Scaled, readings, walk
from app.mapping.typed import Typed, converted, element_reading, told

_TRUTHS = ("true", "false")
_NO_TIME = {
    "once": "视图没有期间（the view has no periods）",
    "event": "按日期列事件的视图没有“上一期”（a view of events has no period before）",
}
_KIND_WORDS: dict[Kind, str] = {"number": "数", "text": "文本", "boolean": "真假值", "date": "日期"}


class FieldCompiler:
    """Compiles one field; ``faults`` and ``warnings`` are messages without their place."""

    def __init__(self, view: ViewSpec, index: int, field: FieldSpec, catalogue: Catalogue) -> None:
        self._view = view
        self._index = index
        self._field = field
        self._catalogue = catalogue
        self.faults: list[str] = []
        self.warnings: list[str] = []

    def compile(self) -> CompiledField | None:
        """The compiled field, or None where ``faults`` says why not."""
        field = self._field
        if field.otherwise is not None and field.codes is None:
            self.faults.append("otherwise 只与 codes 同用（otherwise has a meaning only beside codes）")
        if field.value is not None:
            found = self._constant()
        elif field.expr is not None:
            found = self._expression(field.expr)
        elif field.source is not None:
            found = self._source(field.source)
        else:
            return None
        return None if self.faults else found

    # -- sources -----------------------------------------------------------------------------------------------
    def _constant(self) -> CompiledField | None:
        value = self._field.value
        self._refuse(
            ("unit", "rounding", "codes", "otherwise", "default", "aggregate", "complete"), "常量", "a constant"
        )
        if not isinstance(value, Decimal):
            self._refuse(("decimals",), "文本和真假常量", "a text or boolean")
            return self._compiled(
                OutputField(self._field.name, self._title(), "boolean" if isinstance(value, bool) else "text"),
                FromConstant("" if value is None else value),
            )
        digits = _decimals(value)
        decimals = digits if self._field.decimals is None else self._field.decimals
        if digits > decimals:
            self.faults.append(f"常量 {value} 的小数多于 {decimals} 位（the constant has more decimals）")
        return self._compiled(OutputField(self._field.name, self._title(), "number", decimals), FromConstant(value))

    def _source(self, path: str) -> CompiledField | None:
        if path == "period":
            return self._attribute(FromPeriod())
        head, _, attribute = path.partition(".")
        if head != "region":
            return self._elements(Name(0, path), path)
        for known in REGION_ATTRIBUTES:
            if attribute == known:
                return self._attribute(FromRegion(known))
        self.faults.append(
            f"区域只有 {'、'.join(REGION_ATTRIBUTES)}，没有“{attribute}”（a region has no such attribute）"
        )
        return None

    def _attribute(self, source: FromRegion | FromPeriod) -> CompiledField | None:
        self._refuse(("unit", "decimals", "rounding", "aggregate", "complete"), "区域和期间", "a region or period")
        return self._compiled(
            OutputField(self._field.name, self._title(), "text"), source, default=self._default("text", 0)
        )

    def _expression(self, text: str) -> CompiledField | None:
        try:
            syntax = parse_expression(text)
        except SyntaxFault as fault:
            self.faults.append(f"第 {fault.at + 1} 个字符：{fault.message}")
            return None
        return self._elements(syntax, None)

    def _elements(self, syntax: Syntax, path: str | None) -> CompiledField | None:
        frequency = self._view.frequency
        inference = Inference(
            self._catalogue.units, self._resolve, PER_YEAR.get(frequency), _NO_TIME.get(frequency, "")
        )
        part = inference.infer(syntax)
        # A single name has no place worth counting characters for.
        self.faults.extend(inference.faults if path is None else [m.partition("：")[2] for m in inference.faults])
        if part is None:
            return None
        if self._field.codes is not None:
            return self._coded(part)
        return self._number(part) if part.kind == "number" else self._other(part)

    def _resolve(self, path: str) -> Typed:
        """The element of ``path`` at the view's grain; raises Unreadable with the reason where there is none."""
        element = self._catalogue.element(path)
        if element is None:
            raise Unreadable(self._unknown(path))
        dataset = self._catalogue.datasets[element.dataset]
        view = self._view
        try:
            steps = steps_to_grain(
                dataset, element, view.level, view.frequency, self._field.aggregate, self._catalogue.units
            )
        except Refused as reason:
            raise Unreadable(str(reason)) from None
        coarse = coarser_in_time(dataset, view.frequency)
        return element_reading(element, steps, self._catalogue.units, coarse=coarse)

    def _unknown(self, path: str) -> str:
        dataset, _, _ = path.partition(".")
        if path == "period" or dataset == "region":
            return f"表达式中不能用“{path}”（an expression reads elements only）"
        if dataset not in self._catalogue.datasets:
            near = get_close_matches(dataset, self._catalogue.datasets, 1)
            hint = f"，是否指“{near[0]}”" if near else ""
            return f"“{path}”：没有数据集“{dataset}”{hint}（there is no such dataset）"
        paths = [element.path for element in self._catalogue.datasets[dataset].elements]
        near = get_close_matches(path, paths, 1)
        hint = f"，是否指“{near[0]}”" if near else ""
        return f"没有元素“{path}”{hint}（there is no such element）"

    # -- what comes out ----------------------------------------------------------------------------------------
    def _number(self, part: Typed) -> CompiledField | None:
        field = self._field
        if field.decimals is None and part.divides:
            self.faults.append("表达式有除法，须写明小数位数 decimals（an expression that divides names its decimals）")
        decimals = part.decimals if field.decimals is None else field.decimals
        if field.unit is not None:
            found = self._in_unit(part, field.unit)
            if found is None:
                return None
            part = found
        self._warn_of_lost_digits(part.node, decimals)
        output = OutputField(field.name, self._title(part.node), "number", decimals, part.measured.code)
        return self._from_elements(output, part, default=self._default("number", decimals))

    def _in_unit(self, part: Typed, code: str) -> Typed | None:
        unit = self._catalogue.units.get(code)
        if unit is None:
            self.faults.append(f"没有计量单位“{code}”（there is no such unit）")
            return None
        own = part.measured
        if own.dimension == unit.dimension != () and own.multiplier == own.factor / unit.factor != 1:
            self.warnings.append(
                f"表达式中已乘以 {own.multiplier}，又按 unit 换算成“{code}”，恐怕重复"
                f"（the expression already multiplies by the factor that unit converts by）"
            )
        found = converted(part, unit, code)
        if found is None:
            self.faults.append(f"{told(own)}不能换算成“{code}”（it does not convert into {code}）")
        return found

    def _other(self, part: Typed) -> CompiledField | None:
        words = _KIND_WORDS[part.kind]
        self._refuse(("unit", "decimals", "rounding"), words, f"a {part.kind}")
        output = OutputField(self._field.name, self._title(part.node), part.kind)
        return self._from_elements(output, part, default=self._default(part.kind, 0))

    def _coded(self, part: Typed) -> CompiledField | None:
        self._refuse(("unit", "decimals", "rounding"), "有 codes 的字段", "a field with codes")
        codes = self._field.codes or {}
        if part.kind == "date":
            self.faults.append("日期没有代码对照（codes have no meaning for a date）")
        elif part.kind == "number" and any(reading.steps.counts for reading in readings(part.node)):
            self.faults.append("个数没有代码对照（codes have no meaning for a count）")
        elif part.kind == "number" and (part.decimals or part.divides):
            self.faults.append(
                "codes 只用于文本、代码、真假值和整数（codes are for texts, codes, booleans and whole numbers）"
            )
        known = self._known_codes(part)
        if known is not None:
            unknown = [code for code in codes if code not in known]
            if unknown:
                self.faults.append(f"codes 中有不存在的代码：{'、'.join(unknown)}（codes that do not exist）")
            untold = [code for code in known if code not in codes]
            if untold and self._field.otherwise is None:
                self._untold("、".join(untold))
        output = OutputField(self._field.name, self._title(part.node), "text")
        return self._from_elements(output, part, default=self._default("text", 0))

    def _untold(self, codes: str) -> None:
        if self._view.strict_codes:
            words = f"codes 没有写这些代码的目标：{codes}；视图要求代码对照完整，请补全，或写 otherwise"
            self.faults.append(f"{words}（strict_codes: every code needs a target, or an otherwise）")
        else:
            self.warnings.append(f"codes 没有写这些代码的目标，将读作缺失：{codes}（codes without a target）")

    def _known_codes(self, part: Typed) -> Sequence[str] | None:
        """Every value the part can have, where the catalogue says."""
        if part.kind == "boolean":
            return _TRUTHS
        element = self._plain_element(part.node)
        codelist = self._catalogue.codelists.get(element.codes) if element is not None and element.codes else None
        return None if codelist is None else [member.code for member in codelist.codes]

    def _plain_element(self, node: Node) -> Element | None:
        return self._catalogue.element(node.path) if isinstance(node, Reading) else None

    def _from_elements(
        self, output: OutputField, part: Typed, default: str | bool | Decimal | date | None
    ) -> CompiledField | None:
        tree = part.node
        below = tree.operand if isinstance(tree, Scaled) else tree
        keys = any(self._is_key(reading) for reading in readings(tree))
        absorbs = keys or default is not None or any(_absorbs(node) for node in walk(tree))
        # Carried to a successor, a value is a sum of which a part may be uncovered.
        absorbs = absorbs or self._view.regions == "present"
        plain = isinstance(below, Reading) and not below.steps.aggregated
        source = FromElements(tree, plain, absorbs)
        self._check_completeness(tree)
        elements = frozenset(reading.path for reading in readings(tree))
        closed = sorted(path for path in elements if self._sharing(path) == "closed")
        if closed:
            self.warnings.append(f"{'、'.join(closed)} 不予共享，此字段不会给出（closed: the field is never given）")
        return self._compiled(output, source, elements, default)

    def _check_completeness(self, tree: Node) -> None:
        if self._field.complete is None:
            return
        for reading in dict.fromkeys(readings(tree)):
            dataset = self._catalogue.datasets[reading.path.partition(".")[0]]
            if dataset.frequency == "event" and reading.steps.over_time is not None:
                words = f"“{dataset.title}”按日期列事件，无从知道是否报全，不能写 complete"
                self.faults.append(f"{words}（{reading.path}: nothing says how many events there should be）")

    def _is_key(self, reading: Reading) -> bool:
        dataset, _, code = reading.path.partition(".")
        return code in self._catalogue.datasets[dataset].key

    def _sharing(self, path: str) -> str:
        element = self._catalogue.element(path)
        return element.sharing if element is not None else ""

    def _compiled(
        self,
        output: OutputField,
        source: FromRegion | FromPeriod | FromConstant | FromElements,
        elements: frozenset[str] = frozenset(),
        default: str | bool | Decimal | date | None = None,
    ) -> CompiledField:
        field = self._field
        return CompiledField(
            output,
            source,
            elements,
            field,
            self._index,
            field.rounding or "half_up",
            field.codes,
            default,
            field.otherwise,
            field.complete is not None,
        )

    # -- options -----------------------------------------------------------------------------------------------
    def _refuse(self, options: Sequence[str], words: str, words_en: str) -> None:
        for option in options:
            if getattr(self._field, option) is not None:
                self.faults.append(f"{words}不能写 {option}（{option} has no meaning for {words_en}）")

    def _default(self, kind: Kind, decimals: int) -> str | bool | Decimal | date | None:
        value = self._field.default
        if value is None:
            return None
        if kind == "number" and isinstance(value, Decimal):
            if _decimals(value) > decimals:
                self.faults.append(f"default {value} 的小数多于 {decimals} 位（the default has more decimals）")
            return value
        if kind == "date" and isinstance(value, str):
            try:
                return date.fromisoformat(value)
            except ValueError:
                self.faults.append(f"default“{value}”不是日期，应如 2025-03-17（not a date）")
                return None
        if (kind == "boolean" and isinstance(value, bool)) or (kind == "text" and isinstance(value, str)):
            return value
        self.faults.append(f"default“{value}”须与字段同为{_KIND_WORDS[kind]}（the default must be a {kind}）")
        return None

    def _title(self, node: Node | None = None) -> str:
        element = self._plain_element(node.operand if isinstance(node, Scaled) else node) if node is not None else None
        return self._field.title or (element.title if element is not None else self._field.name)

    def _warn_of_lost_digits(self, node: Node, decimals: int) -> None:
        """A value shown with its own digits that the field's unit and decimals cannot hold."""
        below = node.operand if isinstance(node, Scaled) else node
        element = self._plain_element(below)
        if element is None or not isinstance(below, Reading) or below.steps.counts:
            return
        factor = node.factor if isinstance(node, Scaled) else Fraction(1)
        own = element.decimals if element.type == "decimal" else 0
        if (factor * 10**decimals / 10**own).denominator != 1 and "mean" not in (below.steps.over_time or ""):
            self.warnings.append(
                f"保留 {decimals} 位小数会丢失“{element.title}”的有效数字"
                f"（with {decimals} decimals digits of {element.path} are lost）"
            )


def _absorbs(node: Node) -> bool:
    """Whether the node may have a value although something it rests on is missing."""
    if isinstance(node, Call):
        return FUNCTIONS[node.function].absorbs
    return isinstance(node, Reading) and node.steps.aggregated


def _decimals(value: Decimal) -> int:
    """The digits after the point that the value needs."""
    return max(0, -int(value.normalize().as_tuple().exponent))
