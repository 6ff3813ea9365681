"""What of an audit entry goes into the tree: one text for one entry, whichever database keeps it.

The text is JSON in UTF-8 with the members of every object sorted, without spaces, without members that are null;
instants are ``2026-03-01T08:00:00.000000Z``. ``writer`` and ``position`` (from 1, without gaps) say which process wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from app.witness.merkle import Hashing

BEFORE_THE_TREE = "before"
"""The writer of entries made before there was a tree: their positions have gaps, and they have no links."""


def entry_bytes(document: Mapping[str, Any]) -> bytes:
    """The one text of an entry."""
    if None in document.values():
        document = {name: value for name, value in document.items() if value is not None}
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def next_link(hashing: Hashing, key: bytes, writer: str, before: bytes, leaf: bytes) -> bytes:
    """The link of an entry to the one its writer wrote before (``b""`` for the first), under the registry's key.

    A hash keyed inside and outside, so that nobody without the key can mend a chain after changing an entry that the
    tree does not hold yet.
    """
    return hashing.digest(key + hashing.digest(key + writer.encode() + b"\x00" + before + leaf))


def next_running(hashing: Hashing, before: bytes, leaf: bytes) -> bytes:
    """The running hash of the leaves up to this one: what names the very leaf that was moved or put in."""
    return hashing.digest(b"\x02" + before + leaf)
