"""What may be evidence: told by the content, which the name has to agree with. Nothing that runs."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import PurePath

from app.errors import Problem
from app.formats.reading_archives import Archive

_OOXML = "application/vnd.openxmlformats-officedocument"
MEDIA_TYPES: Mapping[str, str] = {
    "pdf": "application/pdf",
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "tif": "image/tiff",
    "tiff": "image/tiff",
    "xlsx": f"{_OOXML}.spreadsheetml.sheet",
    "docx": f"{_OOXML}.wordprocessingml.document",
    "ods": "application/vnd.oasis.opendocument.spreadsheet",
    "odt": "application/vnd.oasis.opendocument.text",
    "xls": "application/vnd.ms-excel",
    "doc": "application/msword",
}
"""The kinds of files that are taken, by the ending of their names."""

_SIGNATURES: tuple[tuple[bytes, str], ...] = (
    (b"%PDF-", MEDIA_TYPES["pdf"]),
    (b"\x89PNG\r\n\x1a\n", MEDIA_TYPES["png"]),
    (b"\xff\xd8\xff", MEDIA_TYPES["jpg"]),
    (b"II*\x00", MEDIA_TYPES["tif"]),
    (b"MM\x00*", MEDIA_TYPES["tif"]),
)
_ZIP, _COMPOUND = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_MAIN_PARTS = {"xl/workbook.xml": MEDIA_TYPES["xlsx"], "word/document.xml": MEDIA_TYPES["docx"]}
_STREAMS = (("Workbook", "xls"), ("Book", "xls"), ("WordDocument", "doc"))
# Names in a PDF that make it do something or carry another file.
_ACTIVE_PDF = re.compile(rb"/(?:JavaScript|Launch|EmbeddedFile)")
_ACTIVE_PARTS = re.compile(
    r"vbaproject|activex|macrosheets|dialogsheets|oleobject|^basic/|^scripts/|/basic/|/scripts/", re.IGNORECASE
)


def evidence_type(data: bytes, filename: str) -> str:
    """The media type of a file that may be evidence.

    Raises Problem: ``unsupported_media_type`` for other kinds, files whose name says something else, and what holds macros,
    scripts or embedded programs; ``bad_request`` for damage.
    """
    ending = PurePath(filename.replace("\\", "/")).suffix.removeprefix(".").lower()
    found = _sniffed(data)
    if found is None or ending not in MEDIA_TYPES:
        kinds = "、".join(sorted(MEDIA_TYPES))
        raise Problem("unsupported_media_type", f"佐证文件可以是 {kinds} (these kinds of files are taken)")
    if MEDIA_TYPES[ending] != found:
        raise Problem("unsupported_media_type", f"文件内容与扩展名 .{ending} 不符 (the content is of another kind)")
    return found


def _sniffed(data: bytes) -> str | None:
    for start, kind in _SIGNATURES:
        if data.startswith(start):
            if kind == MEDIA_TYPES["pdf"] and _ACTIVE_PDF.search(data):
                raise _active()
            return kind
    if data.startswith(_ZIP):
        return _of_archive(Archive(data))
    if data.startswith(_COMPOUND):
        if "_VBA_PROJECT".encode("utf-16-le") in data:
            raise _active()
        named = (ending for name, ending in _STREAMS if f"{name}\0".encode("utf-16-le") in data)
        ending = next(named, None)
        return MEDIA_TYPES[ending] if ending is not None else None
    return None


def _of_archive(archive: Archive) -> str | None:
    if any(_ACTIVE_PARTS.search(name) for name in archive.names):
        raise _active()
    if "[Content_Types].xml" in archive:
        if b"macroEnabled" in archive.read("[Content_Types].xml"):
            raise _active()
        return next((kind for part, kind in _MAIN_PARTS.items() if part in archive), None)
    if "mimetype" in archive:
        kind = archive.read("mimetype")[:100].decode("ascii", "replace").strip()
        return kind if kind in {MEDIA_TYPES["ods"], MEDIA_TYPES["odt"]} else None
    return None


def _active() -> Problem:
    return Problem(
        "unsupported_media_type", "文件含有宏、脚本或嵌入的程序，请去掉后再上传 (it holds macros or scripts)"
    )
