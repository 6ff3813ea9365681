"""One row in each table of the care of figures."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

from app.catalogue.model import Dataset
from app.policy import gate
from app.policy.callers import Caller
from app.policy.scopes import Permit
from app.store import corrections, evidence, reminders, still_true
from app.store.corrections import FigureChange, StoredCorrection
from app.store.database import Write
from app.store.evidence import EvidencePlace, StoredEvidence
from app.store.reminders import Reminder
from tests.store.given import CLERK, dataset, submitting

ASKER = Caller("department", "asker-1", "生态", department="ecology")
PLACE = (2, 2025, ("井-1",))
QUESTION = StoredCorrection(
    "q", "population", "total", 2, 2025, ("井-1",), ("井-1",), "10", "引号'\"", ("e",), 1, date(2026, 3, 24), "asker-1", "ecology"
)  # fmt: skip


def caring(population: Dataset | None = None) -> Permit:
    return gate.permit_evidence(CLERK, population or dataset())


def fill_care(write: Write) -> None:
    still_true.renew(write, submitting(), "population", [(PLACE, ["total"]), (PLACE, None)])
    corrections.insert(write, gate.permit_question(ASKER), replace(QUESTION))
    corrections.put_change(write, FigureChange("c", "population", ("total",), *PLACE, 1, 2, "corrected"))
    evidence.insert(write, caring(), StoredEvidence("e", "region:1", "0" * 64, "台账.pdf", "application/pdf", 3))
    evidence.attach(write, caring(), EvidencePlace("e", "population", *PLACE, elements=("total",)))
    reminders.remember(write, Reminder("population", 2, 2025, "missing", "overdue", date(2026, 1, 15)))
