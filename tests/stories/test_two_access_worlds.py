"""Two registries that differ only in what a department may not see answer its requests for access alike."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch

from app.policy.agreements import matching_elements
from app.services import access_asking
from app.services.access_asking import Asking
from app.services.registry import State
from tests.fixtures.databases import Kind
from tests.fixtures.world_happenings import directed
from tests.fixtures.worlds import BEGIN, Granted, Story, World, settle, tell, world

STORY = Story((Granted(("people.total",), "430101"),))
PATTERNS = [
    ["people.total", "people.*"],
    ["people.watched", "people.nix", "secret.*", "secret.number", "nix.*", "dams.*"],
    ["cases.received", "secret.number"],
]


def told(place: World, key: str, session: int = 0) -> list[tuple[int, bytes]]:
    """What the department is answered, from asking to withdrawing, and every refusal on the way."""
    found = []
    for number, patterns in enumerate(PATTERNS):
        body = {
            "elements": patterns, "regions": ["430101"], "purpose": "考核", "legal_basis": "某法",
            "delivery": "api", "valid": {"from": "2026-01-01", "until": "2026-12-31"},
        }  # fmt: skip
        identity = f"00000000-0000-7000-9000-{session:06}{number:06}"
        with patch("app.services.access_requests.new_id", lambda identity=identity: identity):
            found.append(place.ask(key, "POST", "/v1/access-requests", json=body))
        path = f"/v1/access-requests/{identity}"
        found += [place.ask(key, "GET", path), place.ask(key, "POST", f"{path}/withdraw"), place.ask(key, "GET", path)]
    found += [place.ask(key, "GET", address) for address in ("/v1/access-requests", "/v1/transparency", "/v1/me")]
    found.append(place.ask(key, "GET", "/v1/admin/access-requests"))
    return [(answer.status_code, answer.content) for answer in found]


def a_closed_element_is_refused_by_another_name() -> Any:
    """A planted leak: the refusal of an element tells whether it is there."""

    def read_asking(state: State, *more: Any) -> Asking:
        asking = asked_rightly(state, *more)
        return replace(
            asking, unknown=tuple(f"{u} {len(matching_elements(u, state.catalogue))}" for u in asking.unknown)
        )

    asked_rightly = access_asking.read_asking
    return patch("app.services.access_requests.read_asking", read_asking)


def test_what_a_department_may_not_see_changes_no_answer_to_its_requests(
    database_kind: Kind, new_url: Callable[[Kind], str], tmp_path: Path
) -> None:
    with world(new_url(database_kind), tmp_path / "one") as one, world(new_url(database_kind), tmp_path / "two") as two:
        keys = [directed(one, STORY, 1), settle(two, STORY, random.Random("directed 1"))]
        tell(two, STORY, 0, random.Random())
        two.now = one.now = BEGIN + timedelta(hours=12)
        answers = [told(place, key) for place, key in zip((one, two), keys, strict=True)]
        with a_closed_element_is_refused_by_another_name():
            leaked = [told(place, key, 1) for place, key in zip((one, two), keys, strict=True)]
    assert answers[0] == answers[1]
    assert {status for status, _ in answers[0]} >= {200, 201, 403, 409}
    assert leaked[0] != leaked[1]
