"""Chinese or English: which one a request prefers, and an answer's findings in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

_QUALITY = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")


def prefers_english(request: Request) -> bool:
    """Whether ``Accept-Language`` likes English better than Chinese (RFC 9110 12.5.4); Chinese where nothing is said."""
    header = request.headers.get("accept-language") or ""
    liked: dict[str, float] = {}
    for place, item in enumerate(header.split(",")[:50]):
        tag, *parameters = (part.strip().lower() for part in item.split(";"))
        written = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        quality = float(written) if _QUALITY.fullmatch(written) else 0.0
        # Of languages liked equally the one named first is meant.
        liked.setdefault(tag.partition("-")[0], quality - place / 10_000)
    chinese, english = liked.get("zh", liked.get("*", -1.0)), liked.get("en", -1.0)
    return english > 0 and english > chinese


def spoken(english: bool) -> dict[str, str]:
    """The headers that say so."""
    return {"Content-Language": "en" if english else "zh-CN", "Vary": "Accept-Language"}


def in_language(body: Mapping[str, Any], english: bool) -> dict[str, Any]:
    """``body`` with the messages of its findings in the language; ``message_en`` stays beside it."""
    said = dict(body)
    findings = said.get("findings")
    if english and findings:
        said["findings"] = [{**f, "message": f.get("message_en") or f.get("message")} for f in findings]
    return said
