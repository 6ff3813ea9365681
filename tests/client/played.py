"""What a played registry is told to say, and what it was asked."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Answer:
    """What the script says next. ``sent``: bytes of the body really sent before the line is cut; None: all."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    sent: int | None = None
    silent: bool = False


@dataclass
class Asked:
    method: str
    path: str
    query: list[tuple[str, str]]
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


@dataclass
class Script:
    url: str
    answers: list[Answer] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)

    def says(self, document: Any = None, status: int = 200, **headers: str) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        body = b"" if document is None else json.dumps(document).encode()
        self.answers.append(Answer(status, body, {"Content-Type": "application/json", **named}))

    def refuses(self, status: int, code: str, findings: list[dict[str, Any]] | None = None, **headers: str) -> None:
        problem = {"type": "about:blank", "title": "标题", "status": status, "detail": "详情", "code": code}
        if findings:
            problem["findings"] = findings
        self.says(problem, status, **headers)
