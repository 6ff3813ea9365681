"""The terms of an agreement beside what it opens: parties, use, quota, retention, onward use, how readers are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from app.catalogue.document_reader import DocumentReader

QUOTAS = ("requests_per_minute", "requests_per_day", "rows_per_day", "exports_at_once")
ONWARD_USES = ("forbidden", "with_consent", "allowed")
ANOTHER_DEPARTMENT = "某部门"
"""How the readers of a sensitive agreement are shown where it does not say otherwise."""

_MOST = 10**12
_MOST_DAYS = 36_525
_TEXTS = ("provider", "use", "frequency")


@dataclass(frozen=True, slots=True)
class Quota:
    """What may be asked under one agreement; None: no limit of its own. ``rows_per_day`` counts rows answered."""

    requests_per_minute: int | None = None
    requests_per_day: int | None = None
    rows_per_day: int | None = None
    exports_at_once: int | None = None


@dataclass(frozen=True, slots=True)
class Terms:
    """What is recorded and shown. ``retention``: days (whole number) or words; ``onward_use``: one of ONWARD_USES or
    words. ``readers_shown_as`` is how the department is named to the sources of what it read; None: by its name.
    ``evidence``: files attached to the records that it opens are opened with them.
    """

    provider: str | None = None
    use: str | None = None
    frequency: str | None = None
    quota: Quota | None = None
    retention: int | str | None = None
    onward_use: str | None = None
    sensitive: bool = False
    readers_shown_as: str | None = None
    evidence: bool = False


TERM_KEYS = (*_TEXTS, "quota", "retention", "onward_use", "sensitive", "readers_shown_as", "evidence")


def read_terms(reader: DocumentReader) -> Terms:
    """The terms of a document; faults and normal form are the reader's."""
    texts: dict[str, Any] = {key: reader.text(key) or None for key in _TEXTS}
    quota = _quota(reader.mapping("quota"))
    retention = _retention(reader)
    onward = reader.text("onward_use") or None
    sensitive = reader.flag("sensitive")
    evidence = reader.flag("evidence")
    shown = reader.text("readers_shown_as", limit=100) or None
    if shown is not None and not sensitive:
        reader.fault("readers_shown_as", "只用于 sensitive: true 的协议（only where the agreement is sensitive）")
    if sensitive and shown is None:
        shown = ANOTHER_DEPARTMENT
    return Terms(
        **texts, quota=quota, retention=retention, onward_use=onward, sensitive=sensitive, readers_shown_as=shown,
        evidence=evidence,
    )  # fmt: skip


def _quota(reader: DocumentReader | None) -> Quota | None:
    if reader is None:
        return None
    found = {key: reader.whole(key, 0, 1, _MOST) or None for key in QUOTAS}
    reader.done()
    if not any(found.values()):
        if any(reader.has(key) for key in QUOTAS):
            return None
        reader.fault("", f"至少写一项：{'、'.join(QUOTAS)}（at least one limit is needed）")
        return None
    return Quota(**found)


def _retention(reader: DocumentReader) -> int | str | None:
    """Days as a whole number, or words."""
    text = reader.text("retention", limit=1000)
    if not text:
        return None
    if not text.isdecimal():
        return text
    days = int(text)
    if not 1 <= days <= _MOST_DAYS:
        reader.fault("retention", f"天数应为 1 到 {_MOST_DAYS}（days, 1 to {_MOST_DAYS}）")
        return None
    reader.body["retention"] = days
    return days
