from __future__ import annotations

import pytest

from app.policy import gate
from app.policy.callers import OPERATOR, Caller
from app.policy.scopes import ForgedError
from app.store import form_memory, form_requests, proposed_elements
from app.store.form_memory import StoredJudgement
from app.store.form_requests import StoredFormRequest
from app.store.proposed_elements import ProposedElement
from tests.store.given import administration

ECOLOGY = Caller("department", "c1", "生态", department="ecology")


def form(identity, department="ecology"):
    return StoredFormRequest(identity, department, {"title": "表"}, [{"name": "甲"}], {"cells": 1}, "checked", "c1")


def judgement(signature="总人口|人|", **changes):
    values = {
        "signature": signature, "subject": "表", "heading": "总人口", "relation": "exact", "rejected": False,
        "object": "people.total", "formula": False, "reason": "", "form_request_id": "f1",
    }  # fmt: skip
    return StoredJudgement(**{**values, **changes})


@pytest.fixture
def filled(database):
    with database.write() as write:
        form_requests.insert(write, gate.permit_form_request(ECOLOGY, "ecology"), form("f1"))
    return database


def test_a_department_keeps_forms_of_its_own_only(database):
    with database.write() as write:
        permit = gate.permit_form_request(ECOLOGY, "ecology")
        form_requests.insert(write, permit, form("f1"))
        with pytest.raises(ForgedError):
            form_requests.insert(write, permit, form("f2", "water"))
        with pytest.raises(ForgedError):
            form_requests.decide(write, permit, "f1", status="decided", decision={}, view=None)
        form_requests.insert(write, gate.permit_form_request(OPERATOR, "water"), form("f3", "water"))
    with database.read() as cx:
        assert [one.id for one in form_requests.every(cx, department="ecology")] == ["f1"]
        assert {one.id for one in form_requests.every(cx)} == {"f1", "f3"}
        assert form_requests.get(cx, "f2") is None


def test_judgements_are_only_added_and_come_newest_first(filled):
    for rejected in (False, True):
        with filled.write() as write:
            form_memory.add(write, administration(), [judgement(rejected=rejected), judgement("男|人|")])
    with filled.read() as cx:
        found = form_memory.on_signatures(cx, ["总人口|人|", "没有"])
        assert [one.rejected for one in found] == [True, False]
        assert all(one.created_at is not None and one.created_by == "operator" for one in found)
        assert len(form_memory.every(cx)) == 4
        assert form_memory.on_signatures(cx, []) == []


def test_a_new_decision_replaces_proposals_that_nobody_reviewed_and_no_others(filled):
    def proposed(identity):
        return ProposedElement(identity, "f1", "people", identity, {"title": "甲"})

    with filled.write() as write:
        proposed_elements.put_proposals(write, administration(), [proposed("a"), proposed("b")], "f1")
        proposed_elements.review(write, administration(), "a", "accepted", "有依据")
        proposed_elements.put_proposals(write, administration(), [proposed("c")], "f1")
    with filled.read() as cx:
        found = {one.id: one.status for one in proposed_elements.proposals(cx, form_request_id="f1")}
        assert found == {"a": "accepted", "c": "proposed"}
        assert proposed_elements.proposal(cx, "b") is None


def test_nothing_of_it_moves_the_epoch(filled):
    with filled.write() as write:
        form_memory.add(write, administration(), [judgement()])
    assert filled.epoch() == 0
