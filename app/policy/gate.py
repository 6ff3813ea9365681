"""The one gate: from a caller and the agreements in force to a Scope or a Permit, or to a refusal.

Every decision about access is made here and nowhere else. Nothing denies: grants only add, the default is
nothing, and a closed element is never granted to a department that is not its source.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date

from app.catalogue.model import Catalogue, Dataset, Element
from app.errors import Problem
from app.policy.agreements import Agreement
from app.policy.audiences import ADMINISTRATORS, Audience
from app.policy.callers import RULE, Caller
from app.policy.scopes import _SEAL, Grant, Permit, Scope, grant_from_document

ResolveRegion = Callable[[Agreement], frozenset[int] | None]


def scope_of_agreements(
    caller: Caller, agreements: Iterable[Agreement], roots_of: ResolveRegion, catalogue: Catalogue, today: date
) -> Scope:
    """What a department may see today through its agreements. ``roots_of`` resolves an agreement's regions."""
    grants: list[Grant] = []
    if caller.kind == "department":
        for agreement in agreements:
            if agreement.department != caller.department or not agreement.in_force(today):
                continue
            elements = agreement.covered_elements(catalogue)
            roots = roots_of(agreement)
            if elements and (roots is None or roots):
                where = agreement.conditions(elements)
                masks = tuple(sorted(agreement.cell_masks(elements).items(), key=lambda each: each[0]))
                grants.append(Grant(agreement.code, elements, roots, agreement.first, agreement.last, where, masks))
    return Scope(tuple(grants), _SEAL)


def scope_of_dataset(caller: Caller, dataset: Dataset) -> Scope:
    """What a caller may see of canonical records: a region its own and below, a source its dataset, an admin all."""
    elements = frozenset(element.path for element in dataset.elements)
    if caller.administers:
        grants: Sequence[Grant] = (Grant("administration", elements, None),)
    elif caller.kind == "region" and caller.region_id is not None:
        grants = (Grant("own region", elements, frozenset({caller.region_id})),)
    elif caller.kind == "department" and dataset.source_department == caller.department:
        grants = (Grant("source", elements, None),)
    else:
        grants = ()
    return Scope(tuple(grants), _SEAL)


def scope_of_preview(permit: Permit, catalogue: Catalogue) -> Scope:
    """What an administrator sees while trying a mapping: every element that is not closed."""
    if permit.action != "administer":
        raise Problem("forbidden", "预览须由管理员进行 (only an administrator previews)")
    elements = frozenset(
        element.path
        for dataset in catalogue.datasets.values()
        for element in dataset.elements
        if element.sharing != "closed"
    )
    return Scope((Grant("preview", elements, None),), _SEAL)


def scope_of_state(caller: Caller, department: str, grants: Sequence[dict[str, object]]) -> Scope:
    """The scope under which a department was answered before: used only to say what it already has."""
    if caller.kind != "department" or caller.department != department:
        raise Problem("bad_cursor", "游标无效 (the cursor is not valid)")
    return Scope(tuple(grant_from_document(grant) for grant in grants), _SEAL)


def knows_dataset(caller: Caller, dataset: Dataset) -> bool:
    """Whether the caller may know that the dataset is there: closed ones only those who report or administer it."""
    if dataset.sharing != "closed" or caller.administers:
        return True
    if dataset.source_department is not None:
        return caller.kind == "department" and caller.department == dataset.source_department
    return caller.kind == "region"


def knows_element(caller: Caller, dataset: Dataset, element: Element) -> bool:
    """Whether the caller may know that an element is there: a closed one only as for a closed dataset."""
    return element.sharing != "closed" or knows_dataset(caller, replace(dataset, sharing="closed"))


def knows_check(dataset: Dataset, rule: str, known: set[str]) -> bool:
    """Whether a check may be told to one who knows these elements: not if its rule names another of the dataset."""
    hidden = {element.code for element in dataset.elements} - known
    return not hidden or not hidden & set(re.findall(r"[A-Za-z_][A-Za-z0-9_]*", rule))


def permit_submission(caller: Caller, dataset: Dataset) -> Permit:
    """The right to report to a dataset. Only its source has it; an administrator never changes a value."""
    if caller.kind == "region" and dataset.source == "region" and caller.region_id is not None:
        if caller.role == "confirmer":
            raise Problem("forbidden", "复核人只能确认，不能填报 (a confirmer confirms and does not report)")
        return Permit(caller, "submit", dataset.code, frozenset({caller.region_id}), _SEAL)
    if caller.kind == "department" and dataset.source_department == caller.department:
        return Permit(caller, "submit", dataset.code, None, _SEAL)
    raise Problem("forbidden", f"{dataset.title}（{dataset.code}）只能由其数据来源填报 (only its source reports to it)")


