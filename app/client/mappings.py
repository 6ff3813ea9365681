"""The administrator's work on field mappings: drafts, publishing, versions, and many at once as YAML."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from app.client.connection import Connection, Json, decoded

ROOT = "/v1/admin"


class Mappings:
    """What an administrator's key may do with field mappings. Nothing here is sent twice by itself."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _json(self, method: str, path: str, parameters: dict[str, Any] | None = None, **content: Any) -> Json:
        answer: Json = decoded(self._connection.send(method, f"{ROOT}{path}", parameters=parameters, **content))
        return answer

    def export(self, department: str | None = None) -> bytes:
        """All mappings, or those of one department, as one YAML document: ``views: [...]``."""
        parameters = {"department": department} if department else None
        return self._connection.send("GET", f"{ROOT}/mappings", parameters=parameters).content

    def put_all(self, document: bytes, *, dry_run: bool = False) -> Json:
        """Publish every mapping of such a document, all or none; ``dry_run`` only gives the plan."""
        headers = {"Content-Type": "application/yaml"}
        parameters = {"dry_run": "true"} if dry_run else None
        return self._json("PUT", "/mappings", parameters, content=document, headers=headers)

    def draft(self, code: str) -> Json:
        """The draft beside a mapping, with its faults and what it changes."""
        return self._json("GET", f"/views/{quote(code)}", {"draft": "true"})

    def put_draft(self, code: str, document: Json, *, sunset: str | None = None) -> Json:
        """Keep a draft; readers of what it takes away are told of ``sunset``, the day it will be published."""
        parameters = {"draft": "true", **({"sunset": sunset} if sunset else {})}
        return self._json("PUT", f"/views/{quote(code)}", parameters, json=document)

    def publish(self, code: str, *, accept_breaking: bool = False) -> Json:
        """Publish the draft. ``accept_breaking`` also where a field in use is taken away or retyped."""
        return self._json("POST", f"/views/{quote(code)}/publish", _accepting(accept_breaking))

    def restore(self, code: str, version: int, *, accept_breaking: bool = False) -> Json:
        """Publish an earlier version again."""
        body = {"version": version}
        return self._json("POST", f"/views/{quote(code)}/restore", _accepting(accept_breaking), json=body)

    def diff(self, code: str, old: int, new: int | None = None) -> Json:
        """What one version changes of another, in words."""
        parameters = {"old": old, **({"new": new} if new is not None else {})}
        return self._json("GET", f"/views/{quote(code)}/diff", parameters)


def _accepting(accept_breaking: bool) -> dict[str, Any] | None:
    return {"accept_breaking": "true"} if accept_breaking else None
