"""The grain of what is held: a figure known by township answers no form that asks by village."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from app.catalogue.model import LEVELS, Element, Level
from app.matching.deriving import Derivation
from app.matching.index import MatchIndex
from app.matching.resolving import Scored

LEVEL_WORDS: Mapping[Level, str] = {
    "province": "省级",
    "prefecture": "市级",
    "county": "县级",
    "township": "乡镇级",
    "village": "村级",
}


def asked_level(text: str | None) -> Level | None:
    """The level of a form by its code; None if it is not said in that way."""
    return next((level for level in LEVELS if level == text), None)


def held_by(element: Element, index: MatchIndex) -> Level:
    """The finest level at which the element is reported."""
    return index.catalogue.datasets[element.dataset].level


def too_coarse(element: Element, asked: Level | None, index: MatchIndex) -> bool:
    """Whether the form asks for finer places than the element is reported by.

    Names and numbers of places are known for every place within; figures and codes are not.
    """
    if asked is None or not (element.numeric or element.type in {"code", "boolean"}):
        return False
    return LEVELS.index(asked) > LEVELS.index(held_by(element, index))


def kept_to_grain(derived: Derivation, asked: Level | None, index: MatchIndex) -> Derivation:
    """``derived``, or what it lacks where one of its inputs is only held by larger places."""
    if derived.formula is None or asked is None:
        return derived
    lacking = tuple(_named(element, asked, index) for element in _coarse(derived.formula.inputs, asked, index))
    return replace(derived, formula=None, lacking=lacking) if lacking else derived


def coarse_reason(scored: Scored, asked: Level, index: MatchIndex) -> str:
    """Why an element of the same meaning does not answer a form of finer places."""
    own = held_by(scored.entry.element, index)
    return (
        f"与“{scored.entry.element.title}”含义相同，但登记册只到{LEVEL_WORDS[own]}，表中要到{LEVEL_WORDS[asked]}"
        f"（held by {own}, the form asks by {asked}）"
    )


def _coarse(paths: Iterable[str], asked: Level, index: MatchIndex) -> list[Element]:
    elements = (index.catalogue.element(path) for path in paths)
    return [element for element in elements if element is not None and too_coarse(element, asked, index)]


def _named(element: Element, asked: Level, index: MatchIndex) -> str:
    return f"{element.title}（{LEVEL_WORDS[asked]}；登记册只到{LEVEL_WORDS[held_by(element, index)]}）"
