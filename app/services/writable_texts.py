"""Texts that either database can keep: no NUL, which PostgreSQL refuses, and no half of a surrogate pair."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from app.errors import Problem


def refuse_unwritable(document: Any) -> None:
    """Raise ``Problem`` (bad_request) where any text within a JSON document cannot be kept."""
    try:
        kept = all("\x00" not in text and text.encode() is not None for text in _texts(document))
    except UnicodeEncodeError:
        kept = False
    if not kept:
        raise Problem("bad_request", "文字中含有空字符或残缺的字符 (a text holds NUL or half a character)")


def _texts(document: Any) -> Iterator[str]:
    if isinstance(document, str):
        yield document
    elif isinstance(document, Mapping):
        for key, value in document.items():
            yield str(key)
            yield from _texts(value)
    elif isinstance(document, list | tuple):
        for value in document:
            yield from _texts(value)
