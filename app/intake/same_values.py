"""Whether what is given says what is held already."""

from __future__ import annotations

from fractions import Fraction

from app.catalogue.model import Element
from app.catalogue.units import UnitTable
from app.catalogue.values import Reported, canonical, shown


def same_value(held: Reported, given: Reported, element: Element, units: UnitTable) -> bool:
    """Whether ``given`` says what is held already: the same missing reason, the same exact value, or what is shown of it."""
    if _in_own_unit(held, element) and _in_own_unit(given, element):
        if held.number == given.number:
            return True
        # With no more digits than are shown it is shown as it is, so that nothing else is what is shown of it.
        if -int(held.number.as_tuple().exponent) <= element.decimals:  # type: ignore[union-attr]
            return False
    before, after = canonical(held, element, units), canonical(given, element, units)
    if before is None or after is None:
        return before is after and held.missing == given.missing
    if before == after:
        return True
    if isinstance(before, Fraction) and isinstance(after, Fraction):
        return Fraction(shown(before, element.decimals)) == after
    return False


def _in_own_unit(reported: Reported, element: Element) -> bool:
    """Whether it is a number in the element's own unit."""
    return (
        element.numeric
        and reported.number is not None
        and reported.missing is None
        and (reported.unit is None or element.unit is None or reported.unit == element.unit)
    )
