"""An administrator decides on a form, column by column: a draft view, proposed elements, and what is remembered of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.errors import Fault, Problem
from app.mapping.compile import check_view
from app.mapping.spec import FIELD_KEYS
from app.matching import MatchIndex
from app.matching.memory import elements_of
from app.matching.signature import subject_of
from app.policy import gate
from app.policy.callers import Caller
from app.services.element_proposals import proposal_of
from app.services.form_burden import is_frame
from app.services.form_matching import FormMatcher, as_department
from app.services.form_reading import AskedForm, form_of_document
from app.services.form_requests import answered, stored_request
from app.services.form_views import field_of, view_document
from app.services.registry import Registry, State
from app.services.view_drafts import drop_draft, find_draft, save_draft
from app.services.view_publishing import publish_draft
from app.services.visible_views import department_scope
from app.services.writable_texts import refuse_unwritable
from app.store import form_memory, proposed_elements
from app.store import form_requests as kept
from app.store.form_memory import StoredJudgement
from app.store.form_requests import StoredFormRequest
from app.store.proposed_elements import ProposedElement

DECISIONS = ("accept", "relate", "propose", "reject", "skip")
RELATIONS = ("exact", "narrow", "close")
_FRAME = frozenset({"region.code", "region.name", "region.level", "region.parent", "period"})


@dataclass(slots=True)
class _Decided:
    """What the decisions come to, with every fault on the way."""

    columns: list[dict[str, Any]] = field(default_factory=list)
    fields: list[dict[str, Any]] = field(default_factory=list)
    judgements: list[StoredJudgement] = field(default_factory=list)
    proposals: list[ProposedElement] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Ground:
    """What a decision is made on."""

    stored: StoredFormRequest
    form: AskedForm
    state: State
    index: MatchIndex
    signatures: Sequence[str]

    @property
    def samples(self) -> list[tuple[str, ...]]:
        return [column.samples for sheet in self.form.sheets for column in sheet.columns]


def decide(
    registry: Registry, matcher: FormMatcher, caller: Caller, identity: str, body: Mapping[str, Any]
) -> dict[str, Any]:
    """Decide on a form. All or nothing: a 422 names every column that is wrongly or not at all decided.

    Held and derived columns become the draft of a view, new ones proposed elements; the catalogue is not changed. With
    ``refuse`` the whole form is turned down, and the answer says which elements answer it already.
    """
    permit = gate.permit_administration(caller)
    refuse_unwritable(body)
    stored = stored_request(registry, caller, identity)
    if stored.status == "published":
        raise Problem("conflict", "该表单已发布为视图 (the form is published as a view already)")
    state = registry.state()
    form = form_of_document(stored.form)
    index = matcher.index(state, stored.department)
    department = state.catalogue.departments.get(stored.department)
    forms = list(form.forms(department.name if department else stored.department))
    ground = _Ground(stored, form, state, index, matcher.signatures(forms, index))
    decided = _decided(ground, body)
    refusal = body.get("refuse")
    document: dict[str, Any] | None = None
    uncovered: list[dict[str, Any]] = []
    if refusal is None and not decided.faults:
        document, uncovered = _drafted(registry, ground, decided, body.get("view") or {})
    if decided.faults:
        raise Problem(
            "invalid_document", f"共 {len(decided.faults)} 处需要改正 (faults of the decision)", faults=decided.faults
        )
    told = {
        "columns": decided.columns,
        "view": document["code"] if document else None,
        "uncovered": uncovered,
        "proposed": [{"id": p.id, "element": f"{p.dataset}.{p.code}"} for p in decided.proposals],
        "refused": refusal,
        "answered_by": _answers(stored.verdicts, state) if refusal is not None else [],
    }
    earlier = stored.view if stored.view is not None and find_draft(state, stored.view) is not None else None
    if earlier is not None and (document is None or document["code"] != earlier):
        drop_draft(registry, caller, earlier)
    if document is not None:
        save_draft(registry, caller, document["code"], document, None)
    with registry.database.write() as write:
        status = "refused" if refusal is not None else "decided"
        view = document["code"] if document else None
        kept.decide(write, permit, stored.id, status=status, decision=told, view=view)
        form_memory.add(write, permit, decided.judgements)
        proposed_elements.put_proposals(write, permit, decided.proposals, stored.id)
    return {**answered(registry, state, stored_request(registry, caller, identity)), "draft": document}


def publish(registry: Registry, caller: Caller, identity: str, *, accept_breaking: bool) -> dict[str, Any]:
    """Publish the draft that a decided form became. Its department reads it at once, as far as its agreements go."""
    gate.permit_administration(caller)
    stored = stored_request(registry, caller, identity)
    if stored.status != "decided" or stored.view is None:
        raise Problem(
            "conflict", f"表单的状态为 {stored.status}，没有待发布的视图 (there is no draft of it to publish)"
        )
    saved, _ = publish_draft(registry, caller, stored.view, accept_breaking=accept_breaking)
    return {"id": stored.id, "status": "published", "view": saved.code, "version": saved.version}


def _decided(ground: _Ground, body: Mapping[str, Any]) -> _Decided:
    told = _Decided()
    given: dict[int, Mapping[str, Any]] = {}
    for place, item in enumerate(body.get("columns") or ()):
        position = _position(ground.stored.verdicts, item.get("column"))
        if position is None or position in given:
            why = "没有这一列，或名称不唯一，请用序号" if position is None else "这一列已经决定过"
            told.faults.append(Fault("decision", f"columns[{place}]", f"{why} (no such column, or given twice)"))
        else:
            given[position] = item
    rest = "accept" if body.get("accept_rest") else None
    refused = body.get("refuse") is not None
    for position, column in enumerate(ground.stored.verdicts):
        item = given.get(position) or {}
        choice = item.get("decision") or _default(column, rest, refused=refused)
        if choice is None:
            told.faults.append(_fault(ground, position, "尚未决定 (not decided)"))
            continue
        _decide_column(ground, position, choice, item, told)
    return told


def _default(column: Mapping[str, Any], rest: str | None, *, refused: bool) -> str | None:
    if column["verdict"] == "bookkeeping":
        return "skip"
    if is_frame(column) or (rest and column["verdict"] in ("held", "derivable")):
        return "accept"
    return "skip" if refused else None


def _position(columns: Sequence[Mapping[str, Any]], name: Any) -> int | None:
    if isinstance(name, int) and not isinstance(name, bool):
        return name if 0 <= name < len(columns) else None
    found = [position for position, column in enumerate(columns) if column["name"] == name]
    return found[0] if len(found) == 1 else None


def _decide_column(ground: _Ground, position: int, choice: str, item: Mapping[str, Any], told: _Decided) -> None:
    column = ground.stored.verdicts[position]
    said: dict[str, Any] = {"column": position, "name": column["name"], "decision": choice}
    reason = str(item.get("reason") or "").strip()
    if choice == "reject" and not reason:
        told.faults.append(_fault(ground, position, "不采纳须说明理由 (a rejection gives its reason)"))
    if choice == "propose":
        proposal, faults = proposal_of(ground.stored.id, item.get("proposal") or {}, ground.state.catalogue)
        told.faults += [_fault(ground, position, fault) for fault in faults]
        if proposal is not None:
            told.proposals.append(proposal)
            said |= {"proposed": proposal.id, "element": f"{proposal.dataset}.{proposal.code}"}
    elif choice in ("accept", "relate"):
        _accept(ground, position, choice, item, told, said)
    elif choice == "reject":
        element = item.get("element") or column.get("element")
        expr = None if element else column.get("expr")
        refused = element or expr
        if refused and reason and not is_frame(column):
            told.judgements.append(_judgement(ground, position, refused, "exact", reason, rejected=True))
        said |= {"element": element, "expr": expr}
    told.columns.append({**said, "reason": reason or None})


def _accept(
    ground: _Ground, position: int, choice: str, item: Mapping[str, Any], told: _Decided, said: dict[str, Any]
) -> None:
    """A column is what it was proposed to be, or what the administrator says; or only near to it."""
    column = ground.stored.verdicts[position]
    element, expr = item.get("element"), item.get("expr")
    if element is None and expr is None:
        element, expr = column.get("element"), column.get("expr")
    meant = element or expr
    framed = meant in _FRAME
    named = frozenset({element}) if element else elements_of(expr or "")
    if meant is None or (not named and not framed):
        told.faults.append(_fault(ground, position, "须给出 element 或 expr (an element or a formula is needed)"))
        return
    unknown = sorted(path for path in named if ground.index.entry(path) is None and not framed)
    if unknown:
        told.faults.append(
            _fault(ground, position, f"没有数据项 {'、'.join(unknown)}，或该部门不得知悉 (no such element)")
        )
        return
    relation = item.get("relation") or ("exact" if choice == "accept" else None)
    if relation not in RELATIONS:
        told.faults.append(_fault(ground, position, f"relation 应为 {', '.join(RELATIONS)} 之一 (not a relation)"))
        return
    said |= {"element": element, "expr": expr, "relation": relation}
    reason = str(item.get("reason") or "").strip()
    if not framed:
        proposed = column.get("element") or column.get("expr")
        told.judgements.append(_judgement(ground, position, meant, relation, reason, rejected=False))
        if proposed is not None and proposed != meant:
            told.judgements.append(_judgement(ground, position, proposed, "exact", reason, rejected=True))
    if relation == "exact":
        options = item.get("field") or {}
        unknown_options = sorted(set(options) - set(FIELD_KEYS))
        if unknown_options:
            told.faults.append(_fault(ground, position, f"field 中不认识的键 {', '.join(unknown_options)} (unknown)"))
        asked = {**column, "conversion": None} if element != column.get("element") else column
        if asked["conversion"] is None and column.get("unit"):
            asked = {**asked, "conversion": {"to": column["unit"]}}
        told.fields.append(field_of(asked, element, expr, ground.state.catalogue, ground.samples[position], options))


def _judgement(
    ground: _Ground, position: int, meant: str, relation: str, reason: str, *, rejected: bool
) -> StoredJudgement:
    column = ground.stored.verdicts[position]
    return StoredJudgement(
        signature=ground.signatures[position],
        subject=subject_of(ground.form.title),
        heading="/".join((*column["path"], column["name"])),
        relation=relation,
        rejected=rejected,
        object=meant,
        formula=ground.index.entry(meant) is None,
        reason=reason,
        form_request_id=ground.stored.id,
    )


def _drafted(
    registry: Registry, ground: _Ground, decided: _Decided, wanted: Mapping[str, Any]
) -> tuple[dict[str, Any] | None, list[dict[str, Any]]]:
    """The draft of the view with what no agreement in force covers; faults of the view are faults of the decision."""
    if not any(elements_of(str(f.get("expr") or f.get("from") or "")) for f in decided.fields):
        return None, []
    stored, state = ground.stored, ground.state
    code = str(wanted.get("code") or f"{stored.department}-{stored.id[-12:]}")
    title = str(wanted.get("title") or ground.form.title or code)
    document = view_document(code, stored.department, title, ground.form, decided.fields, state.catalogue)
    present = state.stored.get(("view", code))
    if present is not None and present.body.get("department") != stored.department:
        decided.faults.append(Fault("decision", "view.code", f"{code} 是另一部门的视图 (a view of another department)"))
        return None, []
    plan, faults = check_view(document, f"view:{code}", state.catalogue)
    decided.faults += faults
    if plan is None:
        return None, []
    scope = department_scope(state, as_department(stored.department), registry.today())
    uncovered = [
        {"field": field.name, "elements": missing}
        for field in plan.fields
        if (missing := sorted(path for path in field.elements if not scope.sees(path)))
    ]
    return document, uncovered


def _answers(columns: Sequence[Mapping[str, Any]], state: State) -> list[dict[str, Any]]:
    """Which elements answer a refused form already."""
    told = []
    for column in columns:
        if column["verdict"] not in ("held", "derivable") or is_frame(column):
            continue
        paths = [column["element"]] if column["element"] else list(column["inputs"])
        titles = [found.title for path in paths if (found := state.catalogue.element(path)) is not None]
        told.append({"name": column["name"], "elements": paths, "titles": titles, "expr": column["expr"]})
    return told


def _fault(ground: _Ground, position: int, message: str) -> Fault:
    return Fault("decision", f"columns[{position}] {ground.stored.verdicts[position]['name']}", message)
