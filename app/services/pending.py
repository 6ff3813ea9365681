"""What waits for its second person: a reading as a document, so that it can be judged again when it is confirmed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from app.catalogue.model import Dataset
from app.catalogue.periods import Period
from app.catalogue.values import Reported
from app.intake.records import InputRow, Place, Reading


def document_of_reading(reading: Reading) -> dict[str, Any]:
    """The rows of a faultless reading as JSON."""
    rows = [
        {
            "region": row.region_id,
            "period": row.period.ordinal,
            "key": list(row.key),
            "values": {code: value.document() for code, value in row.values.items()},
            "place": {"sheet": row.place.sheet, "row": row.place.row, "cells": dict(row.place.cells)},
        }
        for row in reading.rows
    ]
    return {"rows": rows, "passed_over": reading.passed_over}


def reading_of_document(document: Mapping[str, Any], dataset: Dataset) -> Reading:
    """The inverse of ``document_of_reading``."""
    rows = [
        InputRow(
            region_id=row["region"],
            period=Period(dataset.frequency, row["period"]),
            key=tuple(row["key"]),
            values={code: Reported.from_document(value) for code, value in row["values"].items()},
            place=Place(row["place"]["sheet"], row["place"]["row"], row["place"]["cells"]),
        )
        for row in document["rows"]
    ]
    return Reading(rows=rows, findings=(), passed_over=document["passed_over"])
