"""The servers of one run: each a process group of its own that ends with the run, however the run ends."""

from __future__ import annotations

import ctypes
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from app.host.listening import bind

START_SECONDS = 90.0
_PR_SET_PDEATHSIG = 1


class Failed(Exception):
    """A party could not be started or measured; the text says why."""


@dataclass(frozen=True, slots=True)
class Running:
    """A server that listens, and the bytes of memory that it and its children held when it did."""

    host: str
    port: int
    process: subprocess.Popen[bytes]

    @property
    def url(self) -> str:
        return f"http://{self.host}:{self.port}"

    def memory(self, *, peak: bool = False) -> int:
        """Resident bytes of the process and all below it: now, or each one's most so far added up."""
        return memory_of(self.process.pid, "VmHWM" if peak else "VmRSS")


class Processes:
    """Starts servers and ends all of them."""

    def __init__(self, logs: Path) -> None:
        self._logs = logs
        self._held: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._held:
            _signal(process, signal.SIGTERM)
        until = time.monotonic() + 8
        for process in self._held:
            with suppress(subprocess.TimeoutExpired):
                process.wait(max(0.1, until - time.monotonic()))
            _signal(process, signal.SIGKILL)
            process.wait()
            for stream in (process.stdout, process.stderr):
                if stream is not None:
                    stream.close()

    def registry(self, name: str, url: str, data: Path, workers: int) -> Running:
        """``township serve`` as its users start it. Raises Failed."""
        command = [sys.executable, "-m", "app.cli", "serve", "--port", "0", "--workers", str(workers)]
        settings = {"TOWNSHIP_DATABASE_URL": url, "TOWNSHIP_DATA_DIR": str(data)}
        process = self._started(name, command, settings, announce=True)
        assert process.stdout is not None
        with selectors.DefaultSelector() as waiting:
            waiting.register(process.stdout, selectors.EVENT_READ)
            line = process.stdout.readline().decode() if waiting.select(START_SECONDS) else ""
        port = line.strip().rpartition(":")[2]
        if not port.isdigit():
            raise Failed(f"{name} did not start: {self.said(name)}")
        return Running("127.0.0.1", int(port), process)

    def application(self, name: str, factory: str, environment: Mapping[str, str]) -> Running:
        """An application of a peer under the registry's own server, settings and all. Raises Failed."""
        reading, writing = os.pipe()
        place = bind("127.0.0.1", 0, shared=True)
        try:
            port = place.getsockname()[1]
            command = [sys.executable, "-m", "app.host.listening", factory, "127.0.0.1", str(port)]
            process = self._started(name, [*command, str(writing), str(os.getpid())], environment, (writing,))
            os.close(writing)
            with selectors.DefaultSelector() as waiting:
                waiting.register(reading, selectors.EVENT_READ)
                if not waiting.select(START_SECONDS) or os.read(reading, 1) != b"1":
                    raise Failed(f"{name} did not start: {self.said(name)}")
        finally:
            os.close(reading)
            place.close()
        return Running("127.0.0.1", port, process)

    def program(
        self, name: str, command: Callable[[int], Sequence[str]], environment: Mapping[str, str] | None = None
    ) -> Running:
        """Any other server, given a free port, waited for until it takes connections. Raises Failed."""
        with bind("127.0.0.1", 0, shared=False) as place:
            port = place.getsockname()[1]
        process = self._started(name, command(port), environment or {})
        until = time.monotonic() + START_SECONDS
        while time.monotonic() < until:
            if process.poll() is not None:
                break
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                return Running("127.0.0.1", port, process)
            time.sleep(0.05)
        raise Failed(f"{name} did not start: {self.said(name)}")

    def said(self, name: str) -> str:
        """The end of what a server wrote on stderr, on one line."""
        text = (self._logs / f"{name}.log").read_text(encoding="utf-8", errors="replace")
        return " ".join(text.split())[-300:]

    def _started(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        passed: Sequence[int] = (),
        *,
        announce: bool = False,
    ) -> subprocess.Popen[bytes]:
        known = {
            k: v for k, v in os.environ.items() if not k.startswith("TOWNSHIP_") and k != "PYTHONDONTWRITEBYTECODE"
        }
        try:
            with (self._logs / f"{name}.log").open("wb") as log:
                process = subprocess.Popen(
                    command,
                    env={**known, **environment},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE if announce else log,
                    stderr=log,
                    pass_fds=passed,
                    preexec_fn=end_with_parent,  # noqa: PLW1509 - one call into the kernel, no locks
                    start_new_session=True,
                )
        except OSError as fault:
            raise Failed(f"{name} did not start: {fault}") from fault
        self._held.append(process)
        return process


def memory_of(process: int, measure: str) -> int:
    """``VmRSS`` or ``VmHWM`` of a process and of all below it, in bytes."""
    size = 0
    with suppress(OSError):
        for line in Path(f"/proc/{process}/status").read_text(encoding="utf-8").splitlines():
            if line.startswith(measure):
                size = int(line.split()[1]) * 1024
        for task in Path(f"/proc/{process}/task").iterdir():
            below = (task / "children").read_text(encoding="utf-8").split()
            size += sum(memory_of(int(child), measure) for child in below)
    return size


def _signal(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, number)


def end_with_parent() -> None:
    """Asks the kernel to end this process when the one that started it dies, however it dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
