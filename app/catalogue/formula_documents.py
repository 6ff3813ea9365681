"""The formula library as a document: ``formulas.yaml``, over the formulas that the form gate comes with.

```yaml
formulas:
  - {code: 留守率, names: [留守儿童占比], formula: "留守儿童人数 / 户籍人口 * 100"}   # terms, not elements: looked up in the catalogue
  - {code: 净迁入率, formula: "迁入人口 - 迁出人口 / (户籍人口 | 常住人口) * 1000"}   # the first of (a | b) that is held is taken
  - {code: 每百户, kind: per, names: [百户均], formula: "(户籍户数 | 常住户数) * 100"}
  - {code: 化解, kind: base, formula: 排查 受理}          # the rate of 化解 is measured against 排查, or else 受理
  - {code: households, kind: whole, formula: "(乡村户数 | 户籍户数)"}
  - {code: 满意率, off: true}                             # one that comes with the gate, turned off
```
What stands before ``/`` is divided as a whole; ``* 100`` is left out where the column's unit says it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from app.catalogue.document_reader import DocumentReader
from app.errors import Fault

FormulaKind = Literal["named", "per", "base", "whole"]
FORMULA_KINDS: tuple[FormulaKind, ...] = get_args(FormulaKind)
Alternatives = tuple[str, ...]  # terms for one input, the first that is held is taken

_NAME = re.compile(r"[^\s|=#/*+()\[\]]+")
_SIGNED = re.compile(r"\s+([+-])\s+")
_TIMES = re.compile(r"^(.*\S)\s+\*\s*([1-9]\d{0,8})$", re.DOTALL)
_LONGEST_NAME, _LONGEST_FORMULA, _MOST_TERMS = 60, 1_000, 20


@dataclass(frozen=True, slots=True)
class NamedFormula:
    """``plus`` minus ``minus``, divided by ``below`` where there is one."""

    plus: tuple[Alternatives, ...]
    minus: tuple[Alternatives, ...]
    below: Alternatives | None
    times: int | None = None  # None: as the column's unit asks

    def text(self) -> str:
        """As it is written in a document."""
        written = " + ".join(map(_written, self.plus)) + "".join(f" - {_written(term)}" for term in self.minus)
        if self.below is not None:
            written += f" / {_written(self.below)}"
        return written if self.times is None else f"{written} * {self.times}"


@dataclass(frozen=True, slots=True)
class CatalogueFormula:
    """One entry of the library. ``named``: a formula; ``per``: what is divided by, and times what; ``base``: words that
    stand in the place of a process; ``whole``: wholes of a kind of figure. ``off``: the entry of this name is not used.
    """

    code: str
    kind: FormulaKind
    names: tuple[str, ...] = ()
    off: bool = False
    named: NamedFormula | None = None
    terms: Alternatives = ()
    times: int = field(default=1)


def parse_formula_library(document: object, file: str) -> tuple[list[CatalogueFormula], list[Fault]]:
    """The formulas of a ``formulas.yaml``, and every fault of it; a name given twice is at fault the second time."""
    faults: list[Fault] = []
    reader = DocumentReader(document, file, faults)
    found: list[CatalogueFormula] = []
    owners: dict[tuple[str, str], str] = {}
    codes: set[str] = set()
    for item in reader.items("formulas"):
        formula = read_formula(item)
        if formula.code in codes:
            item.fault("code", f"{formula.code} 已给出过（given twice）")
        codes.add(formula.code)
        for name in (formula.code, *formula.names):
            owner = owners.setdefault((formula.kind, name), formula.code)
            if owner != formula.code:
                item.fault("names", f"“{name}”也是 {owner} 的名称（also a name of another formula）")
        found.append(formula)
    reader.done()
    return found, faults


def parse_formula(document: object, file: str, place: str = "") -> tuple[CatalogueFormula | None, list[Fault]]:
    """One formula, as an item of ``formulas.yaml``."""
    faults: list[Fault] = []
    formula = read_formula(DocumentReader(document, file, faults, place))
    return (None if faults else formula), faults


def read_formula(reader: DocumentReader) -> CatalogueFormula:
    """One formula, as far as it can be made out; faults and the normal form are the reader's."""
    code = reader.text("code", required=True, limit=_LONGEST_NAME, form=_NAME) or ""
    kind: FormulaKind = reader.choice("kind", FORMULA_KINDS, "named") or "named"
    names = reader.texts("names")
    for i, name in enumerate(names):
        if not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
            reader.fault(f"names[{i}]", f"“{name[:80]}”不能作名称（not a name：at most {_LONGEST_NAME}, no signs）")
    off = reader.flag("off")
    text = reader.text("formula", required=not off, limit=_LONGEST_FORMULA) or ""
    reader.done()
    bare = CatalogueFormula(code, kind, names, off)
    if off and text:
        reader.fault("formula", "停用的公式不写算式（one that is off has no formula）")
    if off or not text:
        return bare
    try:
        return _READ[kind](bare, text)
    except ValueError as error:
        reader.fault("formula", str(error))
        return bare


