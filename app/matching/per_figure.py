"""Figures by the unit of another: per each thing counted, per unit of area, per occasion.

Every function answers what stands above and what below the line, or the term that nothing held answers.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.matching.facets import KIND_OF_WORD
from app.matching.features import COUNTABLE
from app.matching.inputs import Inputs
from app.matching.resolving import Scored

Found = tuple[Scored, Scored] | str


def per_each(inputs: Inputs, _: str, term: str, path: Sequence[str]) -> Found:
    """平均每所幼儿园在园幼儿: the figure after the noun, by the count of the noun."""
    best: tuple[float, Scored, Scored] | None = None
    for cut in range(1, len(term) - 1):
        noun, figure = term[:cut], term[cut:].removeprefix("的").removeprefix("拥有").removeprefix("占有")
        below = _nearest(inputs, noun + "数", path) if figure else None
        above = inputs.one(figure, (*path, noun)) or _nearest(inputs, figure, path) if below else None
        if below is None or above is None or above.entry.path == below.entry.path:
            continue
        sure = min(above.log_odds, below.log_odds)
        if below.entry.kind in COUNTABLE and (best is None or sure > best[0]):
            best = sure, above, below
    return (best[1], best[2]) if best else term


def _nearest(inputs: Inputs, term: str, path: Sequence[str]) -> Scored | None:
    """The element that ``term`` means under all the headings, else under the outer ones alone."""
    found = (inputs.one(term, path[:depth]) for depth in range(len(path), -1, -1))
    return next((scored for scored in found if scored is not None), None)


def per_counted(inputs: Inputs, word: str, figure: str, path: Sequence[str]) -> Found:
    """批均集访人次: the figure by the batches of the very same."""
    above = _nearest(inputs, figure, path)
    kind = KIND_OF_WORD.get(word)
    below = inputs.counted_like(above, kind) if above is not None and kind is not None else None
    return (above, below) if above is not None and below is not None else figure


def density(inputs: Inputs, _: str, term: str, path: Sequence[str]) -> Found:
    """公路密度: the length or number of a thing by the area of the region."""
    above = next((s for end in ("里程", "", "数") if (s := _nearest(inputs, term + end, path)) is not None), None)
    below = inputs.resolver.resolve("行政区域面积")
    if above is None or below is None:
        return term if above is None else "行政区域面积"
    return above, below


def per_area(inputs: Inputs, noun: str, figure: str, path: Sequence[str]) -> Found:
    """单位播种面积化肥施用量: by the area named; 单位面积森林蓄积量: by the area of the very thing."""
    above = inputs.one(figure, path)
    if above is None:
        return figure
    terms = [noun + "面积"] if noun else [figure[:cut] + "面积" for cut in range(2, len(figure))]
    if noun == "播种":
        terms.append("农作物播种面积")
    for term in terms:
        below = inputs.resolver.resolve(term)
        if below is not None and below.entry.kind == "area":
            return above, below
    return f"{noun or figure}面积"


def per_occasion(inputs: Inputs, _: str, figure: str, path: Sequence[str]) -> Found:
    """次均救助金额: the money by the visits, of the same things."""
    spent = [s for term in (figure, "支出", "金额") for s in inputs.meant(term, path)]
    times = [s for term in ("人次", figure[:2] + "人次") for s in inputs.meant(term, path)]
    above = next((s for s in spent if s.entry.kind == "money"), None)
    below = next((s for s in times if s.entry.kind == "visits"), None)
    return (above, below) if above and below else figure
