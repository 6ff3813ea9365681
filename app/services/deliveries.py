"""How answers leave the house: made once and kept, in the coding the reader takes, and in parts where one is asked for.

Whoever comes here may see the answer: that was decided before.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import IO

import orjson
import polars as pl

from app.errors import Problem
from app.formats.encoding import CODINGS, IDENTITY, SMALLEST, Codings, packed, worth_packing
from app.formats.writing import Format
from app.mapping.plan import OutputField
from app.services.answers import Answer, entity_tag, matches, tag_in_coding
from app.services.first_readings import FirstReadings
from app.services.kept_answers import Identity, KeptAnswer, KeptAnswers, Told, makers
from app.services.questions import Question
from app.services.row_by_row import Stretch
from app.services.written_before import WrittenBefore

_CHUNK = 1024 * 1024
_RANGE = re.compile(r"bytes=(?:([0-9]{1,18})-([0-9]{0,18})|-([0-9]{1,18}))", re.IGNORECASE)
Make = Callable[[str, Identity], Iterator[bytes]]
"""The bytes before any coding, for one who wants them in this one; the identity counts them as they are taken."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """How a reader wants an answer sent: HTTP's ``If-None-Match``, ``Range``, ``If-Range`` and ``Accept-Encoding``.

    ``known_first``: nothing is sent before the digest of all of it is known.
    """

    if_none_match: str | None = None
    codings: Codings = field(default_factory=Codings)
    range: str | None = None
    if_range: str | None = None
    known_first: bool = False


class Deliveries:
    """Sends whole answers, from what is kept where that is possible."""

    def __init__(self, kept: KeptAnswers) -> None:
        self._kept = kept
        self._first = FirstReadings(kept)
        self._before = WrittenBefore()

    def unchanged(self, key: str, form: Format, wanted: Wanted) -> Answer | None:
        """304, where the reader has the answer of this key: said from memory, and nothing is loaded for it."""
        told = self._kept.told(key)
        return None if told is None else _unchanged(told, form, wanted)

    def again(self, key: str, form: Format, wanted: Wanted) -> Answer | None:
        """The answer of this key as it was made before; None where it has to be made."""
        told = self._kept.told(key)
        if told is None:
            found = self._kept.find(key, IDENTITY) or next(
                filter(None, (self._kept.find(key, coding) for coding in wanted.codings.liked)), None
            )
            if found is None:
                return None
            told = found.told
        unchanged = _unchanged(told, form, wanted)
        if unchanged is not None:
            return unchanged
        coding = _coding(told, form, wanted)
        found = self._kept.find(key, coding)
        if found is None and coding != IDENTITY:
            plain = self._kept.find(key, IDENTITY)
            file = plain.open() if plain is not None else None
            if file is not None and plain is not None:
                return self._made(key, form, told, lambda *_: _Stretch(file, 0, plain.size), wanted)
        return None if found is None else _from_file(found, form, coding, wanted)

    def first(self, key: str, form: Format, told: Told, make: Make, wanted: Wanted) -> Answer:
        """The answer made now, and kept while it is sent."""
        return _unchanged(told, form, wanted) or self._made(key, form, told, make, wanted)

    def lines(
        self,
        kind: Hashable,
        key: str,
        form: Format,
        fields: Sequence[OutputField],
        frame: pl.DataFrame,
        parts: Sequence[Stretch],
        coding: str,
        identity: Identity,
    ) -> Iterator[bytes]:
        """What ``form`` writes of the whole ``frame``; stretches that stand in the last answer of this kind are taken
        from there.
        """
        if form.lines is None or not parts or not self._kept.keeps:
            return form.write(fields, frame)
        path = self._kept.path(key, IDENTITY) if coding == IDENTITY else None
        return self._before.pieces((kind, form.name), path, form.lines, fields, frame, parts, identity)

    def whole(self, key: str | None, form: Format, told: Told, body: bytes, wanted: Wanted) -> Answer:
        """An answer whose bytes are there; kept where there is a key and they are many."""
        if key is None or len(body) < SMALLEST or not self._kept.keeps:
            return self.page(key, form, told, body, wanted)
        unchanged = _unchanged(told, form, wanted)
        if unchanged is not None:
            self._kept.remember(key, told)
            return unchanged
        coding = _coding(told, form, wanted)
        answer = self._kept_first(key, coding, form, told, lambda *_: iter([body]), wanted)
        return answer or self.page(key, form, told, body, wanted)

    def page(self, key: str | None, form: Format, told: Told, body: bytes, wanted: Wanted) -> Answer:
        """An answer whose bytes are there, of which only what is said with it is kept."""
        if key is not None:
            self._kept.remember(key, told)
        unchanged = _unchanged(told, form, wanted)
        if unchanged is not None:
            return unchanged
        coding = _coding(told, form, wanted)
        headers = {**told.headers, "ETag": tag_in_coding(told.etag, coding)}
        answer = Answer(200, form.media_type, body, headers=headers, rows=told.rows, answered=told.answered)
        if coding != IDENTITY:
            digest = hashlib.sha256(body).hexdigest()
            answer.sha256, answer.length = lambda: digest, len(body)
            answer.body = b"".join(packed([body], coding))
            answer.headers = {**headers, "Content-Encoding": coding}
        return answer

    def _made(self, key: str, form: Format, told: Told, make: Make, wanted: Wanted) -> Answer:
        coding = _coding(told, form, wanted)
        if self._kept.keeps and (wanted.range is not None or wanted.known_first):
            answer = self._kept_first(key, coding, form, told, make, wanted)
            if answer is not None:
                return answer
        if wanted.known_first:
            coding = IDENTITY
        stream = self._first.reading(key, coding, told, lambda: _coded(make, coding))
        headers = {**told.headers, **_said(told, coding), **_ranges(self._kept)}
        answer = Answer(200, form.media_type, stream=stream, headers=headers, rows=told.rows, answered=told.answered)
        if not wanted.known_first:
            answer.sha256 = stream.sha256
        return answer

    def _kept_first(self, key: str, coding: str, form: Format, told: Told, make: Make, wanted: Wanted) -> Answer | None:
        """The answer from its file, written whole before any of it is sent; None where it cannot be kept."""
        for _ in self._first.reading(key, coding, told, lambda: _coded(make, coding)):
            pass
        found = self._kept.find(key, coding)
        return None if found is None else _from_file(found, form, coding, wanted)


def answer_key(name: str, scope: str, rest: Sequence[object], question: Question) -> str:
    """By what an answer is found: the name of the state it shows, its scope, the question in full, and the ``rest``."""
    asked = [makers(), name, scope, rest, question.digest(), question.document(), question.cursor, question.count]
    return hashlib.blake2b(orjson.dumps(asked), digest_size=20).hexdigest()


def etag_of_rows(form: str, fields: Sequence[OutputField], digest: str) -> str:
    """The tag of what a format writes of the rows that have this digest."""
    about = [[field.name, field.kind, field.decimals, field.title, field.unit] for field in fields]
    return entity_tag(form, orjson.dumps(about), digest)


def large(length: int, form: Format) -> bool:
    """Whether an answer of that many bytes is worth packing."""
    return worth_packing(length, form.packed)


def _unchanged(told: Told, form: Format, wanted: Wanted) -> Answer | None:
    # A reader has it, in whatever coding it came.
    if wanted.if_none_match is None:
        return None
    tags = (tag_in_coding(told.etag, coding) for coding in (IDENTITY, *CODINGS))
    if not any(matches(wanted.if_none_match, tag) for tag in tags):
        return None
    headers = {**told.headers, "ETag": tag_in_coding(told.etag, _coding(told, form, wanted))}
    return Answer(304, form.media_type, headers=headers)


def _coding(told: Told, form: Format, wanted: Wanted) -> str:
    return wanted.codings.chosen(told.large and not form.packed)


def _coded(make: Make, coding: str) -> tuple[Iterator[bytes], Identity]:
    identity = Identity()
    pieces = identity.passing(make(coding, identity))
    return (pieces if coding == IDENTITY else packed(pieces, coding)), identity


def _said(told: Told, coding: str) -> dict[str, str]:
    said = {"ETag": tag_in_coding(told.etag, coding)}
    return said if coding == IDENTITY else {**said, "Content-Encoding": coding}


def _ranges(kept: KeptAnswers) -> dict[str, str]:
    return {"Accept-Ranges": "bytes"} if kept.keeps else {}


def _from_file(found: KeptAnswer, form: Format, coding: str, wanted: Wanted) -> Answer | None:
    """The kept answer, or the part of it that is asked for; None where its file has gone."""
    file = found.open()
    if file is None:
        return None
    told = found.told
    headers = {**told.headers, **_said(told, coding), "Accept-Ranges": "bytes"}
    start, length = 0, found.size
    try:
        part = _part(found, headers["ETag"], wanted)
    except Problem:
        file.close()
        raise
    if part is not None:
        start, length = part
        headers["Content-Range"] = f"bytes {start}-{start + length - 1}/{found.size}"
    headers["Content-Length"] = str(length)
    # A part counts for its share of the records.
    rows = told.rows if part is None else -(-told.rows * length // found.size)
    answer = Answer(
        200 if part is None else 206,
        form.media_type,
        headers=headers,
        rows=rows,
        answered=told.answered,
        sha256=lambda: found.sha256,
        length=found.length,
    )
    pieces = _Stretch(file, start, length)
    if told.streamed:
        answer.stream = pieces
    else:
        answer.body = b"".join(pieces)
    return answer


def _part(found: KeptAnswer, etag: str, wanted: Wanted) -> tuple[int, int] | None:
    """First byte and length of what is asked for; None for all of it. Raises 416 where there is nothing of it."""
    asked = _RANGE.fullmatch(wanted.range.strip()) if wanted.range is not None else None
    if asked is None or (wanted.if_range is not None and wanted.if_range.strip() != etag):
        return None  # several ranges at once, and other units, are answered whole, as RFC 9110 14.2 allows
    first, last, suffix = asked.groups()
    if suffix is not None:
        start, end = max(0, found.size - int(suffix)), found.size
    else:
        start, end = int(first), min(int(last) + 1, found.size) if last else found.size
        if last and int(last) < int(first):
            return None
    if start >= end:
        detail = f"答复共 {found.size} 字节 (the answer has {found.size} bytes)"
        headers = {"Content-Range": f"bytes */{found.size}", "ETag": etag}
        raise Problem("range_not_satisfiable", detail, headers=headers)
    return start, end - start


class _Stretch:
    """Bytes of an open file in pieces; closed at its end, or when it is let go."""

    def __init__(self, file: IO[bytes], start: int, length: int) -> None:
        self._file = file
        self._left = length
        file.seek(start)

    def __iter__(self) -> Iterator[bytes]:
        return self

    def __next__(self) -> bytes:
        piece = self._file.read(min(_CHUNK, self._left)) if self._left else b""
        if not piece:
            self.close()
            raise StopIteration
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        self._file.close()
