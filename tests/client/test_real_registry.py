"""The client against a registry that is really served, with a catalogue that is not the sample."""

import io
import json
from decimal import Decimal

import openpyxl
import polars as pl
import pytest
import typer
from typer.testing import CliRunner

from app.client import Conflict, Forbidden, NotFound, Rejected, Township, Unauthenticated
from app.client.commands import register
from app.client.http import FORMATS
from tests.fixtures.house import serving
from tests.fixtures.small import FILES

ROWS = [
    {"region": "430101101", "total": 10000, "men": 5000, "women": 5000, "area": "100.5"},
    {"region": "430101102", "total": 20001},
]
CSV = "区划代码,人口数,面积（亩）\n430101101,10000,1507.5\n430101102,20001,\n"


@pytest.fixture
def house(new_url, tmp_path):
    with serving(new_url("sqlite"), tmp_path / "data") as served:
        served.apply(FILES)
        yield served


@pytest.fixture
def opened(house):
    made = []

    def open_as(**who):
        made.append(Township(house.url, house.key(**who)))
        return made[-1]

    yield open_as
    for one in made:
        one.close()


@pytest.fixture
def clerk(opened):
    return opened(region="430101")


@pytest.fixture
def department(opened):
    return opened(department="ecology")


def test_what_a_clerk_reports_a_department_reads_in_every_format(clerk, department, tmp_path):
    assert clerk.upload(("人口.csv", CSV.encode("gb18030")), dataset="people", period="2025")["status"] == "applied"
    expected = [
        {"dm": "430101101", "rk": Decimal(1), "mj": Decimal("1507.5")},
        {"dm": "430101102", "rk": Decimal("2.0001"), "mj": 0},
    ]
    assert list(department.rows("people-view", period="2025", fields=["dm", "rk", "mj"])) == expected
    for format_ in FORMATS:
        target = tmp_path / f"people.{format_}"
        department.pull("people-view", target, format=format_, period="2025", fields=["dm", "rk", "mj"])
        assert [exact(row) for row in rows_of(target)] == expected, format_


def exact(row):
    """A row as any format gives it, its numbers as decimals."""
    return {"dm": str(row["dm"]), **{name: Decimal(str(row[name])) for name in ("rk", "mj")}}


def rows_of(path):
    readers = {
        ".csv": lambda: pl.read_csv(path, infer_schema=False).to_dicts(),
        ".json": lambda: json.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)["records"],
        ".ndjson": lambda: [
            json.loads(line, parse_float=Decimal) for line in path.read_text(encoding="utf-8").splitlines()
        ],
        ".parquet": lambda: pl.read_parquet(path).to_dicts(),
        ".arrow": lambda: pl.read_ipc_stream(path).to_dicts(),
        ".xlsx": lambda: rows_of_workbook(path),
    }
    return readers[path.suffix]()


def rows_of_workbook(path):
    heading, *rows = openpyxl.load_workbook(path).worksheets[0].iter_rows(values_only=True)
    return [dict(zip(heading, row, strict=True)) for row in rows]


def test_rows_and_records_come_back_exact(clerk):
    answer = clerk.submit_rows("people", ROWS, period="2025")
    assert answer["counts"] == {"rows": 2, "new": 2, "changed": 0, "unchanged": 0}
    records = {record["region"]: record for record in clerk.records("people", period="2025")}
    assert records["430101101"]["area"] == Decimal("100.5")
    assert records["430101102"]["men"] is None


def test_the_same_idempotency_key_stores_once_and_answers_the_same(clerk):
    first = clerk.submit_rows("people", ROWS, period="2025", idempotency_key="k1")
    assert clerk.submit_rows("people", ROWS, period="2025", idempotency_key="k1") == first
    with pytest.raises(Rejected) as refusal:
        clerk.submit_rows("people", ROWS[:1], period="2025", idempotency_key="k1")
    assert refusal.value.code == "idempotency_mismatch"


def test_the_template_filled_with_what_is_held_can_be_sent_back(clerk):
    clerk.submit_rows("people", ROWS, period="2025")
    template = clerk.template("people", "2025")
    assert openpyxl.load_workbook(io.BytesIO(template)).worksheets
    answer = clerk.upload(("模板.xlsx", template))
    assert answer["dataset"] == "people"
    assert answer["counts"]["new"] == answer["counts"]["changed"] == 0


