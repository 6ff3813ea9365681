"""The deadlines of a request for access, in working days, as data: rules differ from place to place and change.

```yaml
deadlines:
  - {code: reply_conditional, working_days: 5, extension: 5, article: 某县政务数据共享细则第八条, verified: true}
```
What is built in is the 政务数据共享条例 (State Council Decree 809) as it is commonly quoted; ``verified`` says whether
somebody has held a deadline against the official text, and for these nobody has.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

from app.catalogue.document_reader import DocumentReader
from app.errors import Fault

DeadlineCode = Literal["reply_open", "reply_conditional", "delivery"]
CODES: tuple[DeadlineCode, ...] = ("reply_open", "reply_conditional", "delivery")
_MOST_DAYS = 366


@dataclass(frozen=True, slots=True)
class Deadline:
    """``working_days`` from the day of the request (``delivery``: of the grant), that day not counted.

    ``extension``: by how many working days it may be put off, once; 0: not at all.
    """

    code: str
    working_days: int
    extension: int
    article: str
    verified: bool

    def document(self) -> dict[str, Any]:
        return asdict(self)


COMMON: tuple[Deadline, ...] = (
    Deadline("reply_open", 1, 0, "政务数据共享条例第二十一条", verified=False),
    Deadline("reply_conditional", 10, 10, "政务数据共享条例第二十一条", verified=False),
    Deadline("delivery", 20, 0, "政务数据共享条例第二十二条", verified=False),
)


def parse_deadlines(document: object, file: str) -> tuple[list[Deadline], list[Fault]]:
    """The deadlines of a ``deadlines.yaml``, and every fault of it."""
    faults: list[Fault] = []
    reader = DocumentReader(document, file, faults)
    found: dict[str, Deadline] = {}
    for item in reader.items("deadlines"):
        deadline = read_deadline(item)
        if deadline.code in found:
            item.fault("code", f"{deadline.code} 已给出过（given twice）")
        found.setdefault(deadline.code, deadline)
    reader.done()
    return list(found.values()), faults


def read_deadline(reader: DocumentReader) -> Deadline:
    """One deadline, as far as it can be made out; faults and the normal form are the reader's."""
    code: str | None = reader.choice("code", CODES, required=True)
    days = reader.whole("working_days", -1, 0, _MOST_DAYS)
    if days < 0 and not reader.has("working_days"):
        reader.fault("working_days", "缺少必填项（is required）")
    extension = reader.whole("extension", 0, 0, _MOST_DAYS)
    article = reader.text("article", required=True, limit=500) or ""
    verified = reader.flag("verified")
    reader.done()
    return Deadline(code or "", days, extension, article, verified)


def deadlines_of(bodies: Iterable[Mapping[str, Any]]) -> dict[str, Deadline]:
    """The deadlines by code: those built in, and over them those of the documents kept."""
    given = [read_deadline(DocumentReader(body, "deadlines", [])) for body in bodies]
    return {deadline.code: deadline for deadline in (*COMMON, *given)}
