"""The audit seen from outside: its entries and heads, proofs checked here rather than believed, and receipts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from app.client.connection import Connection, Json, decoded
from app.client.errors import Broken
from app.witness.checkpoints import Checkpoint, read_checkpoint, read_verifier
from app.witness.merkle import HASHINGS, ProofFault, check_consistency, check_inclusion
from app.witness.receipts import read_receipt

_LARGEST_PAGE = 1_000


class KeptReceipt:
    """A receipt with the key that signed it, as it is kept in a file."""

    def __init__(self) -> None:
        self.receipt = ""
        self.keys: list[Mapping[str, Any]] = []

    def take(self, headers: Mapping[str, str], keys: Json) -> None:
        """Take the receipt of an answer. Raises Broken where there is none or it is not signed by the registry."""
        self.receipt = headers.get("Receipt", "")
        self.keys = list(keys["keys"])
        try:
            read_receipt(self.receipt, self.keys[0])
        except (ProofFault, IndexError) as fault:
            raise Broken(f"答复没有有效的回执 (no valid receipt with the answer): {fault}") from fault

    def document(self) -> bytes:
        told = {"receipt": self.receipt, "keys": self.keys}
        return json.dumps(told, ensure_ascii=False, indent=2).encode() + b"\n"


class Audit:
    """``Township.audit``."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def _get(self, path: str, **parameters: str | int | None) -> Json:
        answer: Json = decoded(self._connection.send("GET", f"/v1/audit/{path}", parameters=parameters))
        return answer

    def keys(self) -> Json:
        """The public keys of checkpoints and receipts."""
        return self._get("keys")

    def entries(self, **wanted: str | None) -> Iterator[Json]:
        """Entries newest first, through all pages; ``wanted`` are the filters of ``GET /v1/audit/entries``."""
        before: int | None = None
        while True:
            page = self._get("entries", **wanted, before=before, limit=_LARGEST_PAGE)
            yield from page["entries"]
            before = page["next"]
            if before is None:
                return

    def checkpoint(self, verifier: str | None = None) -> tuple[Checkpoint, str]:
        """The newest head with its note, its signature checked with ``verifier`` (default: the key as published)."""
        note = self._get("checkpoint")["note"]
        return self._checked(note, verifier), note

    def included(self, entry: int | None = None, leaf: str | None = None, verifier: str | None = None) -> Json:
        """The proof that an entry is in the log, checked. Raises ProofFault where it does not hold."""
        proof = self._get("proofs/inclusion", entry=entry, leaf=leaf)
        head = self._checked(proof["note"], verifier)
        steps = [bytes.fromhex(step) for step in proof["proof"]]
        found = bytes.fromhex(proof["leaf"]["hash"])
        if leaf is not None and found.hex() != leaf.lower():
            raise ProofFault("答复的是另一片叶 (the proof is of another leaf)")
        check_inclusion(HASHINGS[head.hash], proof["leaf"]["number"], head.size, found, steps, head.root)
        return proof

    def grown_from(self, kept: str, verifier: str | None = None) -> Checkpoint:
        """The newest head, after checking that the head kept before (its note) is its beginning. Raises ProofFault."""
        old = self._checked(kept, verifier)
        head, _ = self.checkpoint(verifier)
        if old.origin != head.origin or old.size > head.size:
            raise ProofFault("另存的检查点不是这份日志的开头 (the kept head is not the beginning of this log)")
        if old.size == 0:
            return head
        proof = self._get("proofs/consistency", **{"from": old.size, "to": head.size})
        steps = [bytes.fromhex(step) for step in proof["proof"]]
        check_consistency(HASHINGS[head.hash], old.size, head.size, old.root, head.root, steps)
        return head

    def _checked(self, note: str, verifier: str | None) -> Checkpoint:
        origin, public = read_verifier(verifier or self.keys()["checkpoint_key"])
        head = read_checkpoint(note, public)
        if head.origin != origin:
            raise ProofFault("检查点属于另一份日志 (the checkpoint is of another log)")
        return head
