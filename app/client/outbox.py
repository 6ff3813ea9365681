"""What was sent and what was answered, kept on the clerk's machine; and what waits until the registry is back.

An entry is made before the first byte goes. Its idempotency key belongs to this content with what was said about it, until an
answer has come: who sends the same file again after a crash or a dropped line cannot store it twice. The key of the registry is
never kept here.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from app.client.settings import ClientSettings

State = Literal["sending", "queued", "answered"]
KEPT_ANSWERED = 500


@dataclass(frozen=True, slots=True)
class Sending:
    """One file on its way. ``said``: dataset, period, region, mode, view; ``answer``: what became of it, in short."""

    id: str
    url: str
    filename: str
    digest: str
    said: Mapping[str, str]
    idempotency_key: str
    state: State
    at: str
    upload: str | None = None
    answer: Mapping[str, Any] = field(default_factory=dict)


def outbox_folder() -> Path:
    """``TOWNSHIP_OUTBOX``, else the usual place for a program's state."""
    given = ClientSettings().outbox
    if given is not None:
        return given
    state = os.environ.get("XDG_STATE_HOME")
    return (Path(state) if state else Path.home() / ".local" / "state") / "township" / "outbox"


class Outbox:
    """The outbox of one folder."""

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or outbox_folder()

    def begin(self, url: str, file: Path, said: Mapping[str, str | None]) -> Sending:
        """The entry under which a file is sent: the one left without an answer, else a new one."""
        with file.open("rb") as content:
            digest = hashlib.file_digest(content, "sha256").hexdigest()
        given = {name: value for name, value in said.items() if value is not None}
        for entry in self.entries():
            same = (entry.url, entry.digest, entry.filename, entry.said) == (url, digest, file.name, given)
            if same and entry.state != "answered":
                return entry
        now = datetime.now(UTC)
        identity = f"{now:%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:8]}"
        entry = Sending(identity, url, file.name, digest, given, str(uuid.uuid4()), "sending", now.isoformat())
        self.keep(entry)
        return entry

    def keep(self, entry: Sending) -> Sending:
        """Write an entry, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = self.folder / f"{entry.id}.json"
        new = path.with_suffix(".new")
        with new.open("w", encoding="utf-8") as file:
            json.dump(asdict(entry), file, ensure_ascii=False, default=str)
            file.flush()
            os.fsync(file.fileno())
        new.chmod(0o600)
        new.replace(path)
        return entry

    def queue(self, entry: Sending, file: Path) -> Sending:
        """Keep a copy of the file, to be sent when the registry is back."""
        copy = self.content(entry)
        if file != copy:
            part = copy.with_suffix(".part")
            shutil.copyfile(file, part)
            part.chmod(0o600)
            part.replace(copy)
        return self.keep(replace(entry, state="queued"))

    def answered(self, entry: Sending, answer: Mapping[str, Any]) -> Sending:
        """An answer has come: the copy goes, what was answered stays."""
        told = ("id", "status", "dataset", "period", "counts", "code", "detail", "submission_status")
        short = {name: answer[name] for name in told if name in answer}
        short["findings"] = len(answer.get("findings") or ())
        done = self.keep(replace(entry, state="answered", answer=short, at=datetime.now(UTC).isoformat()))
        self.content(entry).unlink(missing_ok=True)
        self._forget_oldest()
        return done

    def content(self, entry: Sending) -> Path:
        """Where the copy of a queued file is."""
        return self.folder / f"{entry.id}.data"

    def entries(self) -> Iterator[Sending]:
        """All, oldest first; what cannot be read is passed over."""
        for path in sorted(self.folder.glob("*.json")):
            try:
                yield Sending(**json.loads(path.read_text(encoding="utf-8")))
            except (OSError, ValueError, TypeError):
                continue

    def _forget_oldest(self) -> None:
        answered = [entry.id for entry in self.entries() if entry.state == "answered"]
        for identity in answered[:-KEPT_ANSWERED]:
            (self.folder / f"{identity}.json").unlink(missing_ok=True)
