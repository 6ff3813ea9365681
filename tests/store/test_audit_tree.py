"""The log proves itself, and whatever is changed in what is kept of it is found and named."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, func, insert, select, update

from app.store import secrets
from app.store import tables as t
from app.store.audit import AuditEntry, AuditLog, document_of
from app.store.audit_keeping import DatabaseLog, archived_log, opened_log
from app.store.audit_tree import AuditTree, Tiles, committed_by, stored_of
from app.store.backup import backup
from app.witness.checkpoints import Checkpoint, read_checkpoint, sign_checkpoint
from app.witness.entries import entry_bytes
from app.witness.merkle import (
    Frontier,
    ProofFault,
    check_consistency,
    check_inclusion,
    consistency_proof,
    inclusion_proof,
    subtree_root,
)
from app.witness.verification import verify

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
A, L, N, C, W = t.audit, t.audit_leaf, t.audit_node, t.audit_checkpoint, t.audit_writer
IN_TREE, TAIL = 300, 6  # more than a tile, so that there are inner nodes; and a tail the tree does not have yet


def entry(number=0, **more):
    told = {
        "at": NOON + timedelta(minutes=number), "request_id": f"r-{number}", "kind": "intent",
        "caller_kind": "department", "action": "read", "credential_id": "c", "department": "ecology", "region_id": 3,
        "target": "ecology-rural", "version": 4, "question": {"period": "2025"}, "agreements": ["ecology-2026"],
        "epoch": 17, "status": "sent", "rows": 14, "digest": "ab", "purposes": ["考核"], "snapshot": "s",
        "answered": {"fields": ["czrk"], "regions": ["430682"], "periods": ["2025"]},
    }  # fmt: skip
    return AuditEntry(**{**told, **more})


def written(database, *numbers, ended=True):
    log = AuditLog(database)
    for done in [log.submit(entry(number)) for number in numbers]:
        done.result()
    if ended:
        log.close()
    return log


def test_the_next_entries_are_found_without_reading_the_log(new_database):
    """However long the log is: by the index of each writer's positions."""
    database = new_database("sqlite")
    written(database, *range(3))
    with database.read_journal() as cx:
        (wanted,) = committed_by(cx)
        text = wanted.compile(cx, compile_kwargs={"literal_binds": True})
        steps = [row[-1] for row in cx.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
    assert [step.split(" (")[0] for step in steps] == ["SEARCH audit USING COVERING INDEX uq_audit_writer_position"]


def test_nothing_is_kept_of_entries_that_another_process_brought_into_the_tree(database):
    mine, other = AuditTree(database), AuditTree(database)
    log = AuditLog(database, fresh=mine.fresh)
    for number in range(5):
        log.append(entry(number))
    log.settle()
    assert len(mine.fresh) == 5
    assert other.checkpoint(NOON).size == 5
    log.append(entry(5))
    log.settle()
    assert mine.checkpoint(NOON).size == 6
    assert mine.fresh == {}
    log.close()


def verdict(database, *outside):
    with opened_log(database) as log:
        return verify(log, outside)


def checkpoint(database):
    return AuditTree(database).checkpoint(NOON).note


@pytest.fixture
def kept(database):
    """A log of two writers, and a tail; the one of the tail is still at work, as a served registry's is."""
    written(database, *range(200))
    working = written(database, *range(200, IN_TREE), ended=False)
    database.note = checkpoint(database)
    for done in [working.submit(entry(number)) for number in range(IN_TREE, IN_TREE + TAIL)]:
        done.result()
    yield database
    working.close()


def test_a_log_that_nobody_touched_holds(kept):
    found = verdict(kept, kept.note)
    assert (found.faults, found.size, found.tail, found.heads) == ([], IN_TREE, TAIL, 2)
    assert read_checkpoint(kept.note, AuditTree(kept).keys.public).root == found.root
    checkpoint(kept)
    found = verdict(kept, kept.note)
    assert (found.faults, found.size, found.tail) == ([], IN_TREE + TAIL, 0)


def test_an_empty_log_holds_and_can_be_signed(database):
    assert verdict(database).faults == []
    note = checkpoint(database)
    written(database, 1)
    checkpoint(database)
    assert verdict(database, note).faults == []


def test_several_who_sequence_at_once_make_one_tree(database):
    logs = [AuditLog(database) for _ in range(3)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda number: logs[number % 3].append(entry(number)), range(120)))
        list(pool.map(lambda _: AuditTree(database).checkpoint(NOON), range(6)))
    for log in logs:
        log.close()
    found = verdict(database)
    assert (found.faults, found.size, found.tail) == ([], 120, 0)


