"""Signed heads of the tree, in the form of a C2SP checkpoint in a signed note (Ed25519), so that other tools read them.

Beside origin, size and root a checkpoint says when it was made and by which hash, in extension lines.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from app.witness.merkle import HASHINGS, ProofFault

_ED25519 = b"\x01"
_SIGNATURE = re.compile(r"— (\S+) ([A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head of the log called ``origin``: its first ``size`` leaves have this root. ``at`` is an instant as text."""

    origin: str
    size: int
    root: bytes
    hash: str
    at: str

    def body(self) -> str:
        root = base64.b64encode(self.root).decode()
        return f"{self.origin}\n{self.size}\n{root}\nhash {self.hash}\nat {self.at}\n"


def public_bytes(key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes of the public key."""
    return key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)


def verifier_text(origin: str, public: bytes) -> str:
    """The public key as a note verifier key: ``name+hash+key``."""
    return f"{origin}+{_key_id(origin, public).hex()}+{base64.b64encode(_ED25519 + public).decode()}"


def read_verifier(text: str) -> tuple[str, bytes]:
    """Origin and public key of a verifier key. Raises ProofFault."""
    try:
        origin, identity, coded = text.strip().split("+", 2)
        raw = base64.b64decode(coded, validate=True)
    except (ValueError, binascii.Error) as error:
        raise ProofFault("公钥格式不对 (not a verifier key)") from error
    public = raw[1:]
    if raw[:1] != _ED25519 or len(public) != 32 or identity != _key_id(origin, public).hex():
        raise ProofFault("公钥格式不对 (not a verifier key)")
    return origin, public


def sign_checkpoint(checkpoint: Checkpoint, key: Ed25519PrivateKey) -> str:
    """The signed note of a checkpoint."""
    body = checkpoint.body()
    signature = _key_id(checkpoint.origin, public_bytes(key)) + key.sign(body.encode())
    return f"{body}\n— {checkpoint.origin} {base64.b64encode(signature).decode()}\n"


def read_checkpoint(note: str, public: bytes) -> Checkpoint:
    """The checkpoint of a note that this key has signed. Raises ProofFault for any other text."""
    body, blank, signatures = note.partition("\n\n")
    body += "\n"
    checkpoint = _parsed(body) if blank else None
    if checkpoint is None:
        raise ProofFault("不是检查点 (not a checkpoint)")
    wanted = _key_id(checkpoint.origin, public)
    for line in signatures.splitlines():
        found = _SIGNATURE.fullmatch(line)
        if found is None or found[1] != checkpoint.origin:
            continue
        raw = base64.b64decode(found[2] + "=" * (-len(found[2]) % 4))
        if raw[:4] != wanted:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(public).verify(raw[4:], body.encode())
        except InvalidSignature:
            break
        return checkpoint
    raise ProofFault("检查点不是由该密钥签署的 (the checkpoint is not signed by this key)")


def _parsed(body: str) -> Checkpoint | None:
    lines = body.splitlines()
    if len(lines) < 5 or not lines[1].isascii() or not lines[1].isdecimal():
        return None
    told = dict(line.split(" ", 1) for line in lines[3:] if " " in line)
    try:
        root = base64.b64decode(lines[2], validate=True)
    except binascii.Error:
        return None
    if told.get("hash") not in HASHINGS or "at" not in told:
        return None
    checkpoint = Checkpoint(lines[0], int(lines[1]), root, told["hash"], told["at"])
    return checkpoint if checkpoint.body() == body else None


def _key_id(origin: str, public: bytes) -> bytes:
    return hashlib.sha256(origin.encode() + b"\n" + _ED25519 + public).digest()[:4]
