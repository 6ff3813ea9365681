"""Asking for access and answering it, and who read what of a source's elements."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal

from app.client.connection import Connection, Json, decoded


class Access:
    """A department's requests for access; an administrator's answers; the readers of one's own elements."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _post(self, path: str, body: Mapping[str, Any] | None = None, **headers: str) -> Json:
        content: dict[str, Any] = {} if body is None else {"json": dict(body)}
        answer: Json = decoded(self._connection.send("POST", path, headers=headers, **content))
        return answer

    def ask(self, request: Mapping[str, Any], *, idempotency_key: str | None = None) -> Json:
        """Hand in a request: elements, regions, periods, purpose, legal_basis, delivery, valid."""
        headers = {"Idempotency-Key": idempotency_key} if idempotency_key else {}
        return self._post("/v1/access-requests", request, **headers)

    def every(self, *, status: str | None = None, overdue: bool = False) -> Iterator[Json]:
        """One's own requests, newest first, through all pages; an administrator's are all, or those that are overdue."""
        path = "/v1/admin/access-requests" if overdue else "/v1/access-requests"
        parameters: dict[str, Any] = {"status": status, "overdue": "true" if overdue else None}
        while True:
            page = decoded(self._connection.send("GET", path, parameters=parameters))
            yield from page["access_requests"]
            if page["next"] is None:
                return
            parameters["cursor"] = page["next"]

    def one(self, access_request: str) -> Json:
        """One request with its history."""
        answer: Json = decoded(self._connection.send("GET", f"/v1/access-requests/{access_request}"))
        return answer

    def withdraw(self, access_request: str, reason: str | None = None) -> Json:
        """Take back what still waits."""
        return self._post(f"/v1/access-requests/{access_request}/withdraw", {"reason": reason})

    def decide(
        self,
        access_request: str,
        verdict: Literal["grant", "refuse"],
        *,
        reason: str | None = None,
        agreement: Mapping[str, Any] | None = None,
    ) -> Json:
        """An administrator's answer; ``agreement`` has what is to be different from what was asked."""
        body = {"verdict": verdict, "reason": reason, "agreement": agreement}
        given = {key: value for key, value in body.items() if value is not None}
        return self._post(f"/v1/admin/access-requests/{access_request}/decision", given)

    def extend(self, access_request: str, reason: str) -> Json:
        """Put the answer off, once."""
        return self._post(f"/v1/admin/access-requests/{access_request}/extension", {"reason": reason})

    def deliver(self, access_request: str, note: str | None = None) -> Json:
        """Say that what was granted is delivered."""
        return self._post(f"/v1/admin/access-requests/{access_request}/delivery", {"reason": note})

    def transparency(self, **wanted: str | None) -> list[Json]:
        """Who read which of one's elements. ``wanted``: since, until (days), region, element."""
        found: list[Json] = decoded(self._connection.send("GET", "/v1/transparency", parameters=wanted))["reads"]
        return found

    def explain(self, **asked: str | None) -> Json:
        """Why a department or credential can or cannot see an element of a region and period (administrators)."""
        answer: Json = decoded(self._connection.send("GET", "/v1/admin/access", parameters=asked))
        return answer
