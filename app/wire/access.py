"""The bodies of the request for access."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from app.wire.models import Body

Text = Annotated[str, Field(min_length=1, max_length=4000)]


class AccessRequestIn(Body):
    """What a department asks access to (政务数据共享申请): 使用范围, 使用场景, 使用依据, 共享方式, 使用时限.

    ``elements``: ``dataset.element`` or ``dataset.*``; ``regions``: codes, or ``*``; ``periods``: ``{from, to}``;
    ``delivery``: 服务接口, 批量交换 or 文件下载; ``valid``: ``{from, until}``, days in Asia/Shanghai.
    """

    elements: list[Text] = Field(min_length=1)
    regions: list[Text] = Field(min_length=1)
    periods: dict[str, str] | None = None
    purpose: Text
    legal_basis: Text
    delivery: Literal["api", "batch", "file"]
    valid: dict[str, str]


class AccessDecisionIn(Body):
    """``agreement``: what is different from what was asked: elements, regions, periods, valid, and terms."""

    verdict: Literal["grant", "refuse"]
    reason: Text | None = None
    agreement: dict[str, Any] | None = None


class ReasonIn(Body):
    reason: Text


class NoteIn(Body):
    reason: Text | None = None
