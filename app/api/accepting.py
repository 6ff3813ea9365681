"""What is answered: the format by the parameter, else by ``Accept`` (RFC 9110 12.5.1); the coding by ``Accept-Encoding``."""

from __future__ import annotations

import re
from functools import lru_cache

from app.errors import Problem
from app.formats.encoding import CODINGS, IDENTITY, Codings
from app.formats.writing import FORMATS

_QUALITY = re.compile(r"0(?:\.[0-9]{0,3})?|1(?:\.0{0,3})?")
_DEFAULT = "json"


def chosen_format(name: str | None, accept: str | None) -> str:
    """The format to answer in; 400 for a name that is none, 406 when nothing accepted is served."""
    if name is not None:
        if name not in FORMATS:
            raise Problem("bad_request", f"format 应为 {', '.join(FORMATS)} 之一 (not a format)")
        return name
    if not accept or not accept.strip():
        return _DEFAULT
    ranges = _ranges(accept)
    offered = {key: form.media_type.partition(";")[0] for key, form in FORMATS.items()}
    # Of formats liked equally the one named first is meant, and of those not named the default.
    order = [_DEFAULT, *(key for key in offered if key != _DEFAULT)]
    ranked = [(*_liking(offered[key], ranges), place, key) for place, key in enumerate(order)]
    liked = [(-quality, named, place, key) for quality, named, place, key in ranked if quality > 0]
    if not liked:
        raise Problem("not_acceptable", f"可提供的格式: {', '.join(offered.values())} (none of the accepted formats)")
    return min(liked)[3]


@lru_cache(maxsize=256)
def chosen_codings(accept_encoding: str | None) -> Codings:
    """What ``Accept-Encoding`` takes, as RFC 9110 12.5.3 has it. Raises 406 where nothing that is served is taken."""
    if accept_encoding is None:
        return Codings()
    named = dict(_ranges(accept_encoding)) if accept_encoding.strip() else {}
    others = named.get("*")
    # Bytes as they are need no naming; where they are named, a coding liked less than they are is not used.
    floor = named.get(IDENTITY, 0.0)
    qualities = {name: named.get(name, others or 0.0) for name in CODINGS}
    liked = [name for name, quality in qualities.items() if quality > 0 and quality >= floor]
    identity = named.get(IDENTITY, 0.0 if others == 0 else 1.0) > 0
    if not liked and not identity:
        told = ", ".join([*CODINGS, IDENTITY])
        raise Problem("not_acceptable", f"可提供的内容编码: {told} (none of the accepted content codings)")
    return Codings(tuple(sorted(liked, key=lambda name: -qualities[name])), identity)


def liking(media: str, accept: str) -> float:
    """How much ``Accept`` likes a media type named by no other name: 0 where it is not accepted."""
    quality, place = _liking(media, _ranges(accept))
    return quality - place / 10_000 if quality > 0 else 0.0


def _ranges(accept: str) -> list[tuple[str, float]]:
    found = []
    for item in accept.split(","):
        media, *parameters = (part.strip().lower() for part in item.split(";"))
        quality = next((part[2:] for part in parameters if part.startswith("q=")), "1")
        found.append((media, float(quality) if _QUALITY.fullmatch(quality) else 0.0))
    return found


def _liking(media: str, ranges: list[tuple[str, float]]) -> tuple[float, int]:
    """How much the media type is liked, by the most specific range that names it, and where that range stands."""
    for name in (media, f"{media.partition('/')[0]}/*", "*/*"):
        for place, (range_, quality) in enumerate(ranges):
            if range_ == name:
                return quality, place
    return 0.0, len(ranges)
