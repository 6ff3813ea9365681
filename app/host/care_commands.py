"""``township remind``: reminders of what is due, told by whoever runs this every day."""

from __future__ import annotations

import typer

from app.host.local import local_registry
from app.services.reminding import remind as remind_now


def remind() -> None:
    """提醒到期、逾期、过期未核与待校核事项，宜每日运行 / Tell reminders that were not told yet; to be run every day."""
    with local_registry("remind") as registry:
        told = remind_now(registry)
    typer.echo(f"已提醒 {told} 项 (told)")


def register(app: typer.Typer) -> None:
    """Adds the command to the program."""
    app.command()(remind)
