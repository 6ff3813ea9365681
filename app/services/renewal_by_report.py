"""To report the same figure again says that it is still true: it is fresh from then on."""

from __future__ import annotations

from app.catalogue.model import Dataset
from app.intake.records import Reading
from app.policy.scopes import Permit
from app.store import still_true
from app.store.database import Write


def renew_reported(write: Write, permit: Permit, dataset: Dataset, reading: Reading, submission_id: str) -> None:
    """Note it for every element that was reported and has a time for which it stays fresh."""
    codes = [each.code for each in dataset.elements if each.fresh_for or dataset.fresh_for]
    if not codes:
        return
    said = ((row.record_key, [code for code in codes if code in row.values]) for row in reading.rows)
    still_true.renew(write, permit, dataset.code, (each for each in said if each[1]), submission_id)