def read_named(text: str) -> NamedFormula:
    """``a + b - c / (d | e) * 100``; ValueError says what is wrong."""
    rest, times = _times(text)
    above, *below = (part.strip() for part in rest.split("/"))
    if len(below) > 1:
        raise ValueError("只能有一个 /（only one division）")
    pieces = _SIGNED.split(above)
    plus: list[Alternatives] = [_alternatives(pieces[0])]
    minus: list[Alternatives] = []
    for sign, term in zip(pieces[1::2], pieces[2::2], strict=True):
        (plus if sign == "+" else minus).append(_alternatives(term))
    if len(plus) + len(minus) > _MOST_TERMS:
        raise ValueError(f"最多 {_MOST_TERMS} 项（at most {_MOST_TERMS} terms）")
    return NamedFormula(tuple(plus), tuple(minus), _alternatives(below[0]) if below else None, times)


def _times(text: str) -> tuple[str, int | None]:
    found = _TIMES.match(text.strip())
    return (found[1], int(found[2])) if found else (text.strip(), None)


def _alternatives(text: str) -> Alternatives:
    bare = text.strip()
    inner = bare[1:-1] if bare.startswith("(") and bare.endswith(")") else bare
    terms = tuple(term.strip() for term in inner.split("|"))
    wrong = next((term for term in terms if not _NAME.fullmatch(term) or len(term) > _LONGEST_NAME), None)
    if wrong is not None:
        raise ValueError(f"“{wrong[:80]}”不是名词项；多选写作 (甲 | 乙)（not a term; alternatives stand in brackets）")
    if len(terms) > 1 and inner is bare:
        raise ValueError("多选须加括号，如 (甲 | 乙)（alternatives stand in brackets）")
    return terms


def _written(terms: Alternatives) -> str:
    return terms[0] if len(terms) == 1 else f"({' | '.join(terms)})"


def written_terms(terms: Alternatives, times: int = 1) -> str:
    """Alternatives as a document writes them, times ``times`` unless that is 1."""
    return _written(terms) if times == 1 else f"{_written(terms)} * {times}"


def _read_named(bare: CatalogueFormula, text: str) -> CatalogueFormula:
    return CatalogueFormula(bare.code, bare.kind, bare.names, named=read_named(text))


def _read_per(bare: CatalogueFormula, text: str) -> CatalogueFormula:
    rest, times = _times(text)
    return CatalogueFormula(bare.code, bare.kind, bare.names, terms=_alternatives(rest), times=times or 1)


def _read_base(bare: CatalogueFormula, text: str) -> CatalogueFormula:
    terms = tuple(text.split())
    for term in terms:
        _alternatives(term)
    return CatalogueFormula(bare.code, bare.kind, bare.names, terms=terms)


def _read_whole(bare: CatalogueFormula, text: str) -> CatalogueFormula:
    return CatalogueFormula(bare.code, bare.kind, bare.names, terms=_alternatives(text))


_READ: Mapping[FormulaKind, Callable[[CatalogueFormula, str], CatalogueFormula]] = {
    "named": _read_named,
    "per": _read_per,
    "base": _read_base,
    "whole": _read_whole,
}
