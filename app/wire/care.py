"""Bodies of the care of figures: due, still true, refusals, corrections, notices, evidence."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, Field

from app.wire.models import Body


class DueItemOut(BaseModel):
    """Elements of one record that need someone; ``due`` is the last day in time."""

    dataset: str
    title: str
    region: str | None
    region_name: str | None
    period: str | None
    key: dict[str, str]
    state: Literal["missing", "stale", "questioned"]
    elements: list[str]
    due: str | None
    days_overdue: int
    corrections: list[str]
    checks: list[str]


class DueOut(BaseModel):
    """One page of what is due; ``next`` goes on."""

    today: str
    due: list[DueItemOut]
    next: str | None


class StillTrueIn(Body):
    """What the source has looked at: a region (with all below it), a period, one record of a list, some elements."""

    region: str | None = None
    period: str | None = None
    key: dict[str, str] | None = None
    elements: list[str] | None = None


class StillTrueOut(BaseModel):
    """What is fresh again, and since when."""

    dataset: str
    region: str | None
    region_name: str | None
    period: str | None
    elements: list[str] | None
    records: int
    at: str


class RefusalIn(Body):
    """Why a pending submission is refused."""

    reason: str


class CorrectionIn(Body):
    """A question to one figure: the value as it was seen, why it is doubted, and files of one's own as evidence."""

    dataset: str
    element: str
    region: str
    period: str | None = None
    key: dict[str, str] | None = None
    value: Any = None
    reason: str
    evidence: list[str] = Field(default_factory=list, max_length=20)


class CorrectionAnswerIn(Body):
    """The source's answer: ``corrected`` by the submission that did it, or ``upheld`` with a reason."""

    decision: Literal["corrected", "upheld"]
    submission: str | None = None
    reason: str | None = None


class CorrectionOut(BaseModel):
    """A question and its answer."""

    id: str
    status: Literal["open", "corrected", "upheld"]
    dataset: str
    element: str
    title: str | None
    region: str | None
    region_name: str | None
    period: str | None
    key: dict[str, str]
    value: str | bool | None
    reason: str
    evidence: list[str]
    asked_at: str | None
    asked_by: str
    due: str
    overdue: bool
    answered_at: str | None
    answer: str | None
    submission: str | None


class CorrectionsOut(BaseModel):
    """One page of questions, newest first."""

    corrections: list[CorrectionOut]
    next: str | None


class NoticeOut(BaseModel):
    """One notice. Of figures that changed, ``data.figures`` has element, unit, old and new, exactly."""

    id: str
    time: str
    type: str
    subject: str
    data: dict[str, Any]


class NoticesOut(BaseModel):
    """Notices in order, and the cursor to go on from."""

    notices: list[NoticeOut]
    next: str
    more: bool


class RemindersOut(BaseModel):
    """Reminders in order, and the cursor to go on from."""

    reminders: list[NoticeOut]
    next: str
    more: bool


class EvidenceOut(BaseModel):
    """A file and what it is attached to, as far as the caller may know."""

    id: str
    filename: str
    media_type: str
    size: int
    sha256: str
    at: str | None
    own: bool
    attached: list[dict[str, Any]]


class EvidenceListOut(BaseModel):
    evidence: list[EvidenceOut]
