"""From a sheet or JSON rows to checked changes: headings, cells, regions, periods, checks. Pure: no files, no database.

The public face::

    Workbook Grid Cell CellError      what a file holds, made by ``app.formats.reading``
    Context                           what is read against: dataset, catalogue, regions, the caller's reach
    read_workbook_rows read_json_rows -> Reading: records, findings, what was passed over or refused
    HeldRecord compare                -> ChangeSet: new, changed, unchanged, with all findings
    FINDING_CODES MISSING_REASONS     the registries
"""

from __future__ import annotations

from app.intake.changes import compare
from app.intake.finding_codes import FINDING_CODES
from app.intake.grid import Cell, CellError, Grid, Workbook
from app.intake.json_rows import read_json_rows
from app.intake.markers import MISSING_REASONS
from app.intake.records import ChangeSet, Context, HeldRecord, InputRow, Place, Reading, RecordChange, RecordKey
from app.intake.sheets import read_workbook_rows

__all__ = [
    "FINDING_CODES",
    "MISSING_REASONS",
    "Cell",
    "CellError",
    "ChangeSet",
    "Context",
    "Grid",
    "HeldRecord",
    "InputRow",
    "Place",
    "Reading",
    "RecordChange",
    "RecordKey",
    "Workbook",
    "compare",
    "read_json_rows",
    "read_workbook_rows",
]
