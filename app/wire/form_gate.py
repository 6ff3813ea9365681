"""The bodies of the form gate."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.wire.models import Body


class FormColumnIn(Body):
    """One column of a form: its own name, its unit, the headings above it outermost first, and some values."""

    name: str
    unit: str | None = None
    path: list[str] = Field(default_factory=list)
    samples: list[Any] = Field(default_factory=list)


class FormRequestIn(Body):
    """A form that a department wants to send to townships. ``department`` is named by administrators only."""

    title: str = ""
    purpose: str = ""
    legal_basis: str = ""
    frequency: str | None = None
    level: str | None = None
    caption: str = ""
    department: str | None = None
    columns: list[FormColumnIn]


class ConversionOut(BaseModel):
    """The figure in the form's unit is the held figure times ``factor``, a decimal or a fraction such as 1/15."""

    model_config = ConfigDict(populate_by_name=True)

    from_: str = Field(alias="from")
    to: str
    factor: str
    assumed: bool


class FormColumnOut(BaseModel):
    """The verdict on one column."""

    model_config = ConfigDict(extra="allow")

    name: str
    verdict: Literal["held", "derivable", "related", "new", "bookkeeping"]
    element: str | None
    conversion: ConversionOut | None
    code_map: dict[str, str] | None
    expr: str | None
    confidence: float
    reasons: list[str]
    candidates: list[dict[str, Any]]
    freshness: dict[str, Any] | None


class FormRequestOut(BaseModel):
    """A form that was checked: a verdict a column, how many of each, and what it would have cost."""

    model_config = ConfigDict(extra="allow")

    id: str
    status: Literal["checked", "decided", "refused", "published"]
    department: str
    columns: list[FormColumnOut]
    summary: dict[str, int]
    burden: dict[str, Any]


class ProposalIn(Body):
    """An element that a form needs and nobody collects yet (see the form gate in the guide)."""

    dataset: str | None = None
    code: str | None = None
    title: str | None = None
    definition: str | None = None
    type: str | None = None
    unit: str | None = None
    decimals: int | None = None
    measure: str | None = None
    lead_source: str | None = None
    sharing: str | None = None
    sharing_basis: str | None = None
    approval_number: str | None = None
    valid: dict[str, str] | None = None
    duty_item: str | None = None


class ColumnDecisionIn(Body):
    """What becomes of one column, named by its place from 0 or by its name where that is unique."""

    column: int | str
    decision: Literal["accept", "relate", "propose", "reject", "skip"]
    element: str | None = None
    expr: str | None = None
    relation: Literal["exact", "narrow", "close"] | None = None
    reason: str | None = None
    field: dict[str, Any] | None = None
    proposal: ProposalIn | None = None


class ViewWantedIn(Body):
    """The code and title of the view to draft; by default made from the form."""

    code: str | None = None
    title: str | None = None


class RefusalIn(Body):
    reason: str


class FormDecisionIn(Body):
    """Decisions a column; ``accept_rest`` takes every other held or derivable column as it was proposed."""

    columns: list[ColumnDecisionIn] = Field(default_factory=list)
    accept_rest: bool = False
    view: ViewWantedIn | None = None
    refuse: RefusalIn | None = None


class ReviewIn(Body):
    status: Literal["accepted", "refused"]
    reason: str
