"""The tree against the reference vectors of RFC 6962's own test suite, and proofs against a tree built by definition."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.witness.merkle import (
    HASHINGS,
    Frontier,
    ProofFault,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    subtree_root,
)

SHA256 = HASHINGS["sha256"]
# The leaves and roots of the certificate-transparency reference implementation (merkletree tests).
LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
# (leaf number from 0, size, path) and (old, size, proof) of the same suite.
PATHS = [
    (0, 1, []),
    (
        0,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        5,
        8,
        [
            "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
    (2, 3, ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"]),
]
CONSISTENT = [
    (
        1,
        8,
        [
            "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
            "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
            "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
        ],
    ),
    (
        6,
        8,
        [
            "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
            "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        ],
    ),
]


def by_definition(leaves: list[bytes]) -> bytes:
    """MTH of RFC 9162, 2.1.1, word for word."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\x00" + leaves[0]).digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\x01" + by_definition(leaves[:half]) + by_definition(leaves[half:])).digest()


def subtree_of(leaves: list[bytes]):
    return lambda level, number: by_definition(leaves[number << level : (number + 1) << level])


@pytest.mark.parametrize("size", range(1, 9))
def test_roots_are_those_of_the_reference_implementation(size):
    frontier = Frontier(SHA256)
    for leaf in LEAVES[:size]:
        frontier.append(SHA256.leaf(leaf))
    assert frontier.root().hex() == ROOTS[size - 1]
    assert subtree_root(SHA256, subtree_of(LEAVES[:size]), 0, size).hex() == ROOTS[size - 1]


def test_the_empty_tree_has_the_hash_of_nothing():
    assert Frontier(SHA256).root() == hashlib.sha256(b"").digest()


@pytest.mark.parametrize(("index", "size", "path"), PATHS)
def test_audit_paths_are_those_of_the_reference_implementation(index, size, path):
    assert [step.hex() for step in inclusion_proof(SHA256, subtree_of(LEAVES), index, size)] == path


@pytest.mark.parametrize(("old", "size", "proof"), CONSISTENT)
def test_consistency_proofs_are_those_of_the_reference_implementation(old, size, proof):
    assert [step.hex() for step in consistency_proof(SHA256, subtree_of(LEAVES), old, size)] == proof


def test_sm3_is_that_of_the_standard():
    # GB/T 32905-2016, appendix A, example 1.
    assert HASHINGS["sm3"].digest(b"abc").hex() == "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"


@given(st.integers(1, 70), st.data())
def test_every_proof_holds_and_none_holds_for_another_leaf_place_or_root(size, data):
    leaves = [bytes([number]) for number in range(size)]
    subtree, root = subtree_of(leaves), by_definition(leaves)
    index = data.draw(st.integers(0, size - 1))
    proof = inclusion_proof(SHA256, subtree, index, size)
    leaf = SHA256.leaf(leaves[index])
    check_inclusion(SHA256, index, size, leaf, proof, root)
    wrong = [
        (index, SHA256.leaf(b"other"), proof, root),
        (index, leaf, proof, SHA256.leaf(b"other")),
        (index, leaf, [*proof, leaf], root),
        (index, leaf, proof[1:], root) if proof else (size, leaf, proof, root),
        ((index + 1) % (size + 1), leaf, proof, root),
    ]
    for number, told_leaf, told, told_root in wrong:
        with pytest.raises(ProofFault):
            check_inclusion(SHA256, number, size, told_leaf, told, told_root)


@given(st.integers(1, 70), st.data())
def test_an_older_tree_is_proved_to_be_the_beginning_and_no_other_is(size, data):
    leaves = [bytes([number]) for number in range(size)]
    old = data.draw(st.integers(1, size))
    proof = consistency_proof(SHA256, subtree_of(leaves), old, size)
    before, root = by_definition(leaves[:old]), by_definition(leaves)
    check_consistency(SHA256, old, size, before, root, proof)
    changed = by_definition([b"other", *leaves[1:old]])
    with pytest.raises(ProofFault):
        check_consistency(SHA256, old, size, changed, root, proof)
    with pytest.raises(ProofFault):
        check_consistency(SHA256, old, size, before, changed, proof)