def reports_to(caller: Caller, dataset: Dataset) -> bool:
    """Whether the caller may report to a dataset at all: the question of ``permit_submission``, without a refusal."""
    try:
        permit_submission(caller, dataset)
    except Problem:
        return False
    return True


def permit_confirmation(caller: Caller, dataset: Dataset, submitted_by: str) -> Permit:
    """The right to confirm another's submission: someone else of the same source, with another credential."""
    if caller.credential_id == submitted_by:
        raise Problem("forbidden", "须由另一人用另一凭证确认 (another person confirms, with another credential)")
    if caller.kind == "region" and dataset.source == "region" and caller.region_id is not None:
        return Permit(caller, "submit", dataset.code, frozenset({caller.region_id}), _SEAL)
    if caller.kind == "department" and dataset.source_department == caller.department:
        return Permit(caller, "submit", dataset.code, None, _SEAL)
    raise Problem("forbidden", "只有数据来源的另一人可以确认 (only another person of the source confirms)")


def permit_taking_back(caller: Caller, dataset: Dataset, submitted_by: str) -> Permit:
    """The right to take back what one has handed in oneself and nobody has confirmed yet."""
    if caller.credential_id != submitted_by:
        raise Problem("forbidden", "只有提交人可以收回 (only whoever handed it in takes it back)")
    return permit_submission(caller, dataset)


def permit_care(caller: Caller, dataset: Dataset) -> Permit:
    """The right to see what is due, stale or questioned of a dataset: its source, with its confirmers; administrators."""
    if caller.administers:
        return Permit(caller, "care", dataset.code, None, _SEAL)
    if caller.kind == "region" and dataset.source == "region" and caller.region_id is not None:
        return Permit(caller, "care", dataset.code, frozenset({caller.region_id}), _SEAL)
    if caller.kind == "department" and dataset.source_department == caller.department:
        return Permit(caller, "care", dataset.code, None, _SEAL)
    raise Problem("forbidden", "只有数据来源和管理员可看 (only its source and administrators)")


def cares_for(caller: Caller, dataset: Dataset) -> bool:
    """The question of ``permit_care``, without a refusal."""
    try:
        permit_care(caller, dataset)
    except Problem:
        return False
    return True


def source_reads(dataset: Dataset, other: Dataset) -> bool:
    """Whether whoever reports a dataset may read another at the places of its records: both are the regions', or one department's."""
    return dataset.source == other.source


def permit_question(caller: Caller) -> Permit:
    """The right to question figures at all; which ones, the scope of its agreements says for a department."""
    if caller.kind not in {"department", "auditor"}:
        raise Problem("forbidden", "只有部门和审计员可提出校核 (departments and auditors question figures)")
    return Permit(caller, "question", None, None, _SEAL)


def scope_of_evidence(
    caller: Caller, agreements: Iterable[Agreement], roots_of: ResolveRegion, catalogue: Catalogue, today: date
) -> Scope:
    """What a department may see the evidence of: what those of its agreements open that say ``evidence: true``."""
    return scope_of_agreements(caller, (each for each in agreements if each.terms.evidence), roots_of, catalogue, today)


def permit_evidence(caller: Caller, dataset: Dataset | None) -> Permit:
    """The right to attach files: to what one reports (a dataset's source), or to a question of one's own (None)."""
    if dataset is None:
        return Permit(permit_question(caller).caller, "evidence", None, None, _SEAL)
    permit = permit_care(caller, dataset)
    if caller.administers:
        raise Problem("forbidden", "佐证由数据来源上传 (its source attaches evidence)")
    return Permit(caller, "evidence", dataset.code, permit.roots, _SEAL)


def permit_administration(caller: Caller) -> Permit:
    """The right to manage catalogue, views, departments, agreements and credentials."""
    if not caller.administers:
        raise Problem("forbidden", "须由管理员进行 (only an administrator may do this)")
    return Permit(caller, "administer", None, None, _SEAL)


def permit_audit_reading(caller: Caller) -> Permit:
    """The right to read the audit: auditors, who see no data, and administrators."""
    if caller.kind != "auditor" and not caller.administers:
        raise Problem("forbidden", "须由审计员或管理员进行 (only an auditor or an administrator may do this)")
    return Permit(caller, "read_audit", None, None, _SEAL)


