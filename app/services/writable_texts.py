"""Texts that either database can keep: no NUL, which PostgreSQL refuses, and no half of a surrogate pair."""

from __future__ import annotations

import re
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


def refuse_deep(body: bytes) -> None:
    """Raise ``Problem`` (bad_request) where JSON nests deeper than ``DEEPEST``; what is no JSON is left to its reader."""
    left = _peeled(body)
    # A bracket within a text is no nesting; only where there is doubt are the texts taken out.
    if left and _peeled(_TEXT.sub(b"", body)):
        raise Problem("bad_request", f"JSON 嵌套超过 {DEEPEST} 层 (the JSON nests too deep)")


def _peeled(body: bytes) -> bytes:
    """The brackets that are left when the innermost pairs were taken away ``DEEPEST`` times."""
    left = body.translate(None, _NO_BRACKETS)
    for _ in range(DEEPEST):
        shorter = left.replace(b"[]", b"").replace(b"{}", b"")
        if len(shorter) == len(left):
            return b"" if _OPENED_DEEP.search(shorter) is None else shorter
        left = shorter
    return left


DEEPEST = 64
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NO_BRACKETS = bytes(sign for sign in range(256) if sign not in b"[]{}")
_OPENED_DEEP = re.compile(rb"[\[{]{%d}" % (DEEPEST + 1))


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
