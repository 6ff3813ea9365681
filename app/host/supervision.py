"""Several workers on one address, each with a listening socket of its own, kept alive and stopped together.

One socket shared by all workers would let a burst of connections land on a single one of them; with SO_REUSEPORT the
kernel spreads connections over the sockets.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import FrameType

from prometheus_client.multiprocess import mark_process_dead

from app.api.metrics import MULTIPROCESS
from app.host.listening import GRACE_SECONDS, address, bind
from app.settings import load_settings

TICK_SECONDS = 0.1
LONGEST_PAUSE = 10.0
START_SECONDS = 60.0


@dataclass(slots=True)
class Worker:
    """One process and the end of the pipe on which it says that it listens."""

    process: subprocess.Popen[bytes]
    pipe: int | None
    started: float
    failures: int  # workers in this place, one after the other, that ended before they listened
    ready: bool = False

    def pause(self) -> float:
        """Seconds from its start until a dead worker is replaced: none if it has served, else growing."""
        return 0.0 if self.ready else min(LONGEST_PAUSE, 0.5 * 2.0**self.failures)

    def wait_ready(self, seconds: float = START_SECONDS) -> bool:
        """Whether it listens, or comes to within the time given."""
        deadline = time.monotonic() + seconds
        while not self.ready and self.pipe is not None and time.monotonic() < deadline:
            self.settle(TICK_SECONDS)
        return self.ready

    def stop(self, seconds: float = GRACE_SECONDS + 2) -> None:
        """Asks it to end and waits; ends it when it has not within the time given."""
        if self.process.poll() is None:
            self.process.terminate()
        try:
            self.process.wait(max(0.0, seconds))
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def settle(self, seconds: float = 0.0) -> None:
        """Reads the pipe, if there is something on it: a byte is the word, an end without one is a failure."""
        if self.pipe is None or not select.select([self.pipe], [], [], seconds)[0]:
            return
        self.ready = bool(os.read(self.pipe, 1))
        os.close(self.pipe)
        self.pipe = None


def start_worker(
    application: str, host: str, port: int, failures: int = 0, environment: Mapping[str, str] | None = None
) -> Worker:
    """A process that serves the application on a listening socket of its own, and ends when we do."""
    reading, writing = os.pipe()
    command = [sys.executable, "-m", "app.host.listening", application, host, str(port), str(writing), str(os.getpid())]
    # A session of its own: Ctrl-C reaches only us, and we stop the workers in order.
    process = subprocess.Popen(  # noqa: S603 - our own module
        command, pass_fds=(writing,), start_new_session=True, env=None if environment is None else dict(environment)
    )
    os.close(writing)
    return Worker(process, reading, time.monotonic(), failures)


def reserve(host: str, port: int) -> socket.socket:
    """A bound socket that never listens: it fixes the port and keeps it ours while workers come and go.

    Raises OSError where anyone has the address, be it another registry that shares it among its own workers.
    """
    bind(host, port, shared=False).close()
    return bind(host, port, shared=True)


class Supervisor:
    """Keeps ``count`` workers serving on one address until SIGTERM or SIGINT."""

    def __init__(self, application: str, host: str, port: int, count: int) -> None:
        self._application = application
        self._reserved = reserve(host, port)
        self._host, self._port = self._reserved.getsockname()[:2]
        self._count = count
        self._workers: list[Worker] = []
        self._stopping = False
        # Where the workers' numbers are added up, whichever of them is asked; gone at the end.
        self._metrics = tempfile.mkdtemp(prefix="township-metrics-") if load_settings().metrics_token else None

    def run(self, announce: Callable[[str], None]) -> int:
        """Serves; gives the exit code. ``announce`` gets the URL once every worker listens."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        self._workers = [self._start(0) for _ in range(self._count)]
        announced = False
        code = 0
        while not self._stopping:
            time.sleep(TICK_SECONDS)
            for worker in self._workers:
                worker.settle()
            if not announced and all(worker.ready for worker in self._workers):
                announce(address(self._reserved))
                announced = True
            if not announced and self._failed_to_start():
                code = 1
                break
            self._replace_the_dead()
        self._end()
        if self._metrics:
            shutil.rmtree(self._metrics, ignore_errors=True)
        self._reserved.close()
        return code

    def _start(self, failures: int) -> Worker:
        environment = {**os.environ, MULTIPROCESS: self._metrics} if self._metrics else None
        return start_worker(self._application, self._host, self._port, failures, environment)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self._stopping = True

    def _failed_to_start(self) -> bool:
        late = time.monotonic() - START_SECONDS
        return any(
            not worker.ready and (worker.process.poll() is not None or worker.started < late)
            for worker in self._workers
        )

    def _replace_the_dead(self) -> None:
        for place, worker in enumerate(self._workers):
            if worker.process.poll() is None or time.monotonic() < worker.started + worker.pause():
                continue
            if worker.pipe is not None:
                os.close(worker.pipe)
            sys.stderr.write(f"worker {worker.process.pid} ended with {worker.process.returncode}; starting another\n")
            if self._metrics:
                mark_process_dead(worker.process.pid, self._metrics)  # type: ignore[no-untyped-call]
            self._workers[place] = self._start(0 if worker.ready else worker.failures + 1)

    def _end(self) -> None:
        for worker in self._workers:
            if worker.process.poll() is None:
                worker.process.terminate()
        deadline = time.monotonic() + GRACE_SECONDS + 2
        for worker in self._workers:
            worker.stop(deadline - time.monotonic())
