"""The bodies of requests and answers. Answers have no defaults, so that a reader sees every key it will get."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Body(BaseModel):
    """A request body: unknown keys are refused."""

    model_config = ConfigDict(extra="forbid")


class FindingOut(BaseModel):
    """One fault or remark at one place of what was handed in."""

    severity: Literal["error", "warning"]
    code: str
    message: str
    sheet: str | None
    row: int | None
    column: str | None
    cell: str | None
    element: str | None
    value: str | None
    accepted: str | None
    message_en: str | None


class ProblemOut(BaseModel):
    """An error after RFC 9457, sent as application/problem+json; ``findings`` where there are several faults."""

    model_config = ConfigDict(extra="allow")

    type: str
    title: str
    status: int
    detail: str
    code: str
    findings: list[dict[str, Any]] = Field(default_factory=list)


class CountsOut(BaseModel):
    rows: int
    new: int
    changed: int
    unchanged: int


class SubmissionOut(BaseModel):
    """A submission and what became of it."""

    model_config = ConfigDict(extra="allow")

    id: str
    dataset: str
    period: str | None
    mode: Literal["apply", "check"]
    status: Literal["applied", "pending", "checked", "rejected"]
    revision: str
    counts: CountsOut
    findings: list[FindingOut]


class SubmissionIn(Body):
    """A submission as JSON. Rows are objects keyed by element code."""

    dataset: str
    period: str | None = None
    region: str | None = None
    mode: Literal["apply", "check"] = "apply"
    rows: list[dict[str, Any]]


class ViewPageOut(BaseModel):
    """One page of a view; ``next`` goes on. ``count`` is there when it was asked for."""

    model_config = ConfigDict(extra="allow")

    view: str
    version: int
    snapshot: str
    records: list[dict[str, Any]]
    next: str | None


class RecordsPageOut(BaseModel):
    """One page of canonical records."""

    dataset: str
    revision: str
    records: list[dict[str, Any]]
    next: str | None


class ChangeOut(BaseModel):
    model_config = ConfigDict(extra="allow")

    op: Literal["upsert", "remove"]
    key: dict[str, Any]


class ChangesOut(BaseModel):
    """The difference between a state the caller has and now."""

    view: str
    version: int
    changes: list[ChangeOut]
    next: str
    more: bool


class WithdrawalIn(Body):
    reason: str


class CredentialIn(Body):
    """A credential to make. A day as ``expires`` is its last one, in Asia/Shanghai."""

    name: str
    kind: Literal["admin", "department", "region"]
    department: str | None = None
    region: str | None = None
    role: Literal["clerk", "confirmer"] | None = None
    expires: datetime | date | None = None


class CredentialOut(BaseModel):
    """A credential just made: its key is shown this once."""

    id: str
    key: str


class TokenOut(BaseModel):
    """An access token (RFC 6749, 5.1)."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
