"""Everything that can go wrong in words a caller can act on.

The tree::

    Problem          a request that cannot be answered; carries a code of ERROR_CODES
    Finding          one fault (or warning) at one place of what was handed in
    Fault            one fault of a schema folder or document: file, place, message

Every HTTP error is made from a ``Problem``; its status and titles come from the registry below, so that
the reference documentation, the OpenAPI and the answers cannot differ.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """One kind of problem: its HTTP status and its title, Chinese first."""

    status: int
    title: str
    title_en: str


ERROR_CODES: Mapping[str, ErrorCode] = {
    "bad_request": ErrorCode(400, "请求格式有误", "The request is not of the right form"),
    "unknown_parameter": ErrorCode(400, "不认识的参数", "A parameter is unknown"),
    "unknown_field": ErrorCode(400, "没有这个字段", "There is no such field"),
    "bad_cursor": ErrorCode(400, "游标或快照标识无效", "The cursor or snapshot id is not valid"),
    "unauthenticated": ErrorCode(401, "需要有效的凭证", "A valid credential is needed"),
    "forbidden": ErrorCode(403, "无权进行此操作", "The caller may not do this"),
    "not_covered": ErrorCode(403, "所请求的范围没有共享协议覆盖", "No agreement covers what was asked"),
    "not_found": ErrorCode(404, "没有找到", "Not found"),
    "method_not_allowed": ErrorCode(405, "不支持该方法", "Method not allowed"),
    "not_acceptable": ErrorCode(406, "不支持所要求的格式", "None of the accepted formats is served"),
    "conflict": ErrorCode(409, "与现有状态冲突", "In conflict with the present state"),
    "field_in_use": ErrorCode(409, "要改动的字段仍在使用", "A field that would break is in use"),
    "precondition_failed": ErrorCode(412, "内容已被他人修改", "The thing was changed by someone else"),
    "too_large": ErrorCode(413, "提交的内容过大", "What was sent is too large"),
    "unsupported_media_type": ErrorCode(415, "不支持的文件类型", "The type of file is not supported"),
    "range_not_satisfiable": ErrorCode(416, "所要求的字节范围不存在", "The answer has no such range of bytes"),
    "invalid_submission": ErrorCode(422, "数据未通过检查，未存入任何内容", "The data has faults; nothing was stored"),
    "invalid_document": ErrorCode(422, "定义有误，未作任何更改", "The definition has faults; nothing was changed"),
    "idempotency_mismatch": ErrorCode(
        422, "同一幂等键用于不同的请求", "The idempotency key was used for another request"
    ),
    "too_many_requests": ErrorCode(429, "请求过多，请稍后重试", "Too many requests; try again later"),
    "rate_limited": ErrorCode(429, "请求过于频繁", "Too many requests in this time"),
    "quota_exhausted": ErrorCode(429, "协议规定的用量已用完", "The quota of the agreement is used up"),
    "too_many_exports": ErrorCode(429, "同时进行的导出过多", "Too many exports at once"),
    "uri_too_long": ErrorCode(414, "地址过长", "The address is too long"),
    "headers_too_large": ErrorCode(431, "请求头过大", "The headers are too large"),
    "internal": ErrorCode(500, "服务内部错误", "Internal error"),
    "calendar_ends": ErrorCode(409, "工作日历没有这一年", "The working-day calendar has no such year"),
    "unavailable": ErrorCode(503, "服务暂不可用，请稍后重试", "Not available at present; try again"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One fault or remark at one place of a submission.

    ``row`` is the sheet's own row number (from 1) for a workbook, the index from 0 for JSON rows; ``cell`` such
    as ``C7``. ``message`` is Chinese, ``message_en`` the same in English. ``accepted`` says what would be accepted.
    """

    severity: Severity
    code: str
    message: str
    sheet: str | None = None
    row: int | None = None
    column: str | None = None
    cell: str | None = None
    element: str | None = None
    value: str | None = None
    accepted: str | None = None
    message_en: str | None = None

    def document(self) -> dict[str, Any]:
        """The finding as it crosses HTTP."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a schema document: which file, where in it, what is wrong (Chinese first, English beside it)."""

    file: str
    place: str
    message: str

    def __str__(self) -> str:
        return f"{self.file}: {self.place}: {self.message}" if self.place else f"{self.file}: {self.message}"


@dataclass(slots=True)
class Problem(Exception):
    """A request that cannot be answered. ``code`` is a key of ERROR_CODES; ``detail`` says what and where."""

    code: str
    detail: str
    findings: Sequence[Finding] = ()
    faults: Sequence[Fault] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def status(self) -> int:
        return ERROR_CODES[self.code].status

    def document(self) -> dict[str, Any]:
        """The body after RFC 9457, with ``findings`` where there are several faults."""
        kind = ERROR_CODES[self.code]
        body: dict[str, Any] = {
            "type": f"urn:township:problem:{self.code}",
            "title": kind.title,
            "status": kind.status,
            "detail": self.detail,
            "code": self.code,
            **self.extra,
        }
        if self.findings:
            body["findings"] = [finding.document() for finding in self.findings]
        if self.faults:
            body["findings"] = [
                {"severity": "error", "code": self.code, "message": f.message, "file": f.file, "place": f.place}
                for f in self.faults
            ]
        return body
