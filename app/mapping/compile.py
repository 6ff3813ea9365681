"""From a view's spec to a plan, or every fault of it at once."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from app.catalogue.model import Catalogue, Dataset
from app.errors import Fault
from app.mapping.fields import FieldCompiler
from app.mapping.plan import CompiledField, Plan
from app.mapping.spec import FieldSpec, ViewSpec, field_place, read_form
from app.mapping.steps import coarser_in_time, keeps_key

_FIELD_PLACE = re.compile(r"fields\[([0-9]+)\]")


def compile_view(spec: ViewSpec, catalogue: Catalogue, file: str) -> tuple[Plan | None, list[Fault]]:
    """The plan of ``spec``, or None and every fault of meaning, each with its place in ``file``."""
    faults: list[Fault] = []
    plan = _compiled(spec, enumerate(spec.fields), catalogue, file, faults)
    return (None if faults else plan), faults


def check_view(document: Any, file: str, catalogue: Catalogue) -> tuple[Plan | None, list[Fault]]:
    """As ``parse_view`` and ``compile_view`` together: faults of form and of meaning in one answer."""
    form = read_form(document, file)
    spec = form.spec()
    faults = list(form.faults)
    plan = None
    if spec is not None:
        plan = _compiled(spec, form.fields.items(), catalogue, file, faults)
    return (None if faults else plan), sorted(faults, key=_field_index)


def _field_index(fault: Fault) -> int:
    """Where the fault comes in the document; what is no field's comes first."""
    match = _FIELD_PLACE.match(fault.place)
    return int(match[1]) if match else -1


def _compiled(
    spec: ViewSpec, fields: Iterable[tuple[int, FieldSpec]], catalogue: Catalogue, file: str, faults: list[Fault]
) -> Plan:
    """The plan as far as it goes; ``faults`` grows by what is wrong with it."""
    if spec.department and spec.department not in catalogue.departments:
        faults.append(Fault(file, "department", f"没有部门“{spec.department}”（there is no such department）"))
    warnings: list[Fault] = []
    compiled: list[CompiledField] = []
    for index, field in fields:
        compiler = FieldCompiler(spec, index, field, catalogue)
        found = compiler.compile()
        place = field_place(index, field.name)
        faults.extend(Fault(file, place, message) for message in compiler.faults)
        warnings.extend(Fault(file, place, message) for message in compiler.warnings)
        if found is not None:
            compiled.append(found)
    faults.extend(_list_faults(spec, compiled, catalogue, file))
    used = sorted({path.partition(".")[0] for each in compiled for path in each.elements})
    datasets = {code: catalogue.datasets[code] for code in used}
    if compiled and all(coarser_in_time(dataset, spec.frequency) for dataset in datasets.values()):
        warnings.append(Fault(file, "fields", _NO_ROWS))
    return Plan(spec, tuple(compiled), datasets, catalogue.units, tuple(warnings))


_NO_ROWS = (
    "没有字段取自与视图粒度相同或更细的数据集，视图不会有任何行"
    "（no field rests on a dataset of the view's grain or finer: the view has no rows）"
)


def _list_faults(spec: ViewSpec, compiled: Iterable[CompiledField], catalogue: Catalogue, file: str) -> Iterable[Fault]:
    """One fault for each field that brings a second list into the row."""
    first: Dataset | None = None
    for each in compiled:
        for path in sorted(each.elements):
            dataset = catalogue.datasets[path.partition(".")[0]]
            if not keeps_key(dataset, spec.level, spec.frequency):
                continue
            first = first or dataset
            if dataset.code != first.code:
                yield Fault(
                    file,
                    field_place(each.index, each.name),
                    f"“{dataset.title}”与“{first.title}”是两个不同的名单，各有自己的键，不能并成一行；"
                    f"请分成两个视图，或用更粗的粒度汇总"
                    f"（{dataset.code} and {first.code} are different lists: their records do not share a row）",
                )
                break
