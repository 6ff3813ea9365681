from __future__ import annotations

import threading
import zipfile
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import product

import orjson
import pytest
from sqlalchemy import select

from app.catalogue.periods import Period
from app.catalogue.region_plan import RegionPlan
from app.catalogue.regions import RegionState, Succession
from app.errors import Problem
from app.policy.audiences import Audience
from app.policy.callers import OPERATOR
from app.policy.gate import permit_form_request
from app.store import (
    archive,
    audit,
    backup,
    credentials,
    definitions,
    events,
    form_memory,
    form_requests,
    form_templates,
    idempotency,
    proposed_elements,
    quotas,
    records,
    regions,
    secrets,
    used_once,
)  # fmt: skip
from app.store import states as states_
from app.store import tables as t
from app.store.audit import AuditEntry, AuditLog
from app.store.audit_keeping import opened_log
from app.store.audit_tree import AuditTree
from app.store.events import Event
from app.store.form_memory import StoredJudgement
from app.store.form_requests import StoredFormRequest
from app.store.proposed_elements import ProposedElement
from app.store.states import StoredState
from app.witness.verification import verify
from tests.fixtures.databases import KINDS
from tests.store.given import administration, change, given_regions, part, submit, submitting
from tests.store.given_care import fill_care

PAIRS = list(product(KINDS, KINDS))


def _fill_access(write):
    about = {"department": "ecology", "asked": {"用途": None}, "items": [], "rules": {}, "status": "granted"}
    days = {"reply_due": date(2026, 3, 1), "extended": False, "submitted_at": write.now, "submitted_by": "c"}
    write.connection.execute(t.access_request.insert(), {"id": "r", **about, **days})
    step = {"request_id": "r", "at": write.now, "by": "rule", "kind": "granted", "reason": "'", "details": {}}
    write.connection.execute(t.access_request_step.insert(), step)
    granted = {"agreement": "a", "request_id": "r", "by_rule": True, "granted_at": write.now}
    write.connection.execute(t.access_grant.insert(), {**granted, "delivery_due": date(2026, 4, 1)})
    write.connection.execute(t.pinned_snapshot.insert(), _pin(write.now))


def _pin(now):
    kept = {
        "department": "ecology",
        "name": "kaohe-2026",
        "view": "v",
        "view_version": 1,
        "snapshot": "s",
        "digest": "d",
    }
    made = {"epoch": 3, "scope": {"grants": []}, "datasets": ["population"], "shown_at": now, "note": "题'"}
    return {**kept, **made, "pinned_at": now, "pinned_by": "c"}


def _fill_readings(cx):
    cx.execute(t.reading_progress.insert(), {"writer": "w", "position": 3})
    cx.execute(t.reading_scope.insert(), {"id": "s", "department": None, "document": {"区": None}})
    cx.execute(t.reading_count.insert(), {"scope_id": "s", "day": date(2026, 3, 1), "times": 2})