# What somebody who can write to the database may do --------------------------------------------------------------

FIELDS = {
    "at": NOON - timedelta(days=1), "request_id": "x", "kind": "act", "caller_kind": "admin", "credential_id": "x",
    "department": "police", "region_id": 4, "action": "export", "target": "x", "version": 5,
    "question": {"period": "2024"}, "agreements": [], "epoch": 18, "status": "broken", "rows": 15, "digest": "ac",
    "purposes": ["别的"], "snapshot": "t", "answered": {}, "position": 9_999, "writer": "nobody", "link": "00",
}  # fmt: skip


def rolled_back(database, tamper, *outside):
    """What is found after ``tamper``, which is undone afterwards."""
    with database.read() as cx:
        keys = secrets.audit_keys(cx)

    with suppress(_Undone), database.journal() as cx:
        tamper(cx)
        found = verify(DatabaseLog(cx, keys), outside)
        raise _Undone
    return found


class _Undone(Exception):
    pass


def entry_of(cx, number):
    return cx.execute(select(L.c.entry_id).where(L.c.number == number)).scalar_one()


PLACE = st.one_of(st.sampled_from([0, 1, 199, 200, 254, 255, 256, IN_TREE - 1]), st.integers(0, IN_TREE - 1))
SEARCH = settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


def test_the_fields_tried_are_all_there_are():
    assert set(FIELDS) == {column.name for column in A.columns} - {"id"}


def test_any_changed_field_is_found_and_its_entry_named(kept):
    def within(cx, number, field):
        cx.execute(update(A).where(A.c.id == entry_of(cx, number)).values({field: FIELDS[field]}))

    def tail(cx, field):
        last = select(func.max(A.c.id) - 2).scalar_subquery()
        cx.execute(update(A).where(A.c.id == last).values({field: FIELDS[field]}))

    for turn, field in enumerate(FIELDS):
        number = (0, 137, IN_TREE - 1)[turn % 3]
        found = rolled_back(kept, partial(within, number=number, field=field))
        assert found.faults[0].number == number, field
        assert rolled_back(kept, partial(tail, field=field)).faults, field


@SEARCH
@given(number=PLACE)
def test_a_removed_entry_is_found_and_named(kept, number):
    found = rolled_back(kept, lambda cx: cx.execute(delete(A).where(A.c.id == entry_of(cx, number))))
    assert (found.faults[0].kind, found.faults[0].number) == ("removed", number)


@SEARCH
@given(number=PLACE)
def test_an_entry_removed_with_its_leaf_is_found_and_named(kept, number):
    def tamper(cx):
        cx.execute(delete(A).where(A.c.id == entry_of(cx, number)))
        cx.execute(delete(L).where(L.c.number == number))

    assert rolled_back(kept, tamper).faults[0].number == number


@SEARCH
@given(number=PLACE)
def test_an_entry_removed_with_the_leaves_after_it_moved_up_is_found_and_named(kept, number):
    def tamper(cx):
        cx.execute(delete(A).where(A.c.id == entry_of(cx, number)))
        cx.execute(delete(L).where(L.c.number == number))
        for after in range(number + 1, IN_TREE):
            cx.execute(update(L).where(L.c.number == after).values(number=after - 1))

    assert rolled_back(kept, tamper).faults[0].number == number


@SEARCH
@given(number=PLACE)
def test_an_entry_changed_with_its_leaf_is_found_and_named(kept, number):
    """The forger knows how a leaf is hashed."""

    def tamper(cx):
        row = cx.execute(select(A).where(A.c.id == entry_of(cx, number))).one()
        forged = _leaf_of(kept, row, rows=15)
        cx.execute(update(A).where(A.c.id == row.id).values(rows=15))
        cx.execute(update(L).where(L.c.number == number).values(hash=forged))

    assert rolled_back(kept, tamper).faults[0].number == number


