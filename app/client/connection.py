"""One conversation with a registry: the key on every request, timeouts always set, retries only where they are safe."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, TypeVar

import httpx

from app.client.errors import Broken, Refused, Unreachable, refusal
from app.client.resuming import Resumed, Sink
from app.client.retries import PASSING_STATUSES, Retries, retry_after

T = TypeVar("T")
Json = dict[str, Any]
Parameters = Mapping[str, str | Sequence[str] | int | None]

TIMEOUT = httpx.Timeout(connect=5.0, read=120.0, write=60.0, pool=5.0)
SAFE_METHODS = frozenset({"GET", "HEAD"})
NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout)  # may be asked again whatever the method


def query(parameters: Parameters) -> httpx.QueryParams:
    """Parameters as they are sent: those that are None left out, lists repeated."""
    sent: list[tuple[str, str | int | float | bool | None]] = []
    for name, value in parameters.items():
        if value is None:
            continue
        if isinstance(value, str | int):
            sent.append((name, str(value)))
        else:
            sent.extend((name, one) for one in value)
    return httpx.QueryParams(sent)


def comma_list(value: str | Sequence[str] | None) -> str | None:
    """Several codes or periods as the one parameter the contract has for them."""
    return value if value is None or isinstance(value, str) else ",".join(value)


def decoded(response: httpx.Response) -> Any:
    """The JSON of an answer, numbers exact: integers as int, all others as Decimal."""
    try:
        return json.loads(response.content, parse_float=Decimal)
    except ValueError as error:
        raise Broken(f"{response.request.url.path}: 应答不是 JSON (the answer is not JSON)") from error


def refused(response: httpx.Response) -> Refused:
    """The error for an answer of 4xx or 5xx, whether or not it speaks the contract."""
    try:
        problem = json.loads(response.content)
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        problem = {"title": response.reason_phrase}
    return refusal(response.status_code, problem, retry_after(response.headers.get("Retry-After"), datetime.now(UTC)))


class Connection:
    """Sends requests and gives answers below 400; everything else is an error of ``app.client.errors``."""

    def __init__(
        self,
        url: str,
        key: str | None,
        *,
        timeout: httpx.Timeout = TIMEOUT,
        retries: Retries | None = None,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        headers = {"User-Agent": "township-client"}
        if key:
            headers["Authorization"] = f"Bearer {key}"
        self.url = url.rstrip("/")
        self._retries = retries or Retries()
        self._sleep = sleep
        self._http = httpx.Client(base_url=self.url, headers=headers, timeout=timeout, transport=transport)

    def close(self) -> None:
        self._http.close()

    def send(
        self,
        method: str,
        path: str,
        *,
        parameters: Parameters | None = None,
        repeatable: bool | None = None,
        accept_status: frozenset[int] = frozenset(),
        **content: Any,
    ) -> httpx.Response:
        """The whole answer. ``repeatable``: may be sent again after it may have arrived; by default GET and HEAD may.

        ``accept_status`` names answers of 300 and above that are the caller's to read (304).
        """

        def attempt() -> httpx.Response:
            response = self._http.request(method, path, params=query(parameters or {}), **content)
            if response.status_code >= 300 and response.status_code not in accept_status:
                raise refused(response) if response.status_code >= 400 else Broken(f"{path}: {response.status_code}")
            return response

        return self._attempts(attempt, repeatable=method in SAFE_METHODS if repeatable is None else repeatable)

    def fetch(
        self, path: str, *, parameters: Parameters | None, sink: Sink, headers: Mapping[str, str] | None = None
    ) -> Mapping[str, str]:
        """Streams an answer into ``sink``; gives the headers. A try that is cut off is gone on with where it broke off,
        or where the registry cannot do that the sink is told to begin anew.
        """
        resumed = Resumed(sink)

        def attempt() -> Mapping[str, str]:
            asked = {**(headers or {}), **resumed.headers()}
            with self._http.stream("GET", path, params=query(parameters or {}), headers=asked) as response:
                if not resumed.accepts(response):
                    response.read()
                    raise refused(response)
                return resumed.take(response)

        return self._attempts(attempt, repeatable=True)

    def _attempts(self, attempt: Callable[[], T], *, repeatable: bool) -> T:
        failures = 0
        while True:
            try:
                return attempt()
            except (httpx.TransportError, Refused) as failure:
                failures += 1
                wait = self._wait(failure, failures, repeatable=repeatable)
                if wait is None:
                    if isinstance(failure, Refused):
                        raise
                    raise Unreachable(self.url, str(failure) or type(failure).__name__) from failure
                self._sleep(wait)
            except httpx.HTTPError as failure:
                raise Broken(f"{type(failure).__name__}: {failure}") from failure

    def _wait(self, failure: httpx.TransportError | Refused, failures: int, *, repeatable: bool) -> float | None:
        """Seconds until the next try; None when there is to be none."""
        if failures >= self._retries.attempts or isinstance(
            failure, httpx.UnsupportedProtocol | httpx.LocalProtocolError
        ):
            return None
        if not isinstance(failure, Refused):
            return (
                self._retries.wait(failures, random.random) if repeatable or isinstance(failure, NEVER_SENT) else None
            )
        if failure.status not in PASSING_STATUSES or not repeatable:
            return None
        asked = failure.retry_after
        wait = self._retries.wait(failures, random.random)
        if asked is None:
            return wait
        return max(asked, wait) if asked <= self._retries.patience else None