def permit_own_rotation(caller: Caller) -> Permit:
    """The right to change one's own key for a new one. Whether it was the key that was presented is for who asks."""
    return Permit(caller, "rotate_own", None, None, _SEAL)


def permit_form_request(caller: Caller, department: str) -> Permit:
    """The right to hand a form to the registry: a department for itself, an administrator for any."""
    if not sees_form_request(caller, department):
        raise Problem("forbidden", "表单由部门自己或管理员提交核对 (a department hands in its own forms)")
    return Permit(caller, "request_form", None, None, _SEAL)


def sees_form_request(caller: Caller, department: str) -> bool:
    """Whether the caller may see a form of this department: the department itself, and administrators."""
    return caller.administers or (caller.kind == "department" and caller.department == department)


def audiences_of(caller: Caller) -> tuple[Audience, ...]:
    """Whose events a caller reads: its own credential's, and those of its department, its very region, or its office."""
    own = Audience.credential(caller.credential_id)
    if caller.administers:
        return (ADMINISTRATORS, own)
    if caller.kind == "department" and caller.department is not None:
        return (Audience.department(caller.department), own)
    if caller.kind == "region" and caller.region_id is not None:
        return (Audience.region(caller.region_id), own)
    return (own,)


def owner_of_webhooks(caller: Caller) -> Audience | None:
    """For whom a caller may have webhooks: its department, or its very region; None for all others."""
    if caller.kind == "department" and caller.department is not None:
        return Audience.department(caller.department)
    if caller.kind == "region" and caller.region_id is not None:
        return Audience.region(caller.region_id)
    return None


def permit_webhook(caller: Caller, owner: Audience | None) -> Permit:
    """The right to have somebody told by webhook, or no longer: departments and regions for themselves; administrators end any."""
    if caller.administers or (owner is not None and owner_of_webhooks(caller) == owner):
        return Permit(caller, "webhook", None, None, _SEAL)
    raise Problem("forbidden", "只有部门和区划可以订阅通知 (only departments and regions have webhooks)")


def permit_pins(caller: Caller, department: str | None) -> Permit:
    """The right to name and keep states of a department's views: that department; administrators let go of any."""
    if caller.kind == "department" and caller.department == department and department is not None:
        return Permit(caller, "pin", None, None, _SEAL)
    if caller.administers and department is not None:
        return Permit(caller, "pin", None, None, _SEAL)
    raise Problem("forbidden", "只有部门可以固定快照 (only a department keeps snapshots)")


def permit_access_request(caller: Caller) -> Permit:
    """The right to ask for access to data: a department, for itself."""
    if caller.kind != "department" or caller.department is None:
        raise Problem("forbidden", "共享申请由部门自己提出 (a department asks for access itself)")
    return Permit(caller, "request_access", None, None, _SEAL)


def sees_access_request(caller: Caller, department: str) -> bool:
    """Whether the caller may see a request of this department: the department itself, and administrators."""
    return caller.administers or (caller.kind == "department" and caller.department == department)


def permit_grant_by_rule(caller: Caller, elements: Sequence[Element]) -> Permit:
    """The right to make the agreement that a department asked for, which nobody decides: for open elements only."""
    permit_access_request(caller)
    if any(element.sharing != "open" for element in elements):
        raise Problem("forbidden", "只有无条件共享的数据项可按规则授予 (only open elements are granted by rule)")
    return Permit(RULE, "administer", None, None, _SEAL)


def permit_transparency(caller: Caller, catalogue: Catalogue) -> Permit:
    """The right to see who read what: a region of itself and below, a source department of its datasets; administrators."""
    if caller.administers:
        return Permit(caller, "transparency", None, None, _SEAL)
    if caller.kind == "region" and caller.region_id is not None:
        return Permit(caller, "transparency", None, frozenset({caller.region_id}), _SEAL)
    sources = {dataset.source_department for dataset in catalogue.datasets.values()}
    if caller.kind == "department" and caller.department in sources:
        return Permit(caller, "transparency", None, None, _SEAL)
    raise Problem("forbidden", "只有数据来源和管理员可看 (only sources and administrators)")


def department_in_sight(permit: Permit, department: str) -> Caller:
    """The department in whose place an administrator looks. It is never written down as who asked."""
    if permit.action != "administer":
        raise Problem("forbidden", "须由管理员进行 (only an administrator may do this)")
    return Caller("department", permit.caller.credential_id, permit.caller.name, department=department)
