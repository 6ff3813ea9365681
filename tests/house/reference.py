"""The reference documents, made from the registries they describe. Run as a program it writes them: `make reference`."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import typer

from app.catalogue.unit_definitions import DIMENSIONED_DEFINITIONS, PURE_DEFINITIONS
from app.cli import program
from app.client.settings import ClientSettings
from app.errors import ERROR_CODES
from app.formats.selection import OPERATORS as FILTER_OPERATORS
from app.formats.writing import FORMATS
from app.intake.finding_codes import FINDING_CODES
from app.intake.plausibility import PLAUSIBILITY
from app.main import create_app
from app.mapping.functions import FUNCTIONS, OPERATORS
from app.mapping.options import OPTIONS, VIEW_OPTIONS, Option
from app.settings import Settings

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "reference"
MADE = "<!-- made by `make reference` from the code; edit the code -->"


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; bars within cells are escaped."""
    lines = [f"| {' | '.join(columns)} |", f"|{' --- |' * len(columns)}"]
    lines += [
        "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows
    ]
    return "\n".join(lines) + "\n"


def page(title: str, *parts: str) -> str:
    return "\n".join([f"# {title}\n", f"{MADE}\n", *parts])


def errors() -> str:
    rows = [(f"`{kind.status} {code}`", kind.title, kind.title_en) for code, kind in ERROR_CODES.items()]
    return page(
        "Error codes 错误代码",
        "`code` of an `application/problem+json` answer, with its status.\n",
        table(("status and code", "标题", "title"), rows),
    )


def findings() -> str:
    rows = [(f"`{code}`", k.severity, k.title, k.title_en, k.example) for code, k in FINDING_CODES.items()]
    odd = [(f"`{one.example}`", f"`{one.code}`", one.description, one.description_en) for one in PLAUSIBILITY]
    return page(
        "Finding codes 检查结果代码",
        "`code` of a finding; with any of severity `error` nothing is stored. A failed check of a dataset is `check_failed` with\n"
        "the severity that the check has.\n",
        table(("code", "severity", "含义", "meaning", "例 example"), rows),
        "## Plausibility 合理性\n",
        "What an element's document may ask for under `plausible`. Only warnings, only about figures that change, with the\n"
        "region's own numbers; only where there is a past (not for frequency `once` and `event`).\n",
        table(("plausible", "finding", "含义", "meaning"), odd),
    )


def options(known: Mapping[str, Option]) -> list[tuple[str, ...]]:
    return [(f"`{one.key}`", one.description, one.description_en, f"`{one.example}`") for one in known.values()]


def expressions() -> str:
    operators = [(f"`{one.sign}`", one.description, one.description_en, f"`{one.example}`") for one in OPERATORS]
    functions = [
        (f"`{one.signature}`", one.description, one.description_en, f"`{one.example}`") for one in FUNCTIONS.values()
    ]
    below = "下一层级数据集的数据项之和；下级有一个没有数据则缺失", "the sum over all regions below; missing if one is"
    return page(
        "Expressions 表达式",
        "Of fields (`expr`) and checks (`rule`). Exact; missing operands give missing unless it is said otherwise.\n",
        "## Operators\n",
        table(("operator", "含义", "meaning", "example"), operators),
        "## Functions\n",
        table(("function", "含义", "meaning", "example"), functions),
        "## Only in checks 只用于检查\n",
        "A check may name `dataset.element` of another dataset of the same level: of the same region and the period that contains\n"
        "the record's. It passes where the figure is missing, or where the source that submits may not read that dataset itself.\n"
        '`tolerance: "0.5%"` (of the greater side) or `tolerance: "2"` (in the unit of the left side) takes for equal what rounding parts.\n',
        table(
            ("function", "含义", "meaning", "example"),
            [("`sum_below(x)`", *below, "`households == sum_below(village.households)`")],
        ),
        "## Keys of a view 视图的键\n",
        table(("key", "含义", "meaning", "example"), options(VIEW_OPTIONS)),
        "## Options of a field 字段的选项\n",
        table(("option", "含义", "meaning", "example"), options(OPTIONS)),
    )


def formats() -> str:
    rows = [(f"`{one.name}`", f"`{one.media_type}`", one.description, one.description_en) for one in FORMATS.values()]
    operators = [(f"`{name}`", *described(one)) for name, one in FILTER_OPERATORS.items()]
    return page(
        "Formats and filters 格式与筛选",
        "`format` of a view's records, or `Accept`:\n",
        table(("format", "media type", "说明", "description"), rows),
        "## Operators of `filter=name:op:value`\n",
        table(("op", "含义", "meaning"), operators),
    )


def described(one: Any) -> tuple[str, str]:
    return one.description, one.description_en


def units() -> str:
    rows = [
        (
            f"`{one.code}`",
            f"`{one.of}`" if one.of else "",
            one.factor,
            " ".join(one.aliases),
            "约" if one.approximate else "",
        )
        for one in (*DIMENSIONED_DEFINITIONS, *PURE_DEFINITIONS)
    ]
    return page(
        "Units of measure 计量单位",
        "One `unit` is `factor` × `of`, exactly; a unit without `of` converts only into its own multiples (十 百 千 万 亿). Quotients and\n"
        "products of units (`公斤/亩`, `元/人·月`, `例/10万人`) need no entry. A schema folder adds more in `units.yaml`.\n",
        table(("unit", "of", "factor", "also written", ""), rows),
    )


def settings() -> str:
    def rows(model: type[Settings | ClientSettings]) -> list[tuple[str, str, str]]:
        return [
            (f"`TOWNSHIP_{name.upper()}`", default(field), field.description or "")
            for name, field in model.model_fields.items()
        ]

    return page(
        "Settings 设置",
        "From the environment; read when the program starts.\n",
        table(("variable", "default", "说明 / what it is"), rows(Settings)),
        "## Of the client\n",
        table(("variable", "default", "说明 / what it is"), rows(ClientSettings)),
    )


def default(field: Any) -> str:
    if field.default_factory is not None:
        return ""
    return "" if field.default is None else f"`{field.default}`"


def commands() -> str:
    root: Any = typer.main.get_command(program())
    parts = []
    for word, command in root.commands.items():
        inner: Mapping[str, Any] = getattr(command, "commands", {})
        named = {f"{word} {name}": one for name, one in inner.items()} or {word: command}
        for name, one in named.items():
            parts.append(f"## `township {name}`\n")
            parts.append(f"{' '.join((one.help or '').split())}\n")
            taken = [(given(parameter), parameter.help or "") for parameter in one.params]
            parts.append(table(("", "说明 / what it is"), taken) if taken else "")
    return page("Commands 命令", *parts)


def given(parameter: Any) -> str:
    """How a parameter is written on the line."""
    if parameter.param_type_name == "argument":
        return f"`{parameter.metavar or parameter.name.upper()}`"
    return " ".join(f"`{option}`" for option in (*parameter.opts, *parameter.secondary_opts))


def openapi() -> str:
    """The OpenAPI document as it is served, so that a change of the interface shows in review."""
    with tempfile.TemporaryDirectory() as folder:
        document = create_app(Settings(data_dir=Path(folder))).openapi()
    return json.dumps(document, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


PAGES: Mapping[str, Callable[[], str]] = {
    "commands.md": commands,
    "errors.md": errors,
    "expressions.md": expressions,
    "findings.md": findings,
    "formats.md": formats,
    "settings.md": settings,
    "openapi.json": openapi,
    "units.md": units,
}


def main(names: Sequence[str]) -> None:
    """Writes the named pages, by default all."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name in names or PAGES:
        (FOLDER / name).write_text(PAGES[name](), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
