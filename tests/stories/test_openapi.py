"""The OpenAPI document is true: whatever anybody sends, no answer is a fault of ours and none is undocumented.

``TOWNSHIP_TEST_EXAMPLES`` raises how many requests each operation gets from each kind of caller.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis.checks import (
    not_a_server_error,
)
from schemathesis.core.failures import FailureGroup
from schemathesis.generation.modes import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from tests.fixtures.databases import Kind
from tests.fixtures.house import House, serving
from tests.fixtures.small import FILES, VIEW

for _of_pieces in ("application/offset+octet-stream", "application/partial-upload"):
    schemathesis.serializer.alias(_of_pieces, "application/octet-stream")

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# Those who may do more come last: what one has ended or withdrawn is not there for the next.
CALLERS: dict[str, dict[str, Any] | None] = {
    "nobody": None,
    "auditor": {"auditor": True},
    "department": {"department": "ecology"},
    "clerk": {"region": "430101"},
    "confirmer": {"region": "430101", "role": "confirmer"},
    "source": {"department": "water"},
    "administrator": {"admin": True},
}
EXAMPLES = int(os.environ.get("TOWNSHIP_TEST_EXAMPLES", "3"))

# What a guess would not hit: so that requests get past the first refusal.
PATHS = {
    "dataset": ["people", "cases", "wells"],
    "view": ["people-view", "county-view"],
    "code": ["people", "people-view", "ecology-2026", "ecology", "430101", "430101101", "new-one", "new_one"],
}
QUERIES: dict[str, list[Any]] = {
    "period": ["2025", "2024,2025", "2024..2025", "2025-03", "2025-13", "", "..", "2025-Q1"],
    "region": ["430101", "430101101,430102", "43", "99", ""],
    "fields": ["dm", "dm,rk", "dm,dm", "nan", ","],
    "filter": [["rk:ge:1.5"], ["dm:in:1,2", "mc:contains:镇"], ["rk:ge:x"], ["nan:eq:1"], ["::"], ["rk:eq:1e9999"]],
    "sort": ["-rk,dm", "nan", "-", "dm,dm"],
    "limit": ["1", "0", "-1", "10001", "1000000000000000000000", "x"],
    "as_of": ["2026-01-01T00:00:00+08:00", "2026-01-01", "0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-12:00", "x"],
    "format": ["json", "csv", "ndjson", "arrow", "parquet", "xlsx", "pdf"],
    "count": ["exact", "about"],
    "level": ["township", "street"],
    "parent": ["4301", "0"],
    "at": ["2025-12-31", "0001-01-01", "9999-12-31", "x"],
    "cursor": ["", "x", "AAAA"],
    "since": ["", "x", "AAAA"],
    "wait": ["0", "1", "-1", "x"],
    "state": ["missing", "stale", "questioned", "late"],
    "status": ["open", "overdue", "refused", "late"],
    "dataset": ["people", "wells", "none"],
    "colour": ["red"],
}
ROWS = [
    {"region": "430101101", "period": "2025", "total": 3, "men": 1, "women": 2},
    {"region": "430101101", "period": "2025", "total": -1, "men": "一", "area": 1e300},
    {"region": "430101101", "number": "甲", "depth": None},
    {"region": 430101101, "period": 2025, "total": True},
    {},
]
BODIES: dict[str, list[Any]] = {
    "/v1/submissions": [
        {"dataset": dataset, "rows": [row], "mode": mode}
        for dataset in ("people", "wells", "cases")
        for row in ROWS
        for mode in ("apply", "check")
    ],
    "/v1/datasets/{dataset}/records": [{"reason": "重复"}, {"reason": ""}],
    "/v1/datasets/{dataset}/still-true": [
        {"region": "430101", "period": "2025"},
        {"region": "99"},
        {"elements": ["x"]},
        {},
    ],
    "/v1/access-requests": [
        {
            "elements": [element],
            "regions": ["430101"],
            "purpose": "考核",
            "legal_basis": "某法",
            "delivery": "api",
            "valid": {"from": "2026-01-01", "until": until},
        }
        for element in ("people.total", "cases.received", "people.watched", "people", "*")
        for until in ("2099-12-31", "2020-01-01", "x")
    ],
    "/v1/admin/calendar": [
        {"calendar": [{"year": 2027, "source": "某通知", "workdays": [day]}]} for day in ("2027-01-09", "2027-01-11")
    ],
    "/v1/admin/deadlines": [
        {"deadlines": [{"code": code, "working_days": 5, "article": "某条"}]} for code in ("delivery", "soon")
    ],
    "/v1/corrections": [
        {
            "dataset": "people",
            "element": element,
            "region": "430101101",
            "period": period,
            "value": value,
            "reason": "疑",
        }
        for element in ("total", "men", "x")
        for period, value in (("2025", 3), ("2025-03", 3.5), (None, [1]))
    ],
}


@pytest.fixture
def small(database_kind: Kind, new_url: Callable[[Kind], str], tmp_path: Path) -> Iterator[House]:
    with serving(new_url(database_kind), tmp_path, longest_wait_seconds=1, longest_stream_seconds=0.2) as house:
        house.apply({**FILES, "views/new-one.yaml": VIEW.replace("people-view", "new-one")})
        clerk = house.client(region="430101")
        assert clerk.post("/v1/submissions", json={"dataset": "people", "rows": ROWS[:1]}).status_code == 201
        yield house


def test_the_document_is_openapi_3_1_and_every_operation_tells_its_errors(small: House) -> None:
    document = requests.get(f"{small.url}/openapi.json", timeout=60).json()
    assert [error.message for error in OPENAPI_31_VALIDATOR.iter_errors(document)] == []
    assert document["openapi"].startswith("3.1")
    operations = [
        (f"{method} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]
    names = [operation["operationId"] for _, operation in operations]
    assert len(names) == len(set(names))
    schemas = document["components"]["schemas"]
    for title, operation in operations:
        assert operation.get("summary"), title
        for reference in references(operation):
            assert reference.removeprefix("#/components/schemas/") in schemas, (title, reference)
        for status, answer in operation["responses"].items():
            if status >= "400":
                assert "application/problem+json" in answer.get("content", {}), (title, status)
        if " /v1/" in title:
            assert {"400", "401", "503"} <= operation["responses"].keys(), title
            assert operation["security"] == [{"key": []}]
        if "{" in title and not title.startswith("put "):
            assert "404" in operation["responses"], title


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for member in node.values():
            yield from references(member)
    elif isinstance(node, list):
        for member in node:
            yield from references(member)


@pytest.mark.slow
def test_no_request_of_anybody_is_answered_by_a_fault_or_by_what_is_not_documented(small: House) -> None:
    sessions = []
    for who in CALLERS.values():
        session = requests.Session()
        session.trust_env = False  # what the machine says of proxies is read anew for each request
        if who is not None:
            session.headers["Authorization"] = f"Bearer {small.key(**who)}"
        sessions.append(session)
    faults = []
    schema = schemathesis.openapi.from_url(f"{small.url}/openapi.json")
    found: list[Any] = list(schema.get_all_operations())
    for operation in (result.ok() for result in found):
        try:
            exercise(operation, sessions)
        except FailureGroup as group:
            faults.append(f"{operation.label}: {group}")
    assert not faults, "\n".join(faults)


def exercise(operation: Any, sessions: list[requests.Session]) -> None:
    """The same requests as every kind of caller, made up and made worse, some with values that are known here."""
    cases = st.one_of([operation.as_strategy(mode) for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)])

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(st.data())
    def run(data: st.DataObject) -> None:
        case = data.draw(cases)
        for name, known in PATHS.items():
            if name in (case.path_parameters or {}) and data.draw(st.integers(0, 9)):
                case.path_parameters[name] = data.draw(st.sampled_from(known))
        if operation.method == "get" and data.draw(st.integers(0, 3)):
            names = data.draw(st.lists(st.sampled_from(sorted(taken(operation))), unique=True, max_size=4))
            case.query = {name: data.draw(st.sampled_from(QUERIES[name])) for name in names}
        if operation.path in BODIES and data.draw(st.integers(0, 3)):
            case.body, case.media_type = data.draw(st.sampled_from(BODIES[operation.path])), "application/json"
            case.headers = {}
        for session in sessions:
            response = case.call(session=session, timeout=60)
            case.validate_response(response, checks=CHECKS)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the generator says about itself
        run()


def taken(operation: Any) -> set[str]:
    """The parameters in the query that the operation has and a value is known for; one of them it has not."""
    return {parameter.name for parameter in operation.query} & QUERIES.keys() | {"colour"}
