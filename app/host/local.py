"""The operator at the machine itself: opens the registry of the environment, and turns refusals into words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import typer
from pydantic import ValidationError
from rich.console import Console
from rich.text import Text

from app.errors import ERROR_CODES, Problem
from app.policy.callers import OPERATOR
from app.services.auditing import Auditing
from app.services.registry import Registry
from app.settings import Settings, load_settings
from app.store.database import Database
from app.store.ids import new_id
from app.store.migrating import head, present_revision


@contextmanager
def refusals_told() -> Iterator[None]:
    """Ends the command with exit code 1 and the reason on stderr when something was refused or a setting is wrong."""
    console = Console(stderr=True)
    try:
        yield
    except Problem as problem:
        kind = ERROR_CODES[problem.code]
        console.print(Text(f"{kind.title} ({kind.title_en})", style="bold red"))
        console.print(Text(problem.detail))
        for fault in problem.faults:
            console.print(Text(f"  {fault}"))
        raise typer.Exit(1) from problem
    except (ValidationError, ValueError) as error:
        console.print(Text(str(error), style="bold red"))
        raise typer.Exit(1) from error


@contextmanager
def local_registry(action: str = "operate", target: str = "", **question: Any) -> Iterator[Registry]:
    """The registry that the environment names, opened for one command, which the audit has as an act of the operator."""
    with refusals_told():
        settings = load_settings()
        demand_migrated(settings)
        with (
            Registry.open(settings) as registry,
            Auditing(registry).acting(OPERATOR, action, target, question, new_id()) as told,
        ):
            yield registry
            told["status"] = "done"


def demand_migrated(settings: Settings) -> None:
    """Raises Problem ``unavailable``, with what to do about it, for a database that is not of this program's form."""
    with closing(Database.open(settings.database_url, settings.data_dir)) as database:
        present = present_revision(database)
    if present != head():
        state = "尚未初始化 (was never migrated)" if present is None else f"版本为 {present} (is of another version)"
        raise Problem("unavailable", f"数据库{state}，请先运行 township migrate (run it first)")
