"""What people write into a cell to say that there is no figure, and which of the four reasons it gives.

The reasons are those of the national township statistics. A blank cell, a dash and a slash say that a figure is missing
without saying why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from app.intake.spelling import folded


class MissingReason(NamedTuple):
    """One reason for a missing figure, in both languages, with the ways in which it is written."""

    title: str
    title_en: str
    written: tuple[str, ...]


MISSING_REASONS: Mapping[str, MissingReason] = {
    "too_small": MissingReason(
        "数值过小，不足计量单位",
        "too small for the unit",
        ("…", "……", "..", "数值过小", "不足最小单位", "不足计量单位"),
    ),
    "not_collected": MissingReason(
        "本期未统计", "not collected this period", ("未统计", "未调查", "未填报", "未上报", "未采集", "暂未统计")
    ),
    "unknown": MissingReason(
        "数据不详", "no exact figure", ("缺", "不详", "未知", "数据不详", "数据缺失", "缺失", "x", "×", "暂无数据")
    ),
    "not_comparable": MissingReason(
        "不适用或不可比", "not applicable or not comparable", ("不适用", "不可比", "n/a", "#n/a", "na", "无此项")
    ),
}
"""Every reason by its code. What a record keeps is the code."""

NO_REASON: frozenset[str] = frozenset(
    folded(sign) for sign in ("-", "--", "---", "/", "\\", "空", "空白", "null", "无数据")
)
"""What says missing without a reason; a blank cell does too."""

_REASON_OF: Mapping[str, str] = {
    folded(sign): code for code, reason in MISSING_REASONS.items() for sign in reason.written
} | {code: code for code in MISSING_REASONS}

# In a text element a word may be meant as it stands; these never are.
_IN_TEXT: frozenset[str] = frozenset(folded(sign) for sign in ("-", "--", "/", "…", "……", "未统计", "不详", "不适用"))


class MissingMark(NamedTuple):
    """A marker was recognised; ``reason`` is a code of MISSING_REASONS or None."""

    reason: str | None


def missing_mark(text: str, *, in_text: bool = False) -> MissingMark | None:
    """Whether ``text`` says that there is no figure. ``in_text``: for an element that holds free text."""
    bare = folded(text)
    if not bare or bare in NO_REASON:
        return None if in_text and bare and bare not in _IN_TEXT else MissingMark(None)
    reason = _REASON_OF.get(bare)
    if reason is None or (in_text and bare not in _IN_TEXT):
        return None
    return MissingMark(reason)
