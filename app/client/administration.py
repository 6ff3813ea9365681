"""The administrator's requests: definitions of every kind, previews, credentials, the audit."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from app.client.connection import Connection, Json, Parameters, decoded

Kind = Literal["datasets", "codelists", "units", "departments", "agreements", "views"]
Document = Mapping[str, Any]  # the JSON form of a schema document (contract: a schema folder)
LARGEST_AUDIT_PAGE = 1_000


class Administration:
    """What an administrator's key may do. Edits are not sent twice: an edit that arrived changes the version."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _get(self, path: str, parameters: Parameters | None = None) -> Any:
        return decoded(self._connection.send("GET", path, parameters=parameters))

    def _send(self, method: str, path: str, body: Document | None = None, **headers: str) -> Json:
        content: dict[str, Any] = {} if body is None else {"json": body}
        response = self._connection.send(method, path, headers=headers, **content)
        answer: Json = decoded(response) if response.content else {}
        return answer

    def definitions(self, kind: Kind) -> list[Json]:
        """Every definition of a kind in its present version."""
        listed: list[Json] = self._get(f"/v1/admin/{kind}")[kind]
        return listed

    def definition(self, kind: Kind, code: str) -> tuple[Json, str | None]:
        """One definition and the ETag that guards its edit."""
        response = self._connection.send("GET", f"/v1/admin/{kind}/{code}")
        document: Json = decoded(response)
        return document, response.headers.get("ETag")

    def put(self, kind: Kind, code: str, document: Document, *, if_match: str | None = None) -> Json:
        """Saves a new version of what ``if_match`` names; without it only what is not there yet can be made."""
        guard = {"If-Match": if_match} if if_match else {"If-None-Match": "*"}
        return self._send("PUT", f"/v1/admin/{kind}/{code}", document, **guard)

    def versions(self, kind: Kind, code: str) -> list[Json]:
        """Every version, newest first, with what it changed."""
        listed: list[Json] = self._get(f"/v1/admin/{kind}/{code}/versions")["versions"]
        return listed

    def preview(self, view: str, document: Document | None = None) -> Json:
        """What readers of a view would get, and gain and lose, with nothing saved; by default of the present one."""
        return self._send("POST", f"/v1/admin/views/{view}/preview", document)

    def reversal(self, view: str) -> Json:
        """Field by field, what a file laid out as the view reads back into, and why the others do not."""
        found: Json = self._get(f"/v1/admin/views/{view}/reversal")
        return found

    def form(self, view: str) -> Json:
        """The workbook that the form of a view is filled into: where its fields go, and its versions."""
        found: Json = self._get(f"/v1/admin/views/{view}/form")
        return found

    def put_form(
        self,
        view: str,
        file: tuple[str, bytes],
        *,
        columns: Mapping[str, str] | None = None,
        if_match: str | None = None,
        **places: str | int,
    ) -> Json:
        """Keeps a workbook (a name and its bytes) as the form of a view.

        ``columns`` binds fields to column letters; without it the headings do. ``places``: ``sheet``, ``first_row``,
        ``total_row``, ``title_cell``, ``period_cell``.
        """
        parts = {name: str(value) for name, value in places.items()}
        if columns is not None:
            parts["columns"] = json.dumps(dict(columns), ensure_ascii=False)
        headers = {"If-Match": if_match} if if_match else {}
        response = self._connection.send(
            "PUT", f"/v1/admin/views/{view}/form", headers=headers, data=parts, files={"file": file}
        )
        kept: Json = decoded(response)
        return kept

    def remove_form(self, view: str) -> None:
        """From now on the form of the view is a plain one again."""
        self._send("DELETE", f"/v1/admin/views/{view}/form")

    def credentials(self) -> list[Json]:
        """Every credential, without anything of its secret."""
        listed: list[Json] = self._get("/v1/admin/credentials")["credentials"]
        return listed

    def create_credential(
        self,
        name: str,
        *,
        kind: Literal["admin", "department", "region"],
        department: str | None = None,
        region: str | None = None,
        role: Literal["clerk", "confirmer"] | None = None,
        expires: str | None = None,
    ) -> Json:
        """The new credential's ``id`` and its ``key``, which is shown this once."""
        body = {
            "name": name,
            "kind": kind,
            "department": department,
            "region": region,
            "role": role,
            "expires": expires,
        }
        return self._send("POST", "/v1/admin/credentials", {k: v for k, v in body.items() if v is not None})

    def revoke_credential(self, credential: str) -> None:
        """Ends a credential at once."""
        self._send("DELETE", f"/v1/admin/credentials/{credential}")

    def audit(
        self,
        *,
        department: str | None = None,
        action: str | None = None,
        target: str | None = None,
        request_id: str | None = None,
    ) -> Iterator[Json]:
        """The entries of the audit, newest first, through all pages."""
        asked = {"department": department, "action": action, "target": target, "request_id": request_id}
        before: int | None = None
        while True:
            page = self._get("/v1/admin/audit", {**asked, "before": before, "limit": LARGEST_AUDIT_PAGE})
            yield from page["entries"]
            before = page["next"]
            if before is None:
                return
