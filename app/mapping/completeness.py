"""Whether a field that asks for complete groups has them: every region and period behind it with a value."""

from __future__ import annotations

import polars as pl

from app.mapping.behind import Behind, reached
from app.mapping.points import Points
from app.mapping.tree import Node

_CELL = ["row", "region", "period"]


def complete(behind: Behind, tree: Node, points: Points) -> pl.Series:
    """Boolean column: whether at each point no value is lacking behind any element that ``tree`` brings together.

    Of a list, a region and period have reported with one record. An element that is read as it was reported is not
    looked at: where it is missing, so is what rests on it.
    """
    carried = behind.plan.spec.regions == "present"
    index = pl.get_index_type()
    lacking = [pl.Series([], dtype=index)]
    for each in reached(tree, points):
        # Carried to a successor, figures were brought together; records of a list only changed their place.
        steps = each.reading.steps
        if not steps.aggregated and (steps.keyed or not carried):
            continue
        due = behind.due(each.reading, each.points)
        held = behind.records(each.reading, each.points).select(_CELL).unique()
        rows = due.join(held, on=_CELL, how="anti")["row"].unique()
        if each.links is not None:
            rows = each.links.join(pl.DataFrame({"point": rows}), on="point", how="semi")["row"]
        lacking.append(rows.cast(index))
    every = pl.int_range(len(points), dtype=index, eager=True)
    return ~every.is_in(pl.concat(lacking).implode())
