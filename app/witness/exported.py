"""The log as a file of JSON lines for those who check it elsewhere: one line a leaf with its entry, the head at the end.

The first line says which log it is, which hash and which key. A leaf whose entry was pruned has none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson

from app.witness.checkpoints import read_verifier, verifier_text
from app.witness.merkle import HASHINGS, ProofFault
from app.witness.verification import KeptEntry, KeptLeaf, KeptLog, KeptWriter

FORMAT = "township-audit/1"


def exported_lines(log: KeptLog, note: str) -> Iterator[dict[str, Any]]:
    """The lines of an export, as JSON objects, ending with the signed head ``note``."""
    yield {"format": FORMAT, "hash": log.hashing.name, "key": verifier_text(log.origin, log.public)}
    for leaf in log.leaves():
        told: dict[str, Any] = {"number": leaf.number, "id": leaf.entry_id, "hash": leaf.hash.hex()}
        if leaf.entry is not None:
            told["entry"] = {name: value for name, value in leaf.entry.document.items() if value is not None}
        yield told
    yield {"checkpoint": note}


class ExportedLog:
    """An export, read once through. Implements ``KeptLog``; it has neither links nor inner nodes."""

    chain_key: bytes | None = None

    def __init__(self, lines: Iterable[bytes]) -> None:
        self._lines = iter(lines)
        head = self._object(next(self._lines, b""))
        if head.get("format") != FORMAT or head.get("hash") not in HASHINGS:
            raise ProofFault("不是审计导出文件 (not an export of the audit)")
        self.hashing = HASHINGS[head["hash"]]
        self.origin, self.public = read_verifier(str(head.get("key")))
        self._leaves: list[KeptLeaf] = []
        self._notes: list[tuple[int, str]] = []
        for line in self._lines:
            told = self._object(line)
            if "checkpoint" in told:
                self._notes.append((self._size(str(told["checkpoint"])), str(told["checkpoint"])))
            else:
                self._leaves.append(self._leaf(told))
        if not self._notes:
            raise ProofFault("导出文件没有检查点，末尾被截去 (the export has no head: its end was cut off)")

    def leaves(self) -> Iterator[KeptLeaf]:
        return iter(self._leaves)

    def tail(self) -> Iterator[KeptEntry]:
        return iter(())

    def nodes(self) -> Iterator[tuple[int, int, bytes]]:
        return iter(())

    def notes(self) -> Iterator[tuple[int, str]]:
        return iter(self._notes)

    def writers(self) -> Mapping[str, KeptWriter] | None:
        return None

    @staticmethod
    def _object(line: bytes) -> dict[str, Any]:
        try:
            found = orjson.loads(line)
        except orjson.JSONDecodeError as error:
            raise ProofFault("导出文件的一行不是 JSON (a line of the export is not JSON)") from error
        if not isinstance(found, dict):
            raise ProofFault("导出文件的一行不是对象 (a line of the export is not an object)")
        return found

    @staticmethod
    def _size(note: str) -> int:
        lines = note.splitlines()
        return int(lines[1]) if len(lines) > 1 and lines[1].isascii() and lines[1].isdecimal() else -1

    @staticmethod
    def _leaf(told: Mapping[str, Any]) -> KeptLeaf:
        try:
            hash_ = bytes.fromhex(told["hash"])
            number, entry_id, entry = int(told["number"]), int(told["id"]), told.get("entry")
        except (KeyError, ValueError, TypeError) as error:
            raise ProofFault("导出文件的一行缺少 number、id 或 hash (a line lacks a member)") from error
        kept = KeptEntry(entry_id, entry, b"") if isinstance(entry, Mapping) else None
        return KeptLeaf(number, entry_id, hash_, b"", kept)
