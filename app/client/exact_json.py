"""One JSON document out of many pages, its numbers passed through as they were written, digit for digit."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import orjson


def joined(pages: Iterable[bytes]) -> Iterator[bytes]:
    """The bytes of one document with the records of all pages; the rest of it is the first page's, ``next`` is null."""
    between = b""
    for page in pages:
        document = json.loads(page, parse_float=orjson.Fragment, parse_int=orjson.Fragment)
        records = document.pop("records")
        if not between:
            document.pop("next", None)
            yield orjson.dumps(document)[:-1] + (b"," if document else b"") + b'"records":['
            between = b"\n"
        for record in records:
            yield between + orjson.dumps(record)
            between = b",\n"
    yield b'],"next":null}\n'
