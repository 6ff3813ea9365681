"""Numbers for Prometheus: how many requests, how long, how many at once. Labels are routes, never what was asked for.

With several workers the supervisor names a folder (``PROMETHEUS_MULTIPROC_DIR``) through which they are added up,
whichever of them is asked.
"""

from __future__ import annotations

import os

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

MULTIPROCESS = "PROMETHEUS_MULTIPROC_DIR"
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)


class Metrics:
    """The numbers of one application."""

    def __init__(self) -> None:
        own = CollectorRegistry()
        self._requests = Counter(
            "township_requests", "Requests that were answered", ("method", "route", "status"), registry=own
        )
        self._seconds = Histogram(
            "township_request_seconds",
            "Seconds from a request's head to the last byte of its answer",
            ("method", "route"),
            registry=own,
            buckets=_BUCKETS,
        )
        self.at_once = Gauge(
            "township_requests_at_once", "Requests under way", registry=own, multiprocess_mode="livesum"
        )
        # What tells requests apart is looked up by name once; there are as many of them as routes and statuses.
        self._known: dict[tuple[str, str, int], tuple[Counter, Histogram]] = {}
        self._registry = own
        if MULTIPROCESS in os.environ:
            self._registry = CollectorRegistry()
            MultiProcessCollector(self._registry)  # type: ignore[no-untyped-call]

    def answered(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request is over. ``route`` is the template, such as ``/v1/views/{view}/records``."""
        known = self._known.get((method, route, status))
        if known is None:
            told = method if method in METHODS else "other"
            known = self._requests.labels(told, route, str(status)), self._seconds.labels(told, route)
            if told == method:  # a stranger's method may be any word
                self._known[method, route, status] = known
        known[0].inc()
        known[1].observe(seconds)

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)
