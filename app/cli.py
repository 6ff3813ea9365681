"""The program ``township``: the machine's commands, the client's commands and the tour, under one name."""

from __future__ import annotations

import typer

from app.client import commands as client_commands
from app.demo import commands as demo_commands
from app.host import commands as host_commands
from app.host import credential_commands, keeping_commands

app = typer.Typer(
    name="township",
    help="一次采集、多方共享：乡镇统一数据登记库 / Collect once, share many: the township data registry.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
demo_commands.register(app)
host_commands.register(app)
keeping_commands.register(app)
app.add_typer(credential_commands.app, name="credentials")
client_commands.register(app)


def main() -> None:
    """The entry point of the distribution."""
    app()


if __name__ == "__main__":
    main()
