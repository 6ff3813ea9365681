"""The clerk's own file, given back with what a check found in it: nothing but what was sent and its findings."""

from __future__ import annotations

from app.formats.returned_workbook import returned_workbook
from app.services.submit import Outcome, SubmissionRequest


def returned(request: SubmissionRequest, outcome: Outcome, *, english: bool) -> bytes:
    """The file of ``request`` as an xlsx with the findings of ``outcome``. Raises Problem: 413 beyond 100,000 cells."""
    findings = outcome.body.get("findings") or ()
    return returned_workbook(request.data or b"", request.filename or "", findings, english=english)