def _fill(database):
    """Something in every table, with what databases like to bend: order of text, fractions, quotes, nothing at all."""
    given_regions(database, 1, 2, 3)
    edge = Succession(date(2020, 1, 1), "merge", 3, 2, Fraction(1, 3), "湘民发〔2019〕1号")
    states = (
        RegionState(1, "430682", "临湘市", "county", None, date(1992, 9, 1)),
        RegionState(2, "430682101", "忠防镇", "township", 1, None, date(2024, 12, 31)),
    )
    with database.write() as write:
        regions.save(write, administration(), RegionPlan(add_states=states, add_successions=(edge,)))
        for code in ("a", "B", "ä", "中", "_", "-", "aa"):
            definitions.put(write, administration(), "view", code, {"z": 1, "a": "引号\" ' \\ \n\u0000", "n": None})
        end = datetime(2027, 1, 1, tzinfo=UTC)
        made, key = credentials.create(
            write, administration(), name="生态", kind="department", department="ecology", expires_at=end
        )
        key = credentials.rotate(write, administration(), made.id, timedelta(hours=1))
        other, _ = credentials.create(write, administration(), name="公钥", kind="admin", bound=True)
        credentials.put_public_keys(write, administration(), other.id, {"keys": [{"kty": "OKP"}]})
        form_templates.put(write, administration(), "v", b"PK\x00\xff", "表.xlsx", {"columns": {"镇": "B"}})
        form_templates.remove(write, administration(), "v")
        idempotency.keep(write, "c", "k", "digest", 201, {"id": 1})
        asking = permit_form_request(OPERATOR, "ecology")
        form_requests.insert(write, asking, StoredFormRequest("f", "ecology", {"题": None}, [], {}, "checked", "c"))
        judged = StoredJudgement("甲|人|", "表", "甲", "exact", True, "a.b", False, "引号'\"", "f")
        form_memory.add(write, administration(), [judged, judged])
        proposed = ProposedElement("p", "f", "a", "c", {"名": "丙"})
        proposed_elements.put_proposals(write, administration(), [proposed], "f")
        events.announce(write, Event("a.b", "题'", Audience.region(1), {"问": None}))
        row = {
            "id": "w",
            "department": "ecology",
            "url": "https://a",
            "views": ["v"],
            "kinds": [],
            "sealed_secret": "s",
        }
        _fill_access(write)
        write.connection.execute(t.webhook.insert(), {**row, "created_at": write.now, "created_by": made.id})
    submit(database, change(1, "2024", "10"), change(2, "2025", "0.10", ("井-1",)))
    submit(database, change(1, "2024", "11"))
    with database.write() as write:
        records.withdraw(write, submitting(), "population", 2, Period("year", 2025), ("井-1",), "重复")
    with database.write() as write:
        fill_care(write)
    with database.journal() as cx:
        now = datetime(2026, 3, 1, 0, 0, 0, 5, tzinfo=UTC)
        states_.remember(cx, StoredState("s", "d", "v", 1, 3, {"grants": []}, now))
        credentials.issue_token(cx, made, now, timedelta(hours=1))
        cx.execute(t.webhook_progress.insert(), {"webhook_id": "w", "topic": "v", "reached": "s"})
        row = {
            "id": "d",
            "webhook_id": "w",
            "topic": "v",
            "body": {"问": None},
            "status": "waiting",
            "attempts": 1,
            "created_at": now,
        }
        cx.execute(t.webhook_delivery.insert(), {**row, "next_at": None})
        row = {"webhook_id": "w", "delivery_id": "d", "at": now, "status": None, "outcome": "unreachable"}
        cx.execute(t.webhook_attempt.insert(), row)
        _fill_readings(cx)
        used_once.use(cx, "名", now + timedelta(hours=1), now)
        quotas.take(cx, "agreement a", "day", now, 10, 3, 1)
        quotas.begin_export(cx, "e", {"everybody": 1}, now, now + timedelta(hours=1))
        cx.execute(t.lease.insert(), {"task": "sender", "holder": "h", "until": now})
    entries = [
        AuditEntry(now, f"r-{number}", "intent", "department", "read", question={"问": None}) for number in range(256)
    ]
    log = AuditLog(database)
    for future in [log.submit(entry) for entry in entries]:
        future.result()
    log.close()
    AuditTree(database).checkpoint(now)
    return key


def _digests(database):
    found: dict[str, archive.TableDigest] = {}
    for opened in (database.read, database.read_journal):
        with opened() as cx:
            for name, table in archive.reflected(cx).items():
                digest = archive.digest_table(cx, table)
                found[name] = max(found.get(name, digest), digest, key=lambda each: each.rows)
    return found


@pytest.fixture(scope="module")
def _made():
    return {}


@pytest.fixture
def good(_made, database_kind, new_database, tmp_path_factory):
    """A backup of a database of each kind with something in every table, made once."""
    if database_kind not in _made:
        full = new_database(database_kind)
        _fill(full)
        _made[database_kind] = tmp_path_factory.mktemp("backup") / "good.zip"
        backup.backup(full, _made[database_kind])
    return _made[database_kind]


@pytest.mark.parametrize(("source", "target"), PAIRS)
def test_a_copy_says_the_same_in_every_table(new_database, source, target):
    one, other = new_database(source), new_database(target)
    key = _fill(one)
    backup.copy(one, other)
    before, after = _digests(one), _digests(other)
    assert [name for name in before if before[name] != after[name]] == []
    assert [name for name, digest in before.items() if digest.rows == 0] == []
    with one.read() as cx, other.read() as copied:
        assert secrets.sealing_key(cx) == secrets.sealing_key(copied)
        assert secrets.lineage(cx) != secrets.lineage(copied)
        assert credentials.find_by_key(cx, key) == credentials.find_by_key(copied, key) is not None
        assert definitions.latest(cx) == definitions.latest(copied)
    assert part(one, 2024, 99) == part(other, 2024, 99)


