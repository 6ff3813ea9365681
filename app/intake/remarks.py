"""Collecting findings: one collector for a sheet (or for JSON rows), so that every fault is named once and with its place."""

from __future__ import annotations

from app.errors import Finding, Severity
from app.intake.finding_codes import FINDING_CODES
from app.intake.grid import column_letter


class Remarks:
    """The findings of one sheet; ``sheet`` is None for JSON rows. The same finding at the same place is kept once."""

    def __init__(self, sheet: str | None) -> None:
        self.sheet = sheet
        self._findings: dict[tuple[str, int | None, int | None, str | None, str], Finding] = {}

    @property
    def findings(self) -> list[Finding]:
        """All findings so far, by row where they have one, then as they were found."""
        return sorted(self._findings.values(), key=lambda finding: -1 if finding.row is None else finding.row)

    def add(
        self,
        code: str,
        message: str,
        message_en: str,
        *,
        row: int | None = None,
        column: int | None = None,
        element: str | None = None,
        value: str | None = None,
        accepted: str | None = None,
        severity: Severity | None = None,
    ) -> None:
        """One finding; ``column`` is the sheet's column number from 1. The severity is the code's own unless given."""
        letter = column_letter(column) if column is not None else None
        finding = Finding(
            severity=severity or FINDING_CODES[code].severity,
            code=code,
            message=message,
            sheet=self.sheet,
            row=row,
            column=letter,
            cell=f"{letter}{row}" if letter is not None and row is not None else None,
            element=element,
            value=value,
            accepted=accepted,
            message_en=message_en,
        )
        self._findings.setdefault((code, row, column, element, message), finding)
