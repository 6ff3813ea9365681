"""A form as it was handed in, whether as JSON or as the workbook that townships would have been sent."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from app.catalogue.model import LEVELS, Level
from app.errors import Problem
from app.formats.reading import read_workbook
from app.intake.form_columns import read_asked_tables
from app.matching.form import MAX_TEXT, Form, FormColumn, refuse_hostile
from app.services.writable_texts import refuse_unwritable

MOST_COLUMNS = 1_000  # of a whole form; the widest real ones have some three hundred
_LEVEL_WORDS: tuple[tuple[Level, tuple[str, ...]], ...] = (
    ("village", ("村", "社区", "居委")),
    ("township", ("乡", "镇", "街道")),
    ("county", ("县", "区")),
    ("prefecture", ("市", "州", "地区")),
    ("province", ("省",)),
)


@dataclass(frozen=True, slots=True)
class AskedSheet:
    """The columns of one sheet, or all columns of a form that came as JSON."""

    columns: tuple[FormColumn, ...]
    caption: str = ""
    sheet: str | None = None


@dataclass(frozen=True, slots=True)
class AskedForm:
    """A form with what the department says about it. ``frequency`` and ``level`` are as they were given."""

    title: str
    sheets: tuple[AskedSheet, ...]
    purpose: str = ""
    legal_basis: str = ""
    frequency: str | None = None
    level: str | None = None
    filename: str | None = None

    @property
    def level_code(self) -> Level | None:
        """The level that the form is to be filled at; None if it is not said."""
        said = self.level or ""
        if said in LEVELS:
            return said
        return next((level for level, words in _LEVEL_WORDS if any(word in said for word in words)), None)

    @property
    def frequency_code(self) -> str | None:
        """``month quarter half year once event``; None if it is not said."""
        if self.frequency in ("once", "event"):
            return self.frequency
        return Form("", (), frequency=self.frequency).frequency_code()

    def forms(self, department: str) -> Iterator[Form]:
        """One form a sheet, as the matcher takes it; ``department`` is the name of who asks."""
        for sheet in self.sheets:
            yield Form(self.title, sheet.columns, sheet.caption, department, self.frequency, self.level_code)

    def document(self) -> dict[str, Any]:
        """The form as it is kept."""
        return {
            "title": self.title,
            "purpose": self.purpose,
            "legal_basis": self.legal_basis,
            "frequency": self.frequency,
            "level": self.level,
            "filename": self.filename,
            "sheets": [
                {
                    "sheet": sheet.sheet,
                    "caption": sheet.caption,
                    "columns": [
                        {"name": c.name, "unit": c.unit, "path": list(c.path), "samples": list(c.samples)}
                        for c in sheet.columns
                    ],
                }
                for sheet in self.sheets
            ],
        }


def form_of_document(body: Mapping[str, Any]) -> AskedForm:
    """The form as it was kept."""
    sheets = tuple(
        AskedSheet(asked_columns(sheet["columns"]), sheet["caption"], sheet["sheet"]) for sheet in body["sheets"]
    )
    texts = {name: body[name] for name in ("title", "purpose", "legal_basis", "frequency", "level", "filename")}
    return AskedForm(sheets=sheets, **texts)


def asked_columns(columns: Sequence[Mapping[str, Any]]) -> tuple[FormColumn, ...]:
    """Columns from their documents, with texts as they are."""
    return tuple(
        FormColumn(
            str(column["name"]).strip(),
            str(column["unit"]).strip() or None if column.get("unit") is not None else None,
            tuple(str(text) for text in column.get("path") or ()),
            tuple(str(text) for text in column.get("samples") or ()),
        )
        for column in columns
    )


def refuse_wide(count: int) -> None:
    """Refuse a form by its number of columns, before anything of it is looked at."""
    if count > MOST_COLUMNS:
        raise Problem(
            "too_large",
            f"表单有{count}列，最多{MOST_COLUMNS}列（the form has {count} columns, at most {MOST_COLUMNS} are checked）",
        )


def with_workbook(form: AskedForm, data: bytes, filename: str) -> AskedForm:
    """The form with the columns of a workbook: merged headings flattened, or one indicator a row.

    Its title is the workbook's, unless one was given. Raises ``Problem`` where no sheet holds a form, or one is too wide.
    """
    tables, too_wide = read_asked_tables(read_workbook(data, filename), MOST_COLUMNS)
    refuse_wide(too_wide)
    if not tables:
        raise Problem("bad_request", "文件中没有找到表头 (no sheet of the file has headings)")
    refuse_wide(sum(len(table.columns) for table in tables))
    sheets = tuple(
        AskedSheet(
            tuple(FormColumn(c.name, c.unit, c.path, c.samples) for c in table.columns), table.caption, table.sheet
        )
        for table in tables
    )
    title = form.title or next((table.title for table in tables if table.title), "") or filename.rpartition(".")[0]
    return replace(form, title=title[:MAX_TEXT], sheets=sheets, filename=filename)


def refuse_unreadable(form: AskedForm) -> None:
    """Refuse what nobody could fill, what has nothing to fill, and texts that cannot be kept."""
    for text in (form.purpose, form.legal_basis, form.frequency or "", form.level or ""):
        if len(text) > MAX_TEXT * 10:
            raise Problem("too_large", "表单的说明文字过长 (a text about the form is too long)")
    for one in form.forms(""):
        refuse_hostile(one)
    refuse_unwritable(form.document())
    if not any(sheet.columns for sheet in form.sheets):
        raise Problem("bad_request", "表单没有任何一列 (the form has no columns)")
    if any(not column.name for sheet in form.sheets for column in sheet.columns):
        raise Problem("bad_request", "有的列没有名称 (a column has no name)")
    if form.level and form.level_code is None:
        raise Problem("bad_request", f"level 应为 {', '.join(LEVELS)} 之一 (not a level)")
