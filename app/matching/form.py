"""What a department hands in: the columns of its form, with what stands around them. And how large a form may be."""

from __future__ import annotations

from dataclasses import dataclass

from app.errors import Finding, Problem

MAX_COLUMNS = 2_000  # no form that people fill is wider; beyond it lies an attack or a database dump
MAX_TEXT = 400  # characters of one name, heading, title: real ones stay below 120
MAX_HEADINGS = 12
MAX_SAMPLES = 50
_FREQUENCIES = (("month", ("月",)), ("quarter", ("季",)), ("half", ("半年",)), ("year", ("年",)))


@dataclass(frozen=True, slots=True)
class FormColumn:
    """One column as it was handed in.

    ``path`` are the headings above it, outermost first; ``unit`` the unit given beside it, None if none (one in
    brackets in the name is found); ``samples`` some of its values as text.
    """

    name: str
    unit: str | None = None
    path: tuple[str, ...] = ()
    samples: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Form:
    """A form: its title, its caption (such as ``单位：公顷``), who asks, how often, at which level, and its columns."""

    title: str
    columns: tuple[FormColumn, ...]
    caption: str = ""
    department: str = ""
    frequency: str | None = None
    level: str | None = None

    def frequency_code(self) -> str | None:
        """``year half quarter month``, from the code itself or from words such as 月报; None if it is not said."""
        said = self.frequency or ""
        for code, signs in _FREQUENCIES:
            if said == code or any(sign in said for sign in signs):
                return code
        return None


def refuse_hostile(form: Form) -> None:
    """Raise ``Problem`` for a form no one could fill; every fault is named, up to a hundred of them.

    Looks at lengths only, so that the refusal costs the same whatever the texts are.
    """
    if len(form.columns) > MAX_COLUMNS:
        raise Problem(
            "too_large",
            f"表单有{len(form.columns)}列，最多{MAX_COLUMNS}列（the form has {len(form.columns)} columns, "
            f"at most {MAX_COLUMNS} are checked）",
        )
    findings = [
        _too_long(f"{name}", len(text))
        for name, text in (("title", form.title), ("caption", form.caption), ("department", form.department))
        if len(text) > MAX_TEXT
    ]
    for position, column in enumerate(form.columns):
        findings += [_too_long(f"columns[{position}].{place}", size) for place, size in _oversize(column)]
        if len(findings) >= 100:
            break
    if findings:
        raise Problem(
            "too_large", "表单中有过长的文字（the form has texts that are too long）", findings=findings[:100]
        )


def _oversize(column: FormColumn) -> list[tuple[str, int]]:
    sizes = [("name", len(column.name), MAX_TEXT), ("unit", len(column.unit or ""), MAX_TEXT)]
    sizes.append(("path", len(column.path), MAX_HEADINGS))
    sizes.append(("samples", len(column.samples), MAX_SAMPLES))
    sizes += [("path", len(text), MAX_TEXT) for text in column.path[:MAX_HEADINGS]]
    sizes += [("samples", len(text), MAX_TEXT) for text in column.samples[:MAX_SAMPLES]]
    return [(place, size) for place, size, limit in sizes if size > limit]


def _too_long(place: str, size: int) -> Finding:
    return Finding(
        severity="error",
        code="too_large",
        message=f"{place}：长度{size}超过上限",
        column=place,
        message_en=f"{place} has {size}, beyond the limit",
    )
