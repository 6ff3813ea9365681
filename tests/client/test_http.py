import json
from decimal import Decimal
from email.parser import BytesParser
from email.policy import HTTP

import pytest

import app.client
from app.client import Rejected, Township
from app.client.retries import Retries
from tests.client.played import Answer


@pytest.fixture
def township(script):
    with Township(script.url, "k", retries=Retries(first=0.001)) as client:
        yield client


def parts_of(asked):
    """The parts of a multipart body by name, read with the standard library's own parser."""
    head = f"Content-Type: {asked.headers['content-type']}\r\n\r\n".encode()
    message = BytesParser(policy=HTTP).parsebytes(head + asked.body)
    return {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}


def test_the_public_face_is_what_it_says_and_sorted():
    visible = {name for name, value in vars(app.client).items() if isinstance(value, type)}
    assert visible == set(app.client.__all__)
    assert app.client.__all__ == sorted(app.client.__all__)


def test_an_upload_sends_the_file_as_it_is_and_only_what_was_given(script, township, tmp_path):
    workbook = tmp_path / "人口.xlsx"
    workbook.write_bytes(b"PK\x03\x04 bytes of a workbook")
    script.says({"status": "applied"}, 201)
    seen = []
    assert township.upload(workbook, period="2025", progress=lambda done, total: seen.append((done, total))) == {
        "status": "applied"
    }
    parts = parts_of(script.asked[0])
    assert set(parts) == {"file", "period", "mode"}
    assert parts["file"].get_payload(decode=True) == workbook.read_bytes()
    assert "人口.xlsx".encode() in script.asked[0].body
    assert parts["mode"].get_payload() == "apply"
    assert seen[-1] == (workbook.stat().st_size, workbook.stat().st_size)


def test_an_upload_sent_again_bears_the_same_idempotency_key_and_the_whole_file(script, township):
    script.answers.append(Answer(silent=True))
    script.refuses(503, "unavailable")
    script.says({"status": "applied"}, 201)
    township.upload(("a.csv", b"1,2,3"), dataset="population", progress=lambda *_: None)
    assert len({asked.headers["idempotency-key"] for asked in script.asked}) == 1
    assert [parts_of(asked)["file"].get_payload() for asked in script.asked] == ["1,2,3"] * 3


def test_two_uploads_bear_two_idempotency_keys(script, township):
    script.says({"status": "applied"}, 201)
    script.says({"status": "applied"}, 201)
    township.upload(("a.csv", b"1"))
    township.upload(("a.csv", b"1"))
    assert len({asked.headers["idempotency-key"] for asked in script.asked}) == 2


def test_a_rejected_upload_raises_with_every_finding(script, township):
    findings = [{"severity": "error", "cell": "C3"}, {"severity": "error", "cell": "C4"}]
    script.refuses(422, "invalid_submission", findings)
    with pytest.raises(Rejected) as refusal:
        township.upload(("a.csv", b"1"))
    assert [finding["cell"] for finding in refusal.value.findings] == ["C3", "C4"]


def test_rows_are_sent_as_the_contract_has_them(script, township):
    script.says({"status": "checked"})
    township.submit_rows("land", [{"region": "430682001", "cultivated_land_area": "20.5"}], period="2025", mode="check")
    assert script.asked[0].document == {
        "dataset": "land",
        "period": "2025",
        "mode": "check",
        "rows": [{"region": "430682001", "cultivated_land_area": "20.5"}],
    }


def test_a_withdrawal_names_its_record_and_reason(script, township):
    script.says({})
    township.withdraw("hazards", "重复上报", region="430682101", period="2025", key={"hazard_id": "H1"})
    asked = script.asked[0]
    assert (asked.method, asked.document) == ("DELETE", {"reason": "重复上报"})
    assert dict(asked.query) == {"region": "430682101", "period": "2025", "hazard_id": "H1"}


def test_records_are_gone_through_page_by_page(script, township):
    script.says({"records": [{"region": "1"}, {"region": "2"}], "next": "c1"})
    script.says({"records": [{"region": "3"}], "next": None})
    assert [record["region"] for record in township.records("population", period=["2024", "2025"])] == ["1", "2", "3"]
    assert ("period", "2024,2025") in script.asked[0].query
    assert ("cursor", "c1") in script.asked[1].query


