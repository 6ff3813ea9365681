"""The text by which a key element of a list dataset names its record."""

from __future__ import annotations

from app.catalogue.values import Reported
from app.intake.grid import plain


def key_text(reported: Reported) -> str | None:
    """The value as a key: text as it is, a number in plain digits, a boolean as true or false; None if it is missing."""
    if reported.text is not None:
        return reported.text
    if reported.number is not None:
        return plain(reported.number)
    if reported.flag is not None:
        return "true" if reported.flag else "false"
    return None
