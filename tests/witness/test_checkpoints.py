from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from app.witness.checkpoints import (
    Checkpoint,
    public_bytes,
    read_checkpoint,
    read_verifier,
    sign_checkpoint,
    verifier_text,
)
from app.witness.merkle import ProofFault
from app.witness.receipts import check_answer, public_jwk, read_receipt, sign_receipt

SEED = bytes(range(32))
KEY = Ed25519PrivateKey.from_private_bytes(SEED)
PUBLIC = public_bytes(KEY)
HEAD = Checkpoint("township-registry/ab/sha256", 7, b"\x05" * 32, "sha256", "2026-03-01T08:00:00.000000Z")
CLAIMS = {
    "view": "v",
    "answer": {"sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824", "bytes": 5},
}


def test_a_checkpoint_is_a_signed_note_that_its_key_reads_back():
    note = sign_checkpoint(HEAD, KEY)
    lines = note.splitlines()
    assert lines[:3] == [HEAD.origin, "7", base64.b64encode(HEAD.root).decode()]
    assert lines[5] == ""
    assert lines[6].startswith(f"— {HEAD.origin} ")
    assert read_checkpoint(note, PUBLIC) == HEAD


@pytest.mark.parametrize(
    "change",
    [
        lambda note: note.replace("\n7\n", "\n8\n"),
        lambda note: note.replace("ab/sha256", "cd/sha256"),
        lambda note: note.replace("2026-03-01", "2026-03-02"),
        lambda note: note.split("\n\n")[0] + "\n\n",
        lambda note: note.replace("\n7\n", "\n07\n"),
        lambda note: "",
    ],
)
def test_a_note_that_was_changed_is_refused(change):
    with pytest.raises(ProofFault):
        read_checkpoint(change(sign_checkpoint(HEAD, KEY)), PUBLIC)


def test_a_checkpoint_of_another_key_is_refused():
    other = Ed25519PrivateKey.generate()
    with pytest.raises(ProofFault, match="signed"):
        read_checkpoint(sign_checkpoint(HEAD, other), PUBLIC)


def test_a_verifier_key_says_log_and_key_and_has_a_check_of_its_own():
    text = verifier_text(HEAD.origin, PUBLIC)
    assert read_verifier(text) == (HEAD.origin, PUBLIC)
    for wrong in ("", text[:-4], text.replace("ab", "cd"), "a+b"):
        with pytest.raises(ProofFault):
            read_verifier(wrong)


def test_a_receipt_holds_under_its_key_alone_and_for_its_bytes_alone():
    receipt = sign_receipt(CLAIMS, SEED, PUBLIC)
    claims = read_receipt(receipt, public_jwk(PUBLIC))
    assert claims == CLAIMS
    check_answer(claims, [b"he", b"llo"])
    for data in ([b"hellO"], [b"hello", b"\n"], []):
        with pytest.raises(ProofFault):
            check_answer(claims, data)
    with pytest.raises(ProofFault):
        read_receipt(receipt, public_jwk(public_bytes(Ed25519PrivateKey.generate())))
    head, payload, signature = receipt.split(".")
    forged = base64.urlsafe_b64encode(b'{"view":"w"}').rstrip(b"=").decode()
    for wrong in (f"{head}.{forged}.{signature}", f"{head}.{payload}", "", "a.b.c", f"{head}.{payload}."):
        with pytest.raises(ProofFault):
            read_receipt(wrong, public_jwk(PUBLIC))
