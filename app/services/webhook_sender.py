"""The sender of webhooks: one thread in one process of all, which holds a lease; deliveries go out side by side.

At least once, under the same id: an attempt is counted before it is made and its outcome written after it. To one
receiver messages go one at a time, those about one thing in their order.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta

import httpx
import orjson

from app.errors import Problem
from app.services.registry import Registry
from app.services.webhook_addresses import AddressRefused, resolved
from app.services.webhook_messages import MEDIA_TYPE
from app.services.webhook_outbox import WebhookOutbox
from app.services.webhook_signature import signature
from app.store import leases, webhooks
from app.store.audit import AuditEntry
from app.store.ids import new_id
from app.store.webhooks import Attempt, Delivery, Webhook

_log = logging.getLogger(__name__)

TASK = "webhooks"
LEASE_SECONDS = 20.0
TIMEOUT_SECONDS = 15.0
AT_ONCE = 8
# The schedule Standard Webhooks recommends; the last step is repeated until the operator's patience ends.
DELAYS = (5, 5 * 60, 30 * 60, 2 * 3_600, 5 * 3_600, 10 * 3_600, 14 * 3_600, 20 * 3_600, 24 * 3_600)
JITTER = 0.2
_FEWEST_BEFORE_GIVING_UP = 5
_KEPT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often the sender looks, and after which seconds it tries again."""

    look_seconds: float = 0.5
    idle_seconds: float = 2.0
    delays: tuple[float, ...] = DELAYS


