"""The spec of one view as an administrator writes it, read from a YAML or JSON document.

Only the form is judged here (keys, shapes, names); what the fields mean is judged by ``app.mapping.compile``.
``parse_view`` gives a spec or every fault of form; ``read_form`` gives both, so that the caller can go on and tell
the faults of meaning of the remaining fields in the same answer.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any, Literal, cast

from app.catalogue.model import FREQUENCIES, LEVELS, Frequency, Level
from app.errors import Fault
from app.mapping.options import OPTIONS, VIEW_OPTIONS

Rounding = Literal["half_up", "half_even"]
Aggregate = Literal["sum", "last", "mean", "min", "max", "count"]
Complete = Literal["required"]
Regions = Literal["historical", "present"]
Constant = str | bool | Decimal

ROUNDINGS: tuple[Rounding, ...] = ("half_up", "half_even")
AGGREGATES: tuple[Aggregate, ...] = ("sum", "last", "mean", "min", "max", "count")
COMPLETES: tuple[Complete, ...] = ("required",)
REGIONS: tuple[Regions, ...] = ("historical", "present")
MOST_DECIMALS = 18
MOST_FIELDS = 2_000
MOST_NAME_CHARACTERS = 200
MOST_CONSTANT_CHARACTERS = 2_000
MOST_CONSTANT_DIGITS = 30

VIEW_KEYS = tuple(VIEW_OPTIONS)
GRAIN_KEYS = ("level", "frequency")
FIELD_KEYS = tuple(OPTIONS)
_Tell = Callable[[str, str], None]  # records a fault at a place
_SOURCES = ("from", "expr", "value")
_CODE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True, slots=True)
class FieldSpec:
    """One field: exactly one of ``source`` (the document's ``from``), ``expr`` and ``value`` is not None."""

    name: str
    title: str = ""
    source: str | None = None
    expr: str | None = None
    value: Constant | None = None
    unit: str | None = None
    decimals: int | None = None
    rounding: Rounding | None = None
    codes: Mapping[str, str] | None = None
    default: Constant | None = None
    aggregate: Aggregate | None = None
    otherwise: str | None = None
    complete: Complete | None = None

    def document(self) -> dict[str, Any]:
        """The field in the document's form; options that were not given are left out, decimals stay exact."""
        pairs: list[tuple[str, Any]] = [
            ("name", self.name),
            ("title", self.title or None),
            ("from", self.source),
            ("expr", self.expr),
            ("value", _plain(self.value)),
            ("unit", self.unit),
            ("decimals", self.decimals),
            ("rounding", self.rounding),
            ("codes", dict(self.codes) if self.codes is not None else None),
            ("otherwise", self.otherwise),
            ("default", _plain(self.default)),
            ("aggregate", self.aggregate),
            ("complete", self.complete),
        ]
        return {key: value for key, value in pairs if value is not None}


@dataclass(frozen=True, slots=True)
class ViewSpec:
    """One department's own schema: its grain (``level`` and ``frequency``) and its fields, in order.

    ``regions``: under which regions the figures of past periods stand, those of their period (``historical``) or those
    of today (``present``). ``strict_codes``: a mapping of codes that leaves one without a target is a fault.
    ``whole_records``: a covered record makes a row even where all its values are missing; no document asks for it, it
    is how a source sees what it reported.
    """

    code: str
    department: str
    title: str
    level: Level
    frequency: Frequency
    fields: tuple[FieldSpec, ...]
    regions: Regions = "historical"
    strict_codes: bool = False
    whole_records: bool = False

    @property
    def places_by(self) -> Frequency:
        """By the day of which periods a row's region is told: none, where all stand under the regions of today."""
        return "once" if self.regions == "present" else self.frequency

    def document(self) -> dict[str, Any]:
        """The view in the document's form; ``parse_view`` of it gives this spec again."""
        document: dict[str, Any] = {
            "code": self.code,
            "department": self.department,
            "title": self.title,
            "grain": {"level": self.level, "frequency": self.frequency},
        }
        if self.regions != "historical":
            document["regions"] = self.regions
        if self.strict_codes:
            document["strict_codes"] = True
        return document | {"fields": [each.document() for each in self.fields]}


def field_place(index: int, name: str) -> str:
    """Where a field stands, for messages: ``fields[2] (czrk_w)``, counted from 0."""
    return f"fields[{index}] ({name})" if name else f"fields[{index}]"


@dataclass(slots=True)
class Form:
    """What could be read of a document: the head, the sound fields by their index, and every fault of form."""

    code: str = ""
    department: str = ""
    title: str = ""
    level: Level | None = None
    frequency: Frequency | None = None
    regions: Regions = "historical"
    strict_codes: bool = False
    fields: dict[int, FieldSpec] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def spec(self) -> ViewSpec | None:
        """The spec of all sound fields, or None without a grain."""
        if self.level is None or self.frequency is None:
            return None
        return ViewSpec(
            self.code,
            self.department,
            self.title,
            self.level,
            self.frequency,
            tuple(self.fields.values()),
            self.regions,
            self.strict_codes,
        )


def parse_view(document: Any, file: str) -> tuple[ViewSpec | None, list[Fault]]:
    """The spec that ``document`` writes, or None and every fault of its form, each with its place in ``file``."""
    form = read_form(document, file)
    return (None if form.faults else form.spec()), form.faults


def read_form(document: Any, file: str) -> Form:
    """As ``parse_view``, but what is sound is kept beside the faults."""
    form = Form()

    def fault(place: str, message: str) -> None:
        form.faults.append(Fault(file, place, message))

    if not isinstance(document, Mapping):
        fault("", "视图须是一组键值（a view is a mapping of keys to values）")
        return form
    _unknown_keys(document, VIEW_KEYS, "", fault)
    form.code = _code(document, "code", fault)
    form.department = _code(document, "department", fault)
    form.title = _title(document, "", fault) or form.code
    _read_grain(document.get("grain"), form, fault)
    form.regions = cast("Regions", _choice(document, "regions", REGIONS, "regions", fault) or "historical")
    form.strict_codes = _truth(document, "strict_codes", fault)
    fields = document.get("fields")
    if not isinstance(fields, Sequence) or isinstance(fields, str) or not fields:
        fault("fields", "须是至少有一个字段的列表（a list of at least one field is needed）")
        return form
    if len(fields) > MOST_FIELDS:
        fault("fields", f"字段超过 {MOST_FIELDS} 个（more than {MOST_FIELDS} fields）")
        return form
    _read_fields(fields, form, fault)
    return form


def _read_grain(grain: Any, form: Form, fault: _Tell) -> None:
    if not isinstance(grain, Mapping):
        fault("grain", "须写明粒度，如 {level: township, frequency: year}（the grain is needed）")
        return
    _unknown_keys(grain, GRAIN_KEYS, "grain", fault)
    level, frequency = grain.get("level"), grain.get("frequency")
    if level in LEVELS:
        form.level = cast("Level", level)
    else:
        fault("grain.level", f"层级“{level}”不认识，可用 {'、'.join(LEVELS)}（unknown level）")
    if frequency in FREQUENCIES:
        form.frequency = cast("Frequency", frequency)
    else:
        fault("grain.frequency", f"频度“{frequency}”不认识，可用 {'、'.join(FREQUENCIES)}（unknown frequency）")


def _read_fields(fields: Sequence[Any], form: Form, fault: _Tell) -> None:
    seen: dict[str, int] = {}
    for index, document in enumerate(fields):
        before = len(form.faults)
        if not isinstance(document, Mapping):
            fault(field_place(index, ""), "字段须是一组键值（a field is a mapping of keys to values）")
            continue
        name = document.get("name")
        known = name if isinstance(name, str) else ""
        place = field_place(index, known)
        _check_name(name, place, fault)
        if known and known in seen:
            first = seen[known]
            fault(place, f"字段名“{known}”与 fields[{first}] 重复（the name is already that of fields[{first}]）")
        seen.setdefault(known, index)
        spec = _read_field(document, known, place, fault)
        # A field with an unknown key is still worth judging; one without a clear source is not.
        if spec is not None and (len(form.faults) == before or _sound_source(document)):
            form.fields[index] = spec


def _sound_source(document: Mapping[Any, Any]) -> bool:
    return sum(document.get(key) is not None for key in _SOURCES) == 1


def _check_name(name: Any, place: str, fault: _Tell) -> None:
    if not isinstance(name, str) or not name.strip():
        fault(place, "字段须有名称 name，且为文本（a field needs a name, as text）")
    elif "\x00" in name or len(name) > MOST_NAME_CHARACTERS:
        fault(place, f"字段名不得含空字符，且不超过 {MOST_NAME_CHARACTERS} 字（the name holds NUL or is too long）")


def _read_field(document: Mapping[Any, Any], name: str, place: str, fault: _Tell) -> FieldSpec | None:
    _unknown_keys(document, FIELD_KEYS, place, fault)
    given = [key for key in _SOURCES if document.get(key) is not None]
    if len(given) != 1:
        what = "、".join(given) if given else "都没有写"
        fault(place, f"from、expr、value 须恰好写一个，这里是：{what}（exactly one of from, expr and value）")
    return FieldSpec(
        name=name,
        title=_title(document, place, fault),
        source=_text(document, "from", place, fault),
        expr=_text(document, "expr", place, fault),
        value=_constant(document, "value", place, fault),
        unit=_text(document, "unit", place, fault),
        decimals=_decimals(document, place, fault),
        rounding=cast("Rounding | None", _choice(document, "rounding", ROUNDINGS, place, fault)),
        codes=_codes(document, place, fault),
        default=_constant(document, "default", place, fault),
        aggregate=cast("Aggregate | None", _choice(document, "aggregate", AGGREGATES, place, fault)),
        otherwise=_otherwise(document, place, fault),
        complete=cast("Complete | None", _choice(document, "complete", COMPLETES, place, fault)),
    )


def _unknown_keys(document: Mapping[Any, Any], known: Sequence[str], place: str, fault: _Tell) -> None:
    for key in document:
        if key not in known:
            fault(place, f"不认识的键“{key}”，可用 {'、'.join(known)}（unknown key）")


def _code(document: Mapping[Any, Any], key: str, fault: _Tell) -> str:
    value = document.get(key)
    if isinstance(value, str) and _CODE.fullmatch(value):
        return value
    fault(key, f"{key} 须是由字母、数字和 _ - . 组成的代码（a code of letters, digits and _ - . is needed）")
    return ""


def _title(document: Mapping[Any, Any], place: str, fault: _Tell) -> str:
    value = document.get("title")
    if value is None:
        return ""
    if isinstance(value, str) and "\x00" not in value:
        return value
    fault(place or "title", "标题 title 须是文本（the title must be text）")
    return ""


def _text(document: Mapping[Any, Any], key: str, place: str, fault: _Tell) -> str | None:
    value = document.get(key)
    if value is None:
        return None
    if isinstance(value, str) and value.strip() and "\x00" not in value:
        return value.strip()
    fault(place, f"{key} 须是非空文本（{key} must be text that is not empty）")
    return None


def _decimals(document: Mapping[Any, Any], place: str, fault: _Tell) -> int | None:
    value = document.get("decimals")
    if value is None:
        return None
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= MOST_DECIMALS:
        return value
    fault(place, f"小数位数 decimals 须是 0 到 {MOST_DECIMALS} 的整数（decimals is a whole number of that range）")
    return None


def _choice(document: Mapping[Any, Any], key: str, known: Sequence[str], place: str, fault: _Tell) -> str | None:
    value = document.get(key)
    if value is None or value in known:
        return cast("str | None", value)
    fault(place, f"{key} 的值“{value}”不认识，可用 {'、'.join(known)}（unknown value of {key}）")
    return None


def _codes(document: Mapping[Any, Any], place: str, fault: _Tell) -> Mapping[str, str] | None:
    value = document.get("codes")
    if value is None:
        return None
    if not isinstance(value, Mapping) or not value:
        fault(place, "codes 须是“代码: 目标”的对照，且不为空（codes maps each code to its target）")
        return None
    for code, target in value.items():
        if not isinstance(code, str) or not isinstance(target, str) or "\x00" in target:
            fault(place, f"codes 中“{code}: {target}”须都写成文本，请加引号（codes and targets are text: quote them）")
            return None
    return dict(value)


def _otherwise(document: Mapping[Any, Any], place: str, fault: _Tell) -> str | None:
    value = document.get("otherwise")
    if value is None or (isinstance(value, str) and "\x00" not in value and len(value) <= MOST_CONSTANT_CHARACTERS):
        return value
    fault(
        place, f"otherwise“{value}”须是文本，请加引号；不写或写 null 表示缺失（otherwise is text, or null for missing）"
    )
    return None


def _truth(document: Mapping[Any, Any], key: str, fault: _Tell) -> bool:
    value = document.get(key)
    if value is None or isinstance(value, bool):
        return bool(value)
    fault(key, f"{key} 须是 true 或 false（{key} is true or false）")
    return False


def _constant(document: Mapping[Any, Any], key: str, place: str, fault: _Tell) -> Constant | None:
    """A constant as written. A float stands for the shortest decimal that reads as it."""
    value = document.get(key)
    if key not in document:
        return None
    if isinstance(value, bool):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, str):
        if "\x00" not in value and len(value) <= MOST_CONSTANT_CHARACTERS:
            return value
    elif isinstance(value, (int, float, Decimal)):
        number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
        if number.is_finite() and _digits(number) <= MOST_CONSTANT_DIGITS:
            return number
    fault(place, f"{key} 须是文本、数或真假值，且不太长（{key} must be a text, number or boolean of moderate size）")
    return None


def _digits(number: Decimal) -> int:
    """How many digits the number takes when written out."""
    _, digits, exponent = number.as_tuple()
    return max(len(digits) + max(int(exponent), 0), -int(exponent))


def _plain(value: Constant | None) -> Any:
    """A constant as JSON and YAML write it without loss: whole numbers as int, others as Decimal."""
    if isinstance(value, Decimal) and value == value.to_integral_value():
        return int(value)
    return value
