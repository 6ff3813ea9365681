"""Snapshots that a department names and keeps."""

from __future__ import annotations

from app.client.connection import Connection, Json, decoded

_PATH = "/v1/snapshots"


class Snapshots:
    """Naming, listing and letting go; reading one again is ``as_of=<name>`` of every reading."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def pin(
        self, view: str | None = None, *, name: str | None = None, as_of: str | None = None, note: str | None = None
    ) -> Json:
        """Name and keep what a view (None: every view) shows now or showed then."""
        body = {"view": view, "name": name, "as_of": as_of, "note": note}
        given = {key: value for key, value in body.items() if value is not None}
        answer: Json = decoded(self._connection.send("POST", _PATH, json=given))
        return answer

    def every(self) -> list[Json]:
        """One's own, the newest first; an administrator's are those of all."""
        found: list[Json] = decoded(self._connection.send("GET", _PATH))["snapshots"]
        return found

    def one(self, name: str, *, department: str | None = None) -> Json:
        """One by its name; an administrator says whose."""
        answer: Json = decoded(self._connection.send("GET", f"{_PATH}/{name}", parameters={"department": department}))
        return answer

    def release(self, name: str, *, department: str | None = None) -> None:
        """Let go of a name."""
        self._connection.send("DELETE", f"{_PATH}/{name}", parameters={"department": department})
