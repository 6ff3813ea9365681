"""What an element means, where its names do not say it: the facets of ISO/IEC 11179, as an element's document sets them.

```yaml
facets: {object: 工单, qualifiers: [满意], measure: count, time: [period], counting: [回访]}
```
Each facet is optional and stands in the place of what the form gate reads from title and aliases; the others stay as read.
``qualifiers: 无`` and ``counting: 无`` say that there are none.
"""

from __future__ import annotations

from typing import Any, get_args

from app.catalogue.document_reader import DocumentReader
from app.catalogue.model import FacetMeasure, FacetTime, SetFacets

FACET_MEASURES: tuple[FacetMeasure, ...] = get_args(FacetMeasure)
FACET_TIMES: tuple[FacetTime, ...] = get_args(FacetTime)
OF_WORDS = frozenset({"name", "number", "contact", "kind", "level", "whether", "date", "place", "person", "text"})
NONE = "无"
_LONGEST = 60
_MOST = 20


def read_facets(element: DocumentReader) -> SetFacets | None:
    """The facets that an element's document sets, None if it sets none; faults and normal form are the reader's."""
    reader = element.mapping("facets")
    if reader is None:
        return None
    before = len(reader.faults)
    object_class = reader.text("object", limit=_LONGEST) or None
    qualifiers = _words(reader, "qualifiers")
    measure: FacetMeasure | None = reader.choice("measure", FACET_MEASURES)
    time = reader.texts("time")
    for i, aspect in enumerate(time):
        if aspect not in FACET_TIMES:
            reader.fault(f"time[{i}]", f"“{aspect}”不在可选值之列：{' '.join(FACET_TIMES)}（must be one of these）")
    counting = _words(reader, "counting")
    reader.done()
    said = SetFacets(object_class, qualifiers, measure, tuple(a for a in FACET_TIMES if a in time) or None, counting)
    if said == SetFacets() and len(reader.faults) == before:
        reader.fault("", "至少写明一项：object、qualifiers、measure、time、counting（must say at least one of these）")
        return None
    return said


def facets_document(said: SetFacets) -> dict[str, Any]:
    """The facets as they are written."""
    written = {
        "object": said.object,
        "qualifiers": None if said.qualifiers is None else list(said.qualifiers) or NONE,
        "measure": said.measure,
        "time": None if said.time is None else list(said.time),
        "counting": None if said.counting is None else list(said.counting) or NONE,
    }
    return {key: value for key, value in written.items() if value is not None}


def _words(reader: DocumentReader, key: str) -> tuple[str, ...] | None:
    """A list of words, empty where the document says 无, None where it says nothing."""
    words = reader.texts(key)
    if not words:
        return None
    if len(words) > _MOST:
        reader.fault(key, f"最多 {_MOST} 项（at most {_MOST}）")
    for i, word in enumerate(words):
        if len(word) > _LONGEST:
            reader.fault(f"{key}[{i}]", f"最多 {_LONGEST} 个字符（at most {_LONGEST} characters）")
    if NONE in words and len(words) > 1:
        reader.fault(key, f"“{NONE}”不与其他并列（stands alone）")
    return () if words == (NONE,) else words
