"""The audit as an auditor meets it: every request is in it, proofs hold without the server, receipts stand alone."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import program
from app.client.audit import KeptReceipt
from app.client.http import Township
from app.errors import Problem
from app.services import audit_proofs
from app.services.strangers import _TOLD_EACH
from app.store import audit
from app.store.audit_keeping import opened_log
from app.witness.merkle import ProofFault
from app.witness.receipts import read_receipt
from app.witness.verification import verify
from tests.fixtures.databases import Kind
from tests.fixtures.house import House, serving
from tests.stories.conftest import apply_small

ROWS = [{"region": "430101101", "period": "2025", "total": 30000, "men": 14000, "women": 16000}]
# Operations that leave no entry, and why.
SILENT = {
    "get /healthz": "asked by machines every few seconds; tells nothing",
    "get /readyz": "the same",
    "get /oauth/jwks": "public: the key by which tokens are checked",
    "get /.well-known/oauth-authorization-server": "public: where things are",
}


@pytest.fixture
def small(
    database_kind: Kind, filled_url: Callable[[Kind, str, Callable[[str], None]], str], tmp_path: Path
) -> Iterator[House]:
    with serving(filled_url(database_kind, "small", apply_small), tmp_path / "data") as house:
        clerk = house.client(region="430101")
        assert clerk.post("/v1/submissions", json={"dataset": "people", "rows": ROWS}).status_code == 201
        yield house


def entries(house: House, **wanted: Any) -> list[audit.AuditEntry]:
    """What the audit has, newest first."""
    with house.registry.database.read_journal() as cx:
        return [kept.entry for kept in audit.entries(cx, **wanted)]


def settled(house: House, count: int, **wanted: Any) -> list[audit.AuditEntry]:
    """The same, once so many are there: a closing entry may still be on its way when the answer has arrived."""
    for _ in range(500):
        found = entries(house, **wanted)
        if len(found) >= count:
            return found
        time.sleep(0.01)
    raise AssertionError(f"{found} are not {count}")


def test_a_reading_tells_who_what_why_and_what_was_answered(small: House) -> None:
    client = small.client(department="ecology")
    answer = client.get("/v1/views/people-view/records", headers={"X-Request-Id": "one"})
    closing, intent = settled(small, 2, request_id="one")
    assert (intent.kind, intent.caller_kind, intent.department, intent.action) == (
        "intent", "department", "ecology", "read",
    )  # fmt: skip
    assert intent.target == "people-view"
    assert intent.version == answer.json()["version"]
    assert intent.agreements == ["ecology-2026"]
    assert intent.purposes == ["考核"]
    assert intent.snapshot == answer.json()["snapshot"]
    record = answer.json()["records"][0]
    assert intent.answered == {"fields": list(record), "regions": ["430101101"], "periods": ["2025"]}
    assert (closing.kind, closing.status, closing.rows) == ("closing", "sent", 1)
    assert closing.digest == hashlib.sha256(answer.content).hexdigest()


def test_every_operation_leaves_an_entry_whoever_asks_and_however_it_ends(small: House) -> None:
    paths = small.client(admin=True).get("/openapi.json").json()["paths"]
    operations = [(method, path) for path, methods in paths.items() for method in methods]
    assert len(operations) > 50
    missing = []
    for who in ({"admin": True}, {"department": "ecology"}, {"region": "430101"}):
        client = small.client(**who)
        for number, (method, path) in enumerate(operations):
            if f"{method} {path}" in SILENT or path.endswith("/stream"):
                continue
            name = f"{next(iter(who))}-{number}"
            place = path.replace("{", "").replace("}", "")
            body: dict[str, str] | None = None if method == "get" else {}
            headers = {"X-Request-Id": name}
            if path.startswith("/oauth"):
                headers["Authorization"] = ""
            with client.stream(method.upper(), place, headers=headers, timeout=20, json=body) as answer:
                assert answer.status_code < 500, (method, path, answer.status_code)
                if not entries(small, request_id=name):
                    missing.append(f"{method} {path} as {name}: {answer.status_code}")
    assert missing == []


def test_what_is_refused_before_it_is_known_what_is_asked_names_the_caller(small: House) -> None:
    client = small.client(department="ecology")
    for path, code in (("/v1/views?colour=red", "unknown_parameter"), ("/v1/nothing", "not_found")):
        client.get(path, headers={"X-Request-Id": code})
        [entry] = entries(small, request_id=code)
        assert (entry.caller_kind, entry.department, entry.status) == ("department", "ecology", code)


def test_strangers_are_on_record_but_cannot_fill_the_disk(small: House) -> None:
    stranger = small.client("not a key")
    for _ in range(_TOLD_EACH + 30):
        assert stranger.get("/v1/views").status_code in {401, 429}
    told = entries(small, action="refused", limit=500)
    assert len(told) == _TOLD_EACH
    assert {(entry.caller_kind, entry.target) for entry in told} == {("stranger", "/v1/views")}
    assert {entry.status for entry in told} <= {"401", "429"}
    assert "not a key" not in repr(told)
    for finish in small.registry.before_close:
        finish()
    assert entries(small, action="refused")[0].rows == 30


def test_an_auditor_reads_the_audit_and_checks_it_without_trusting_the_server(small: House) -> None:
    small.client(department="ecology").get("/v1/views/people-view/records", headers={"X-Request-Id": "one"})
    settled(small, 2, request_id="one")
    with Township(small.url, small.key(admin=True)) as township:
        verifier = township.audit.keys()["checkpoint_key"]
        old, note = township.audit.checkpoint(verifier)
        [closing, intent] = township.audit.entries(request_id="one")
        assert (closing["kind"], intent["kind"]) == ("closing", "intent")
        proof = township.audit.included(intent["id"], verifier=verifier)
        assert proof["leaf"] == intent["leaf"]
        assert township.audit.included(leaf=intent["leaf"]["hash"], verifier=verifier)["entry"] == intent["id"]
        newest = township.audit.entries(department="ecology")
        assert all(entry["department"] == "ecology" for entry in newest)
        head = township.audit.grown_from(note, verifier)
        assert head.size > old.size
        with pytest.raises(ProofFault):
            township.audit.grown_from(note.replace("\nat ", "\nat x"), verifier)
    with opened_log(small.registry.database) as log:
        assert verify(log, [note]).faults == []


def test_the_audit_is_for_auditors_and_administrators(small: House) -> None:
    paths = ("entries", "checkpoint", "proofs/inclusion?entry=1", "proofs/consistency?from=1")
    for who in ({"department": "ecology"}, {"region": "430101"}):
        client = small.client(**who)
        assert [client.get(f"/v1/audit/{path}").status_code for path in paths] == [403] * 4
        assert client.get("/v1/audit/keys").status_code == 200
    admin = small.client(admin=True)
    assert [admin.get(f"/v1/audit/{path}").status_code for path in paths] == [200] * 4
    for path in (
        "proofs/inclusion", "proofs/inclusion?entry=1&leaf=ab", "proofs/consistency?from=0",
        "proofs/consistency?from=9&to=2", "entries?since=2026-01-01", "entries?limit=0", "entries?until=x",
    ):  # fmt: skip
        assert admin.get(f"/v1/audit/{path}").status_code == 400, path
    assert admin.get("/v1/audit/proofs/inclusion?entry=999999").status_code == 404
    assert admin.get("/v1/audit/proofs/inclusion?leaf=zz").status_code == 404


# Receipts --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["json", "csv", "parquet"])
def test_a_receipt_is_over_the_very_bytes_and_its_entry_is_in_the_log(small: House, format: str) -> None:
    client = small.client(department="ecology")
    path = f"/v1/views/people-view/records?format={format}&period=2025"
    answer = client.get(path, headers={"Prefer": "return=minimal, receipt", "X-Request-Id": "one"})
    assert answer.headers["Preference-Applied"] == "receipt"
    [jwk] = client.get("/v1/audit/keys").json()["keys"]
    claims = read_receipt(answer.headers["Receipt"], jwk)
    assert claims["request"] == {
        "method": "GET", "path": "/v1/views/people-view/records", "query": f"format={format}&period=2025",
    }  # fmt: skip
    assert claims["answer"]["sha256"] == hashlib.sha256(answer.content).hexdigest()
    assert claims["answer"]["bytes"] == len(answer.content)
    assert (claims["view"], claims["agreements"], claims["department"]) == ("people-view", ["ecology-2026"], "ecology")
    intent = settled(small, 2, request_id="one")[1]
    assert intent.digest == claims["answer"]["sha256"]
    assert claims["snapshot"] == intent.snapshot
    with Township(small.url, small.key(admin=True)) as township:
        proof = township.audit.included(leaf=claims["entry"]["leaf"])
        [entry] = [one for one in township.audit.entries(request_id="one") if one["kind"] == "intent"]
        assert proof["entry"] == entry["id"]


def test_no_receipt_is_given_unasked_or_for_nothing_sent(small: House) -> None:
    client = small.client(department="ecology")
    answer = client.get("/v1/views/people-view/records")
    assert "Receipt" not in answer.headers
    headers = {"Prefer": "receipt", "If-None-Match": answer.headers["ETag"]}
    again = client.get("/v1/views/people-view/records", headers=headers)
    assert (again.status_code, "Receipt" in again.headers) == (304, False)
    assert "Receipt" not in client.get("/v1/views/nothing/records", headers={"Prefer": "receipt"}).headers


def test_a_receipt_kept_by_the_client_is_verified_without_the_server(small: House, tmp_path: Path) -> None:
    kept = KeptReceipt()
    with Township(small.url, small.key(department="ecology")) as township:
        township.pull("people-view", tmp_path / "d.csv", format="csv", receipt=kept)
        keys = township.audit.keys()
    (tmp_path / "r.json").write_bytes(kept.document())
    (tmp_path / "key").write_text(keys["checkpoint_key"])
    (tmp_path / "jwks").write_text(json.dumps({"keys": keys["keys"]}))
    (tmp_path / "other").write_text((tmp_path / "d.csv").read_text() + "\n")

    def run(*words: str) -> int:
        return CliRunner().invoke(program("receipt"), ["receipt", "verify", *words]).exit_code

    receipt, data = str(tmp_path / "r.json"), str(tmp_path / "d.csv")
    assert run(receipt) == 0
    for key in ("key", "jwks"):
        assert run(receipt, "--answer", data, "--key", str(tmp_path / key)) == 0
    assert run(receipt, "--answer", str(tmp_path / "other")) == 1
    forged = json.loads(kept.document())
    forged["keys"][0]["x"] = "A" * 43
    (tmp_path / "f.json").write_text(json.dumps(forged))
    assert run(str(tmp_path / "f.json")) == 1
    assert run(data) == 1


# Retention -------------------------------------------------------------------------------------------------------


def test_nothing_younger_than_the_law_lets_is_pruned_and_the_rest_is_by_its_day(small: House) -> None:
    registry = small.registry
    with pytest.raises(Problem, match="retention"):
        audit_proofs.prune(registry, None)
    with pytest.raises(Problem, match="184"):
        audit_proofs.prune(registry, registry.today())
    before = len(entries(small, limit=1_000))
    note = registry.audit_tree.checkpoint(registry.now()).note
    small.clock.offset += 200 * 86_400
    tomorrow = registry.today().fromordinal(registry.today().toordinal() - 199)
    gone, below = audit_proofs.prune(registry, tomorrow)
    assert gone == below == before
    assert {entry.action for entry in entries(small)} == {"prune-audit"}
    with opened_log(registry.database) as log:
        found = verify(log, [note])
    assert (found.faults, found.pruned) == ([], before)
