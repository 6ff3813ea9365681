"""The load: a process of its own that asks, drains what comes and counts, with as little work as can be. One for all servers.

Standard library only, so that it starts at once. Reads an order as JSON from stdin, writes what it saw as JSON to stdout.
"""

from __future__ import annotations

import json
import resource
import select
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

_PIECE = 1 << 20
_LONGEST = 120.0


@dataclass(slots=True)
class Turn:
    """One connection and the answer it waits for."""

    link: socket.socket
    started: float = 0.0
    head: bytes = b""
    missing: int | None = None  # bytes of the body to come; None while the head is not whole or the body is in chunks
    chunked: bool = False
    last: bytes = b""
    status: int = 0


@dataclass(slots=True)
class Tally:
    """What came of a load."""

    delays: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    size: int = 0


def _get(path: str, headers: Sequence[str]) -> bytes:
    return "\r\n".join([f"GET {path} HTTP/1.1", "Host: bench", *headers, "", ""]).encode()


def _taken(turn: Turn, piece: bytes) -> bool:
    """Take a piece of the answer; whether it is whole. Bodies are JSON or text, where a chunk's end cannot occur."""
    if not turn.status:
        turn.head += piece
        end = turn.head.find(b"\r\n\r\n")
        if end < 0:
            return False
        head, piece = turn.head[:end].lower(), turn.head[end + 4 :]
        turn.status = int(head[9:12])
        place = head.find(b"\r\ncontent-length:")
        if place >= 0:
            turn.missing = int(head[place + 17 :].split(b"\r\n", 1)[0])
        else:
            turn.chunked = True
    if turn.missing is not None:
        turn.missing -= len(piece)
        return turn.missing <= 0
    turn.last = (turn.last + piece)[-5:]
    return turn.last == b"0\r\n\r\n"


def rate(order: dict[str, Any]) -> dict[str, Any]:
    """As many requests as ``connections`` kept connections get answered in ``seconds``, each asking when it is answered."""
    with ExitStack() as held:
        return _rate(order, held)


def _rate(order: dict[str, Any], held: ExitStack) -> dict[str, Any]:
    requests = [_get(path, order["headers"]) for path in order["paths"]]
    address = (order["host"], order["port"])
    tally, poll, turns = Tally(), held.enter_context(select.epoll()), {}
    place = order["start"]
    for _ in range(order["connections"]):
        link = held.enter_context(socket.create_connection(address, _LONGEST))
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        turns[link.fileno()] = Turn(link)
        poll.register(link.fileno(), select.EPOLLIN)
    clock = time.perf_counter
    started = clock()
    until = started + order["seconds"]
    used = time.process_time()
    for turn in turns.values():
        turn.started = clock()
        turn.link.sendall(requests[place % len(requests)])
        place += 1
    waiting, ended = len(turns), started
    while waiting:
        ready = poll.poll(_LONGEST)
        if not ready:
            raise TimeoutError("no answer")
        for number, _ in ready:
            turn = turns[number]
            piece = turn.link.recv(_PIECE)
            if not piece:
                raise ConnectionError("the server ended a kept connection")
            tally.size += len(piece)
            if not _taken(turn, piece):
                continue
            now = clock()
            tally.statuses[turn.status] += 1
            if now <= until:  # what is answered later is no part of the rate
                tally.delays.append(now - turn.started)
                ended = now
                turn.head, turn.status, turn.missing, turn.chunked, turn.last = b"", 0, None, False, b""
                turn.started = now
                turn.link.sendall(requests[place % len(requests)])
                place += 1
            else:
                waiting -= 1
                poll.unregister(number)
                turn.link.close()
    delays = sorted(tally.delays) or [0.0]
    spent = ended - started if tally.delays else order["seconds"]
    return {
        "rate": len(tally.delays) / spent,
        "statuses": dict(tally.statuses),
        "middle": delays[len(delays) // 2],
        "late": delays[len(delays) * 99 // 100],
        "client": (time.process_time() - used) / spent,
    }


def whole(order: dict[str, Any]) -> dict[str, Any]:
    """One request on a connection of its own, until the server ends it: seconds, seconds to the first byte, bytes."""
    with socket.create_connection((order["host"], order["port"]), _LONGEST) as link:
        started = time.perf_counter()
        link.sendall(_get(order["path"], [*order["headers"], "Connection: close"]))
        space = memoryview(bytearray(_PIECE))
        size, first, head, last = 0, 0.0, b"", b""
        while count := link.recv_into(space):
            first = first or time.perf_counter() - started
            if len(head) < 4_096:
                head += bytes(space[: min(count, 4_096)])
            last = (last + bytes(space[max(0, count - 5) : count]))[-5:]
            size += count
        seconds = time.perf_counter() - started
    top = head.split(b"\r\n\r\n", 1)[0].lower()
    told = top.partition(b"\r\ncontent-length:")[2].split(b"\r\n", 1)[0]
    cut = size - len(top) - 4 != int(told) if told else b"transfer-encoding: chunked" in top and last != b"0\r\n\r\n"
    return {"seconds": seconds, "first": first, "size": size, "status": 0 if cut else int(head[9:12] or b"0")}


def command(order: dict[str, Any]) -> dict[str, Any]:
    """A program's output, drained from a pipe."""
    started = time.perf_counter()
    with subprocess.Popen(order["command"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0) as process:
        assert process.stdout is not None
        size = 0
        space = memoryview(bytearray(_PIECE))
        while count := process.stdout.readinto(space):  # type: ignore[attr-defined]
            size += count
    failed = process.returncode
    return {"seconds": time.perf_counter() - started, "first": 0.0, "size": size, "status": 500 if failed else 200}


def main() -> None:
    order = json.load(sys.stdin)
    found = {"rate": rate, "whole": whole, "command": command}[order["do"]](order)
    found["memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    json.dump(found, sys.stdout)


if __name__ == "__main__":
    main()
