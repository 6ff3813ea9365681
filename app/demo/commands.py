"""``township demo``: the tour, then a registry to play with; with ``--once`` the tour, checked."""

from __future__ import annotations

import os
import signal
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from app.client.errors import TownshipError
from app.client.http import Township
from app.client.printing import print_error
from app.demo.checks import Check, Examination, every_check
from app.demo.expectations import read_samples
from app.demo.preparing import Keys, prepare
from app.demo.tour import pasteable, walk
from app.host.listening import APPLICATION, address
from app.host.local import refusals_told
from app.host.supervision import reserve, start_worker

HOST = "127.0.0.1"


def demo(
    port: Annotated[int, typer.Option(min=0, max=65535, help="端口；0 为任一空闲端口 / port; 0 for a free one")] = 8000,
    once: Annotated[
        bool, typer.Option("--once", help="走一遍并逐项核对，然后结束 / the tour, checked; then end")
    ] = False,
) -> None:
    """演示：全新登记库，上传示例表格，部门读取视图 / A fresh registry, uploads, one department reading."""
    started = time.monotonic()
    console = Console(soft_wrap=True)
    # A stop is as good as Ctrl-C: the server goes, and the folder with it.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with (
            listening_place(0 if once else port) as place,
            tempfile.TemporaryDirectory(prefix="township-demo-", ignore_cleanup_errors=True) as folder,
            refusals_told(),
        ):
            keys, count = prepare(Path(folder))
            console.print(Text(f"全新的登记库 (a fresh registry): {folder}，目录 {count} 项 (things in its catalogue)"))
            with served(Path(folder), place) as url:
                code = tour(url, keys, console, once=once)
                if once:
                    console.print(Text(f"{time.monotonic() - started:.1f} s", style="dim"))
                    raise typer.Exit(code)
                invite(console, url, keys, folder)
                signal.pause()
    except KeyboardInterrupt:
        console.print("演示结束 (the demo has ended)")
    except TownshipError as error:
        print_error(Console(stderr=True), error)
        raise typer.Exit(1) from error


def listening_place(port: int) -> socket.socket:
    """The address of the demo, kept free for it. Ends the command where it is taken."""
    try:
        return reserve(HOST, port)
    except OSError as error:
        text = f"端口 {port} 已被占用，请用 --port 另选 (the port is taken): {error.strerror}"
        Console(stderr=True).print(Text(text, style="bold red"))
        raise typer.Exit(1) from error


@contextmanager
def served(folder: Path, place: socket.socket) -> Iterator[str]:
    """A real server on the registry in ``folder``, for as long as the context lasts. Gives its URL."""
    # Whatever the operator has set for a real registry must not reach this one.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("TOWNSHIP_")}
    environment["TOWNSHIP_DATA_DIR"] = str(folder)
    worker = start_worker(APPLICATION, HOST, place.getsockname()[1], environment=environment)
    try:
        if not worker.wait_ready():
            Console(stderr=True).print(Text("服务未能启动 (the server did not start)", style="bold red"))
            raise typer.Exit(1)
        yield address(place)
    finally:
        worker.stop(seconds=5)


def tour(url: str, keys: Keys, console: Console, *, once: bool) -> int:
    """Walks, and with ``once`` checks; gives the exit code."""

    def doors(key: str) -> Township:
        return Township(url, key)

    samples = read_samples()
    seen = walk(doors, keys, samples, console)
    if not once:
        return 0
    console.rule("逐项核对 (the answers, checked)")
    checks = list(every_check(Examination(doors, url, keys, samples, seen)))
    for check in checks:
        tell(console, check)
    held = sum(check.holds for check in checks)
    console.print(
        Text(f"{held}/{len(checks)} 项相符 (as expected)", style="bold green" if held == len(checks) else "bold red")
    )
    return 0 if held == len(checks) else 1


def tell(console: Console, check: Check) -> None:
    """One line for a check; where it fails, what was expected and what came."""
    console.print(Text("✓ " if check.holds else "✗ ", style="green" if check.holds else "bold red").append(check.title))
    if not check.holds:
        console.print(Text(f"    应为 (expected) {check.expected}\n    实为 (answered) {check.answered}"))


def invite(console: Console, url: str, keys: Keys, folder: str) -> None:
    """Lines to paste, with keys that work while the demo runs."""
    console.rule("可直接粘贴 (ready to paste)")
    for title, line in pasteable(url, keys):
        console.print(Text(f"# {title}", style="dim"))
        console.print(Text(line))
    console.print(Text("# 用命令行客户端 (with the client's own commands)", style="dim"))
    console.print(
        Text(f"export TOWNSHIP_URL={url} TOWNSHIP_KEY={keys.department}; township pull ecology-rural --period 2025")
    )
    console.print(Text(f"export TOWNSHIP_DATA_DIR={folder}; township credentials list"))
    console.print(Text(f"serving on {url}  (Ctrl-C 结束 / ends)", style="bold"))


def register(app: typer.Typer) -> None:
    """Adds the tour to the program."""
    app.command()(demo)
