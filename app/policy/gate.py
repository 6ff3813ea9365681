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
from app.policy.callers import Caller
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
                grants.append(Grant(agreement.code, elements, roots, agreement.first, agreement.last))
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


def permit_administration(caller: Caller) -> Permit:
    """The right to manage catalogue, views, departments, agreements and credentials."""
    if not caller.administers:
        raise Problem("forbidden", "须由管理员进行 (only an administrator may do this)")
    return Permit(caller, "administer", None, None, _SEAL)


def permit_form_request(caller: Caller, department: str) -> Permit:
    """The right to hand a form to the registry: a department for itself, an administrator for any."""
    if not sees_form_request(caller, department):
        raise Problem("forbidden", "表单由部门自己或管理员提交核对 (a department hands in its own forms)")
    return Permit(caller, "request_form", None, None, _SEAL)


def sees_form_request(caller: Caller, department: str) -> bool:
    """Whether the caller may see a form of this department: the department itself, and administrators."""
    return caller.administers or (caller.kind == "department" and caller.department == department)
