"""The public keys of external issuers: fetched when needed, kept for a while, looked for again when a new one is named."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson

from app.services.signed_tokens import Key, Unsigned, key_set
from app.settings import OidcIssuer

_log = logging.getLogger(__name__)
_FRESH_SECONDS = 600.0
_KEPT_SECONDS = 86_400.0  # without the issuer being reachable
_PAUSE_SECONDS = 30.0
_LARGEST = 256 * 1024
_TIMEOUT = httpx.Timeout(5.0)


@dataclass(frozen=True, slots=True)
class _Fetched:
    keys: tuple[Key, ...]
    at: float


class IssuerKeys:
    """The keys of one issuer for this process. Asks its host at most every half minute, whatever is presented."""

    def __init__(
        self,
        issuer: OidcIssuer,
        *,
        transport: httpx.BaseTransport | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._issuer = issuer
        self._transport = transport
        self._clock = clock
        self._fetched: _Fetched | None = None
        self._tried: float | None = None
        self._lock = threading.Lock()

    def keys(self, name: object) -> Sequence[Key]:
        """The keys, fetched again if the one of this name is not among them. Raises ``Unsigned`` if there are none."""
        with self._lock:
            now = self._clock()
            known = self._fetched
            stale = known is None or now - known.at > _FRESH_SECONDS or not _has(known.keys, name)
            if stale and (self._tried is None or now - self._tried >= _PAUSE_SECONDS):
                self._tried = now
                try:
                    self._fetched = _Fetched(self._fetch(), now)
                except (httpx.HTTPError, ValueError) as error:
                    _log.warning("the keys of %s can not be had: %s", self._issuer.issuer, type(error).__name__)
            known = self._fetched
        if known is None or now - known.at > _KEPT_SECONDS:
            raise Unsigned("no keys")
        return known.keys

    def _fetch(self) -> tuple[Key, ...]:
        with httpx.Client(
            timeout=_TIMEOUT, follow_redirects=False, transport=self._transport, trust_env=False
        ) as client:
            uri = self._issuer.jwks_uri
            if uri is None:
                address = self._issuer.issuer.rstrip("/") + "/.well-known/openid-configuration"
                found = self._document(client, address)
                uri = found.get("jwks_uri") if isinstance(found, dict) else None
                if not isinstance(uri, str) or found.get("issuer") != self._issuer.issuer:
                    raise ValueError("not the discovery document of this issuer")
            return key_set(self._document(client, uri), strict=False)

    def _document(self, client: httpx.Client, url: str) -> Any:
        parts = urlsplit(url)
        allowed = {urlsplit(self._issuer.issuer).hostname, *self._issuer.hosts}
        if parts.scheme != "https" and not (self._issuer.insecure and parts.scheme == "http"):
            raise ValueError("not https")
        if parts.hostname is None or parts.hostname not in allowed:
            raise ValueError("not a host of this issuer")
        deadline = time.monotonic() + 10.0
        with client.stream("GET", url, headers={"Accept": "application/json"}) as answer:
            if answer.status_code != 200:
                raise ValueError(f"status {answer.status_code}")
            body = b""
            for chunk in answer.iter_bytes():
                body += chunk
                if len(body) > _LARGEST or time.monotonic() > deadline:
                    raise ValueError("too much, or too slow")
        return orjson.loads(body)


def _has(keys: Sequence[Key], name: object) -> bool:
    return name is None or any(key.kid == name or key.kid is None for key in keys)
