"""Whether everybody answers the same, and whether that is right."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from bench.comparison import ours
from bench.comparison.country import AREAS, Country, answered
from bench.comparison.parties import Party
from bench.comparison.processes import Failed


def expected(places: Country, months: int) -> list[dict[str, Any]]:
    """The whole answer as JSON shows it, worked out apart from the registry."""
    return [_numbers(answered(township, month)) for township in places.townships for month in range(months)]


def kept(registries: Mapping[str, Party], folder: Path, right: Sequence[Mapping[str, Any]]) -> list[str]:
    """Asks the registries for the whole answer, keeps it as files to send, and says what is right about it and what wrong."""
    told = []
    for form in ("ndjson", "csv"):
        path = ours.view_path(0, f"format={form}")
        bodies = {name: ours.fetched(party, path) for name, party in registries.items()}
        body = next(iter(bodies.values()))
        (folder / form).write_bytes(body)
        if len({ours.digest(found) for found in bodies.values()}) == 1:
            told.append(f"{form}: the same {len(body):,} bytes from SQLite and PostgreSQL, one worker and two")
        else:
            told.append(f"**{form}: the registries' answers differ**: { ({n: len(b) for n, b in bodies.items()}) }")
        if form == "ndjson":
            same = rows_of(body) == list(right)
        else:
            same = body.count(b"\n") == len(right) + 1
            same = same and body.partition(b"\n")[0].decode("utf-8-sig").strip() == ",".join(right[0])
        if form == "ndjson" and same:
            told.append("ndjson: every value of ours is the one worked out apart from it in whole numbers")
        elif not same:
            told.append(f"**{form}: our answer is not the expected one**")
    return told


def compared(peer: Party, right: Sequence[Mapping[str, Any]]) -> str:
    """What there is to say of a peer's whole answer in JSON."""
    try:
        rows = rows_of(ours.fetched(peer, peer.whole["ndjson"]))
        same = sorted(rows, key=lambda row: (row["dm"], row["qj"])) == list(right)
    except (Failed, ValueError, KeyError) as fault:
        return f"{peer.name}: could not be compared ({fault})"
    return f"{peer.name}: {'the same values' if same else '**other values**'}, {len(rows):,} records"


def rows_of(body: bytes) -> list[dict[str, Any]]:
    """The records of a JSON array or of NDJSON. Raises ValueError for anything else."""
    if body[:1] == b"[":
        found: list[dict[str, Any]] = orjson.loads(body)
        return found
    return [orjson.loads(line) for line in body.splitlines()]


def _numbers(row: Mapping[str, Any]) -> dict[str, Any]:
    """A written decimal becomes the number that JSON shows."""
    areas = {f"f{n}" for n in AREAS}
    return {name: float(value) if name in areas else value for name, value in row.items()}
