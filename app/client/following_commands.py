"""``township follow``: what changes in a view, as it changes."""

from __future__ import annotations

import sys
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from app.client.commands import registry
from app.client.transfer import Download


def exact(value: Any) -> Any:
    """A document of an answer with its numbers digit for digit as they came."""
    if isinstance(value, dict):
        return {name: exact(one) for name, one in value.items()}
    if isinstance(value, int | Decimal) and not isinstance(value, bool):
        return orjson.Fragment(str(value))
    return value


def follow(
    view: Annotated[str, typer.Argument(help="视图编码 / view code")],
    since: Annotated[str | None, typer.Option(help="从此游标之后 / go on after this cursor")] = None,
    cursor: Annotated[
        Path | None, typer.Option("--cursor", metavar="FILE", help="游标存于此文件，下次续接 / keep the cursor in FILE")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="取完现有变化即止 / stop when there is no more for now")] = False,
) -> None:
    """持续输出一个视图的变化，每行一个 JSON / Print the changes of a view as they come, one JSON a line.

    Ends with Ctrl-C, or when access ends. With --cursor FILE it goes on where it was.
    """
    if since is None and cursor is not None and cursor.exists():
        since = cursor.read_text(encoding="utf-8").strip() or None
    with registry() as township:
        pages = township.changes(view, since) if once else township.follow(view, since)
        try:
            for page in pages:
                for change in page["changes"]:
                    sys.stdout.buffer.write(orjson.dumps(exact(change)) + b"\n")
                sys.stdout.buffer.flush()
                # Only after its changes are out: what was not written is given again.
                if cursor is not None:
                    with Download(cursor) as file:
                        file.write(page["next"].encode())
        except KeyboardInterrupt as stop:
            raise typer.Exit(0) from stop


def register(app: typer.Typer) -> None:
    """Adds the command to the program."""
    app.command()(follow)