def _leaf_of(database, row, **changed):
    document = {**document_of(stored_of(row).entry, row.writer, row.position), **changed}
    return AuditTree(database).keys.hashing.leaf(entry_bytes(document)).hex()


@SEARCH
@given(first=PLACE, second=PLACE)
def test_two_entries_that_changed_places_are_found_and_the_first_named(kept, first, second):
    if first == second:
        return
    one, other = sorted((first, second))

    def contents(cx):
        ids = [entry_of(cx, one), entry_of(cx, other)]
        for of, to in ((ids[0], -1), (ids[1], ids[0]), (-1, ids[1])):
            cx.execute(update(A).where(A.c.id == of).values(id=to))

    def leaves(cx):
        rows = {row.number: row for row in cx.execute(select(L).where(L.c.number.in_([one, other])))}
        cx.execute(delete(L).where(L.c.number.in_([one, other])))
        for number, row in ((one, rows[other]), (other, rows[one])):
            cx.execute(
                insert(L).values(number=number, entry_id=row.entry_id, hash=row.hash, running=rows[number].running)
            )

    assert rolled_back(kept, contents).faults[0].number == one
    assert rolled_back(kept, leaves).faults[0].number == one


@SEARCH
@given(number=PLACE)
def test_an_entry_put_in_is_found(kept, number):
    def row_of(cx):
        row = dict(cx.execute(select(A).where(A.c.id == entry_of(cx, number))).mappings().one())
        return {**row, "id": 10_000, "request_id": "forged"}

    def alone(cx):
        cx.execute(insert(A).values({**row_of(cx), "writer": "forger", "position": 1}))

    def unnamed(cx):
        cx.execute(insert(A).values({**row_of(cx), "writer": None, "position": None, "link": None}))

    def after_the_last(cx):
        last = cx.execute(select(A).order_by(A.c.id.desc()).limit(1)).one()
        cx.execute(insert(A).values({**row_of(cx), "writer": last.writer, "position": last.position + 1}))

    def with_a_leaf(cx):
        alone(cx)
        cx.execute(insert(L).values(number=IN_TREE, entry_id=10_000, hash="00" * 32, running="00" * 32))

    for tamper in (alone, unnamed, after_the_last):
        assert rolled_back(kept, tamper).faults[0].entry_id == 10_000
    assert rolled_back(kept, with_a_leaf).faults[0].number == IN_TREE


def test_an_entry_taken_from_the_tail_is_found(kept):
    for number in range(IN_TREE, IN_TREE + TAIL - 1):
        gone = delete(A).where(A.c.request_id == f"r-{number}")
        assert rolled_back(kept, lambda cx, gone=gone: cx.execute(gone)).faults[0].kind == "removed"


def test_the_end_of_the_tail_is_missed_once_its_writer_has_ended_or_a_head_was_signed(kept):
    """The window, as docs/decisions/0017 tells it: the newest entries of a process still at work."""

    def tamper(cx):
        cx.execute(delete(A).where(A.c.request_id == f"r-{IN_TREE + TAIL - 1}"))

    assert rolled_back(kept, tamper).faults == []
    note = checkpoint(kept)
    assert rolled_back(kept, tamper).faults[0].number == IN_TREE + TAIL - 1

    def all_of_it(cx):
        tamper(cx)
        cx.execute(delete(L).where(L.c.number == IN_TREE + TAIL - 1))
        cx.execute(delete(C).where(C.c.size == IN_TREE + TAIL))
        writer = cx.execute(select(A.c.writer).where(A.c.request_id == f"r-{IN_TREE}")).scalar_one()
        last = cx.execute(select(func.max(A.c.position)).where(A.c.writer == writer)).scalar_one()
        cx.execute(update(W).where(W.c.id == writer).values(sequenced=last))

    # A log rolled back whole is a log in order; only a head kept elsewhere says that it was longer.
    assert rolled_back(kept, all_of_it).faults == []
    assert rolled_back(kept, all_of_it, note).faults[0].number == IN_TREE + TAIL - 1


