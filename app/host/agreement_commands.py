"""What the operator asks of one agreement: its text, and whether what follows from it holds."""

from __future__ import annotations

import sys
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from app.host.local import local_registry
from app.policy.callers import OPERATOR
from app.services.agreement_tests import tests_of
from app.services.agreement_texts import text_of

Code = Annotated[str, typer.Argument(help="协议代码 / code of the agreement")]
_WORDS = {"answered": "给予 answered", "refused": "拒绝 refused"}


def text(code: Code) -> None:
    """协议全文 / The agreement in words."""
    with local_registry("read-agreement", code) as registry:
        sys.stdout.write(text_of(registry, OPERATOR, code))


def check(code: Code) -> None:
    """检验协议 / Ask of the gate everything that follows from the agreement; exit 1 where something does not hold."""
    with local_registry("check-agreement", code) as registry:
        found = tests_of(registry, OPERATOR, code)
    console = Console()
    for test in found["tests"]:
        mark = Text("通过 pass", style="green") if test["passed"] else Text("不符 FAIL", style="bold red")
        console.print(mark, Text(f"{_WORDS[test['expected']]}  {test['test']}"), soft_wrap=True)
    failed = sum(not test["passed"] for test in found["tests"])
    console.print(f"{len(found['tests'])} 项，{failed} 项不符 ({len(found['tests'])} tests, {failed} failed)")
    if failed:
        raise typer.Exit(1)


def register(program: typer.Typer) -> None:
    """Adds the group ``agreement``."""
    group = typer.Typer(help="数据共享协议 / Data sharing agreements.", no_args_is_help=True)
    group.command()(text)
    group.command()(check)
    program.add_typer(group, name="agreement")
