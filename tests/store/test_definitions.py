from __future__ import annotations

import hashlib

import pytest

from app.policy.scopes import ForgedError
from app.store import definitions
from app.store.types import json_text
from tests.store.given import ADMIN, administration, submitting


def _put(database, kind, code, body, permit=None):
    with database.write() as write:
        return definitions.put(write, permit or administration(), kind, code, body)


def test_the_first_save_is_version_one_and_says_who_made_it(database):
    stored = _put(database, "view", "ecology", {"title": "农村"}, administration(ADMIN))
    assert (stored.version, stored.epoch, stored.created_by) == (1, 1, "admin-1")
    assert stored.digest == hashlib.sha256('{"title":"农村"}'.encode()).hexdigest()
    with database.read() as cx:
        assert definitions.latest(cx) == [stored]
        assert definitions.get(cx, "view", "ecology") == stored


def test_saving_the_same_again_changes_nothing(database):
    stored = _put(database, "view", "ecology", {"title": "一"})
    assert _put(database, "view", "ecology", {"title": "一"}) == stored
    assert database.epoch() == 1


def test_every_change_is_a_new_version_and_going_back_is_one_too(database):
    for title in ("一", "二", "一"):
        _put(database, "view", "ecology", {"title": title})
    with database.read() as cx:
        assert [(v.version, v.body["title"]) for v in definitions.versions(cx, "view", "ecology")] == [
            (3, "一"),
            (2, "二"),
            (1, "一"),
        ]
        second = definitions.get(cx, "view", "ecology", 2)
        assert second is not None
        assert second.body == {"title": "二"}
        assert definitions.get(cx, "view", "ecology", 4) is None


def test_the_past_knows_only_what_was_saved_by_then(database):
    _put(database, "view", "b", {"n": 1})
    _put(database, "dataset", "a", {"n": 1})
    _put(database, "view", "b", {"n": 2})
    with database.read() as cx:
        assert [(d.kind, d.code, d.version) for d in definitions.latest(cx, 2)] == [
            ("dataset", "a", 1),
            ("view", "b", 1),
        ]
        assert [(d.kind, d.code, d.version) for d in definitions.latest(cx)] == [("dataset", "a", 1), ("view", "b", 2)]
        assert definitions.latest(cx, 0) == []
        assert [d.version for d in definitions.latest(cx, kind="view")] == [2]
        assert [definitions.revision(cx, epoch) for epoch in (0, 1, 2, None)] == [0, 1, 2, 3]


def test_the_order_of_keys_is_kept_because_a_mapping_reads_in_it(database):
    body = {"z": 1, "a": {"y": 1, "b": 2}}
    _put(database, "view", "v", body)
    with database.read() as cx:
        stored = definitions.get(cx, "view", "v")
    assert stored is not None
    assert json_text(stored.body) == '{"z":1,"a":{"y":1,"b":2}}'


def test_only_a_permit_to_administer_saves(database):
    with pytest.raises(ForgedError):
        _put(database, "view", "v", {}, submitting())
    assert database.epoch() == 0
