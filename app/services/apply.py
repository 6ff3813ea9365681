"""Loading a schema folder: everything checked against what is held, all faults at once, one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from sqlalchemy import Connection

from app.catalogue.building import Definition, build_catalogue, describe_changes, forbidden_changes
from app.catalogue.documents import Kind, normal
from app.catalogue.folder import Folder, read_folder, write_folder
from app.catalogue.model import Catalogue, Dataset
from app.catalogue.region_plan import RegionPlan, plan_regions
from app.errors import Fault, Problem
from app.mapping.compile import check_view
from app.mapping.rules import compile_rule
from app.policy import gate
from app.policy.agreement_documents import normal_agreement, parse_agreement
from app.policy.callers import OPERATOR, Caller
from app.policy.scopes import Permit
from app.services.agreement_checks import agreement_faults, unheld_regions
from app.services.registry import CATALOGUE_KINDS, Registry, State
from app.store import current, definitions, records, regions
from app.store.definitions import StoredDefinition

Action = Literal["create", "change", "unchanged"]


@dataclass(frozen=True, slots=True)
class PlanLine:
    """What happens to one thing, with what changes in words."""

    action: Action
    kind: str
    code: str
    details: tuple[str, ...] = ()


@dataclass(slots=True)
class ApplyPlan:
    """What an apply does or did. With any fault nothing is applied."""

    lines: list[PlanLine] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    warnings: list[Fault] = field(default_factory=list)
    applied: bool = False

    @property
    def changes(self) -> bool:
        return any(line.action != "unchanged" for line in self.lines)


def apply_folder(
    registry: Registry, files: Mapping[str, bytes], *, dry_run: bool = False, caller: Caller = OPERATOR
) -> ApplyPlan:
    """Apply a schema folder, given as file name → bytes. Never deletes; applying twice changes nothing."""
    permit = gate.permit_administration(caller)
    folder = read_folder(files)
    if dry_run or folder.faults:
        with registry.database.read() as cx:
            plan, _, _ = plan_apply(registry, cx, folder)
        return plan
    with registry.database.write() as write:
        plan, region_plan, definitions_to_save = plan_apply(registry, write.connection, folder)
        if plan.faults:
            return plan
        if region_plan is not None:
            regions.save(write, permit, region_plan)
        for item in definitions_to_save:
            definitions.put(write, permit, item.kind, item.code, item.body)
        plan.applied = True
    return plan


def save_definition(
    registry: Registry, permit: Permit, kind: Kind, code: str, body: Any, *, expected: int
) -> ApplyPlan:
    """Save one definition with the same checks as a folder that holds only it.

    ``expected`` is the version the caller started from (0: none); 412 if another has come since.
    """
    folder = Folder(definitions=[Definition(kind, code, body, f"{kind}:{code}")], regions=[], successions=[], faults=[])
    with registry.database.write() as write:
        present = definitions.get(write.connection, kind, code)
        if (present.version if present else 0) != expected:
            raise Problem("precondition_failed", "内容已被他人修改，请重新读取后再改 (it was changed since)")
        plan, _, to_save = plan_apply(registry, write.connection, folder)
        if not plan.faults:
            for item in to_save:
                definitions.put(write, permit, item.kind, item.code, item.body)
            plan.applied = True
    return plan


def export_folder(registry: Registry) -> dict[str, bytes]:
    """The present catalogue, regions, views and agreements as a schema folder."""
    state = registry.state()
    items = [
        Definition(cast("Kind", item.kind), item.code, item.body)
        for item in state.stored.values()
        if item.kind != "draft"
    ]
    return write_folder(items, state.regions)


def plan_apply(
    registry: Registry, cx: Connection, folder: Folder
) -> tuple[ApplyPlan, RegionPlan | None, list[Definition]]:
    """What would happen, with every fault. Reads only what the connection sees, so that a write can trust it."""
    plan = ApplyPlan(faults=list(folder.faults))
    stored = {(item.kind, item.code): item for item in definitions.latest(cx)}
    present = registry.state()
    index = present.regions if not folder.regions and not folder.successions else regions.load(cx)
    region_plan = None
    known_codes = _codes(present) if index is present.regions else frozenset(s.code for s in index.states())
    if folder.regions or folder.successions:
        region_plan = plan_regions(index, folder.regions, folder.successions)
        plan.faults += region_plan.faults
        known_codes |= {row.code for row in folder.regions}
        plan.lines += _region_lines(region_plan)
    given = [*folder.definitions, *folder.unsound]
    merged = _merged(stored.values(), given)
    unsound = {id(definition) for definition in folder.unsound}
    sound = [d for d in merged if d.kind in CATALOGUE_KINDS and id(d) not in unsound]
    catalogue, faults = build_catalogue(sound, folder.unsound)
    plan.faults += faults
    wanted: set[tuple[str, str]] = {(d.kind, d.code) for d in given}
    rules_changed = any(kind in {"dataset", "codelist", "unit"} for kind, _ in wanted)
    _check_rules(catalogue, given, plan)
    _check_views(catalogue, [d for d in merged if d.kind == "view"], wanted, rules_changed, plan)
    agreements = [d for d in merged if d.kind == "agreement"]
    _check_agreements(catalogue, agreements, wanted, known_codes, rules_changed, plan)
    _check_held(cx, present.catalogue if present.epoch else None, catalogue, given, plan)
    plan.faults = list(dict.fromkeys(plan.faults))
    to_save = _normal(folder.definitions) if not plan.faults else []
    for item in to_save:
        line = _line(stored.get((item.kind, item.code)), item)
        plan.lines.append(line)
        if item.kind == "agreement" and line.action != "unchanged":
            plan.warnings += unheld_regions(item, index, folder.regions, registry.today())
    return plan, region_plan, to_save


def _region_lines(plan: RegionPlan) -> list[PlanLine]:
    lines = []
    if plan.created:
        lines.append(PlanLine("create", "region", f"× {plan.created}", () if plan.changed else plan.changes))
    if plan.changed:
        lines.append(PlanLine("change", "region", f"× {plan.changed}", plan.changes))
    if plan.unchanged and not lines:
        lines.append(PlanLine("unchanged", "region", f"× {plan.unchanged}"))
    return lines


def _codes(state: State) -> frozenset[str]:
    return frozenset(item.code for item in state.regions.states())


def _merged(stored: Iterable[StoredDefinition], given: Sequence[Definition]) -> list[Definition]:
    merged: dict[tuple[str, str], Definition] = {
        (item.kind, item.code): Definition(cast("Kind", item.kind), item.code, item.body, item.code) for item in stored
    }
    merged.update({(item.kind, item.code): item for item in given})
    return list(merged.values())


def _check_rules(catalogue: Catalogue, given: Sequence[Definition], plan: ApplyPlan) -> None:
    for item in given:
        dataset = catalogue.datasets.get(item.code) if item.kind == "dataset" else None
        if dataset is None:
            continue
        for index, check in enumerate(dataset.checks):
            _, faults = compile_rule(check.rule, dataset, catalogue, tolerance=check.tolerance)
            plan.faults += [Fault(item.file, f"checks[{index}] {check.code}", fault.message) for fault in faults]


def _check_views(
    catalogue: Catalogue, views: Sequence[Definition], wanted: set[tuple[str, str]], everything: bool, plan: ApplyPlan
) -> None:
    """Views that are given are checked; views that are kept too, when what they rest on changes."""
    for item in views:
        given = ("view", item.code) in wanted
        if not given and not everything:
            continue
        compiled, faults = check_view(item.body, item.file, catalogue)
        plan.faults += faults
        if compiled is not None and given:
            plan.warnings += compiled.warnings


def _check_agreements(
    catalogue: Catalogue,
    agreements: Sequence[Definition],
    wanted: set[tuple[str, str]],
    known: frozenset[str],
    everything: bool,
    plan: ApplyPlan,
) -> None:
    """Agreements that are given are checked; the conditions and masks of those that are kept, when what they rest on
    changes.
    """
    for item in agreements:
        given = ("agreement", item.code) in wanted
        if not given and not (everything and item.body.keys() & {"where", "masks"}):
            continue
        agreement, faults = parse_agreement(item.body, item.file)
        plan.faults += faults
        if agreement is not None:
            plan.faults += agreement_faults(agreement, catalogue, known, item.file)


def _check_held(
    cx: Connection, before: Catalogue | None, after: Catalogue, given: Sequence[Definition], plan: ApplyPlan
) -> None:
    """Changes that would give held data another meaning are refused, with the number of records they would touch."""
    if before is None:
        return
    for item in given:
        if item.kind == "codelist":
            plan.faults += _removed_codes(cx, before, after, item)
        old = before.datasets.get(item.code) if item.kind == "dataset" else None
        new = after.datasets.get(item.code) if item.kind == "dataset" else None
        if old is None or new is None:
            continue
        plan.faults += _held_faults(cx, old, new, item.file)


def _held_faults(cx: Connection, old: Dataset, new: Dataset, file: str) -> list[Fault]:
    forbidden = forbidden_changes(old, new)
    if not forbidden:
        return []
    total = records.count_current(cx, old.code)
    holding = records.count_holding(cx, old.code, [element.code for element in old.elements]) if total else {}
    faults = []
    for change in forbidden:
        held = total if change.element is None else holding.get(change.element, 0)
        if held:
            message = f"{change.message}；已有 {held} 条记录 ({held} records are held)"
            faults.append(Fault(file, change.place, message))
    return faults


def _removed_codes(cx: Connection, before: Catalogue, after: Catalogue, item: Definition) -> list[Fault]:
    old, new = before.codelists.get(item.code), after.codelists.get(item.code)
    if old is None or new is None:
        return []
    gone = {code.code for code in old.codes} - {code.code for code in new.codes}
    if not gone:
        return []
    faults = []
    for dataset in before.datasets.values():
        for element in dataset.elements:
            if element.codes == item.code:
                used = current.count_codes(cx, dataset.code, element.code, gone)
                faults += [
                    Fault(item.file, f"codes {code}", f"{element.path} 已有 {count} 条记录使用该代码 ({count} records)")
                    for code, count in sorted(used.items())
                    if count
                ]
    return faults


def _normal(given: Sequence[Definition]) -> list[Definition]:
    """Every definition in the form in which it is kept, so that two that mean the same are the same."""
    return [
        replace(item, body=normal_agreement(item.body) if item.kind == "agreement" else normal(item.kind, item.body))
        for item in given
    ]


def _line(before: StoredDefinition | None, item: Definition) -> PlanLine:
    if before is None:
        return PlanLine("create", item.kind, item.code)
    if before.body == item.body:
        return PlanLine("unchanged", item.kind, item.code)
    return PlanLine("change", item.kind, item.code, tuple(describe_changes(item.kind, before.body, item.body)))
