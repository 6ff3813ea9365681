"""The care of figures: what is due, what is still true, refusals, questions to figures, notices, evidence."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from app.client.connection import Connection, Json, decoded


class Care:
    """What a source does to keep its figures right, and what a department asks of it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def due(self, **asked: str | None) -> Iterator[Json]:
        """What is missing, stale or questioned, through all pages. ``asked``: region, dataset, period, state."""
        return self._listed("/v1/due", "due", asked)

    def workbook(self, dataset: str, period: str | None = None, region: str | None = None) -> bytes:
        """The xlsx that asks for the missing and stale cells of one dataset and period."""
        parameters = {"dataset": dataset, "period": period, "region": region}
        return self._connection.send("GET", "/v1/due/workbook", parameters=parameters).content

    def still_true(
        self,
        dataset: str,
        *,
        region: str | None = None,
        period: str | None = None,
        key: Mapping[str, str] | None = None,
        elements: Sequence[str] | None = None,
    ) -> Json:
        """Says that what is held was looked at and is still so."""
        said = {"region": region, "period": period, "key": key, "elements": elements}
        return self._posted(f"/v1/datasets/{dataset}/still-true", said)

    def refuse(self, submission: str, reason: str) -> Json:
        """The second person's refusal of a pending submission."""
        return self._posted(f"/v1/submissions/{submission}/refuse", {"reason": reason})

    def take_back(self, submission: str) -> Json:
        """Takes back one's own pending submission."""
        answer: Json = decoded(self._connection.send("POST", f"/v1/submissions/{submission}/withdraw"))
        return answer

    def corrections(self, dataset: str | None = None, status: str | None = None) -> Iterator[Json]:
        """Questions that were asked by this key's department or of what it reports, newest first, through all pages."""
        return self._listed("/v1/corrections", "corrections", {"dataset": dataset, "status": status})

    def correction(self, correction: str) -> Json:
        answer: Json = decoded(self._connection.send("GET", f"/v1/corrections/{correction}"))
        return answer

    def ask(self, question: Mapping[str, Any]) -> Json:
        """Questions a figure: dataset, element, region, period, key, value (as seen), reason, evidence (ids)."""
        return self._posted("/v1/corrections", question)

    def answer(
        self, correction: str, decision: str, *, submission: str | None = None, reason: str | None = None
    ) -> Json:
        """The source's answer: ``corrected`` with the submission that did it, or ``upheld`` with a reason."""
        said = {"decision": decision, "submission": submission, "reason": reason}
        return self._posted(f"/v1/corrections/{correction}/answer", said)

    def notices(self, since: str | None = None, *, feed: str = "notices") -> Iterator[Json]:
        """Pages of this key's own notices (or ``reminders``) after a cursor; keep the last page's ``next``."""
        while True:
            page: Json = decoded(self._connection.send("GET", f"/v1/{feed}", parameters={"since": since}))
            yield page
            since = page["next"]
            if not page["more"]:
                return

    def attach(
        self, file: Path | tuple[str, bytes], *, key: Mapping[str, str] | None = None, **place: str | None
    ) -> Json:
        """Attaches a file to a record (dataset, region, period, key, elements) or a submission.

        ``recognised`` says whether the registry had it from this sender already: it is kept once.
        """
        name, data = file if isinstance(file, tuple) else (file.name, file.read_bytes())
        said = {**place, "key": json.dumps(dict(key), ensure_ascii=False) if key else None}
        response = self._connection.send(
            "POST",
            "/v1/evidence",
            repeatable=True,
            data={part: value for part, value in said.items() if value is not None},
            files={"file": (name, data)},
        )
        answer: Json = decoded(response)
        return {**answer, "recognised": response.status_code == 200}

    def evidence(self, *, key: Mapping[str, str] | None = None, **place: str | None) -> list[Json]:
        """The files of a record or a submission that this key may see; without either, its own."""
        found: list[Json] = decoded(self._connection.send("GET", "/v1/evidence", parameters={**place, **(key or {})}))[
            "evidence"
        ]
        return found

    def evidence_file(self, evidence: str) -> bytes:
        return self._connection.send("GET", f"/v1/evidence/{evidence}").content

    def _posted(self, path: str, body: Mapping[str, Any]) -> Json:
        said = {name: value for name, value in body.items() if value is not None}
        answer: Json = decoded(self._connection.send("POST", path, json=said))
        return answer

    def _listed(self, path: str, name: str, asked: Mapping[str, str | None]) -> Iterator[Json]:
        cursor = None
        while True:
            page = decoded(self._connection.send("GET", path, parameters={**asked, "cursor": cursor}))
            yield from page[name]
            cursor = page["next"]
            if cursor is None:
                return
