"""A dataset in a department's words: what a file laid out as a view is read against.

The reader of files knows datasets, so a view is shown to it as one: an element for each field, under the field's name and
title, in the view's unit, with the targets of its codes for a code list. What was read is put back by ``view_reading``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from app.catalogue.model import Catalogue, Code, CodeList, Dataset, Element, ElementType
from app.intake.records import Context
from app.intake.roles import Role
from app.intake.spelling import undecorated
from app.mapping.reverse import Part, Reason, Reversal, ReversedField

_ROLES: Mapping[Part, Role] = {"region.code": "code", "region.name": "name", "period": "period"}
_RESERVED = frozenset({"region", "period"})
_UNSEEN = "\u2060"  # a word joiner: no heading is compared by it
_OTHER_DATASET: Reason = ("不属于所提交的数据集", "it belongs to another dataset")
_KEY_TWICE: Reason = ("另有一列给出同一关键项", "another field gives the same key element")


@dataclass(frozen=True, slots=True)
class ViewWords:
    """One dataset in the words of a view.

    ``shown`` is the dataset as the reader sees it; ``fields`` are the view's, by the code of the element that stands for
    each there. ``roles`` are the headings that give a row its place; ``places`` the names of those fields by role.
    """

    own: Dataset
    shown: Dataset
    catalogue: Catalogue
    fields: Mapping[str, ReversedField]
    roles: Mapping[str, Role]
    places: Mapping[Role, tuple[str, ...]]

    def context(self, context: Context) -> Context:
        """``context`` of the dataset itself, as the reader needs it."""
        return replace(context, dataset=self.shown, catalogue=self.catalogue, roles=self.roles)

    def target(self, code: str) -> str | None:
        """The dataset's own element that a shown element stands for; None where it stands for none."""
        field = self.fields.get(code)
        return field.path.partition(".")[2] if field is not None and field.path is not None else None


def view_words(
    reversal: Reversal, dataset: Dataset, catalogue: Catalogue, may_know: Callable[[ReversedField], bool]
) -> ViewWords:
    """``dataset`` in the view's words. A field that the caller may not know of is left out, as if it were not there.

    The caller makes sure that the view gives every key element (``Reversal.missing_key``).
    """
    fields: dict[str, ReversedField] = {}
    elements: list[Element] = []
    lists: dict[str, CodeList] = {}
    roles: dict[str, Role] = {}
    places: dict[Role, tuple[str, ...]] = {}
    key: dict[str, str] = {}
    for field in reversal.fields:
        role = _ROLES.get(field.part)
        if role is not None:
            places[role] = (*places.get(role, ()), field.name)
            for text in (field.name, field.title):
                roles.setdefault(undecorated(text), role)
            continue
        if not may_know(field):
            continue
        here = field
        own = dataset.by_code.get(field.path.partition(".")[2]) if field.path is not None else None
        if field.path is not None and field.path.partition(".")[0] != dataset.code:
            here, own = _passed_over(field, _OTHER_DATASET), None
        elif own is not None and own.code in dataset.key and own.code in key:
            here, own = _passed_over(field, _KEY_TWICE), None
        code = field.name + _UNSEEN if field.name in _RESERVED else field.name
        fields[code] = here
        element, codes = _element(code, here, own, dataset, catalogue)
        elements.append(element)
        if codes is not None:
            lists[codes.code] = codes
        if own is not None and own.code in dataset.key:
            key[own.code] = code
    shown = replace(
        dataset, elements=tuple(elements), checks=(), key=tuple(key[code] for code in dataset.key if code in key)
    )
    lent = replace(catalogue, codelists={**catalogue.codelists, **lists})
    return ViewWords(dataset, shown, lent, fields, roles, places)


def _passed_over(field: ReversedField, reason: Reason) -> ReversedField:
    return replace(field, part="none", path=None, codes=None, default=None, reason=reason)


def _element(
    code: str, field: ReversedField, own: Element | None, dataset: Dataset, catalogue: Catalogue
) -> tuple[Element, CodeList | None]:
    """The element that stands for a field, with the list of its targets where it has codes.

    Numbers are read without bounds: those of the element itself are in its own unit, and are looked at afterwards.
    """
    title = field.title or field.name
    if own is None:
        return Element(dataset.code, code, title, "text", "attribute", "open"), None
    if field.codes is None:
        kind: ElementType = "decimal" if own.numeric else own.type
        return replace(
            own, code=code, title=title, aliases=(), type=kind, unit=field.unit, min=None, max=None, required=False,
        ), None  # fmt: skip
    listed = catalogue.codelists.get(own.codes) if own.codes is not None else None
    labels = {member.code: member.label for member in listed.codes} if listed is not None else {}
    if own.type == "boolean":
        labels = {"true": "是", "false": "否"}
    members = [Code(target, labels.get(source, target)) for target, source in field.codes.items()]
    if isinstance(field.default, str) and field.default not in field.codes:
        members.append(Code(field.default, field.default))
    name = f"view\0{code}"
    element = Element(dataset.code, code, title, "code", "attribute", "open", codes=name)
    return element, CodeList(name, title, tuple(members))