def test_a_question_is_put_in_the_contracts_form(script, township):
    script.says({"records": [], "next": None})
    list(
        township.rows(
            "v",
            period="2025",
            region=["430682101", "430682103"],
            fields=["a", "b"],
            filter=["a:gt:1", "b:eq:x"],
            sort="-a",
        )
    )
    assert script.asked[0].query == [
        ("period", "2025"),
        ("region", "430682101,430682103"),
        ("fields", "a,b"),
        ("filter", "a:gt:1"),
        ("filter", "b:eq:x"),
        ("sort", "-a"),
        ("limit", "10000"),
    ]


def test_an_unknown_part_of_a_question_is_refused_before_it_is_asked(township):
    with pytest.raises(TypeError):
        list(township.rows("v", perod="2025"))


def test_numbers_come_exact(script, township):
    script.answers.append(
        Answer(200, b'{"records": [{"a": 0.1000000000000000055, "b": 12345678901234567890}], "next": null}')
    )
    assert list(township.rows("v")) == [{"a": Decimal("0.1000000000000000055"), "b": 12345678901234567890}]


def test_a_whole_view_in_json_is_one_document_digit_for_digit(script, township, tmp_path):
    script.answers.append(
        Answer(
            200,
            b'{"view": "v", "version": 3, "snapshot": "s", "records": [{"a": 1.50}, {"a": 98765432109876543210.5}], "next": "n"}',
        )
    )
    script.answers.append(
        Answer(200, '{"view": "v", "version": 3, "snapshot": "s", "records": [{"a": "长安"}], "next": null}'.encode())
    )
    township.pull("v", tmp_path / "v.json", format="json", period="2025")
    text = (tmp_path / "v.json").read_text(encoding="utf-8")
    assert json.loads(text, parse_float=str) == {
        "view": "v",
        "version": 3,
        "snapshot": "s",
        "records": [{"a": "1.50"}, {"a": "98765432109876543210.5"}, {"a": "长安"}],
        "next": None,
    }
    assert script.asked[1].query[-1] == ("cursor", "n")


@pytest.mark.parametrize("records", [b"[]", b'[{"a": null}]'])
def test_small_views_in_json_are_well_formed(script, township, records):
    script.answers.append(Answer(200, b'{"view": "v", "records": ' + records + b', "next": null}'))
    assert json.loads(township.pull("v", format="json")) == {"view": "v", "records": json.loads(records), "next": None}


def test_a_pull_asks_for_one_format_and_gives_its_bytes(script, township):
    script.answers.append(Answer(200, b"PAR1....PAR1", {"Content-Type": "application/vnd.apache.parquet"}))
    assert township.pull("v", format="parquet", as_of="2026-01-01T00:00:00+08:00") == b"PAR1....PAR1"
    assert script.asked[0].query == [("as_of", "2026-01-01T00:00:00+08:00"), ("format", "parquet")]


def test_changes_are_followed_until_there_are_no_more(script, township):
    script.says({"changes": [{"op": "upsert"}], "next": "c1", "more": True})
    script.says({"changes": [{"op": "remove"}], "next": "c2", "more": False})
    pages = list(township.changes("v", since="c0", limit=1))
    assert pages[-1]["next"] == "c2"
    assert [dict(asked.query)["since"] for asked in script.asked] == ["c0", "c1"]


def test_an_edit_carries_the_version_it_started_from(script, township):
    script.says({"code": "v"}, ETag='"7"')
    document, etag = township.admin.definition("views", "v")
    script.says({"version": 8})
    township.admin.put("views", "v", document, if_match=etag)
    assert script.asked[1].headers["if-match"] == '"7"'


def test_an_edit_that_names_no_version_can_only_make_something_new(script, township):
    script.says({"version": 1}, 201)
    township.admin.put("agreements", "a", {"code": "a"})
    assert script.asked[0].path == "/v1/admin/agreements/a"
    assert script.asked[0].headers["if-none-match"] == "*"


def test_the_audit_is_gone_through_page_by_page(script, township):
    script.says({"entries": [{"id": 9}, {"id": 8}], "next": 8})
    script.says({"entries": [{"id": 7}], "next": None})
    assert [entry["id"] for entry in township.admin.audit(department="ecology")] == [9, 8, 7]
    assert script.asked[1].query == [("department", "ecology"), ("before", "8"), ("limit", "1000")]


def test_a_credential_is_asked_for_with_what_was_given_only(script, township):
    script.says({"id": "i", "key": "k"}, 201)
    township.admin.create_credential("n", kind="region", region="430682", role="clerk")
    assert script.asked[0].document == {"name": "n", "kind": "region", "region": "430682", "role": "clerk"}
