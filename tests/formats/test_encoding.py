"""Packed bytes unpack to what they were, and are the same whatever pieces they came in."""

from __future__ import annotations

import gzip

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from app.api.accepting import chosen_codings
from app.errors import Problem
from app.formats import encoding
from app.formats.encoding import CODINGS, Codings, packed

UNPACK = {"gzip": gzip.decompress, "zstd": lambda data: zstandard.ZstdDecompressor().decompressobj().decompress(data)}


@given(st.lists(st.binary(max_size=200), max_size=12), st.integers(1, 64), st.sampled_from(sorted(CODINGS)))
def test_pieces_do_not_matter(pieces: list[bytes], block: int, coding: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(encoding, "_BLOCK", block)
        one = b"".join(packed(pieces, coding))
        assert one == b"".join(packed([b"".join(pieces)], coding))
        assert UNPACK[coding](one) == b"".join(pieces)


@pytest.mark.parametrize(
    ("accepted", "codings", "identity"),
    [
        (None, (), True),
        ("", (), True),
        ("gzip, deflate, br, zstd", ("zstd", "gzip"), True),
        ("gzip", ("gzip",), True),
        ("zstd;q=0.5, gzip", ("gzip", "zstd"), True),
        ("gzip;q=0", (), True),
        ("*", ("zstd", "gzip"), True),
        ("*;q=0, gzip", ("gzip",), False),
        ("identity;q=0, zstd;q=0.1", ("zstd",), False),
        ("identity, gzip;q=0.5", (), True),
        ("GZIP;Q=1", ("gzip",), True),
        ("br", (), True),
    ],
)
def test_what_accept_encoding_takes(accepted: str | None, codings: tuple[str, ...], identity: bool) -> None:
    assert chosen_codings(accepted) == Codings(codings, identity)


@pytest.mark.parametrize("accepted", ["identity;q=0", "*;q=0", "br, identity;q=0", "identity;q=0, gzip;q=0"])
def test_nothing_that_is_taken_is_refused(accepted: str) -> None:
    with pytest.raises(Problem) as refused:
        chosen_codings(accepted)
    assert refused.value.code == "not_acceptable"


def test_bytes_too_few_to_pack_are_packed_only_where_they_must_be() -> None:
    assert Codings(("gzip",)).chosen(worth=False) == "identity"
    assert Codings(("gzip",), identity=False).chosen(worth=False) == "gzip"
