"""YAML in and out, predictably.

Only what JSON knows is read: a plain scalar is null, true or false, a whole number, a decimal, or text. So dates stay
text, ``010`` keeps its nought, ``yes`` and ``12:30`` are words. A key that stands twice, an anchor, a tag and anything
too deep or too large are faults, each with its line. Aliases are refused because a few lines of them can stand for
millions.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

import yaml

from app.errors import Fault

MAX_BYTES = 16 * 1024 * 1024
_MAX_DEPTH = 30
_Parser: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_Dumper: Any = getattr(yaml, "CSafeDumper", yaml.SafeDumper)

_CONSTANTS: Mapping[str, bool | None] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_WHOLE = re.compile(r"-?(0|[1-9][0-9]{0,17})")
_DECIMAL = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")


class _Refused(Exception):
    """Something that is YAML but not read here; turned into a Fault at once."""

    def __init__(self, event: yaml.Event, message: str) -> None:
        super().__init__(message)
        self.line = _line(event)


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 0


def read_yaml(data: bytes, file: str) -> tuple[Any, list[Fault]]:
    """The one document of ``data`` as JSON values, and no faults; or None and what is wrong, with the line."""
    if len(data) > MAX_BYTES:
        return None, [Fault(file, "", f"文件超过 {MAX_BYTES // 1024 // 1024} MB（the file is too large）")]
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        return None, [Fault(file, f"第 {line} 行", "不是 UTF-8 编码（not UTF-8）")]
    try:
        parser = _Parser(text)
        try:
            reading = _Reading(parser.get_event, file)
            value = reading.document()
        finally:
            parser.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"第 {mark.line + 1} 行" if mark is not None else ""
        return None, [Fault(file, place, f"不是有效的 YAML（not valid YAML）: {error.problem or error.context}")]
    except yaml.YAMLError as error:
        return None, [Fault(file, "", f"不是有效的 YAML（not valid YAML）: {str(error)[:200]}")]
    except _Refused as error:
        return None, [Fault(file, f"第 {error.line} 行", str(error))]
    return (None if reading.faults else value), reading.faults


class _Reading:
    """Values from the parser's events: its composer recurses without a bound, and forgets anchors."""

    def __init__(self, get_event: Callable[[], Any], file: str) -> None:
        self._next = get_event
        self._file = file
        self.faults: list[Fault] = []

    def document(self) -> Any:
        self._next()  # the stream starts
        if isinstance(self._next(), yaml.StreamEndEvent):
            return None
        value = self._value(self._next(), 0)
        self._next()  # the document ends
        last = self._next()
        if not isinstance(last, yaml.StreamEndEvent):
            raise _Refused(last, "一个文件只能有一个文档（one document in a file）")
        return value

    def _value(self, event: Any, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise _Refused(event, "嵌套过深（nested too deeply）")
        if isinstance(event, yaml.AliasEvent) or event.anchor is not None:
            raise _Refused(event, "不支持锚点与别名（anchors and aliases are not supported）")
        if event.tag is not None:
            raise _Refused(event, f"不支持标签 {event.tag}（tags are not supported）")
        if isinstance(event, yaml.ScalarEvent):
            return _scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            members = []
            while not isinstance(event := self._next(), yaml.SequenceEndEvent):
                members.append(self._value(event, depth + 1))
            return members
        mapping: dict[Any, Any] = {}
        while not isinstance(event := self._next(), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                raise _Refused(event, "键须为文本（a key must be text）")
            key = self._value(event, depth + 1)
            if key in mapping:
                place = f"第 {_line(event)} 行"
                self.faults.append(Fault(self._file, place, f"键“{event.value}”重复（the key stands twice）"))
            mapping[key] = self._value(self._next(), depth + 1)
        return mapping


def _scalar(event: yaml.ScalarEvent) -> str | int | float | bool | None:
    text = str(event.value)
    if not event.implicit[0]:  # quoted or a block: text as it stands
        return text
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if _WHOLE.fullmatch(text):
        return int(text)
    # A float only where it says exactly what is written; more digits stay text, which a number may also be.
    if _DECIMAL.fullmatch(text) and len(text) < 30 and Decimal(repr(float(text))) == Decimal(text):
        return float(text)
    return text


def write_yaml(document: object) -> bytes:
    """``document`` as readable YAML in UTF-8 that ``read_yaml`` reads back to the same."""
    text: str = yaml.dump(document, Dumper=_Dumper, allow_unicode=True, sort_keys=False, width=120)
    return text.encode()
