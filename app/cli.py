"""The program ``township``: the machine's commands, the client's commands and the tour, under one name."""

from __future__ import annotations

import gc
import sys
from collections.abc import Mapping
from importlib import import_module

import typer

ROOMS: Mapping[str, tuple[str, ...]] = {  # in the order of `township --help`, which shows groups last
    "app.demo.commands": ("demo",),
    "app.host.commands": ("serve", "migrate", "apply", "export"),
    "app.host.keeping_commands": ("backup", "restore", "copy"),
    "app.client.commands": ("upload", "template", "submissions", "confirm", "pull", "form"),
    "app.client.outbox_commands": ("outbox",),
    "app.client.snapshot_commands": ("snapshots",),
    "app.client.following_commands": ("follow",),
    "app.client.care_commands": (
        "due",
        "still-true",
        "refuse",
        "take-back",
        "notices",
        "corrections",
        "evidence",
    ),
    "app.host.care_commands": ("remind",),
    "app.client.form_commands": ("form-check", "facets", "burden"),
    "app.host.agreement_commands": ("agreement",),
    "app.host.credential_commands": ("credentials",),
    "app.host.audit_commands": ("audit",),
    "app.client.receipt_commands": ("receipt",),
    "app.client.access_commands": ("transparency", "access-request"),
    "app.client.mapping_commands": ("mapping",),
}


def program(word: str | None = None) -> typer.Typer:
    """The program with all its commands; with the word of one command, only the room that has it.

    Loading every room takes seconds (databases, data frames, the web), which a clerk's upload need not wait for.
    """
    built = typer.Typer(
        name="township",
        help="一次采集、多方共享：乡镇统一数据登记库 / Collect once, share many: the township data registry.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    built.callback()(together)
    for room in [name for name, words in ROOMS.items() if word in words] or ROOMS:
        import_module(room).register(built)
    return built


def together() -> None:
    """Keeps a single command under its own name."""


def main() -> None:
    """The entry point of the distribution."""
    gc.disable()  # code that is loaded is never garbage: looking for some is a fifth of a start
    built = program(next((word for word in sys.argv[1:] if not word.startswith("-")), None))
    gc.freeze()
    gc.enable()
    built()


if __name__ == "__main__":
    main()
