"""The form gate's requests: what of a new form is held, what it was decided to be, and what it all saves."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.client.connection import Connection, Json, decoded


class Forms:
    """What a department (or an administrator for it) asks before it sends a form to townships."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def check(self, form: Mapping[str, Any]) -> Json:
        """The verdicts on a form given as a document (``title``, ``columns`` …)."""
        answer: Json = decoded(self._connection.send("POST", "/v1/form-requests", json=dict(form)))
        return answer

    def check_file(self, file: Path | tuple[str, bytes], **about: str | None) -> Json:
        """The verdicts on an empty or sample workbook. ``about``: title, purpose, legal_basis, frequency, level, department."""
        name, data = file if isinstance(file, tuple) else (file.name, file.read_bytes())
        response = self._connection.send(
            "POST",
            "/v1/form-requests",
            data={part: value for part, value in about.items() if value is not None},
            files={"file": (name, data)},
        )
        answer: Json = decoded(response)
        return answer

    def every(self, *, department: str | None = None, status: str | None = None) -> Iterator[Json]:
        """The forms this key may see, newest first, through all pages."""
        parameters: dict[str, Any] = {"department": department, "status": status}
        while True:
            page = decoded(self._connection.send("GET", "/v1/form-requests", parameters=parameters))
            yield from page["form_requests"]
            if page["next"] is None:
                return
            parameters["cursor"] = page["next"]

    def one(self, form_request: str) -> Json:
        answer: Json = decoded(self._connection.send("GET", f"/v1/form-requests/{form_request}"))
        return answer

    def decide(self, form_request: str, decision: Mapping[str, Any]) -> Json:
        """An administrator's decision, column by column; all or nothing."""
        path = f"/v1/admin/form-requests/{form_request}/decision"
        answer: Json = decoded(self._connection.send("POST", path, json=dict(decision)))
        return answer

    def publish(self, form_request: str) -> Json:
        """Publishes the draft view that a decided form became."""
        answer: Json = decoded(self._connection.send("POST", f"/v1/admin/form-requests/{form_request}/publish"))
        return answer

    def standing(self) -> Json:
        """What is collected twice under two names, and what nobody reads."""
        answer: Json = decoded(self._connection.send("GET", "/v1/admin/form-check"))
        return answer

    def facets(self, dataset: str) -> Json:
        """What the elements of a dataset mean to the form gate: as read, as set, as used."""
        answer: Json = decoded(self._connection.send("GET", "/v1/admin/facets", parameters={"dataset": dataset}))
        return answer

    def burden(self, *, since: str | None = None, department: str | None = None) -> Json:
        """What did not have to be filled, month by month."""
        parameters = {"since": since, "department": department}
        answer: Json = decoded(self._connection.send("GET", "/v1/burden", parameters=parameters))
        return answer
