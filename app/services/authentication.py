"""From what a request presents to who is asking: a key, an access token, or a token of an external issuer."""

from __future__ import annotations

import threading
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Literal

import httpx

from app.errors import Problem
from app.policy.callers import Caller
from app.services.brake import Brake, source_of
from app.services.people import People
from app.services.possession import Proof, proven_key
from app.services.registry import Registry
from app.services.signed_tokens import ALGORITHMS, Unsigned
from app.services.token_signing import TokenSigner
from app.store import credentials as kept
from app.store import used_once
from app.store.credentials import Credential, StoredToken

Means = Literal["key", "former_key", "token", "person"]
_KNOWN_AT_ONCE = 10_000
_PERSON_KNOWN = timedelta(minutes=5)
_REFUSED = "凭证无效、已过期或已撤销 (the credential is not valid)"


@dataclass(frozen=True, slots=True)
class Presented:
    """What a request presents: the scheme of its ``Authorization``, what follows, whence it came, and its proof."""

    value: str
    bound: bool = False  # the scheme was DPoP
    address: str | None = None
    proof: Proof | None = None


@dataclass(frozen=True, slots=True)
class Recognised:
    """Who it is, and by what."""

    caller: Caller
    means: Means


@dataclass(frozen=True, slots=True)
class _Checked:
    """What was found right at an epoch: as long as the epoch stands, only time can end it."""

    epoch: int
    recognised: Recognised
    until: datetime | None
    thumbprint: str | None = None
    again: datetime | None = None  # when it has to be looked at anew


class _Ended(Unsigned):
    """It was valid once: whoever presents it is not guessing."""


