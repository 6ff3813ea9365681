"""What changed from one version of a view to the next, in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from app.mapping.spec import FieldSpec, ViewSpec

ChangeKind = Literal["view", "added", "removed", "renamed", "moved", "changed"]

_NOTHING = "（无）"
_ASPECTS: Mapping[str, tuple[str, str]] = {
    "title": ("标题", "title"),
    "source": ("来源元素", "from"),
    "expr": ("表达式", "expr"),
    "value": ("常量", "value"),
    "unit": ("计量单位", "unit"),
    "decimals": ("小数位数", "decimals"),
    "rounding": ("舍入方式", "rounding"),
    "default": ("缺失时的值", "default"),
    "aggregate": ("汇总方式", "aggregate"),
    "otherwise": ("其余代码的目标", "otherwise"),
    "complete": ("完整性要求", "complete"),
}


@dataclass(frozen=True, slots=True)
class Change:
    """One change. ``field`` is the name that the field has now (for a removed one, had); None for the view itself.

    ``aspect`` is the key of the document that changed, where one did.
    """

    kind: ChangeKind
    field: str | None
    aspect: str | None
    message: str
    message_en: str

    def __str__(self) -> str:
        return f"{self.message}（{self.message_en}）"


def changes(old: ViewSpec, new: ViewSpec) -> list[Change]:
    """Every difference from ``old`` to ``new``; empty where they mean the same. Fields in the order of ``new``."""
    return [*_of_view(old, new), *_of_fields(old, new)]


def _of_view(old: ViewSpec, new: ViewSpec) -> Iterable[Change]:
    for aspect, words, was, becomes in (
        ("title", "视图标题", old.title, new.title),
        ("department", "部门", old.department, new.department),
        ("grain.level", "行的层级", old.level, new.level),
        ("grain.frequency", "行的频度", old.frequency, new.frequency),
        ("regions", "区划口径", old.regions, new.regions),
        ("strict_codes", "代码对照须完整", _yes(old.strict_codes), _yes(new.strict_codes)),
    ):
        if was != becomes:
            yield Change("view", None, aspect, f"{words}由“{was}”改为“{becomes}”", f"{aspect}: from {was} to {becomes}")


def _of_fields(old: ViewSpec, new: ViewSpec) -> Iterable[Change]:
    before = {each.name: each for each in old.fields}
    after = {each.name: each for each in new.fields}
    renamed = _renamed(before, after)
    for name, field in after.items():
        was = before.get(name)
        if was is not None:
            yield from _of_field(was, field)
        elif name in renamed:
            earlier = renamed[name]
            yield Change("renamed", name, "name", f"字段“{earlier}”改名为“{name}”", f"{earlier} is renamed {name}")
        else:
            yield Change("added", name, None, f"新增字段“{name}”：{_source(field)}", f"{name} is added")
    for name in before:
        if name not in after and name not in renamed.values():
            yield Change("removed", name, None, f"删去字段“{name}”", f"{name} is removed")
    if [renamed.get(name, name) for name in after if name in before or name in renamed] != [
        name for name in before if name in after or name in renamed.values()
    ]:
        yield Change("moved", None, "fields", "字段的次序有变", "the order of the fields has changed")


def _renamed(before: Mapping[str, FieldSpec], after: Mapping[str, FieldSpec]) -> dict[str, str]:
    """New name → old name of fields that are the same but for it, each taken once, in order."""
    gone = {name: field for name, field in before.items() if name not in after}
    found: dict[str, str] = {}
    for name, field in after.items():
        if name in before:
            continue
        earlier = next((was for was, known in gone.items() if replace(known, name=name) == field), None)
        if earlier is not None:
            del gone[earlier]
            found[name] = earlier
    return found


def _of_field(old: FieldSpec, new: FieldSpec) -> Iterable[Change]:
    for attribute, (words, key) in _ASPECTS.items():
        was, becomes = getattr(old, attribute), getattr(new, attribute)
        if was != becomes:
            yield Change(
                "changed",
                new.name,
                key,
                f"字段“{new.name}”的{words}由{_said(was)}改为{_said(becomes)}",
                f"{new.name}: {key} from {was or None} to {becomes or None}",
            )
    yield from _of_codes(new.name, old.codes or {}, new.codes or {})


def _of_codes(name: str, old: Mapping[str, str], new: Mapping[str, str]) -> Iterable[Change]:
    for code in [*old, *(code for code in new if code not in old)]:
        was, becomes = old.get(code), new.get(code)
        if was != becomes:
            yield Change(
                "changed",
                name,
                "codes",
                f"字段“{name}”的代码“{code}”由{_said(was)}改为{_said(becomes)}",
                f"{name}: code {code} from {was} to {becomes}",
            )


def _source(field: FieldSpec) -> str:
    if field.expr is not None:
        return f"算自 {field.expr}"
    if field.source is not None:
        return f"取自 {field.source}"
    return f"常量“{field.value}”"


def _yes(truth: bool) -> str:
    return "是" if truth else "否"


def _said(value: Any) -> str:
    return _NOTHING if value is None or value == "" else f"“{value}”"
