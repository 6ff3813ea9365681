"""How the same word is written in different hands, brought to one form for comparing. Nothing here changes a value."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_DASHES = str.maketrans(
    dict.fromkeys("–—―‐‑‒−﹣~～﹏", "-") | dict.fromkeys("【〔［[{", "(") | dict.fromkeys("】〕］]}", ")")
)
_CIRCLED = re.compile(r"^\s*[\u2460-\u249b\u24ea-\u24ff\u2776-\u2793\u3220-\u3229]\s*")
_INVISIBLE = dict.fromkeys(map(ord, "\u200b\u200c\u200d\u2060\ufeff\u00ad"), None)
_NUMBERING = re.compile(
    r"^(?:\d{1,2}(?:\.\d{1,2})*[.、)](?!\d)|[一二三四五六七八九十]{1,3}[、.)]|\((?:\d{1,2}|[一二三四五六七八九十]{1,3})\)|第[一二三四五六七八九十]{1,3}[、:])"
)
# «1.1 男», «2.3.1　水田»: of a number with a point only what stands apart is numbering, for 1.5米 is a measure.
_DOTTED = re.compile(r"^\s*\d{1,2}(?:\.\d{1,2})+[.、]?\s+(?=[^\d\s])")
_AMONG = re.compile(r"^(?:#|\*)?(?:其中|其余|里面)?[:、]?")
_TRAILING = re.compile(r"[*:;,。、]+$")
_BRACKET = re.compile(r"\(([^()]*)\)$")


def half_width(text: str) -> str:
    """Half-width, without any white space, with one kind of dash and bracket; the case is kept."""
    half = unicodedata.normalize("NFKC", text.translate(_INVISIBLE)).translate(_DASHES)
    return "".join(half.split())


@lru_cache(maxsize=16_384)
def folded(text: str) -> str:
    """Half-width, without any white space, with one kind of dash and bracket, in lower case."""
    return half_width(text).casefold()


@lru_cache(maxsize=16_384)
def undecorated(text: str) -> str:
    """A heading without numbering («1.», «(二)»), «其中：», and trailing marks; folded."""
    bare = folded(_DOTTED.sub("", unicodedata.normalize("NFKC", _CIRCLED.sub("", text)), count=1))
    while True:
        stripped = _TRAILING.sub("", _AMONG.sub("", _NUMBERING.sub("", bare, count=1), count=1))
        if stripped == bare or not stripped:
            return bare
        bare = stripped


def brackets_off(text: str) -> tuple[str, str] | None:
    """A folded heading and what its last trailing bracket holds; None if it ends with no bracket."""
    match = _BRACKET.search(text)
    if match is None or match.start() == 0:
        return None
    return text[: match.start()], match[1]


def is_among(text: str) -> bool:
    """Whether a heading says that it is a part of the one before: «其中：水田»."""
    return folded(text).startswith(("其中", "#"))
