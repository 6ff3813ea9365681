"""Rows written slice by slice, the next ones already while the last is being sent; bounded in memory."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cache

import polars as pl

_AHEAD = 2


Writer = Callable[[pl.DataFrame], Iterator[bytes]]  # of any rows of one frame, in pieces


def written(frame: pl.DataFrame, size: int, write: Writer) -> Iterator[bytes]:
    """What ``write`` gives of the frame, ``size`` rows at a time, in order. Closed early, it waits for what it began."""
    if frame.height <= size:
        yield from write(frame)
        return
    begun: deque[Future[list[bytes]]] = deque()
    try:
        for start in range(0, frame.height, size):
            begun.append(writers().submit(pieces, write, frame.slice(start, size)))
            if len(begun) > _AHEAD:
                yield from begun.popleft().result()
        while begun:
            yield from begun.popleft().result()
    finally:
        for future in begun:
            future.cancel()


def pieces(write: Writer, rows: pl.DataFrame) -> list[bytes]:
    """All pieces of some rows."""
    return list(write(rows))


@cache
def writers() -> ThreadPoolExecutor:
    """Made when it is first needed: threads do not survive the fork of a worker."""
    return ThreadPoolExecutor(_AHEAD, "writing")
