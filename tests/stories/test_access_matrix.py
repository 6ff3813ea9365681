"""Every operation, asked by every kind of caller: the committed table is complete, true, and keeps to the rules."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.fixtures.access_matrix import CALLERS, PAGE, matrix, page
from tests.fixtures.databases import Kind

Row = dict[str, int]
# Of the administrators' own; the auditor reads the audit.
OF_THE_AUDIT = ("GET /v1/admin/audit", "GET /v1/audit/")
OPEN = ("GET /healthz", "GET /readyz", "GET /oauth/jwks", "GET /.well-known/oauth-authorization-server")


@pytest.fixture(scope="module")
def asked(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    folder = tmp_path_factory.mktemp("matrix")
    for file in sqlite_template.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    return matrix(f"sqlite:///{folder / 'registry.db'}", folder / "data")


def test_the_committed_table_has_every_operation_and_is_what_a_registry_answers(asked: dict[str, Row]) -> None:
    committed = PAGE.read_text(encoding="utf-8").splitlines()
    answered = page(asked).splitlines()
    assert [line for line in answered if line not in committed] == [], "run `make access-matrix`, and read what changed"
    assert committed == answered


@pytest.mark.slow
@pytest.mark.postgresql
def test_postgresql_answers_everybody_the_same(
    asked: dict[str, Row], new_url: Callable[[Kind], str], tmp_path: Path
) -> None:
    assert matrix(new_url("postgresql"), tmp_path) == asked


def test_whoever_presents_nothing_or_a_wrong_key_gets_nothing_but_what_is_open(asked: dict[str, Row]) -> None:
    for operation, row in asked.items():
        if operation not in OPEN:
            assert (row["none"], row["wrong key"]) == (401, 401), operation
        else:
            assert set(row.values()) == {200}, operation


def test_what_administers_is_for_administrators_and_the_audit_for_auditors_too(asked: dict[str, Row]) -> None:
    for operation, row in asked.items():
        if "/v1/admin/" in operation or ("/v1/audit/" in operation and not operation.endswith("/keys")):
            may = {"admin", "auditor"} if operation.startswith(OF_THE_AUDIT) else {"admin"}
            for name in CALLERS.keys() - {"none", "wrong key"}:
                assert (row[name] != 403) == (name in may), (operation, name)


def test_a_view_is_there_for_its_department_alone_and_only_under_an_agreement(asked: dict[str, Row]) -> None:
    for operation, row in asked.items():
        if operation.startswith("GET /v1/views/{view}"):
            assert row["department"] == 200, operation
            assert {row[name] for name in CALLERS.keys() - {"none", "wrong key", "department"}} == {404}, operation


def test_only_its_clerk_reports_for_a_region(asked: dict[str, Row]) -> None:
    for operation in ("POST /v1/submissions", "POST /v1/datasets/{dataset}/still-true"):
        assert {name for name, status in asked[operation].items() if status < 400} == {"clerk"}, operation


def test_no_answer_is_a_fault(asked: dict[str, Row]) -> None:
    assert max(status for row in asked.values() for status in row.values()) < 500
