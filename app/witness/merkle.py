"""The Merkle tree of RFC 9162 (section 2.1; the same as RFC 6962): roots, proofs, and checking proofs without the tree.

A leaf is hashed with the prefix 0x00, an inner node with 0x01. Nothing here knows where hashes are kept.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from cryptography.hazmat.primitives import hashes


class ProofFault(ValueError):
    """A proof, a checkpoint or a receipt that does not hold; the message says why."""


@dataclass(frozen=True, slots=True)
class Hashing:
    """A hash function as the tree uses it."""

    name: str
    title: str
    digest: Callable[[bytes], bytes]

    def leaf(self, data: bytes) -> bytes:
        return self.digest(b"\x00" + data)

    def node(self, left: bytes, right: bytes) -> bytes:
        return self.digest(b"\x01" + left + right)


def _sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def _sm3(data: bytes) -> bytes:
    # Not hashlib's: whether that has SM3 depends on how Python was built.
    digest = hashes.Hash(hashes.SM3())
    digest.update(data)
    return digest.finalize()


HASHINGS: Mapping[str, Hashing] = {
    "sha256": Hashing("sha256", "SHA-256 (FIPS 180-4)", _sha256),
    "sm3": Hashing("sm3", "SM3 (GB/T 32905)", _sm3),
}

Subtree = Callable[[int, int], bytes]
"""``subtree(level, number)``: the hash of the complete subtree over leaves [number × 2**level, (number + 1) × 2**level)."""


def subtree_root(hashing: Hashing, subtree: Subtree, first: int, end: int) -> bytes:
    """The hash over leaves [first, end), as MTH of RFC 9162; ``first`` is where a subtree of that size may begin."""
    size = end - first
    if size == 0:
        return hashing.digest(b"")
    if size & (size - 1) == 0:
        level = size.bit_length() - 1
        return subtree(level, first >> level)
    middle = first + _split(size)
    return hashing.node(subtree_root(hashing, subtree, first, middle), subtree_root(hashing, subtree, middle, end))


def inclusion_proof(hashing: Hashing, subtree: Subtree, index: int, size: int) -> list[bytes]:
    """The audit path of leaf ``index`` in the tree of ``size`` leaves (2.1.3.1)."""
    if not 0 <= index < size:
        raise ProofFault(f"叶 {index} 不在 {size} 叶的树中 (leaf {index} is not in a tree of {size})")
    path: list[bytes] = []
    first, end = 0, size
    while end - first > 1:
        middle = first + _split(end - first)
        if index < middle:
            path.append(subtree_root(hashing, subtree, middle, end))
            end = middle
        else:
            path.append(subtree_root(hashing, subtree, first, middle))
            first = middle
    return path[::-1]


def consistency_proof(hashing: Hashing, subtree: Subtree, old: int, size: int) -> list[bytes]:
    """That the tree of ``old`` leaves is the beginning of the one of ``size`` (2.1.4.1); empty where they are the same."""
    if not 0 < old <= size:
        raise ProofFault(f"无法证明 {old} 到 {size} 的一致性 (no consistency from {old} to {size})")
    proof: list[bytes] = []
    first, end = 0, size
    whole = True  # whether [first, end) is the old tree's own subtree from its beginning
    while old != end:
        middle = first + _split(end - first)
        if old <= middle:
            proof.append(subtree_root(hashing, subtree, middle, end))
            end = middle
        else:
            proof.append(subtree_root(hashing, subtree, first, middle))
            first = middle
            whole = False
    if not whole:
        proof.append(subtree_root(hashing, subtree, first, end))
    return proof[::-1]


def check_inclusion(hashing: Hashing, index: int, size: int, leaf: bytes, proof: Sequence[bytes], root: bytes) -> None:
    """That a leaf hash is number ``index`` of the tree (2.1.3.2). Raises ProofFault."""
    if not 0 <= index < size:
        raise ProofFault("叶号超出树的大小 (the leaf is beyond the tree)")
    number, last, found = index, size - 1, leaf
    for step in proof:
        if last == 0:
            raise ProofFault("证明过长 (the proof is too long)")
        if number & 1 or number == last:
            found = hashing.node(step, found)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            found = hashing.node(found, step)
        number, last = number >> 1, last >> 1
    if last or found != root:
        raise ProofFault("证明与树根不符 (the proof does not lead to the root)")


def check_consistency(
    hashing: Hashing, old: int, size: int, old_root: bytes, root: bytes, proof: Sequence[bytes]
) -> None:
    """That the tree with ``old_root`` is the beginning of the one with ``root`` (2.1.4.2). Raises ProofFault."""
    if old == size and not proof and old_root == root:
        return
    if not 0 < old < size or not proof:
        raise ProofFault("一致性证明不成立 (the consistency proof does not hold)")
    steps = list(proof) if old & (old - 1) else [old_root, *proof]
    number, last = old - 1, size - 1
    while number & 1:
        number, last = number >> 1, last >> 1
    before = after = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise ProofFault("证明过长 (the proof is too long)")
        if number & 1 or number == last:
            before, after = hashing.node(step, before), hashing.node(step, after)
            while not number & 1 and number:
                number, last = number >> 1, last >> 1
        else:
            after = hashing.node(after, step)
        number, last = number >> 1, last >> 1
    if last or before != old_root or after != root:
        raise ProofFault("一致性证明不成立 (the consistency proof does not hold)")


class Frontier:
    """A tree that is only added to: holds one hash for each bit of its size."""

    def __init__(self, hashing: Hashing) -> None:
        self._hashing = hashing
        self._complete: list[tuple[int, bytes]] = []
        self.size = 0

    def append(self, leaf: bytes) -> None:
        level, found = 0, leaf
        while self._complete and self._complete[-1][0] == level:
            found = self._hashing.node(self._complete.pop()[1], found)
            level += 1
        self._complete.append((level, found))
        self.size += 1

    def root(self) -> bytes:
        if not self._complete:
            return self._hashing.digest(b"")
        found = self._complete[-1][1]
        for _, left in self._complete[-2::-1]:
            found = self._hashing.node(left, found)
        return found


def _split(size: int) -> int:
    """The largest power of two below ``size``."""
    return 1 << ((size - 1).bit_length() - 1)
