"""Every use is witnessed: an intent before anything is done or sent, a closing entry at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import Any

from app.errors import Problem
from app.policy.callers import Caller
from app.services.answers import Finish
from app.services.registry import Registry
from app.services.stops import stopping
from app.store.audit import AuditEntry, Place
from app.store.audit_rows import told_of


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading as the audit has it."""

    caller: Caller
    action: str
    target: str
    version: int | None
    question: Mapping[str, Any]
    agreements: Sequence[str]
    epoch: int
    request_id: str
    snapshot: str | None = None
    answered: Mapping[str, Any] | None = None
    digest: str | None = None  # where the answer's bytes are known before the first is sent


@dataclass(slots=True)
class Witness:
    """What is known of the request under way, for the entry that is written where its errand writes none."""

    operation: str = ""
    question: dict[str, Any] = field(default_factory=dict)
    caller: Caller | None = None
    written: bool = False


WITNESS: ContextVar[Witness | None] = ContextVar("township_witness", default=None)


def witnessed() -> None:
    """The request under way has its entry."""
    witness = WITNESS.get()
    if witness is not None:
        witness.written = True


class Auditing:
    """The way from an errand to the audit log."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def begin(self, reading: Reading) -> Finish:
        """Write the intent, durably; gives what is called at the end of the answer."""
        return self.witness(reading)[0]

    @stopping("audit")
    def witness(self, reading: Reading) -> tuple[Finish, Place]:
        """As ``begin``, with the place of the intent in the audit."""
        finish, durable = self.submit(reading)
        place = durable.result()
        witnessed()
        return finish, place

    def submit(self, reading: Reading) -> tuple[Finish, Future[Place]]:
        """As ``witness``, without waiting: nothing may be told before the intent is durable, and ``witnessed``."""
        entry = self._intent(reading)
        durable = self._registry.audit.submit(entry)

        def finish(outcome: str, rows: int, digest: str | None) -> None:
            closing = replace(_closed(entry), at=self._registry.now(), status=outcome, rows=rows, digest=digest)
            # The intent is the witness; that the closing entry is on its way is enough to let the next one go.
            self._registry.audit.hand_over((told_of(closing),))

        return finish, durable

    def always(self, reading: Reading) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the opening and the closing entry of such readings always say; the rest is different each time."""
        entry = self._intent(reading)
        intent, closing = told_of(entry), told_of(_closed(entry))
        for said in (intent, closing):
            del said["at"], said["request_id"]
        return intent, closing

    def _intent(self, reading: Reading) -> AuditEntry:
        caller = reading.caller
        return AuditEntry(
            at=self._registry.now(),
            request_id=reading.request_id,
            kind="intent",
            caller_kind=caller.kind,
            action=reading.action,
            credential_id=caller.credential_id,
            department=caller.department,
            region_id=caller.region_id,
            target=reading.target,
            version=reading.version,
            question=reading.question,
            agreements=list(reading.agreements),
            epoch=reading.epoch,
            digest=reading.digest,
            purposes=self._registry.purposes(reading.agreements) or None,
            snapshot=reading.snapshot,
            answered=reading.answered,
        )

    def noted(self, witness: Witness, status: str, target: str, request_id: str) -> None:
        """Write down a request whose errand wrote nothing of its own, before it is answered."""
        caller = witness.caller
        if caller is None:
            return
        self._registry.audit.append(
            AuditEntry(
                at=self._registry.now(),
                request_id=request_id,
                kind="act",
                caller_kind=caller.kind,
                action=witness.operation,
                credential_id=caller.credential_id,
                department=caller.department,
                region_id=caller.region_id,
                target=target[:500],
                question=witness.question or None,
                status=status,
            )
        )
        witness.written = True

    def refused(self, caller: Caller, action: str, target: str, problem: Problem, request_id: str) -> None:
        """Write down that something was refused, before the caller hears of it."""
        self._registry.audit.append(
            AuditEntry(
                at=self._registry.now(),
                request_id=request_id,
                kind="act",
                caller_kind=caller.kind,
                action=action,
                credential_id=caller.credential_id,
                department=caller.department,
                region_id=caller.region_id,
                target=target[:500],
                status=problem.code,
            )
        )
        witnessed()

    @contextmanager
    def acting(
        self, caller: Caller, action: str, target: str, question: Mapping[str, Any], request_id: str
    ) -> Iterator[dict[str, Any]]:
        """Around a change: the intent before it, how it went after it, both durable.

        What is put into the given mapping under ``status``, ``rows`` and ``digest`` is written with the closing entry.
        """
        intent = AuditEntry(
            at=self._registry.now(),
            request_id=request_id,
            kind="intent",
            caller_kind=caller.kind,
            action=action,
            credential_id=caller.credential_id,
            department=caller.department,
            region_id=caller.region_id,
            target=target[:500],
            question=question,
        )
        self._registry.audit.append(intent)
        witnessed()
        told: dict[str, Any] = {"status": "failed"}
        try:
            yield told
        except Problem as problem:
            told["status"] = problem.code
            raise
        finally:
            self._registry.audit.append(
                replace(
                    intent,
                    at=self._registry.now(),
                    kind="closing",
                    question=None,
                    status=told["status"],
                    rows=told.get("rows"),
                    digest=told.get("digest"),
                )
            )


def _closed(intent: AuditEntry) -> AuditEntry:
    """The closing entry of a reading, but for its time and how it went."""
    return replace(
        intent, kind="closing", question=None, agreements=None, purposes=None, snapshot=None, answered=None, digest=None
    )
