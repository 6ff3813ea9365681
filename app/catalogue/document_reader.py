"""Reading one mapping of a schema document strictly: every fault with its place, and the normal form along the way.

The normal form (``body``) holds what was said and is not the default, in the order in which it is read here, so that
two documents that mean the same have the same body. It is JSON: numbers are int, float (where exact) or text.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar, cast

from app.errors import Fault

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]{0,62}")
HYPHENED = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_NUMBER = re.compile(r"[-+]?[0-9]{1,30}(\.[0-9]{1,30})?")
_MAX_TEXT = 4000

Choice = TypeVar("Choice", bound=str)


def joined(place: str, key: str) -> str:
    """``elements[3]`` and ``unit`` make ``elements[3].unit``."""
    return f"{place}.{key}" if place else key


def decimal_of(value: object) -> Decimal | None:
    """The exact number that a YAML or JSON scalar writes; None if it is none."""
    if isinstance(value, bool):
        return None
    text = repr(value) if isinstance(value, float) else str(value) if isinstance(value, int | str) else ""
    if isinstance(value, str) and not _NUMBER.fullmatch(text.strip()):
        return None
    try:
        number = Decimal(text.strip())
    except InvalidOperation:
        return None
    return number if number.is_finite() and number.adjusted() < 30 else None


def plain_number(number: Decimal) -> int | float | str:
    """``number`` as JSON that loses nothing: an int, a float where its shortest text is exact, else text."""
    if number == number.to_integral_value():
        return int(number)
    return float(number) if Decimal(repr(float(number))) == number else format(number, "f")


class DocumentReader:
    """One mapping of a document. Each reading method takes a key once; ``done`` names the keys nobody read."""

    def __init__(self, document: object, file: str, faults: list[Fault], place: str = "") -> None:
        self.file = file
        self.place = place
        self.faults = faults
        self.body: dict[str, Any] = {}
        self._read: list[str] = []
        self._document: Mapping[object, object] = {}
        if isinstance(document, Mapping):
            self._document = document
        else:
            self.fault("", "应为键值对（must be a mapping）")

    def fault(self, key: str, message: str) -> None:
        """Notes one fault at ``key`` of this mapping."""
        self.faults.append(Fault(self.file, joined(self.place, key) if key else self.place, message))

    def has(self, key: str) -> bool:
        return self._document.get(key) is not None

    def done(self) -> None:
        """Names every key that was never asked for: unknown keys are errors."""
        known = set(self._read)
        for key in self._document:
            if key not in known:
                options = "、".join(self._read)
                self.fault(str(key), f"不认识的键，可用的有：{options}（unknown key）")

    # -- scalars -----------------------------------------------------------------------------------------------
    def text(
        self, key: str, *, required: bool = False, limit: int = _MAX_TEXT, form: re.Pattern[str] | None = None
    ) -> str | None:
        """A text; a whole number stands for its digits. With ``form``, one that matches entirely."""
        value = self._take(key, required=required)
        if value is None:
            return None
        text = self.scalar_text(value, key)
        if text is None:
            return None
        if not text and required:
            self.fault(key, "不能为空（must not be empty）")
            return None
        if len(text) > limit:
            self.fault(key, f"最多 {limit} 个字符（at most {limit} characters）")
            return None
        if form is not None and not form.fullmatch(text):
            self.fault(key, f"“{text}”不合要求，应匹配 {form.pattern}（must match the form）")
            return None
        if text:
            self.body[key] = text
        return text

    def scalar_text(self, value: object, key: str) -> str | None:
        """The text that a scalar writes, or None with a fault that says how to write it."""
        if isinstance(value, bool):
            self.fault(key, f"YAML 把它读作是非值 {str(value).lower()}，请加引号（a boolean here: put it in quotes）")
            return None
        if isinstance(value, int):
            return str(value)
        if isinstance(value, float):
            self.fault(key, f"YAML 把它读作小数 {value!r}，请加引号（a number here: put it in quotes）")
            return None
        if isinstance(value, date):
            return value.isoformat()
        if not isinstance(value, str):
            self.fault(key, "应为文本（must be text）")
            return None
        if any(ord(sign) < 32 and sign not in "\n\t" for sign in value):
            self.fault(key, "含有控制字符（contains control characters）")
            return None
        return value.strip()

    def choice(
        self, key: str, options: Sequence[str], default: Choice | None = None, *, required: bool = False
    ) -> Choice | None:
        """One of ``options``; ``default`` (not kept in the body) where the key is left out."""
        value = self._take(key, required=required)
        if value is None:
            return default
        if not isinstance(value, str) or value not in options:
            self.fault(key, f"“{value}”不在可选值之列：{' '.join(options)}（must be one of these）")
            return default
        if value != default:
            self.body[key] = value
        return cast("Choice", value)

    def flag(self, key: str) -> bool:
        """Whether it is true; false if left out."""
        value = self._take(key)
        if value is None:
            return False
        if not isinstance(value, bool):
            self.fault(key, "应为 true 或 false（must be true or false）")
            return False
        if value:
            self.body[key] = True
        return value

    def whole(self, key: str, default: int, low: int, high: int) -> int:
        """A whole number from ``low`` to ``high``."""
        value = self._take(key)
        if value is None:
            return default
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            self.fault(key, f"应为 {low} 到 {high} 的整数（must be a whole number from {low} to {high}）")
            return default
        if value != default:
            self.body[key] = value
        return value

    def number(self, key: str) -> Decimal | None:
        """An exact number, as a number or in quotes."""
        value = self._take(key)
        if value is None:
            return None
        number = decimal_of(value)
        if number is None:
            self.fault(key, f"“{value}”不是数（must be a number）")
            return None
        self.body[key] = plain_number(number)
        return number

    def numeral(self, key: str) -> str | None:
        """A number as it is written, as text: for what may also be a fraction."""
        value = self._take(key)
        if value is None:
            return None
        number = decimal_of(value)
        text = (
            format(number, "f") if number is not None and not isinstance(value, str) else self.scalar_text(value, key)
        )
        if text:
            self.body[key] = text
        return text

    # -- lists -------------------------------------------------------------------------------------------------
    def texts(self, key: str) -> tuple[str, ...]:
        """A list of texts, each once; a single text is a list of one."""
        value = self._take(key)
        if value is None:
            return ()
        members = value if isinstance(value, list | tuple) else [value]
        read: list[str] = []
        for i, member in enumerate(members):
            place = f"{key}[{i}]"
            text = self.scalar_text(member, place)
            if text == "":
                self.fault(place, "不能为空（must not be empty）")
            elif text is not None and text not in read:
                read.append(text)
        if read:
            self.body[key] = list(read)
        return tuple(read)

    def items(self, key: str, *, required: bool = False) -> list[DocumentReader]:
        """A list of mappings, each with its place; their bodies are part of this one's."""
        value = self._take(key, required=required)
        if value is None:
            return []
        if not isinstance(value, list | tuple):
            self.fault(key, "应为列表（must be a list）")
            return []
        if required and not value:
            self.fault(key, "至少要有一项（must not be empty）")
        place = joined(self.place, key)
        readers = [DocumentReader(item, self.file, self.faults, f"{place}[{i}]") for i, item in enumerate(value)]
        if readers:
            self.body[key] = [reader.body for reader in readers]
        return readers

    def mapping(self, key: str) -> DocumentReader | None:
        """A mapping with its place, None if left out; its body is part of this one's."""
        value = self._take(key)
        if value is None:
            return None
        reader = DocumentReader(value, self.file, self.faults, joined(self.place, key))
        self.body[key] = reader.body
        return reader

    def _take(self, key: str, *, required: bool = False) -> object:
        self._read.append(key)
        value = self._document.get(key)
        if value is None and required:
            self.fault(key, "缺少必填项（is required）")
        return value
