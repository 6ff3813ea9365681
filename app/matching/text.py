"""Reading the outside of a heading: numbering, ``其中``, brackets, units; what is left is the term."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from app.catalogue.units import UnitTable

_CIRCLED = re.compile("[\u2460-\u24ff\u2776-\u2793]")
_NUMBERING = re.compile(
    r"(?:[#*※+\-·●○◆]+"
    r"|第?[一二三四五六七八九十]{1,3}[、.,:]"
    r"|\((?:[一二三四五六七八九十]{1,3}|\d{1,2})\)"
    r"|\d{1,2}(?:\.\d{1,2})*(?:[、):]|\.(?!\d))"
    r"|[a-zA-Z][.、)])+"
)
_OF_WHICH = re.compile(r"(?:其中|内含|内|按.{1,6}分|当中)[:：,、]|其中")
_BRACKETS = re.compile(r"\(([^()]*)\)|\[([^\[\]]*)\]|【([^【】]*)】")
_COUNTED_TOO = re.compile(r"(?:总|个)?数")
_UNIT_LEAD = re.compile(r"^(?:计量|数量)?单位[:：]?")
_SPACE = re.compile(r"\s+")
_POWERS = str.maketrans({"㎡": "平方米", "㎥": "立方米", "㎢": "平方公里", "㎏": "公斤", "㏊": "公顷"})


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading taken apart.

    ``term``: the words themselves; ``notes``: what stood in brackets and is no unit; ``unit``: the unit in brackets;
    ``of_which``: marked as part of what stands before it; ``prefix``: what stood before a colon (``户籍人口:死亡率``).
    """

    term: str
    notes: tuple[str, ...]
    unit: str | None
    of_which: bool
    prefix: str


def folded(text: str) -> str:
    """``text`` in half-width without spaces, circled numbers taken away."""
    return _SPACE.sub("", unicodedata.normalize("NFKC", _CIRCLED.sub("", text).translate(_POWERS)))


def read_heading(text: str, units: UnitTable) -> Heading:
    """Take a heading apart; whatever it holds, the answer's term is at most the text itself."""
    rest = folded(text)
    of_which = rest.startswith("#")
    for _ in range(4):
        bare = _NUMBERING.sub("", rest, count=1) if _NUMBERING.match(rest) else rest
        marked = _OF_WHICH.match(bare)
        if marked and marked.end() < len(bare):
            of_which, bare = True, bare[marked.end() :]
        if bare == rest or not bare:
            break
        rest = bare
    notes: list[str] = []
    unit: str | None = None
    for match in list(_BRACKETS.finditer(rest)):
        inner = next(group for group in match.groups() if group is not None)
        found = unit_in(inner, units)
        if found is not None and _COUNTED_TOO.match(rest, match.end()) and len(inner) > 1:
            notes.append(inner)  # 行政村（社区）总数 counts two things and names no unit
            rest = rest.replace(match.group(), "", 1)
        elif found is not None:
            unit = found
            rest = rest.replace(match.group(), "", 1)
        elif match.end() == len(rest) or len(inner) > 2:
            notes.append(inner)
            rest = rest.replace(match.group(), "", 1)
    rest = rest.replace("(", "").replace(")", "") if "(" in rest and len(rest) < 200 else rest
    if len(rest) > 1 and rest[-1] in "%‰":
        unit, rest = unit or rest[-1], rest[:-1]
    prefix, colon, after = rest.rpartition(":")
    if colon and after:
        tail = unit_in(after, units)
        if tail is not None:
            unit, rest, prefix = unit or tail, prefix, ""
        else:
            rest = after
    else:
        prefix = ""
    return Heading(rest, tuple(note for note in notes if note), unit, of_which, prefix)


def unit_in(text: str, units: UnitTable) -> str | None:
    """The unit a bracket or caption names (``单位：公顷``), or None if it names none."""
    bare = _UNIT_LEAD.sub("", folded(text))
    if not bare or bare[0].isdigit():
        return None
    return bare if units.get(bare) is not None else None


def caption_units(text: str, units: UnitTable) -> tuple[str, ...]:
    """The units a caption such as ``单位：万元、%（除注明外）`` names, in order."""
    found = re.search(r"单位[:：]?(.*)$", folded(text))
    if not found:
        return ()
    bare = _BRACKETS.sub("", found.group(1))
    parts = [unit_in(part, units) for part in re.split(r"[、,;，；/]", bare)]
    whole = unit_in(bare, units)
    return (whole,) if whole else tuple(part for part in parts if part)


def bigrams(text: str) -> frozenset[str]:
    """The character pairs of ``text``, with its first and last character marked; empty for an empty text."""
    padded = f"^{text}$" if text else ""
    return frozenset(padded[i : i + 2] for i in range(len(padded) - 1))
