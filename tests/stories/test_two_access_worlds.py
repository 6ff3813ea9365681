"""Two registries that differ only in what a department may not see answer its requests for access alike."""

from __future__ import annotations

import random
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from tests.fixtures.databases import Kind
from tests.fixtures.worlds import BEGIN, Granted, Story, World, directed, hide_everything, settle, tell, world

STORY = Story((Granted(("people.total",), "430101"),))
PATTERNS = [
    ["people.total", "people.*"],
    ["people.watched", "people.nix", "secret.*", "secret.number", "nix.*", "dams.*"],
    ["cases.received", "secret.number"],
]


def told(place: World, key: str) -> list[Any]:
    """What the department is answered, from asking to withdrawing, and every refusal on the way."""
    found = []
    for number, patterns in enumerate(PATTERNS):
        body = {
            "elements": patterns, "regions": ["430101"], "purpose": "考核", "legal_basis": "某法",
            "delivery": "api", "valid": {"from": "2026-01-01", "until": "2026-12-31"},
        }  # fmt: skip
        identity = f"00000000-0000-7000-9000-{number:012}"
        with patch("app.services.access_requests.new_id", lambda identity=identity: identity):
            found.append(place.ask(key, "POST", "/v1/access-requests", json=body))
        path = f"/v1/access-requests/{identity}"
        found += [place.ask(key, "GET", path), place.ask(key, "POST", f"{path}/withdraw"), place.ask(key, "GET", path)]
    found += [place.ask(key, "GET", address) for address in ("/v1/access-requests", "/v1/transparency", "/v1/me")]
    found.append(place.ask(key, "GET", "/v1/admin/access-requests"))
    return [(answer.status_code, answer.content) for answer in found]


@pytest.mark.parametrize("seed", [1, 2])
def test_what_a_department_may_not_see_changes_no_answer_to_its_requests(
    database_kind: Kind, new_url: Callable[[Kind], str], tmp_path: Path, seed: int
) -> None:
    with world(new_url(database_kind), tmp_path / "one") as one, world(new_url(database_kind), tmp_path / "two") as two:
        answers = []
        key = directed(one, STORY, seed)
        answers.append(told(one, key))
        other = random.Random(f"directed {seed}")
        key = settle(two, STORY, other)
        tell(two, STORY, 0, other)
        two.now = BEGIN + timedelta(hours=12)
        answers.append(told(two, key))
        hide_everything(one, STORY, random.Random(seed))
    assert answers[0] == answers[1]
    assert {status for status, _ in answers[0]} >= {200, 201, 403, 409}
