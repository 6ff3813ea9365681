"""An agreement in words: every term of its document, for people to read and to sign."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from app.catalogue.model import Catalogue, Dataset, Element
from app.policy.agreements import EVERY_DATASET, Agreement
from app.policy.cell_masks import CellMask
from app.policy.terms import Quota

_SHARING = {"open": "无条件共享", "conditional": "有条件共享", "closed": "不予共享"}
_QUOTAS = {
    "requests_per_minute": "每分钟请求不超过 {} 次",
    "requests_per_day": "每日请求不超过 {} 次",
    "rows_per_day": "每日取得记录不超过 {} 条",
    "exports_at_once": "同时导出不超过 {} 份",
}
_ONWARD = {"forbidden": "不得再提供给他人", "with_consent": "经提供方同意方可再提供", "allowed": "可以再提供"}
_PATH = re.compile(r"\b[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*\b")


def agreement_text(agreement: Agreement, catalogue: Catalogue, regions: Mapping[str, str], version: int) -> str:
    """The whole agreement as Chinese text, a paragraph a line. ``regions``: names of the region codes it has."""
    department = catalogue.departments.get(agreement.department)
    receiver = f"{department.name}（{agreement.department}）" if department else agreement.department
    terms = agreement.terms
    lines = [
        f"数据共享协议 {agreement.code}（第 {version} 版）",
        "",
        "一、当事方",
        f"提供方：{terms.provider or '各数据项的数据来源'}。",
        f"接收方：{receiver}。",
        "",
        "二、用途与依据",
        f"用途：{agreement.purpose}。",
        f"依据：{agreement.legal_basis or '未写明'}。",
        *([f"使用方式：{terms.use}。"] if terms.use else []),
        "",
        "三、共享的数据项",
        *_elements(agreement, catalogue),
        "不予共享的数据项一律不含在内；协议只增加可见范围，不减少其他协议已给予的。",
        "",
        "四、区划、期间与记录",
        f"区划：{_regions(agreement, regions)}。",
        f"期间：{_periods(agreement)}。",
        *_conditions(agreement, catalogue),
        "",
        "五、取用与保存",
        f"取用频次：{terms.frequency or '未限定'}。",
        f"限额：{_quota(agreement.quota)}。",
        f"保存期限：{_retention(terms.retention)}。",
        f"再提供：{_ONWARD.get(terms.onward_use or '', terms.onward_use or '未写明')}。",
        "",
        "六、有效期与公开",
        f"自 {_day(agreement.valid_from)}起，至 {_day(agreement.valid_until)}止（北京时间，首尾均含），此后不再给予任何数据。",
        _shown(agreement),
    ]
    return "\n".join(lines) + "\n"


def mask_words(mask: CellMask | None) -> str:
    """What is seen of a cell under a mask."""
    if mask is None:
        return "如实提供"
    numbers = [_number(number) for number in mask.numbers]
    match mask.kind:
        case "round":
            return f"舍入到 {numbers[0]} 的整倍数"
        case "suppress_below":
            return f"绝对值小于 {numbers[0]} 且不为零的不提供"
        case "band":
            bands = [f"{low} 至不足 {high}" for low, high in pairwise(numbers)]
            return f"只提供所在档的下限（{'、'.join([*bands, f'{numbers[-1]} 及以上'])}；不足 {numbers[0]} 的不提供）"
        case "hash":
            return "以本协议专用密钥的哈希值代替"


def _elements(agreement: Agreement, catalogue: Catalogue) -> list[str]:
    covered = agreement.covered_elements(catalogue)
    masks = agreement.cell_masks(covered)
    lines: list[str] = []
    for code, dataset in sorted(catalogue.datasets.items()):
        elements = [element for element in dataset.elements if element.path in covered]
        if elements:
            lines.append(f"{dataset.title}（{code}）：")
            lines += [
                f"  - {_element(element, dataset)}：{mask_words(masks.get(element.path))}" for element in elements
            ]
    return lines or ["（目录中没有相应的数据项）"]


def _element(element: Element, dataset: Dataset) -> str:
    parts = [_SHARING[element.sharing]]
    parts += [f"单位 {element.unit}"] if element.unit else []
    parts += ["键"] if element.code in dataset.key else []
    return f"{element.title}（{element.path}，{'，'.join(parts)}）"


def _regions(agreement: Agreement, names: Mapping[str, str]) -> str:
    if "*" in agreement.regions:
        return "全部区划"
    return "、".join(f"{names.get(code, '')}（{code}）" for code in agreement.regions) + "，各含其下全部区划"


def _periods(agreement: Agreement) -> str:
    if agreement.first is None and agreement.last is None:
        return "不限"
    begin = f"自 {_day(agreement.first)}起" if agreement.first else ""
    end = f"至 {_day(agreement.last)}止" if agreement.last else ""
    return f"{begin}{'，' if begin and end else ''}{end}；须整个期间在内，没有期间的数据不受此限"


def _conditions(agreement: Agreement, catalogue: Catalogue) -> list[str]:
    if not agreement.where:
        return ["记录：不另设条件。"]
    lines = ["记录须满足下列全部条件，缺少所需的值视为不满足："]
    for limited, text in agreement.where:
        dataset = catalogue.datasets.get(limited)
        of = "全部数据集" if limited == EVERY_DATASET else f"{dataset.title if dataset else ''}（{limited}）"
        lines.append(f"  - {of}：{_named(text, catalogue)}")
    return lines


def _named(text: str, catalogue: Catalogue) -> str:
    """The expression, and what the elements in it are called."""
    found = {path: element.title for path in _PATH.findall(text) if (element := catalogue.element(path)) is not None}
    named = "，".join(f"{path} 为{title}" for path, title in found.items())
    return f"{text}（{named}）" if named else text


def _quota(quota: Quota | None) -> str:
    if quota is None:
        return "不另设限额"
    given = {name: getattr(quota, name) for name in _QUOTAS}
    return "；".join(_QUOTAS[name].format(value) for name, value in given.items() if value is not None)


def _retention(retention: int | str | None) -> str:
    return f"{retention} 日" if isinstance(retention, int) else retention or "未写明"


def _shown(agreement: Agreement) -> str:
    if not agreement.sensitive:
        return "数据来源可以看到接收方何时取用了哪些数据项。"
    return f"本协议为敏感协议：对数据来源，接收方显示为“{agreement.readers_shown_as}”。"


def _day(day: date) -> str:
    return f"{day.year} 年 {day.month} 月 {day.day} 日"


def _number(number: Fraction) -> str:
    return format((Decimal(number.numerator) / Decimal(number.denominator)).normalize(), "f")