def test_a_second_person_confirms(clerk, opened):
    answer = clerk.submit_rows("cases", [{"region": "430101101", "received": 3, "closed": 2}], period="2025-03")
    assert answer["status"] == "pending"
    with pytest.raises(Forbidden):
        clerk.confirm(answer["id"])
    confirmer = opened(region="430101", role="confirmer")
    assert confirmer.confirm(answer["id"])["status"] == "applied"
    assert [one["id"] for one in clerk.submissions()] == [answer["id"]]


def test_a_withdrawn_record_is_gone_and_told_as_a_removal(clerk, department):
    clerk.submit_rows("people", ROWS, period="2025")
    start = list(department.changes("people-view"))[-1]["next"]
    clerk.withdraw("people", "误报", region="430101102", period="2025")
    changes = [change for page in department.changes("people-view", since=start) for change in page["changes"]]
    assert changes == [{"op": "remove", "key": {"region": "430101102", "period": "2025"}}]


def test_changes_in_small_pages_say_what_one_page_says(clerk, department):
    clerk.submit_rows("people", ROWS, period="2025")
    whole = [change for page in department.changes("people-view") for change in page["changes"]]
    small = [change for page in department.changes("people-view", limit=1) for change in page["changes"]]
    assert small == whole
    assert len(whole) == 2


def test_what_is_not_there_or_not_allowed_has_its_own_error(house, clerk, department):
    with pytest.raises(NotFound):
        department.view("no-such-view")
    with pytest.raises(Forbidden):
        clerk.admin.credentials()
    with Township(house.url, "twn_wrong") as stranger, pytest.raises(Unauthenticated):
        stranger.me()


def test_the_catalogue_can_be_looked_through(clerk, department):
    assert clerk.me()["region"] == "430101"
    assert {one["code"] for one in clerk.datasets()} >= {"people", "cases", "wells"}
    assert clerk.dataset("people")["code"] == "people"
    assert [one["code"] for one in clerk.regions(parent="430101")] == ["430101101", "430101102"]
    assert clerk.region("430101101")["name"] == "一镇"
    assert "people-view" in {one["code"] for one in department.views()}
    assert "rk" in json.dumps(department.schema("people-view"), default=str)


def test_an_administrator_edits_what_nobody_else_has_changed(opened):
    admin = opened(admin=True).admin
    document, etag = admin.definition("views", "people-view")
    saved = admin.put("views", "people-view", {**document, "title": "人口考核（新）"}, if_match=etag)
    assert saved["version"] == document["version"] + 1
    with pytest.raises(Conflict):
        admin.put("views", "people-view", {**document, "title": "迟到"}, if_match=etag)
    with pytest.raises(Conflict):
        admin.put("views", "people-view", document)
    assert len(admin.versions("views", "people-view")) == 2
    assert {one["code"] for one in admin.definitions("departments")} == {"ecology", "water"}
    assert admin.preview("people-view")
    assert any(entry["target"] == "people-view" for entry in admin.audit(action="put-view"))


def test_a_credential_made_over_http_works_until_it_is_revoked(house, opened):
    admin = opened(admin=True).admin
    made = admin.create_credential("n", kind="department", department="ecology", expires="2099-12-31")
    with Township(house.url, made["key"]) as reader:
        assert reader.me()["department"] == "ecology"
        admin.revoke_credential(made["id"])
        with pytest.raises(Unauthenticated):
            reader.me()
    assert made["id"] in {one["id"] for one in admin.credentials()}


def test_the_commands_walk_the_same_way(house, tmp_path, monkeypatch):
    program = typer.Typer()
    register(program)
    monkeypatch.setenv("TOWNSHIP_URL", house.url)
    monkeypatch.setenv("COLUMNS", "200")

    def run(key, *arguments):
        monkeypatch.setenv("TOWNSHIP_KEY", key)
        return CliRunner().invoke(program, [str(argument) for argument in arguments])

    clerk, department = house.key(region="430101"), house.key(department="ecology")
    good, bad = tmp_path / "好.csv", tmp_path / "坏.csv"
    good.write_text(CSV, encoding="utf-8")
    bad.write_text(CSV.replace("20001", "很多"), encoding="utf-8")
    refused = run(clerk, "upload", bad, "--dataset", "people", "--period", "2025")
    assert (refused.exit_code, "B3" in refused.output) == (1, True), refused.output
    assert run(clerk, "upload", good, "--dataset", "people", "--period", "2025", "--check").exit_code == 0
    assert run(clerk, "upload", good, "--dataset", "people", "--period", "2025").exit_code == 0
    assert "people" in run(clerk, "submissions").output
    assert run(department, "pull", "people-view", "--period", "2025").stdout.count("\n") == 3
    assert run(clerk, "pull", "people-view").exit_code == 1
