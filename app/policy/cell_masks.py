"""Masks of single cells: what an agreement shows in the place of a canonical value.

A mask acts on the canonical cell, before mapping, filter and sort. Of several agreements over one cell the least masked
wins: the value itself, else what stands for the narrowest interval of values. See docs/reference/agreements.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any, Literal

from app.catalogue.document_reader import DocumentReader, decimal_of
from app.catalogue.model import Catalogue, Dataset, Element
from app.errors import Fault

MaskKind = Literal["round", "band", "suppress_below", "hash"]
MASK_KINDS: tuple[MaskKind, ...] = ("round", "band", "suppress_below", "hash")
MOST_BANDS = 100
MOST_DECIMALS = 9
_HASHED = ("text", "code")


@dataclass(frozen=True, slots=True)
class CellMask:
    """``numbers``: of ``round`` its step, of ``band`` the rising lower bounds, of ``suppress_below`` the limit.

    ``keyed``: the agreement whose key a ``hash`` is made with.
    """

    kind: MaskKind
    numbers: tuple[Fraction, ...] = ()
    keyed: str = ""

    @property
    def may_hide(self) -> bool:
        """Whether a value may be hidden altogether, so that its cell counts as not covered."""
        return self.kind in ("suppress_below", "band")

    def fits(self, element: Element, dataset: Dataset) -> bool:
        """Numbers are rounded, banded or suppressed, unless they are a key; texts and codes are hashed."""
        if self.kind == "hash":
            return element.type in _HASHED
        return element.numeric and element.code not in dataset.key

    def document(self) -> dict[str, Any]:
        """As JSON that gives the same mask again."""
        return {"kind": self.kind, "numbers": [str(number) for number in self.numbers], "keyed": self.keyed}


def mask_from_document(document: Mapping[str, Any]) -> CellMask:
    return CellMask(document["kind"], tuple(Fraction(text) for text in document["numbers"]), document["keyed"])


def read_masks(reader: DocumentReader | None, patterns: Iterable[str]) -> tuple[tuple[str, CellMask], ...]:
    """The masks of a document by pattern (``dataset.element`` or ``dataset.*``), every fault at its place."""
    if reader is None:
        return ()
    found: list[tuple[str, CellMask]] = []
    for pattern in patterns:
        mask = reader.mapping(pattern)
        if pattern.count(".") != 1 or not all(pattern.split(".")):
            reader.fault(pattern, "应写作 数据集.数据项 或 数据集.*（dataset.element or dataset.*）")
        elif mask is not None:
            read = _read_mask(mask)
            if read is not None:
                found.append((pattern, read))
    reader.done()
    return tuple(found)


def _read_mask(reader: DocumentReader) -> CellMask | None:
    given = [kind for kind in MASK_KINDS if reader.has(kind)]
    mask: CellMask | None = None
    before = len(reader.faults)
    hashed = reader.flag("hash")
    if hashed:
        mask = CellMask("hash")
    kinds: tuple[MaskKind, ...] = ("round", "suppress_below")
    for kind in kinds:
        text = reader.numeral(kind)
        if text is not None:
            number = _number(text)
            if number is None or number <= 0:
                reader.fault(kind, f'应为大于 0、至多 {MOST_DECIMALS} 位小数的数，如 "100"（a number above 0）')
            else:
                mask = CellMask(kind, (number,))
    bounds = reader.texts("band")
    if bounds or reader.has("band"):
        numbers = [number for text in bounds if (number := _number(text)) is not None]
        rising = numbers == sorted(set(numbers)) and len(numbers) == len(bounds)
        if not 1 <= len(numbers) <= MOST_BANDS or not rising:
            reader.fault("band", "应为由小到大的下限，如 [0, 100, 1000]（rising lower bounds; decimals in quotes）")
        else:
            mask = CellMask("band", tuple(numbers))
    reader.done()
    if len(given) != 1 or (mask is None and len(reader.faults) == before):
        reader.fault("", f"须恰为其中一种：{' '.join(MASK_KINDS)}（exactly one of these）")
        return None
    return mask


def _number(text: str) -> Fraction | None:
    number = decimal_of(text)
    if number is None:
        return None
    exact = Fraction(number)
    return exact if (exact * 10**MOST_DECIMALS).denominator == 1 else None


def masks_by_element(
    masks: Iterable[tuple[str, CellMask]], covered: Iterable[str], agreement: str
) -> dict[str, CellMask]:
    """The mask of each covered path that has one: that of the element itself before that of ``dataset.*``."""
    by_pattern = dict(masks)
    found: dict[str, CellMask] = {}
    for path in covered:
        mask = by_pattern.get(path) or by_pattern.get(f"{path.partition('.')[0]}.*")
        if mask is not None:
            found[path] = replace(mask, keyed=agreement) if mask.kind == "hash" else mask
    return found


def check_masks(
    masks: tuple[tuple[str, CellMask], ...], covered: frozenset[str], catalogue: Catalogue, file: str
) -> list[Fault]:
    """Faults of what the masks name: an element that the agreement does not cover, a mask that does not fit its type.

    ``dataset.*`` masks what has no mask of its own, and has to fit all of that.
    """
    faults: list[Fault] = []
    named = {pattern for pattern, _ in masks}
    for pattern, mask in masks:
        place = f"masks.{pattern}"
        code, _, name = pattern.partition(".")
        dataset = catalogue.datasets.get(code)
        paths = [path for path in sorted(covered) if path.startswith(f"{code}.") and path not in named]
        paths = paths if name == "*" else [pattern] if pattern in covered else []
        if dataset is None or not paths:
            faults.append(Fault(file, place, "协议不含这样的数据项（the agreement covers no such element）"))
            continue
        misfits = [path for path in paths if not mask.fits(dataset.by_code[path.partition(".")[2]], dataset)]
        if misfits:
            why = "只用于文本和代码（only texts and codes）" if mask.kind == "hash" else _NUMBERS
            faults.append(Fault(file, place, f"{mask.kind} {why}：{'、'.join(misfits)}"))
    return faults


_NUMBERS = "只用于不是键的数值（only numbers that are no key）"