def test_the_last_entry_of_a_writer_that_has_ended_is_missed(database):
    written(database, 1, 2, 3)
    found = rolled_back(database, lambda cx: cx.execute(delete(A).where(A.c.request_id == "r-3")))
    assert found.faults[0].kind == "removed"


TOUCHES = [
    lambda cx: cx.execute(update(N).values(hash="00" * 32)),
    lambda cx: cx.execute(delete(N)),
    lambda cx: cx.execute(insert(N).values(level=2, number=0, hash="00" * 32)),
    lambda cx: cx.execute(update(L).where(L.c.number == 7).values(running="00" * 32)),
    lambda cx: cx.execute(update(L).where(L.c.number == 7).values(hash="not hex")),
    lambda cx: cx.execute(update(C).values(note=C.c.note + "x")) and cx.execute(update(C).values(note="x")),
    lambda cx: cx.execute(update(C).values(size=C.c.size - 1)),
    lambda cx: cx.execute(update(W).values(sequenced=W.c.sequenced - 1)),
    lambda cx: cx.execute(delete(W)),
]


def test_tables_of_the_tree_that_were_touched_are_found(kept):
    for number, tamper in enumerate(TOUCHES):
        assert rolled_back(kept, tamper).faults, number


def test_a_forger_who_makes_the_whole_tree_anew_is_found_by_a_head_kept_elsewhere(kept):
    """Someone with the keys changes an entry and rebuilds everything: chains, leaves, nodes and heads."""
    with kept.journal() as cx:
        rows = cx.execute(select(A).order_by(A.c.id)).all()
        for table in (A, L, N, C, W):
            cx.execute(delete(table))
    log = AuditLog(kept)
    for row in rows:
        log.append(entry(int(row.request_id[2:]), rows=99 if row.request_id == "r-150" else 14))
    log.close()
    checkpoint(kept)
    assert verdict(kept).faults == []
    assert verdict(kept, kept.note).faults[0].message.startswith("叶 0 至 299")


def test_a_head_signed_by_another_key_or_of_another_log_is_refused(kept):
    keys = AuditTree(kept).keys
    found = verdict(kept)
    head = Checkpoint(keys.origin, found.size, found.root, "sha256", "2026-03-01T12:00:00.000000Z")
    right = sign_checkpoint(head, keys.signing)
    assert verdict(kept, right).faults == []
    stranger = sign_checkpoint(head, Ed25519PrivateKey.generate())
    other = sign_checkpoint(Checkpoint("elsewhere", head.size, head.root, head.hash, head.at), keys.signing)
    for note in (stranger, other, "nothing"):
        assert verdict(kept, note).faults[0].kind == "checkpoint"


def test_a_backup_proves_the_same_as_the_database(kept, tmp_path):
    backup(kept, tmp_path / "b.zip")
    with archived_log(tmp_path / "b.zip") as log:
        found = verify(log, [kept.note])
    here = verdict(kept)
    assert (found.faults, found.size, found.root, found.tail) == ([], here.size, here.root, here.tail)


# Proofs ----------------------------------------------------------------------------------------------------------


@SEARCH
@given(number=PLACE, old=st.integers(1, IN_TREE))
def test_kept_tiles_give_the_proofs_of_every_leaf_and_every_older_tree(kept, number, old):
    keys = AuditTree(kept).keys
    root = read_checkpoint(kept.note, keys.public).root
    with kept.read_journal() as cx:
        tiles = Tiles(cx, keys.hashing)
        leaf = tiles.subtree(0, number)
        check_inclusion(
            keys.hashing, number, IN_TREE, leaf, inclusion_proof(keys.hashing, tiles.subtree, number, IN_TREE), root
        )
        frontier = Frontier(keys.hashing)
        for place in range(old):
            frontier.append(tiles.subtree(0, place))
        assert frontier.root() == subtree_root(keys.hashing, tiles.subtree, 0, old)
        proof = consistency_proof(keys.hashing, tiles.subtree, old, IN_TREE)
        check_consistency(keys.hashing, old, IN_TREE, frontier.root(), root, proof)
        if old < IN_TREE:
            with pytest.raises(ProofFault):
                check_consistency(keys.hashing, old, IN_TREE, bytes(32), root, proof)
