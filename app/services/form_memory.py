"""What administrators confirmed and rejected, as a list and as SSSOM (the Simple Standard for Sharing Ontological Mappings)."""

from __future__ import annotations

import hashlib
from typing import Any

from app.policy import gate
from app.policy.callers import Caller
from app.services.registry import Registry, State
from app.store import form_memory as kept
from app.store.form_memory import StoredJudgement

PREDICATES = {"exact": "skos:exactMatch", "narrow": "skos:narrowMatch", "close": "skos:closeMatch"}
_COLUMNS = (
    "subject_id", "subject_label", "subject_type", "predicate_id", "predicate_modifier", "object_id", "object_label",
    "object_type", "mapping_justification", "author_id", "mapping_date", "comment",
)  # fmt: skip
_HEADER = """#mapping_set_id: urn:township:form-memory
#mapping_set_description: 表单栏目与数据项的对应（confirmed and rejected by administrators）
#license: urn:township:internal
#curie_map:
#  heading: "urn:township:heading:"
#  element: "urn:township:element:"
#  formula: "urn:township:formula:"
#  credential: "urn:township:credential:"
#  semapv: "https://w3id.org/semapv/vocab/"
#  skos: "http://www.w3.org/2004/02/skos/core#"
"""


def list_memory(registry: Registry, caller: Caller) -> list[dict[str, Any]]:
    """Every judgement, newest first; ``standing`` marks those that no later one replaced."""
    gate.permit_administration(caller)
    return [
        {
            "id": one.id,
            "heading": one.heading,
            "signature": one.signature,
            "subject": one.subject,
            "predicate": PREDICATES[one.relation],
            "rejected": one.rejected,
            "element": None if one.formula else one.object,
            "expr": one.object if one.formula else None,
            "reason": one.reason or None,
            "form_request": one.form_request_id,
            "at": one.created_at.isoformat() if one.created_at else None,
            "by": one.created_by,
            "standing": standing,
        }
        for one, standing in _judgements(registry)
    ]


def memory_tsv(registry: Registry, caller: Caller) -> bytes:
    """The standing judgements as an SSSOM TSV file with its metadata above."""
    gate.permit_administration(caller)
    state = registry.state()
    rows = ["\t".join(_COLUMNS)]
    rows += ["\t".join(_cell(text) for text in _row(one, state)) for one, standing in _judgements(registry) if standing]
    return (_HEADER + "\n".join(rows) + "\n").encode()


def _judgements(registry: Registry) -> list[tuple[StoredJudgement, bool]]:
    with registry.database.read() as cx:
        found = kept.every(cx)
    seen: set[tuple[str, str, str]] = set()
    told = []
    for one in found:
        key = (one.signature, one.subject, one.object)
        told.append((one, key not in seen))
        seen.add(key)
    return told


def _row(one: StoredJudgement, state: State) -> tuple[str, ...]:
    element = None if one.formula else state.catalogue.element(one.object)
    digest = hashlib.sha256(f"{one.signature}\0{one.subject}".encode()).hexdigest()[:16]
    return (
        f"heading:{digest}",
        one.heading,
        "skos:Concept",
        PREDICATES[one.relation],
        "Not" if one.rejected else "",
        f"formula:{hashlib.sha256(one.object.encode()).hexdigest()[:16]}" if one.formula else f"element:{one.object}",
        one.object if one.formula else element.title if element else "",
        "composed entity expression" if one.formula else "skos:Concept",
        "semapv:ManualMappingCuration",
        f"credential:{one.created_by}",
        one.created_at.date().isoformat() if one.created_at else "",
        one.reason,
    )


def _cell(text: str) -> str:
    """No tab or line break inside a cell, and nothing that a spreadsheet would run."""
    bare = " ".join(text.split())
    return f"'{bare}" if bare[:1] in "=+-@" and bare else bare
