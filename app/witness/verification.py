"""Proving a whole log from what is kept of it, and naming the first entry that is not as it was written."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from app.witness.checkpoints import Checkpoint, read_checkpoint
from app.witness.entries import BEFORE_THE_TREE, entry_bytes, next_link, next_running
from app.witness.merkle import Frontier, Hashing, ProofFault

WIDTH = 256
_MOST_FAULTS = 20


@dataclass(frozen=True, slots=True)
class KeptEntry:
    """An entry as found. ``exact``: its JSON is letter for letter as it is always written."""

    id: int
    document: Mapping[str, Any]
    link: bytes
    exact: bool = True

    @property
    def writer(self) -> str:
        return str(self.document.get("writer"))

    @property
    def position(self) -> int:
        found = self.document.get("position")
        return found if isinstance(found, int) else 0


@dataclass(frozen=True, slots=True)
class KeptLeaf:
    """A leaf as found, with its entry unless that is gone. ``running`` is empty where it was not kept."""

    number: int
    entry_id: int
    hash: bytes
    running: bytes
    entry: KeptEntry | None


@dataclass(frozen=True, slots=True)
class KeptWriter:
    sequenced: int
    last: int | None


class KeptLog(Protocol):
    """What is kept of a log. ``chain_key`` is None where links cannot be checked, as in an export."""

    hashing: Hashing
    origin: str
    public: bytes
    chain_key: bytes | None

    def leaves(self) -> Iterator[KeptLeaf]:
        """By number."""

    def tail(self) -> Iterator[KeptEntry]:
        """Entries that the tree does not have, by writer and position."""

    def nodes(self) -> Iterator[tuple[int, int, bytes]]:
        """Inner nodes: (level, number, hash), by level and number."""

    def notes(self) -> Iterator[tuple[int, str]]:
        """Signed heads by size."""

    def writers(self) -> Mapping[str, KeptWriter] | None:
        """Who wrote, or None where that was not kept."""


@dataclass(frozen=True, slots=True)
class LogFault:
    """Something that is not as it was written: at a leaf, or at an entry the tree does not have."""

    kind: str
    number: int | None
    entry_id: int | None
    message: str

    def __str__(self) -> str:
        place = f"叶 (leaf) {self.number}" if self.number is not None else "未入树 (not in the tree)"
        entry = f" · 条目 (entry) {self.entry_id}" if self.entry_id is not None else ""
        return f"{place}{entry}: {self.message}"


@dataclass(slots=True)
class Verdict:
    """What was found: the size and root that the leaves really have, and the faults, the first broken entry first."""

    size: int = 0
    root: bytes = b""
    tail: int = 0
    pruned: int = 0
    heads: int = 0
    faults: list[LogFault] = field(default_factory=list)


def verify(log: KeptLog, outside: Sequence[str] = ()) -> Verdict:
    """Prove a log whole: entries, leaves, tree, signed heads, and heads that were kept elsewhere (``outside``)."""
    run = _Run(log, outside)
    run.walk()
    run.check_tail()
    run.check_pruned()
    run.check_nodes()
    run.verdict.faults.sort(key=lambda fault: (fault.number is None, fault.number or 0))
    del run.verdict.faults[_MOST_FAULTS:]
    return run.verdict


class _Run:
    def __init__(self, log: KeptLog, outside: Sequence[str]) -> None:
        self.log = log
        self.verdict = Verdict()
        self.frontier = Frontier(log.hashing)
        self.running = b""
        self.chains: dict[str, tuple[int, bytes | None]] = {}  # writer → position and link of its last entry
        self.gone: list[KeptLeaf] = []  # the pruned prefix must be vouched for by a prune that comes later
        self.removed: list[KeptLeaf] = []
        self.pruned_below = 0
        self.levels: list[list[bytes]] = [[]]  # hashes of the tile that each level is filling
        self.nodes = iter(log.nodes())
        self.expected_nodes: dict[tuple[int, int], bytes] = {}
        self.heads = self._heads(outside)

    def fault(self, kind: str, leaf: KeptLeaf | None, message: str, entry: KeptEntry | None = None) -> None:
        number = leaf.number if leaf is not None else None
        entry_id = leaf.entry_id if leaf is not None else entry.id if entry is not None else None
        self.verdict.faults.append(LogFault(kind, number, entry_id, message))

    def _heads(self, outside: Iterable[str]) -> list[tuple[Checkpoint, bool]]:
        """Every signed head that is to agree with the leaves, smallest first; True for those kept elsewhere."""
        found = []
        for size, note in self.log.notes():
            head = self._signed(note, kept_elsewhere=False)
            if head is not None and head.size != size:
                self._told_head("检查点被改动 (a checkpoint was changed)")
            elif head is not None:
                found.append((head, False))
        for note in outside:
            head = self._signed(note, kept_elsewhere=True)
            if head is not None:
                found.append((head, True))
        return sorted(found, key=lambda pair: (pair[0].size, pair[1]))

    def _signed(self, note: str, *, kept_elsewhere: bool) -> Checkpoint | None:
        where = "另存的检查点 (the checkpoint kept elsewhere)" if kept_elsewhere else "检查点 (a checkpoint)"
        try:
            head = read_checkpoint(note, self.log.public)
        except ProofFault as fault:
            self._told_head(f"{where}: {fault}")
            return None
        if head.origin != self.log.origin or head.hash != self.log.hashing.name:
            self._told_head(f"{where}: 属于另一份日志 {head.origin} (of another log)")
            return None
        return head

    def _told_head(self, message: str) -> None:
        self.verdict.faults.append(LogFault("checkpoint", None, None, message))

    # -- the leaves ---------------------------------------------------------------------------------------------------

    def walk(self) -> None:
        waiting = list(reversed(self.heads))
        good = 0
        expected = 0
        while waiting and waiting[-1][0].size == 0:
            self._head(waiting.pop(), 0)
        for leaf in self.log.leaves():
            while expected < leaf.number:
                gap = KeptLeaf(expected, -1, b"", b"", None)
                self.verdict.faults.append(LogFault("removed", gap.number, None, "叶被删除 (the leaf was removed)"))
                expected = leaf.number
            expected = leaf.number + 1
            self._leaf(leaf)
            while waiting and waiting[-1][0].size <= self.frontier.size:
                good = self._head(waiting.pop(), good)
        for head, kept_elsewhere in reversed(waiting):
            where = "另存的检查点 (kept elsewhere)" if kept_elsewhere else "检查点 (checkpoint)"
            message = f"{where}记有 {head.size} 条，日志只有 {self.frontier.size} 条：末尾被删 (entries at the end were removed)"
            self.verdict.faults.append(LogFault("removed", self.frontier.size, None, message))
        self.verdict.size, self.verdict.root = self.frontier.size, self.frontier.root()

    def _head(self, head: tuple[Checkpoint, bool], good: int) -> int:
        """Hold the tree so far against a head of its size; ``good`` is the size up to which heads agreed."""
        self.verdict.heads += 1
        if self.frontier.root() == head[0].root:
            return head[0].size
        if not any(fault.number is not None and fault.number < head[0].size for fault in self.verdict.faults):
            where = "另存的检查点 (kept elsewhere)" if head[1] else "检查点 (checkpoint)"
            message = (
                f"叶 {good} 至 {head[0].size - 1} 之间与{where}不符 (between leaves {good} and {head[0].size - 1} "
                "the log is not what was signed)"
            )
            self.verdict.faults.append(LogFault("changed", good, None, message))
        return good

    def _leaf(self, leaf: KeptLeaf) -> None:
        log = self.log
        self.frontier.append(leaf.hash)
        self._tile(leaf)
        if leaf.running:
            if next_running(log.hashing, self.running, leaf.hash) != leaf.running:
                self.fault("moved", leaf, "此处的叶不是原来的 (moved, put in or replaced: not the leaf that was here)")
            self.running = leaf.running
        entry = leaf.entry
        if entry is None:
            self.gone.append(leaf) if len(self.gone) == leaf.number else self.removed.append(leaf)
            return
        if not entry.exact or log.hashing.leaf(entry_bytes(entry.document)) != leaf.hash:
            self.fault("changed", leaf, "条目被改动 (the entry was changed)")
            return
        self._prunes(entry)
        self._linked(entry, leaf.hash, leaf)

    def _prunes(self, entry: KeptEntry) -> None:
        told = entry.document.get("question")
        if (
            entry.document.get("action") == PRUNE
            and entry.document.get("kind") == "intent"
            and isinstance(told, Mapping)
        ):
            below = told.get("below")
            if isinstance(below, int):
                self.pruned_below = max(self.pruned_below, below)

    def _linked(self, entry: KeptEntry, leaf_hash: bytes, leaf: KeptLeaf | None) -> None:
        position, before = self.chains.get(entry.writer, (0, b""))
        if entry.writer != BEFORE_THE_TREE:
            known = entry.writer in self.chains or entry.position == 1
            # After a prune the first entries of a writer are not there; its leaves are, so the tree vouches for them.
            if not known and leaf is not None and self.gone:
                self.chains[entry.writer] = (entry.position, entry.link)
                return
            if entry.position != position + 1:
                self.fault("removed", leaf, "前一条目缺失或次序被改 (the one before it is missing, or moved)", entry)
            elif self.log.chain_key is not None and before is not None:
                link = next_link(self.log.hashing, self.log.chain_key, entry.writer, before, leaf_hash)
                if link != entry.link:
                    self.fault("changed", leaf, "条目被改动或插入 (the entry was changed or put in)", entry)
        elif entry.position <= position:
            self.fault("moved", leaf, "次序被改 (moved)", entry)
        self.chains[entry.writer] = (entry.position, entry.link)

    def check_pruned(self) -> None:
        """Entries that are gone are in order only where a prune, itself in the log, says so."""
        self.verdict.pruned = sum(leaf.number < self.pruned_below for leaf in [*self.gone, *self.removed])
        for leaf in [*self.gone, *self.removed]:
            if leaf.number >= self.pruned_below:
                self.fault("removed", leaf, "条目被删除 (the entry was removed)")

    # -- inner nodes --------------------------------------------------------------------------------------------------

    def _tile(self, leaf: KeptLeaf) -> None:
        level, found = 0, leaf.hash
        while True:
            if level == len(self.levels):
                self.levels.append([])
            self.levels[level].append(found)
            if len(self.levels[level]) < WIDTH:
                return
            folded = self.levels[level]
            while len(folded) > 1:
                folded = [self.log.hashing.node(*pair) for pair in zip(folded[::2], folded[1::2], strict=True)]
            self.levels[level] = []
            level, found = level + 1, folded[0]
            self.expected_nodes[level, (self.frontier.size >> (8 * level)) - 1] = found

    def check_nodes(self) -> None:
        found = {(level, number): hash_ for level, number, hash_ in self.nodes}
        for (level, number), hash_ in sorted(self.expected_nodes.items()):
            if found.pop((level, number), None) == hash_:
                continue
            first, end = number << (8 * level), (number + 1) << (8 * level)
            if not any(fault.number is not None and fault.number < end for fault in self.verdict.faults):
                message = f"树结点 {level}/{number} 与叶 {first} 至 {end - 1} 不符 (a node does not fit its leaves)"
                self.verdict.faults.append(LogFault("node", first, None, message))
        for level, number in sorted(found):
            message = f"多出树结点 {level}/{number} (a node that does not belong)"
            self.verdict.faults.append(LogFault("node", number << (8 * level), None, message))

    # -- what the tree does not have yet ------------------------------------------------------------------------------

    def check_tail(self) -> None:
        writers = self.log.writers()
        in_tree = {writer: position for writer, (position, _) in self.chains.items()}
        previous: KeptEntry | None = None
        for entry in self.log.tail():
            self.verdict.tail += 1
            held = in_tree.get(entry.writer, 0)
            if writers is not None and entry.writer not in writers:
                self.fault("inserted", None, "插入的条目：没有这个写入者 (put in: no such writer)", entry)
                continue
            if entry.position <= max(held, writers[entry.writer].sequenced if writers else 0):
                self.fault("inserted", None, "插入的条目，或其叶被删 (put in, or its leaf was removed)", entry)
                continue
            if not entry.exact:
                self.fault("changed", None, "条目被改动 (the entry was changed)", entry)
            if previous is not None and previous.writer == entry.writer and previous.id > entry.id:
                self.fault("moved", None, "次序被改 (moved)", entry)
            self._prunes(entry)
            self._linked(entry, self.log.hashing.leaf(entry_bytes(entry.document)), None)
            previous = entry
        self._writers(writers, in_tree)

    def _writers(self, writers: Mapping[str, KeptWriter] | None, in_tree: Mapping[str, int]) -> None:
        if writers is None:
            return
        for name, writer in writers.items():
            position = self.chains.get(name, (0, None))[0]
            if writer.last is not None and writer.last != position and not (position == 0 and self.gone):
                message = f"写入者 {name} 的第 {position + 1} 至 {writer.last} 条缺失 (entries of a writer are missing)"
                self.verdict.faults.append(LogFault("removed", None, None, message))
            elif writer.sequenced != in_tree.get(name, 0) and not (name not in in_tree and self.gone):
                message = f"写入者 {name} 的计数被改 (the counter of a writer was changed)"
                self.verdict.faults.append(LogFault("writer", None, None, message))
        for name in set(in_tree) - set(writers):
            message = f"写入者 {name} 的登记被删 (the row of a writer was removed)"
            self.verdict.faults.append(LogFault("writer", None, None, message))


PRUNE = "prune-audit"
"""The action under which entries are taken out; its question tells ``below``, the first leaf whose entry stays."""
