"""Opening the zip container of xlsx and ods without trusting what it says of itself."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from xml.parsers import expat

from app.formats.reading_limits import MAX_INFLATED_BYTES, MAX_PARTS, damaged, too_large, unsupported

_STORED, _DEFLATED = 0, 8
_ENCRYPTED_FLAG = 0x1
_LOCAL_HEADER = struct.Struct("<4s5H3I2H")
_STEP = 1 << 20
_XML_ENDINGS = (".xml", ".rels", ".vml")

StartElement = Callable[[str, dict[str, str]], None]
EndElement = Callable[[str], None]
Characters = Callable[[str], None]


class Archive:
    """The parts of a zip file, inflated once to prove that all of them together stay within the limits.

    Raises Problem where the file is damaged, encrypted, too large when inflated, or holds XML with a DTD.
    """

    def __init__(self, data: bytes) -> None:
        self._data = memoryview(data)
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                entries = archive.infolist()
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, struct.error) as error:
            raise damaged("文件不完整或已损坏，无法打开", "the file is truncated or damaged") from error
        if len(entries) > MAX_PARTS:
            raise too_large(f"文件内的部件太多（{len(entries)}个）", f"the file has {len(entries)} parts")
        self._entries = {entry.filename.replace("\\", "/").lstrip("/"): entry for entry in entries}
        if sum(entry.file_size for entry in entries) > MAX_INFLATED_BYTES:
            raise _bomb()
        left = MAX_INFLATED_BYTES
        for name, entry in self._entries.items():
            left -= self._prove(name, entry, left)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the parts, with forward slashes and without a leading one."""
        return tuple(self._entries)

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def read(self, name: str) -> bytes:
        """A part, inflated. Raises Problem where it is not there."""
        entry = self._entries.get(name)
        if entry is None:
            raise damaged(f"文件不完整：缺少{name}", f"the file lacks {name}")
        return b"".join(self._inflated(entry, MAX_INFLATED_BYTES))

    def _prove(self, name: str, entry: zipfile.ZipInfo, left: int) -> int:
        size, checksum, tail = 0, 0, b""
        is_xml = name.lower().endswith(_XML_ENDINGS)
        for piece in self._inflated(entry, left):
            if is_xml:
                if size == 0 and piece[:2] in (b"\xff\xfe", b"\xfe\xff"):
                    raise damaged(f"{name}的编码不受支持", f"{name} is in an encoding that is not read")
                window = tail + piece
                if b"<!DOCTYPE" in window or b"<!ENTITY" in window:
                    raise damaged(
                        "文件含有不安全的 XML 定义，拒绝读取", "the file holds an XML document type definition"
                    )
                tail = piece[-16:]
            size += len(piece)
            checksum = zlib.crc32(piece, checksum)
        if size != entry.file_size or checksum != entry.CRC:
            raise damaged("文件不完整或已损坏，校验不符", f"{name} does not match its checksum")
        return size

    def _inflated(self, entry: zipfile.ZipInfo, left: int) -> Iterator[bytes]:
        if entry.flag_bits & _ENCRYPTED_FLAG:
            raise unsupported("文件有密码保护，请去掉密码后再上传", "the file is protected by a password")
        if entry.compress_type not in (_STORED, _DEFLATED):
            raise unsupported("文件的压缩方式不受支持", "the compression of the file is not supported")
        try:
            header = _LOCAL_HEADER.unpack_from(self._data, entry.header_offset)
        except struct.error as error:
            raise damaged("文件不完整或已损坏", "the file is truncated") from error
        start = entry.header_offset + _LOCAL_HEADER.size + header[9] + header[10]
        packed = self._data[start : start + entry.compress_size]
        if header[0] != b"PK\x03\x04" or len(packed) != entry.compress_size:
            raise damaged("文件不完整或已损坏", "the file is truncated")
        inflater = zlib.decompressobj(-15) if entry.compress_type == _DEFLATED else None
        total = 0
        for at in range(0, len(packed), _STEP):
            waiting: bytes | memoryview = packed[at : at + _STEP]
            while waiting:
                try:
                    piece = bytes(waiting) if inflater is None else inflater.decompress(waiting, _STEP)
                except zlib.error as error:
                    raise damaged("文件不完整或已损坏，无法解压", "the file cannot be inflated") from error
                total += len(piece)
                if total > left:
                    raise _bomb()
                if piece:
                    yield piece
                waiting = b"" if inflater is None else inflater.unconsumed_tail
                if inflater is not None and inflater.eof:
                    return


def parse_xml(data: bytes, start: StartElement, end: EndElement | None = None, text: Characters | None = None) -> None:
    """Walks over an XML document, calling ``start`` with each element's local name; a DTD is refused. Raises Problem."""
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler = lambda name, attributes: start(name.rpartition(":")[2], attributes)
    if end is not None:
        parser.EndElementHandler = lambda name: end(name.rpartition(":")[2])
    if text is not None:
        parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = _refuse_doctype
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError, ValueError) as error:  # an encoding it has never heard of is no ExpatError
        raise damaged("文件内容已损坏，无法读取", f"the XML of the file is not well formed: {error}") from error


def _refuse_doctype(*_: object) -> None:
    raise damaged("文件含有不安全的 XML 定义，拒绝读取", "the file holds an XML document type definition")


def _bomb() -> Exception:
    return too_large(
        f"文件解压后超过{MAX_INFLATED_BYTES >> 20}兆，拒绝读取",
        f"the file inflates to more than {MAX_INFLATED_BYTES >> 20} MB",
    )
