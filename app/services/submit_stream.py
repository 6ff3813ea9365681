"""A long stream of rows, one JSON object a line, taken in whole or not at all, in bounded memory.

It is read twice from the file it was spooled to: first judged from end to end without holding up anybody, then, if there was
nothing against it, judged again and written within one transaction. Between the two what is held may have changed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.errors import Finding, Problem
from app.intake import ChangeSet, Context, Reading, compare
from app.intake.json_rows import JsonRowReader
from app.intake.placing import Seen
from app.policy import gate
from app.policy.callers import Caller
from app.services.rechecks import Elsewhere
from app.services.registry import Registry
from app.services.renewal_by_report import renew_reported
from app.services.revisions import sealed_revision
from app.services.seen_on_disk import SeenOnce, SeenOnDisk
from app.services.submit import (
    Outcome,
    SubmissionRequest,
    body_of,
    context_of,
    dataset_of,
    keep_attempt,
    record,
    recorded,
    refuse_foreign_regions,
    replay,
    stamped,
    submission_of,
    submit,
)
from app.services.surroundings import surroundings
from app.services.writable_texts import refuse_unwritable
from app.store import records, submissions
from app.store.database import Write
from app.store.ids import new_id

MAX_FINDINGS = 1_000
"""How many findings of a stream are told one by one; ``findings_total`` counts them all."""
MAX_LINE_BYTES = 1 << 20
MAX_PENDING_ROWS = 20_000
_CHUNK = 10_000
_LONGEST_LINE_OF_INTS = 4_000


@dataclass(slots=True)
class Tally:
    """What the pieces of a stream come to."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    refused: int = 0
    passed_over: int = 0
    errors: int = 0
    total: int = 0
    findings: list[Finding] = field(default_factory=list)

    def tell(self, findings: Sequence[Finding]) -> None:
        """Findings of no piece in particular."""
        self.total += len(findings)
        self.findings += findings[: max(0, MAX_FINDINGS - len(self.findings))]

    def add(self, changes: ChangeSet) -> None:
        """One piece more."""
        self.new += len(changes.new)
        self.changed += len(changes.changed)
        self.unchanged += len(changes.unchanged)
        self.refused += changes.refused
        self.errors += sum(1 for finding in changes.findings if finding.severity == "error")
        self.tell(changes.findings)

    @property
    def ledger(self) -> dict[str, int]:
        """As ``ChangeSet.ledger``; with ``findings_total`` where not all findings are told."""
        counts = {
            "rows": self.new + self.changed + self.unchanged + self.refused,
            "new": self.new,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "passed_over": self.passed_over,
            "refused": self.refused,
        }
        return counts if self.total == len(self.findings) else {**counts, "findings_total": self.total}


class _NotAcceptableAnyMore(Exception):
    """What is held has changed since the first reading, so that there are errors now."""


def may_submit(registry: Registry, caller: Caller, request: SubmissionRequest) -> None:
    """Refuses, before anything of a stream is taken, who may not report to its dataset. Raises 400, 403, 404."""
    if request.dataset is None:
        raise Problem("bad_request", "须给出 dataset (a stream of rows needs its dataset)")
    gate.permit_submission(caller, dataset_of(registry, registry.state(), caller, request))


def submit_stream(registry: Registry, caller: Caller, request: SubmissionRequest, file: Path) -> Outcome:
    """Take in the rows of ``file``. ``request`` says the rest, with the file's digest. Raises as ``submit``."""
    state = registry.state()
    known = replay(registry, caller, request)
    if known is not None:
        return known
    if request.dataset is None:
        raise Problem("bad_request", "须给出 dataset (a stream of rows needs its dataset)")
    dataset = dataset_of(registry, state, caller, request)
    permit = gate.permit_submission(caller, dataset)
    if dataset.confirmation == "second_person":
        return submit(registry, caller, replace(request, rows=_all_rows(file)))
    try:
        context = context_of(registry, state, permit, dataset, request)
    except Problem as fault:
        if fault.code != "invalid_submission":
            raise
        nothing = ChangeSet([], [], [], list(fault.findings), 0, 0)
        return keep_attempt(registry, state, permit, dataset, request, new_id(), nothing)
    identity = new_id()
    tally, elsewhere = Tally(), Elsewhere(state, permit, context)
    with SeenOnDisk(file.with_name(f"{file.name}.{identity}.seen")) as seen:
        for reading in readings_of(file, context, seen, tally):
            refuse_foreign_regions(reading.findings)
            with registry.database.read() as cx:
                held = records.held(cx, dataset.code, [row.record_key for row in reading.rows])
                changes = compare(reading, held, context, surroundings(cx, state, permit, reading, context))
                tally.add(changes)
                if request.mode == "check":
                    elsewhere.see(changes)
    if request.mode == "check" and not tally.errors:
        with registry.database.read() as cx:
            tally.tell(elsewhere.findings(cx))
    if request.mode == "check" or tally.errors:
        return keep_attempt(registry, state, permit, dataset, request, identity, tally)
    tally = Tally()
    try:
        with registry.database.write() as write:
            again = recorded(write, caller, request)
            if again is not None:
                return again
            return _write(registry, write, caller, request, file, context, identity, tally)
    except _NotAcceptableAnyMore:
        return keep_attempt(registry, state, permit, dataset, request, identity, tally)


