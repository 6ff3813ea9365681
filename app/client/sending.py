"""Sending files so that a dropped line, a crash or an absent registry costs nothing but time."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.client.errors import Broken, Refused, TownshipError, Unavailable, Unreachable
from app.client.http import Township
from app.client.outbox import Outbox, Sending
from app.client.transfer import Progress

IN_PIECES_FROM = 8 * 1024 * 1024
"""A file of this many bytes goes in pieces; a smaller one too, once it has failed to arrive."""

STREAMS = (".ndjson", ".jsonl")
READ = (".xlsx", ".xls", ".ods", ".csv", ".tsv", *STREAMS)


def files_of(given: Iterable[Path]) -> list[Path]:
    """The files named, and those of the folders named, by name; of a folder only what can be read, and no hidden ones."""
    found: list[Path] = []
    for path in given:
        if path.is_dir():
            inside = (one for one in sorted(path.rglob("*")) if one.is_file() and one.suffix.lower() in READ)
            found += [one for one in inside if not one.name.startswith((".", "~$"))]
        else:
            found.append(path)
    return found


class Sender:
    """Sends files through an outbox. ``outbox`` None: nothing is kept (a check, or nowhere to keep it)."""

    def __init__(self, township: Township, outbox: Outbox | None) -> None:
        self._township, self._outbox = township, outbox

    def send(self, file: Path, said: Mapping[str, str | None], progress: Progress | None = None) -> Mapping[str, Any]:
        """The answer. Raises as ``Township.upload``; an entry without an answer stays in the outbox."""
        entry = self._begin(file, said)
        return self.send_entry(entry, file, said, progress)

    def send_entry(
        self, entry: Sending | None, file: Path, said: Mapping[str, str | None], progress: Progress | None = None
    ) -> Mapping[str, Any]:
        """As ``send``, for an entry that is in the outbox already."""
        name = entry.filename if entry is not None else file.name
        key = entry.idempotency_key if entry is not None else None
        large = file.stat().st_size >= IN_PIECES_FROM or name.lower().endswith(STREAMS)
        with _told(self._outbox, entry) as answered:
            if large or (entry is not None and (entry.upload is not None or entry.state == "queued")):
                answer = self._township.upload_in_pieces(
                    file, said, name=name, upload=entry.upload if entry else None, begun=self._noting(entry),
                    idempotency_key=key, progress=progress,
                )  # fmt: skip
            else:
                answer = self._township.upload(
                    (name, file.read_bytes()),
                    dataset=said.get("dataset"),
                    period=said.get("period"),
                    region=said.get("region"),
                    mode="check" if said.get("mode") == "check" else "apply",
                    view=said.get("view"),
                    idempotency_key=key,
                    progress=progress,
                )
            answered(answer)
        return answer

    def queue(self, file: Path, said: Mapping[str, str | None]) -> bool:
        """Keep a file until the registry is back; False where there is no outbox to keep it in."""
        entry = self._begin(file, said)
        if entry is None or self._outbox is None:
            return False
        self._outbox.queue(entry, file)
        return True

    def send_queued(
        self, progress: Progress | None = None
    ) -> Iterator[tuple[Sending, Mapping[str, Any] | TownshipError]]:
        """Everything that waits for this registry, oldest first, with what was answered; ends where it is still away."""
        if self._outbox is None:
            return
        for entry in list(self._outbox.entries()):
            copy = self._outbox.content(entry)
            if entry.state != "queued" or entry.url != self._township.url or not copy.exists():
                continue
            try:
                yield entry, self.send_entry(entry, copy, entry.said, progress)
            except TownshipError as error:
                yield entry, error
                if away(error):
                    return

    def _begin(self, file: Path, said: Mapping[str, str | None]) -> Sending | None:
        if self._outbox is None:
            return None
        try:
            return self._outbox.begin(self._township.url, file, said)
        except OSError:
            return None

    def _noting(self, entry: Sending | None) -> Callable[[str], None]:
        def note(upload: str) -> None:
            if entry is not None and self._outbox is not None:
                self._outbox.keep(replace(entry, upload=upload))

        return note


def away(error: TownshipError) -> bool:
    """Whether no answer of the registry came, so that the same may be sent later."""
    return isinstance(error, Unreachable | Broken | Unavailable)


@contextmanager
def _told(outbox: Outbox | None, entry: Sending | None) -> Iterator[Callable[[Mapping[str, Any]], None]]:
    def answered(answer: Mapping[str, Any]) -> None:
        if outbox is not None and entry is not None:
            outbox.answered(entry, answer)

    try:
        yield answered
    except Refused as refusal:
        if not away(refusal):
            answered(refusal.problem)
        raise
