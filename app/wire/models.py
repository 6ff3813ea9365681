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
    status: Literal["applied", "pending", "checked", "rejected", "refused", "withdrawn"]
    revision: str
    counts: CountsOut
    findings: list[FindingOut]


class SubmissionIn(Body):
    """A submission as JSON. Rows are objects keyed by element code; with ``view``, by that view's field names.

    ``dataset`` may be left out only with a ``view`` whose fields in the rows rest on one dataset.
    """

    dataset: str | None = None
    period: str | None = None
    region: str | None = None
    mode: Literal["apply", "check"] = "apply"
    view: str | None = None
    rows: list[dict[str, Any]]


class ViewPageOut(BaseModel):
    """One page of a view; ``next`` goes on. ``count`` is there when it was asked for."""

    model_config = ConfigDict(extra="allow")

    view: str
    version: int
    snapshot: str
    records: list[dict[str, Any]]
    next: str | None


class ExactOut(BaseModel):
    """A number as it is: a fraction in lowest terms, and its decimal digits, ``complete`` if these are all."""

    fraction: str
    decimal: str
    complete: bool


class PlaceOut(BaseModel):
    """A region by the code and name in force in the period."""

    code: str | None
    name: str | None


class ReportedOut(BaseModel):
    """What was reported, in the unit it was reported in: a number, text or flag, or the reason why it is missing."""

    number: str | None
    unit: str | None
    text: str | None
    flag: bool | None
    missing: str | None


class ExplainedCellOut(BaseModel):
    """One base value. ``factor`` converts what was reported into the element's unit; null where it was in that."""

    region: PlaceOut
    period: str | None
    key: dict[str, str]
    value: ExactOut | str | bool | None
    reported: ReportedOut
    factor: str | None
    submission: str | None
    sheet: str | None
    cell: str | None


class BehindOut(BaseModel):
    """How many there are and how many there could be; null where nothing says so."""

    values: list[int | None]
    regions: list[int | None]
    periods: list[int | None]


class ExplainedInputOut(BaseModel):
    """One element at one period of the view's grain, and the cells it was made of (of ``cells_in_all``)."""

    element: str
    title: str
    unit: str | None
    period: str | None
    value: ExactOut | str | bool | None
    over_time: str | None
    over_regions: str | None
    counts: BehindOut | None
    cells_in_all: int
    cells: list[ExplainedCellOut]


class ExplainedStepOut(BaseModel):
    """One part of the expression and its exact value; ``factor`` where it converts."""

    expression: str
    period: str | None
    value: ExactOut | str | bool | None
    factor: str | None
    unit: str | None


class ReporterOut(BaseModel):
    """Whom the submission's credential stood for."""

    region: PlaceOut | None
    department: str | None


class ExplainedSubmissionOut(BaseModel):
    """A submission that brought a cell."""

    id: str
    channel: str
    filename: str | None
    submitted_at: datetime
    confirmed_at: datetime | None
    by: ReporterOut


class RoundingOut(BaseModel):
    """The one rounding."""

    before: ExactOut
    decimals: int
    mode: str
    after: int | float | None


class CodedOut(BaseModel):
    """A code and what the field's ``codes`` make of it."""

    before: str
    after: str | None


class ExplanationOut(BaseModel):
    """Why a value is what it is. Where ``covered`` is false, ``detail`` says so and nothing else is told.

    ``complete``: whether all regions and periods have reported, of a field that asks for it; null of any other.
    """

    view: str
    version: int
    snapshot: str
    region: PlaceOut
    period: str | None
    key: dict[str, str]
    field: dict[str, Any]
    rule: dict[str, Any]
    covered: bool
    complete: bool | None
    detail: str | None
    value: int | float | str | bool | None
    inputs: list[ExplainedInputOut]
    steps: list[ExplainedStepOut]
    rounding: RoundingOut | None
    code: CodedOut | None
    default_used: bool
    submissions: list[ExplainedSubmissionOut]


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


class RestoreIn(Body):
    """Which earlier version to publish again."""

    version: int


class CredentialIn(Body):
    """A credential to make: an administrator's, an auditor's, a department's or a region's, as ``kind`` or the one

    that is named says. A day as ``expires`` is its last one, in Asia/Shanghai. With ``bound`` it is used only through
    access tokens that are bound to a key of the client (DPoP).
    """

    name: str
    kind: Literal["admin", "auditor", "department", "region"] | None = None
    admin: bool = False
    auditor: bool = False
    department: str | None = None
    region: str | None = None
    role: Literal["clerk", "confirmer"] | None = None
    expires: datetime | date | None = None
    bound: bool = False

    @property
    def meant(self) -> Literal["admin", "auditor", "department", "region"]:
        """The kind that was given, or the one that the rest of the body says."""
        if self.kind is not None:
            return self.kind
        if self.admin or self.auditor:
            return "admin" if self.admin else "auditor"
        return "department" if self.department is not None else "region"


class CredentialOut(BaseModel):
    """A credential just made: its key is shown this once."""

    id: str
    key: str


class RotationIn(Body):
    """For how many hours the key that is replaced goes on working beside the new one."""

    overlap_hours: int = 24


class RotationOut(BaseModel):
    """A new key, shown this once, and until when the one before it works."""

    id: str
    key: str
    former_key_ends_at: datetime | None


class PublicKeysIn(Body):
    """A JWK set (RFC 7517): Ed25519, P-256 or RSA, public keys only."""

    keys: list[dict[str, Any]]


class TokenOut(BaseModel):
    """An access token (RFC 6749, 5.1)."""

    access_token: str
    token_type: Literal["Bearer", "DPoP"]
    expires_in: int