class WebhookSender:
    """Start it in every process; only the one with the lease sends."""

    def __init__(self, registry: Registry, outbox: WebhookOutbox, pace: Pace | None = None) -> None:
        self._registry = registry
        self._outbox = outbox
        self._pace = pace or Pace()
        self._holder = new_id()
        self._leased_until = 0.0
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, name="webhooks", daemon=True)
        self._flying: set[str] = set()
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook")
        # No proxies of the environment and no redirects: nothing is sent anywhere but where it was allowed.
        self._client = httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False)
        self._tidied = 0.0

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Ends after what is in the air has landed; another process may take over at once."""
        self._stopping.set()
        self._thread.join(TIMEOUT_SECONDS * 2)
        self._pool.shutdown(wait=True, cancel_futures=True)
        self._client.close()

    def _run(self) -> None:
        while not self._stopping.is_set():
            pause = self._pace.idle_seconds
            try:
                if self._has_lease():
                    self._outbox.look()
                    self._send_what_is_due()
                    self._tidy()
                    pause = self._pace.look_seconds if self._outbox.active else min(1.0, pause)
            except Problem as problem:
                _log.warning("webhooks wait: %s", problem.code)
            except Exception:  # noqa: BLE001 - whatever it is, the next look may go well
                _log.exception("webhooks failed; going on")
            self._stopping.wait(pause)
        try:
            with self._registry.database.journal() as journal:
                leases.give_back(journal, TASK, self._holder, self._registry.now())
        except Problem:
            _log.warning("the lease of the webhooks runs out by itself")

    def _has_lease(self) -> bool:
        if time.monotonic() < self._leased_until - LEASE_SECONDS / 2:
            return True
        now = self._registry.now()
        with self._registry.database.journal() as journal:
            taken = leases.take(journal, TASK, self._holder, now, now + timedelta(seconds=LEASE_SECONDS))
        self._leased_until = time.monotonic() + LEASE_SECONDS if taken else 0.0
        return taken

    def _send_what_is_due(self) -> None:
        now = self._registry.now()
        with self._registry.database.read_journal() as cx:
            waiting = webhooks.waiting(cx)
        heads: dict[tuple[str, str], Delivery] = {}
        for delivery in waiting:
            heads.setdefault((delivery.webhook_id, delivery.topic), delivery)
        for delivery in sorted(heads.values(), key=lambda one: (one.next_at or now, one.id)):
            webhook = self._outbox.active.get(delivery.webhook_id)
            if webhook is None or delivery.next_at is None or delivery.next_at > now:
                continue
            with self._lock:
                if webhook.id in self._flying:
                    continue
                self._flying.add(webhook.id)
            self._pool.submit(self._landed, webhook, delivery)

    def _landed(self, webhook: Webhook, delivery: Delivery) -> None:
        try:
            self._deliver(webhook, delivery)
        except Problem as problem:
            _log.warning("a webhook's attempt is not written down: %s", problem.code)
        except Exception:  # noqa: BLE001 - the others go on
            _log.exception("a webhook failed; going on")
        finally:
            with self._lock:
                self._flying.discard(webhook.id)

    def _deliver(self, webhook: Webhook, delivery: Delivery) -> None:
        begun = self._registry.now()
        next_at = begun + timedelta(seconds=self._delay(delivery.attempts))
        with self._registry.database.journal() as journal:
            if not webhooks.claim(journal, delivery, next_at):
                return
        self._witness(webhook, delivery, begun)
        status, outcome, retry_after = self._post(webhook, delivery)
        now = self._registry.now()
        attempt = Attempt(webhook.id, delivery.id, now, status, outcome)
        patience = timedelta(days=self._registry.settings.webhook_give_up_days)
        over = now - delivery.created_at >= patience and delivery.attempts + 1 >= _FEWEST_BEFORE_GIVING_UP
        with self._registry.database.journal() as journal:
            if outcome == "delivered":
                webhooks.mark(journal, attempt, "delivered", None)
            elif outcome == "gone" or over:
                webhooks.mark(journal, attempt, "failed", None)
            else:
                webhooks.mark(journal, attempt, "waiting", max(next_at, now + timedelta(seconds=retry_after)))
        if outcome == "gone" or (over and outcome != "delivered"):
            self._outbox.end(webhook, "gone" if outcome == "gone" else "failing")

    def _delay(self, attempts: int) -> float:
        delay = self._pace.delays[min(attempts, len(self._pace.delays) - 1)]
        return delay * random.uniform(1 - JITTER, 1 + JITTER)  # noqa: S311 - spreads load, guards nothing

    def _post(self, webhook: Webhook, delivery: Delivery) -> tuple[int | None, str, float]:
        """The status that came back, what it means, and the seconds the receiver asks to be left alone."""
        body = orjson.dumps(delivery.body)
        sent = int(self._registry.now().timestamp())
        _, secret = self._registry.sealer.open("webhook", webhook.sealed_secret)
        try:
            # Looked at for each attempt: the operator may have taken the host away, or the name may lead elsewhere.
            target = resolved(webhook.url, self._registry.settings)
            request = self._client.build_request(
                "POST",
                target.url,
                content=body,
                headers={
                    "Host": target.host_header,
                    "Content-Type": MEDIA_TYPE,
                    "User-Agent": "township-webhooks",
                    "webhook-id": delivery.id,
                    "webhook-timestamp": str(sent),
                    "webhook-signature": signature(secret, delivery.id, sent, body),
                },
                extensions={"sni_hostname": target.host},
            )
            answer = self._client.send(request, stream=True)
            answer.close()
        except AddressRefused:
            return None, "address_refused", 0
        except httpx.TimeoutException:
            return None, "timeout", 0
        except (httpx.HTTPError, OSError):
            return None, "unreachable", 0
        if answer.is_success:
            return answer.status_code, "delivered", 0
        if answer.status_code == httpx.codes.GONE:
            return answer.status_code, "gone", 0
        wish = answer.headers.get("Retry-After", "")
        return answer.status_code, "refused", min(float(wish), DELAYS[-1]) if wish.isdecimal() else 0

    def _witness(self, webhook: Webhook, delivery: Delivery, at: datetime) -> None:
        """That something happened is told to the outside: in the audit before it leaves."""
        self._registry.audit.append(
            AuditEntry(
                at=at,
                request_id=delivery.id,
                kind="act",
                caller_kind="department",
                action="webhook.deliver",
                credential_id=webhook.created_by,
                department=webhook.department,
                target=f"{delivery.topic} {webhook.id}",
                status="sent",
            )
        )

    def _tidy(self) -> None:
        if time.monotonic() < self._tidied + 3_600 and self._tidied:
            return
        self._tidied = time.monotonic()
        with self._registry.database.journal() as journal:
            webhooks.forget(journal, self._registry.now() - _KEPT)
