"""What the matcher answers, column by column."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["held", "derivable", "related", "new", "bookkeeping"]
Relation = Literal["exact", "narrower", "wider", "other"]  # of the column, seen from the element


@dataclass(frozen=True, slots=True)
class Conversion:
    """The figure in the form's unit is the held figure times ``factor``, a decimal or a fraction such as ``1/15``.

    ``assumed``: the form names no unit, the element's own is taken. ``by_counting_word``: the units are words for
    counting the same things (家 and 个), not measures.
    """

    source: str
    target: str
    factor: str
    assumed: bool = False
    by_counting_word: bool = False

    def document(self) -> dict[str, Any]:
        return {"from": self.source, "to": self.target, "factor": self.factor, "assumed": self.assumed}


@dataclass(frozen=True, slots=True)
class Candidate:
    """An element that may be meant, with its definition and how the column differs from it (Chinese, English).

    ``facets``: object, qualifiers, measure, time and way of counting of the element, and which of them the catalogue set.
    """

    element: str
    title: str
    definition: str
    unit: str | None
    confidence: float
    relation: Relation
    difference: str
    difference_en: str
    facets: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ColumnMatch:
    """The verdict on one column.

    ``held``: ``element`` with ``conversion`` (numbers) or ``code_map`` (form's text → code). ``derivable``: ``expr``
    over the paths in ``inputs``, in the form's unit. ``related``: candidates are near, but defined otherwise.
    ``new``: nothing near; ``lacking`` names inputs that would have to be held. ``automatic``: sure enough to be
    proposed without a look at the candidates.
    """

    name: str
    verdict: Verdict
    element: str | None = None
    conversion: Conversion | None = None
    code_map: Mapping[str, str] | None = None
    expr: str | None = None
    inputs: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    confidence: float = 0.0
    automatic: bool = False
    reasons: tuple[str, ...] = ()
    candidates: tuple[Candidate, ...] = ()

    def document(self) -> dict[str, Any]:
        """The column as it crosses HTTP."""
        body = asdict(self)
        body["conversion"] = self.conversion.document() if self.conversion else None
        return body


@dataclass(frozen=True, slots=True)
class FormMatch:
    """The verdicts in the form's order, and how many there are of each kind."""

    columns: tuple[ColumnMatch, ...]
    summary: Mapping[str, int] = field(init=False)

    def __post_init__(self) -> None:
        counted = Counter(column.verdict for column in self.columns)
        order: tuple[Verdict, ...] = ("held", "derivable", "related", "new", "bookkeeping")
        object.__setattr__(self, "summary", {verdict: counted[verdict] for verdict in order})