class Authenticator:
    """Checks every request. A key or token that was revoked stops at once: its revocation moves the epoch."""

    def __init__(self, registry: Registry, transport: httpx.BaseTransport | None = None) -> None:
        self._registry = registry
        self._people = People(registry, transport)
        self.signer = TokenSigner(registry.sealing_key)
        self.brake = Brake(registry.settings.failures_allowed, registry.now)
        self._checked: OrderedDict[bytes, _Checked] = OrderedDict()
        self._lock = threading.Lock()

    def recognise(self, given: Presented, *, proven: bool = False) -> Recognised:
        """Whom it stands for; 401 in one wording for all that is not valid, 429 for who was so too often.

        ``proven``: the proof of this very request was looked at before.
        """
        epoch = self._registry.database.epoch()
        now = self._registry.now()
        presented = fingerprint(given.value)
        with self._lock:
            known = self._checked.get(presented)
        if known is not None and known.epoch != epoch and self._registry.only_records_since(known.epoch, epoch):
            # What townships report says nothing about who may ask: at month's end thousands need not be looked up anew.
            known = replace(known, epoch=epoch)
            with self._lock:
                self._checked[presented] = known
        if known is None or known.epoch != epoch or (known.again is not None and now >= known.again):
            # Others behind the same address may fail: what was right before is looked at without waiting.
            if known is None:
                self.brake.admit(source_of(given.address))
            known = self._check(given, epoch, now)
            with self._lock:
                self._checked[presented] = known
                self._checked.move_to_end(presented)
                while len(self._checked) > _KNOWN_AT_ONCE:
                    self._checked.popitem(last=False)
        if known.until is not None and now >= known.until:
            raise unauthenticated()
        if given.bound != (known.thumbprint is not None):
            raise unauthenticated()
        if known.thumbprint is not None and not proven:
            self._check_proof(given, known.thumbprint, now)
        return known.recognised

    def knows(self, value: str) -> bool:
        """Whether what is presented was recognised before and is looked at again without asking anybody outside."""
        with self._lock:
            known = self._checked.get(fingerprint(value))
        return known is not None and known.recognised.means != "person"

    def lasting(self, value: str, epoch: int) -> tuple[Caller, datetime | None] | None:
        """Whom what is presented stands for while this epoch does, and until when.

        None where that has to be looked at for each request: a proof of possession, a person known by somebody else.
        """
        with self._lock:
            known = self._checked.get(fingerprint(value))
        if known is None or known.epoch != epoch or known.again is not None or known.thumbprint is not None:
            return None
        return known.recognised.caller, known.until

    def use_once(self, name: str, until: datetime) -> bool:
        """Whether a name is used for the first time, here or in any other process."""
        with self._registry.database.journal() as cx:
            return used_once.use(cx, name, until, self._registry.now())

    def stored_token(self, presented: str, now: datetime) -> StoredToken | None:
        """The registry's own access token, opaque or signed, if it has not ended."""
        name, form = self.token_name(presented)
        with self._registry.database.read_journal() as cx:
            return kept.find_token(cx, name, now, form)

    def token_name(self, presented: str) -> tuple[str, kept.TokenForm]:
        """Under which name an access token of ours is kept, if it is one; a name of nothing otherwise."""
        if not self.signer.is_ours(presented):
            return presented, "twt"
        try:
            return self.signer.name_in(presented, self._registry.settings.public_url), "twj"
        except Unsigned:
            return "", "twj"

    def _check(self, given: Presented, epoch: int, now: datetime) -> _Checked:
        try:
            return self._of_any_form(given, epoch, now)
        except _Ended as reason:
            raise unauthenticated() from reason
        except Unsigned as reason:
            self.brake.failed(source_of(given.address))
            raise unauthenticated() from reason

    def _of_any_form(self, given: Presented, epoch: int, now: datetime) -> _Checked:
        presented = given.value
        if presented.count(".") == 2 and not self.signer.is_ours(presented):
            caller, until = self._people.person(presented, now)
            return _Checked(epoch, Recognised(caller, "person"), until, again=min(until, now + _PERSON_KNOWN))
        if presented.startswith("twn_"):
            return self._check_key(given, epoch, now)
        token = self.stored_token(presented, now)
        credential = self._credential(token.credential_id) if token is not None else None
        if token is None and self.signer.is_ours(presented) and self.token_name(presented)[0]:
            raise _Ended("token")  # signed by us: no guess
        if token is None:
            raise Unsigned("token")
        if credential is None or not credential.valid(now):
            raise _Ended("credential")
        until = _earliest(token.expires_at, credential.expires_at) or token.expires_at
        return _Checked(epoch, Recognised(credential.caller, "token"), until, token.thumbprint)

    def _check_key(self, given: Presented, epoch: int, now: datetime) -> _Checked:
        presented = given.value
        with self._registry.database.look() as cx:
            found = kept.find_by_key(cx, presented)
        if found is None:
            self.brake.failed(source_of(given.address))
            named = f"client {presented[4:20]}"
            self.brake.failed(named)
            self.brake.admit(named)
            raise unauthenticated()
        if not found.valid(now) or found.credential.bound:
            raise _Ended("key")
        until = _earliest(found.until, found.credential.expires_at)
        means: Means = "former_key" if found.former else "key"
        return _Checked(epoch, Recognised(found.credential.caller, means), until)

    def _credential(self, identity: str) -> Credential | None:
        with self._registry.database.read() as cx:
            return kept.get(cx, identity)

    def _check_proof(self, given: Presented, thumbprint: str, now: datetime) -> None:
        proven = None
        with suppress(Unsigned):
            proven = given.proof and proven_key(given.proof, now, self.use_once, given.value)
        if proven != thumbprint:
            algorithms = " ".join(ALGORITHMS)
            challenge = f'DPoP error="invalid_dpop_proof", algs="{algorithms}"'
            raise Problem("unauthenticated", _REFUSED, headers={"WWW-Authenticate": challenge})


def fingerprint(presented: str) -> bytes:
    """By what something that was presented is found again; it is not kept itself."""
    return sha256(presented.encode("utf-8", "surrogatepass")).digest()


def _earliest(*ends: datetime | None) -> datetime | None:
    return min((end for end in ends if end is not None), default=None)


def unauthenticated() -> Problem:
    """The one refusal of everybody who is not known."""
    return Problem("unauthenticated", _REFUSED, headers={"WWW-Authenticate": 'Bearer realm="township"'})


__all__ = ["Authenticator", "Means", "Presented", "Recognised", "fingerprint", "unauthenticated"]
