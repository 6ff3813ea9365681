from __future__ import annotations

from datetime import timedelta

import pytest
from sqlalchemy import select

from app.policy import gate
from app.policy.scopes import ForgedError
from app.store import credentials, used_once
from app.store import tables as t
from app.store.credentials import Recognised, StoredToken
from tests.store.given import administration, given_regions, submitting


def _made(database, **more):
    with database.write() as write:
        return credentials.create(write, administration(), name="生态", kind="department", department="ecology", **more)


def test_a_key_is_shown_once_finds_its_credential_and_is_not_kept(database):
    made, key = _made(database)
    assert key.startswith(f"twn_{made.id}_")
    with database.read() as cx:
        assert credentials.find_by_key(cx, key) == Recognised(made)
        row = cx.execute(select(t.credential)).one()
    secret = key.rsplit("_", 1)[1]
    assert len(secret) >= 43
    assert not any(secret in str(value) for value in row)
    assert made.caller.department == "ecology"


def test_a_key_with_anything_changed_is_no_key(database):
    made, key = _made(database)
    other, other_key = _made(database)
    head, secret = key.rsplit("_", 1)
    wrong = [
        "", "twn", key[:-1], key + "x", key.replace("twn_", "twt_"), key.upper(), f"twn_{other.id}_{secret}",
        f"twn_{made.id}_{secret[::-1]}", f" {key}", f"twn_{'0' * 16}_{secret}", f"{head}_", "twn_" + "x" * 500, "密钥",
    ]  # fmt: skip
    with database.read() as cx:
        assert [presented for presented in wrong if credentials.find_by_key(cx, presented) is not None] == []
        assert credentials.find_by_key(cx, other_key) == Recognised(other)


def test_a_key_is_found_under_its_own_id_only(database):
    made, key = _made(database)
    other, _ = _made(database)
    with database.read() as cx:
        assert credentials.find_by_secret(cx, made.id, key) == Recognised(made)
        assert credentials.find_by_secret(cx, other.id, key) is None
        assert credentials.find_by_secret(cx, "别的", key) is None
        assert credentials.find_by_secret(cx, "", "") is None


def test_a_revoked_credential_is_over_at_once_and_stays_so(database):
    made, key = _made(database)
    before = database.epoch()
    with database.write() as write:
        revoked = credentials.revoke(write, administration(), made.id)
    assert revoked is not None
    assert database.epoch() == before + 1
    with database.read() as cx:
        found = credentials.find_by_key(cx, key)
    assert found == Recognised(revoked)
    assert not revoked.valid(revoked.created_at)
    with database.write() as write:
        assert credentials.revoke(write, administration(), made.id) == revoked
        assert credentials.revoke(write, administration(), "none") is None
    assert database.epoch() == before + 1


def test_a_credential_ends_at_its_instant_not_after(database):
    with database.write() as write:
        end = write.now + timedelta(days=1)
    made, _ = _made(database, expires_at=end)
    assert made.valid(end - timedelta(microseconds=1))
    assert not made.valid(end)


def test_making_one_moves_the_epoch_and_all_are_listed_in_order(database):
    given_regions(database)
    first, _ = _made(database)
    with database.write() as write:
        second, _ = credentials.create(write, administration(), name="乡", kind="region", region_id=2, role="clerk")
    assert (first.epoch, second.epoch, database.epoch()) == (1, 2, 2)
    with database.read() as cx:
        assert credentials.every(cx) == [first, second]
        assert credentials.get(cx, second.id) == second
    assert (second.caller.region_id, second.caller.role) == (2, "clerk")


def test_only_a_permit_to_administer_makes_or_ends_credentials(database):
    made, _ = _made(database)
    with database.write() as write:
        with pytest.raises(ForgedError):
            credentials.create(write, submitting(), name="x", kind="admin")
        with pytest.raises(ForgedError):
            credentials.revoke(write, submitting(), made.id)


def test_an_access_token_stands_for_its_credential_until_its_end(database):
    made, _ = _made(database)
    now = made.created_at
    with database.journal() as cx:
        token, end = credentials.issue_token(cx, made, now, timedelta(hours=1))
    assert end == now + timedelta(hours=1)
    with database.read_journal() as cx:
        assert credentials.find_token(cx, token, now) == StoredToken(made.id, now, end, None)
        assert credentials.find_token(cx, token, end - timedelta(microseconds=1)) == StoredToken(
            made.id, now, end, None
        )
        assert credentials.find_token(cx, token, end) is None
        assert credentials.find_token(cx, token[:-1] + ("a" if token[-1] != "a" else "b"), now) is None
        assert credentials.find_token(cx, token.replace("twt_", "twn_"), now) is None
        assert cx.execute(select(t.access_token.c.secret_hash)).scalar_one() not in token