@pytest.mark.parametrize("target", KINDS)
def test_a_restored_registry_goes_on_where_the_old_one_was(new_database, tmp_path, target):
    source, restored = new_database("sqlite"), new_database(target)
    _fill(source)
    backup.backup(source, tmp_path / "b.zip")
    manifest = backup.restore(restored, tmp_path / "b.zip")
    assert restored.epoch() == source.epoch() == manifest.epoch
    with source.read() as cx:
        last = max(cx.execute(select(t.record_version.c.id)).scalars())
    assert submit(restored, change(1, "2024", "12")) == manifest.epoch + 1
    with restored.read() as cx:
        assert max(cx.execute(select(t.record_version.c.id)).scalars()) == last + 1
    log = AuditLog(restored)
    log.append(AuditEntry(datetime.now(UTC), "next", "act", "operator", "restore"))
    log.close()
    with restored.read_journal() as cx:
        assert [kept.id for kept in audit.entries(cx, limit=2)] == [257, 256]
    AuditTree(restored).checkpoint(datetime.now(UTC))
    with opened_log(restored) as kept_log:
        verdict = verify(kept_log)
    assert (verdict.size, verdict.faults) == (257, [])


def test_a_backup_while_serving_is_of_one_moment(database, new_database, database_kind, tmp_path):
    given_regions(database)
    stop = threading.Event()

    def go_on() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            submit(database, change(1, "2025", str(number)), change(2, "2025", str(number)))

    writer = threading.Thread(target=go_on)
    writer.start()
    try:
        manifests = [backup.backup(database, tmp_path / f"{number}.zip") for number in range(3)]
    finally:
        stop.set()
        writer.join()
    for number, manifest in enumerate(manifests):
        restored = new_database(database_kind)
        backup.restore(restored, tmp_path / f"{number}.zip")
        assert restored.epoch() == manifest.epoch
        found = part(restored, 2025, manifest.epoch)
        assert len(set(found.values())) <= 1
        assert manifest.tables["record_version"].rows == 2 * manifest.tables["submission"].rows
    assert list(tmp_path.glob("*.partial")) == []


def test_a_database_that_holds_anything_is_not_restored_into(database, tmp_path):
    given_regions(database)
    backup.backup(database, tmp_path / "b.zip")
    with pytest.raises(Problem) as told:
        backup.restore(database, tmp_path / "b.zip")
    assert told.value.code == "conflict"
    assert "region" in told.value.detail


def _rewritten(source, target, change_member):
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for name in old.namelist():
            new.writestr(name, change_member(name, old.read(name)))


DAMAGES = [
    lambda name, data: data.replace(b'\\"10\\"', b'\\"11\\"') if name == "tables/record_version.jsonl" else data,
    lambda name, data: data.split(b"\n", 1)[1] if name == "tables/epoch_log.jsonl" else data,
    lambda name, data: b"{}" if name == "manifest.json" else data,
    lambda name, data: data.replace(b'"format": 2', b'"format": 9') if name == "manifest.json" else data,
]


def test_a_damaged_backup_is_refused_before_anything_is_written(good, new_database, database_kind, tmp_path):
    empty = new_database(database_kind)
    for number, damage in enumerate(DAMAGES):
        _rewritten(good, tmp_path / "bad.zip", damage)
        with pytest.raises(Problem) as told:
            backup.restore(empty, tmp_path / "bad.zip")
        assert told.value.code == "bad_request", number
        assert empty.epoch() == 0, number
    backup.restore(empty, good)


def test_a_file_that_is_no_backup_is_refused(database, tmp_path):
    (tmp_path / "x.zip").write_bytes(b"PK nothing")
    for name in ("x.zip", "missing.zip"):
        with pytest.raises(Problem) as told:
            backup.restore(database, tmp_path / name)
        assert told.value.code == "bad_request"


def test_a_backup_of_a_newer_program_is_refused(database, new_database, database_kind, tmp_path):
    def newer(name, data):
        return orjson.dumps({**orjson.loads(data), "revision": "2999_01_01_later"}) if name == "manifest.json" else data

    backup.backup(database, tmp_path / "b.zip")
    _rewritten(tmp_path / "b.zip", tmp_path / "n.zip", newer)
    with pytest.raises(Problem) as told:
        backup.restore(new_database(database_kind), tmp_path / "n.zip")
    assert told.value.code == "bad_request"


def test_a_restore_that_fails_half_way_leaves_the_database_empty(good, new_database, database_kind, monkeypatch):
    empty = new_database(database_kind)

    def fail(_):
        raise RuntimeError("power cut")

    with monkeypatch.context() as broken:
        broken.setattr(secrets, "new_lineage", fail)
        with pytest.raises(RuntimeError):
            backup.restore(empty, good)
    assert empty.epoch() == 0
    backup.restore(empty, good)
