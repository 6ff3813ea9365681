"""Every use is witnessed: an intent before anything is done or sent, a closing entry at the end."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

from app.errors import Problem
from app.policy.callers import Caller
from app.services.answers import Finish
from app.services.registry import Registry
from app.store.audit import AuditEntry


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


class Auditing:
    """The way from an errand to the audit log."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def begin(self, reading: Reading) -> Finish:
        """Write the intent, durably; gives what is called at the end of the answer."""
        caller = reading.caller
        entry = AuditEntry(
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
        )
        self._registry.audit.append(entry)

        def finish(outcome: str, rows: int, digest: str | None) -> None:
            closing = replace(
                entry,
                at=self._registry.now(),
                kind="closing",
                question=None,
                agreements=None,
                status=outcome,
                rows=rows,
                digest=digest,
            )
            # The intent is the witness; that the closing entry is on its way is enough to let the next one go.
            self._registry.audit.submit(closing)

        return finish

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