def test_an_access_token_never_outlives_its_credential_and_old_ones_are_swept(database):
    with database.write() as write:
        end = write.now + timedelta(minutes=1)
    made, _ = _made(database, expires_at=end)
    with database.journal() as cx:
        _, until = credentials.issue_token(cx, made, made.created_at, timedelta(hours=1))
    assert until == end
    with database.journal() as cx:
        credentials.issue_token(cx, made, end + timedelta(seconds=1), timedelta(hours=1))
        assert len(cx.execute(select(t.access_token)).all()) == 1


def test_during_a_rotation_two_keys_are_valid_and_afterwards_the_new_one(database):
    made, first = _made(database)
    with database.write() as write:
        second = credentials.rotate(write, administration(), made.id, timedelta(hours=2))
        turn = write.now
    assert second.startswith(f"twn_{made.id}_")
    assert second != first
    with database.read() as cx:
        old, new = credentials.find_by_key(cx, first), credentials.find_by_key(cx, second)
        assert credentials.former_keys(cx) == {made.id: turn + timedelta(hours=2)}
    assert (old.former, new.former) == (True, False)
    assert old.valid(turn + timedelta(hours=2, microseconds=-1))
    assert not old.valid(turn + timedelta(hours=2))
    assert new.valid(turn + timedelta(days=900))
    with database.write() as write:
        third = credentials.rotate(write, administration(), made.id, timedelta(hours=2))
    with database.read() as cx:
        assert credentials.find_by_key(cx, first) is None
        assert credentials.find_by_key(cx, second).former
        assert not credentials.find_by_key(cx, third).former
    with database.write() as write:
        credentials.rotate(write, administration(), made.id, timedelta(0))
    with database.read() as cx:
        assert [credentials.find_by_key(cx, key) for key in (first, second, third)] == [None] * 3


def test_revoking_ends_every_key_and_what_has_ended_is_not_rotated(database):
    made, first = _made(database)
    with database.write() as write:
        second = credentials.rotate(write, administration(), made.id, timedelta(hours=2))
        credentials.revoke(write, administration(), made.id)
        now = write.now
    with database.read() as cx:
        assert not credentials.find_by_key(cx, first).valid(now)
        assert not credentials.find_by_key(cx, second).valid(now)
    with database.write() as write:
        assert credentials.rotate(write, administration(), made.id, timedelta(0)) is None
        assert credentials.rotate(write, administration(), "none", timedelta(0)) is None
        assert not credentials.put_public_keys(write, administration(), made.id, {"keys": []})


def test_ones_own_key_is_rotated_under_ones_own_permit_only(database):
    made, _ = _made(database)
    other, _ = _made(database)
    permit = gate.permit_own_rotation(made.caller)
    with database.write() as write:
        assert credentials.rotate(write, permit, made.id, timedelta(0)) is not None
        with pytest.raises(ForgedError):
            credentials.rotate(write, permit, other.id, timedelta(0))
        with pytest.raises(ForgedError):
            credentials.put_public_keys(write, permit, made.id, {})


def test_public_keys_take_the_place_of_the_secret(database):
    made, key = _made(database)
    with database.write() as write:
        assert credentials.put_public_keys(write, administration(), made.id, {"keys": [{"kty": "OKP"}]})
    with database.read() as cx:
        assert credentials.get(cx, made.id).public_keys == {"keys": [{"kty": "OKP"}]}
        assert credentials.find_by_key(cx, key) is None
    with database.write() as write:
        assert credentials.rotate(write, administration(), made.id, timedelta(0)) is None


def test_a_token_that_was_ended_is_not_found_and_another_does_not_end_it(database):
    made, _ = _made(database)
    now = made.created_at
    with database.journal() as cx:
        token, _ = credentials.issue_token(cx, made, now, timedelta(hours=1), thumbprint="t")
        other, _ = credentials.issue_token(cx, made, now, timedelta(hours=1), until=now + timedelta(minutes=1))
        credentials.end_token(cx, token[:-1] + ("a" if token[-1] != "a" else "b"))
    with database.read_journal() as cx:
        assert credentials.find_token(cx, token, now).thumbprint == "t"
        assert credentials.find_token(cx, other, now).expires_at == now + timedelta(minutes=1)
    with database.journal() as cx:
        credentials.end_token(cx, token)
    with database.read_journal() as cx:
        assert credentials.find_token(cx, token, now) is None
        assert credentials.find_token(cx, other, now) is not None


def test_a_name_is_used_once_until_its_end(database):
    made, _ = _made(database)
    now = made.created_at
    end = now + timedelta(minutes=5)
    with database.journal() as cx:
        assert used_once.use(cx, "a", end, now)
        assert not used_once.use(cx, "a", end, now)
        assert used_once.use(cx, "b", end, now)
    with database.journal() as cx:
        assert not used_once.use(cx, "a", end, end - timedelta(seconds=1))
        assert used_once.use(cx, "a", end + timedelta(minutes=1), end)
