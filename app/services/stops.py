"""The stops of a walk, seen from outside: spans for OpenTelemetry, and seconds for those who run the registry.

What is kept says how long and how many, never which values; it goes to traces, logs and administrators, and nowhere
a department could read from it what it may not see. Without an SDK a span costs next to nothing.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from typing import ParamSpec, TypeVar

from opentelemetry import trace

P = ParamSpec("P")
R = TypeVar("R")


@dataclass(slots=True)
class Walk:
    """One request on its way: seconds at each stop (a stop within another counts in both), and what was met."""

    seconds: dict[str, float] = field(default_factory=dict)
    facts: dict[str, int] = field(default_factory=dict)
    traced: bool = True


WALK: ContextVar[Walk | None] = ContextVar("township_walk", default=None)


def tracer() -> trace.Tracer:
    """The tracer of whichever SDK the operator has installed; one that does nothing without."""
    return trace.get_tracer("township")


def traced() -> bool:
    """Whether anybody keeps the spans."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider | trace.NoOpTracerProvider)


@contextmanager
def stop(name: str) -> Iterator[None]:
    """A stretch of the walk."""
    walk = WALK.get()
    started = time.perf_counter()
    try:
        # An error is told to the caller and to the log; a trace is no place for its words.
        with (
            tracer().start_as_current_span(f"township.{name}", record_exception=False, set_status_on_exception=False)
            if traced()
            else nullcontext()
        ):
            yield
    finally:
        if walk is not None:
            walk.seconds[name] = walk.seconds.get(name, 0.0) + time.perf_counter() - started


def stopping(name: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """A function that is a stop."""

    def around(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            walk = WALK.get()
            if walk is None or walk.traced:
                with stop(name):
                    return function(*args, **kwargs)
            # The way of nearly every request, where nobody keeps spans: nothing but two looks at the clock.
            started = time.perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                walk.seconds[name] = walk.seconds.get(name, 0.0) + time.perf_counter() - started

        return timed

    return around


def met(**facts: int) -> None:
    """Something countable that explains how long it took: fields, datasets, rows."""
    walk = WALK.get()
    if walk is not None:
        walk.facts.update(facts)
