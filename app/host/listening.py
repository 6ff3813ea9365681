"""One serving process: its own listening socket, the word that it is ready, and an end together with its parent."""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable

import uvicorn

from app.host.logs import start_log
from app.settings import load_settings

APPLICATION = "app.main:create_app"
GRACE_SECONDS = 30
UNACKNOWLEDGED_MILLISECONDS = 120_000
PR_SET_PDEATHSIG = 1


def bind(host: str, port: int, *, shared: bool) -> socket.socket:
    """A bound socket that does not listen yet. ``shared``: several processes may bind the same address.

    Port 0 is a free one; ask the socket which. Raises OSError where the address is taken.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.socket(family, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if shared:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if sys.platform == "linux":
        # A connection whose other side has acknowledged nothing for so long is given up by the kernel.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MILLISECONDS)
    try:
        bound.bind((host, port))
    except OSError:
        bound.close()
        raise
    bound.set_inheritable(False)
    return bound


def address(bound: socket.socket) -> str:
    """The URL of a bound socket."""
    host, port = bound.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class Server(uvicorn.Server):
    """A uvicorn server that calls ``ready`` once it really listens, and leaves when ``forsaken`` says so."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None], forsaken: Callable[[], bool]) -> None:
        super().__init__(config)
        self._ready = ready
        self._forsaken = forsaken

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        gc.freeze()  # the application is loaded, and stays
        gc.enable()
        await super().startup(sockets)
        if self.started:
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        # Whoever waits for news is answered now, not at the end of the wait.
        application = self.config.loaded_app
        while not hasattr(application, "state") and hasattr(application, "app"):
            application = application.app
        errands = getattr(getattr(application, "state", None), "errands", None)
        if errands is not None:
            errands.waiter.watch.close()
        await super().shutdown(sockets)

    async def on_tick(self, counter: int) -> bool:
        return await super().on_tick(counter) or self._forsaken()


def listen(
    application: str, bound: socket.socket, ready: Callable[[], None], forsaken: Callable[[], bool] = lambda: False
) -> None:
    """Serves what ``module:factory`` makes until SIGTERM or SIGINT; running requests then have GRACE_SECONDS to end.

    A failure while starting ends the process with uvicorn's own code.
    """
    # uvicorn raises the signal again at its end; by then it has been obeyed.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    start_log(load_settings())
    gc.disable()  # until it is loaded: code is never garbage, and looking for some is a fifth of a start
    config = uvicorn.Config(
        application,
        factory=True,
        log_config=None,  # the log is one, and ours
        lifespan="on",  # a registry that cannot open is a failure, not a server
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=30,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    Server(config, ready, forsaken).run(sockets=[bound])


def end_with_parent(parent: int) -> Callable[[], bool]:
    """Asks the kernel for SIGTERM when the parent dies; the answer tells, anywhere, whether it has."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    return lambda: os.getppid() != parent


def main() -> None:
    """One worker of ``township serve``: started by the supervisor, never by hand."""
    parser = argparse.ArgumentParser()
    parser.add_argument("application")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("ready", type=int, help="a file descriptor to write to once listening")
    parser.add_argument("parent", type=int)
    arguments = parser.parse_args()
    forsaken = end_with_parent(arguments.parent)
    if forsaken():
        return

    def ready() -> None:
        os.write(arguments.ready, b"1")
        os.close(arguments.ready)

    listen(arguments.application, bind(arguments.host, arguments.port, shared=True), ready, forsaken)


if __name__ == "__main__":
    main()
