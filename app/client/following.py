"""Following a feed by long poll: no page is asked for twice once it was given, and none is missed."""

from __future__ import annotations

from collections.abc import Iterator

from app.client.connection import Connection, Json, decoded


def pages(connection: Connection, path: str, name: str, since: str | None, wait: int) -> Iterator[Json]:
    """Pages with something in them (``name`` is the list), for ever; keep ``next`` of the last one dealt with.

    ``wait``: seconds that one question waits for an answer. Ends only by an error, such as lost access.
    """
    while True:
        parameters = {"since": since, "wait": wait}
        page: Json = decoded(connection.send("GET", path, parameters=parameters))
        if page[name] or page["next"] != since:
            yield page
        since = page["next"]