def _write(
    registry: Registry,
    write: Write,
    caller: Caller,
    request: SubmissionRequest,
    file: Path,
    context: Context,
    identity: str,
    tally: Tally,
) -> Outcome:
    state, dataset, cx = registry.state(), context.dataset, write.connection
    permit = gate.permit_submission(caller, dataset)
    stored = submission_of(state, permit, dataset, request, identity, tally, "applied", registry.today())
    submissions.insert(write, permit, stored)
    epoch: int | None = None
    elsewhere = Elsewhere(state, permit, context)
    for reading in readings_of(file, context, SeenOnce(), tally):
        held = records.held(cx, dataset.code, [row.record_key for row in reading.rows])
        changes = compare(reading, held, context, surroundings(cx, state, permit, reading, context))
        tally.add(changes)
        if changes.acceptable and not tally.errors:
            epoch = records.apply(write, permit, identity, dataset.code, stamped(changes, identity)) or epoch
            renew_reported(write, permit, dataset, reading, identity)
            elsewhere.see(changes, keep=False)
    if tally.errors:
        raise _NotAcceptableAnyMore
    tally.tell(elsewhere.findings(cx))
    documents = [finding.document() for finding in tally.findings]
    submissions.set_counts(write, permit, identity, tally.ledger, documents, epoch)
    stored = replace(stored, counts=tally.ledger, findings=documents)
    revision = sealed_revision(registry, cx, state, dataset, permit)
    outcome = Outcome(201, body_of(stored, revision))
    record(write, caller, request, outcome)
    return outcome


def readings_of(file: Path, context: Context, seen: Seen, tally: Tally) -> Iterator[Reading]:
    """The stream's rows, some thousands at a time; blank lines are passed over, and counted."""
    reader = JsonRowReader(context, seen)
    count = 0
    for index, line in _lines(file):
        if not line.strip():
            tally.passed_over += 1
            continue
        try:
            row = _parsed(line)
        except (ValueError, RecursionError, Problem):
            reader.refuse(index, line.decode("utf-8", "replace")[:200])
        else:
            reader.read(index, row)
        count += 1
        if count % _CHUNK == 0:
            yield reader.taken()
    yield reader.taken()


def _lines(file: Path) -> Iterator[tuple[int, bytes]]:
    with file.open("rb") as stream:
        index = 0
        while line := stream.readline(MAX_LINE_BYTES + 1):
            if len(line) > MAX_LINE_BYTES:
                raise Problem("too_large", f"第{index}行（从0起）超过{MAX_LINE_BYTES >> 20}兆 (a line is too long)")
            yield index, line
            index += 1


def _parsed(line: bytes) -> Any:
    text = line.decode()
    if len(line) < _LONGEST_LINE_OF_INTS:
        row = json.loads(text, parse_float=Decimal, parse_constant=_no_constant)
    else:
        row = json.loads(text, parse_float=Decimal, parse_int=_whole, parse_constant=_no_constant)
    if "\\u" in text:
        refuse_unwritable(row)  # only an escape can bring a text that no database keeps
    return row


def _whole(digits: str) -> int | Decimal:
    return int(digits) if len(digits) < _LONGEST_LINE_OF_INTS else Decimal(digits)


def _no_constant(name: str) -> float:
    raise ValueError(name)


def _all_rows(file: Path) -> list[Any]:
    """The rows of a dataset that waits for its second person: kept whole until then, so there may not be too many."""
    rows: list[Any] = []
    for index, line in _lines(file):
        if line.strip():
            try:
                rows.append(_parsed(line))
            except (ValueError, RecursionError, Problem):
                rows.append(line.decode("utf-8", "replace")[:200])
        if index >= MAX_PENDING_ROWS:
            raise Problem(
                "too_large",
                f"须第二人确认的数据集一次至多{MAX_PENDING_ROWS}行 (too many rows for one that is confirmed)",
            )
    return rows
