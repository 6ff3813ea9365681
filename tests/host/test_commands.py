import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import program
from tests.fixtures.signers import Signer

PROGRAM = program()

DATASET = """
code: hens
title: 家禽
frequency: year
level: township
source: region
sharing: open
elements:
  - {code: hens, title: 母鸡, type: integer, unit: 只, measure: stock}
"""
REGIONS = """code,name,level,parent
99,测试省,province,
9901,测试市,prefecture,99
990101,测试县,county,9901
990101001,测试镇,township,990101
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    for name in ("DATABASE_URL", "URL", "KEY"):
        monkeypatch.delenv(f"TOWNSHIP_{name}", raising=False)
    monkeypatch.setenv("TOWNSHIP_DATA_DIR", str(tmp_path / "data"))
    monkeypatch.setenv("COLUMNS", "200")
    return lambda *arguments: CliRunner().invoke(PROGRAM, [str(argument) for argument in arguments])


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "catalogue"
    (path / "datasets").mkdir(parents=True)
    (path / "datasets" / "hens.yaml").write_text(DATASET, encoding="utf-8")
    (path / "regions.csv").write_text(REGIONS, encoding="utf-8")
    (path / "departments.yaml").write_text("departments:\n  - {code: farming, name: 农业局}\n", encoding="utf-8")
    (path / ".hidden").write_text("left by an editor", encoding="utf-8")
    return path


@pytest.fixture
def registry(run, folder):
    assert run("migrate").exit_code == 0
    assert run("apply", folder).exit_code == 0


def tree(folder: Path):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_migrating_twice_changes_nothing(run):
    assert run("migrate").exit_code == 0
    assert run("migrate").exit_code == 0


def test_a_registry_that_is_not_migrated_says_what_to_do(run, folder):
    result = run("apply", folder)
    assert result.exit_code == 1
    assert "township migrate" in result.output


def test_a_dry_run_shows_the_plan_and_changes_nothing(run, folder):
    run("migrate")
    result = run("apply", folder, "--dry-run")
    assert result.exit_code == 0, result.output
    assert "hens" in result.output
    assert "未作更改" in result.output
    assert "create" in run("apply", folder, "--dry-run").output


def test_applying_twice_changes_nothing(run, folder):
    run("migrate")
    assert "已生效" in run("apply", folder).output
    again = run("apply", folder)
    assert again.exit_code == 0
    assert "没有变化" in again.output
    assert "create" not in again.output


def test_every_fault_of_a_folder_is_told_with_file_and_place_and_nothing_is_applied(run, folder):
    run("migrate")
    (folder / "datasets" / "hens.yaml").write_text(
        DATASET.replace("unit: 只", "unit: 只, colour: red"), encoding="utf-8"
    )
    (folder / "datasets" / "geese.yaml").write_text(
        DATASET.replace("hens", "geese").replace("unit: 只", "unit: 没有这个单位"), encoding="utf-8"
    )
    (folder / "departments.yaml").write_text("departments: 7\n", encoding="utf-8")
    result = run("apply", folder)
    assert result.exit_code == 1
    for word in ("datasets/hens.yaml", "colour", "datasets/geese.yaml", "没有这个单位", "departments.yaml"):
        assert word in result.stderr
    run("export", folder.parent / "out")
    assert tree(folder.parent / "out").keys().isdisjoint({"datasets/hens.yaml"})


def test_applying_an_export_changes_nothing_and_exports_the_same(run, registry, tmp_path):
    assert run("export", tmp_path / "out").exit_code == 0
    assert "没有变化" in run("apply", tmp_path / "out").output
    run("export", tmp_path / "again")
    assert tree(tmp_path / "out") == tree(tmp_path / "again")


def test_an_export_says_what_stood_there_and_is_not_of_it(run, registry, tmp_path):
    (tmp_path / "out" / "views").mkdir(parents=True)
    (tmp_path / "out" / "views" / "old.yaml").write_text("code: old\n", encoding="utf-8")
    assert "views/old.yaml" in run("export", tmp_path / "out").output


def test_a_key_is_shown_once_and_its_credential_listed_without_it(run, registry):
    made = json.loads(run("credentials", "create", "--name", "统计员", "--region", "990101", "--json").stdout)
    assert set(made) == {"id", "key"}
    listed = run("credentials", "list", "--json")
    assert made["key"] not in listed.stdout
    (one,) = json.loads(listed.stdout)
    assert (one["id"], one["kind"], one["region"], one["role"]) == (made["id"], "region", "990101", "clerk")
    assert made["id"] in run("credentials", "list").stdout


def test_a_revoked_credential_is_listed_as_such(run, registry):
    made = json.loads(run("credentials", "create", "--name", "n", "--department", "farming", "--json").stdout)
    assert run("credentials", "revoke", made["id"]).exit_code == 0
    (one,) = json.loads(run("credentials", "list", "--json").stdout)
    assert one["revoked_at"]
    assert run("credentials", "revoke", "0" * 16).exit_code == 1


@pytest.mark.parametrize(
    "arguments",
    [
        (),
        ("--admin", "--department", "farming"),
        ("--department", "farming", "--role", "clerk"),
        ("--department", "nobody"),
        ("--region", "000000"),
        ("--admin", "--expires", "2001-01-01"),
        ("--admin", "--expires", "tomorrow"),
    ],
)
def test_a_credential_that_makes_no_sense_is_refused(run, registry, arguments):
    result = run("credentials", "create", "--name", "n", *arguments)
    assert result.exit_code != 0
    assert result.exception is None or isinstance(result.exception, SystemExit)
    assert json.loads(run("credentials", "list", "--json").stdout) == []


def test_a_backup_restores_into_an_empty_registry_and_nowhere_else(run, registry, tmp_path, monkeypatch):
    made = json.loads(run("credentials", "create", "--name", "n", "--admin", "--json").stdout)
    run("export", tmp_path / "before")
    result = run("backup", tmp_path / "kept.zip")
    assert result.exit_code == 0, result.output
    assert re.search(r"\d+ 张表", result.output)
    assert run("restore", tmp_path / "kept.zip").exit_code == 1
    monkeypatch.setenv("TOWNSHIP_DATA_DIR", str(tmp_path / "elsewhere"))
    result = run("restore", tmp_path / "kept.zip")
    assert result.exit_code == 0, result.output
    run("export", tmp_path / "after")
    assert tree(tmp_path / "before") == tree(tmp_path / "after")
    assert [one["id"] for one in json.loads(run("credentials", "list", "--json").stdout)] == [made["id"]]


def test_a_copy_goes_into_an_empty_database(run, registry, tmp_path, monkeypatch):
    result = run("copy", "--to", f"sqlite:///{tmp_path / 'copied.db'}")
    assert result.exit_code == 0, result.output
    run("export", tmp_path / "before")
    monkeypatch.setenv("TOWNSHIP_DATABASE_URL", f"sqlite:///{tmp_path / 'copied.db'}")
    run("export", tmp_path / "after")
    assert tree(tmp_path / "before") == tree(tmp_path / "after")


def test_a_damaged_backup_is_refused(run, tmp_path):
    (tmp_path / "kept.zip").write_bytes(b"PK not a backup")
    result = run("restore", tmp_path / "kept.zip")
    assert result.exit_code == 1
    assert "Traceback" not in result.output


def test_a_setting_out_of_form_is_named(run, monkeypatch):
    monkeypatch.setenv("TOWNSHIP_POOL_SIZE", "many")
    result = run("migrate")
    assert result.exit_code == 1
    assert "pool_size" in result.output


def test_an_agreement_is_read_and_checked(run, registry, folder):
    (folder / "agreements").mkdir()
    document = (
        "code: farming\ndepartment: farming\npurpose: 试\nlegal_basis: 试\nelements: [hens.*]\nregions: ['*']\n"
        "valid: {from: 2026-01-01, until: 2026-12-31}\nmasks: {hens.hens: {round: 10}}\n"
    )
    (folder / "agreements" / "farming.yaml").write_text(document, encoding="utf-8")
    assert run("apply", folder).exit_code == 0
    assert "舍入到 10 的整倍数" in run("agreement", "text", "farming").stdout
    checked = run("agreement", "check", "farming")
    assert checked.exit_code == 0, checked.stdout
    assert "到期次日 2027-01-01" in checked.stdout
    assert run("agreement", "check", "nothing").exit_code == 1


def test_a_key_is_rotated_with_an_overlap_and_an_auditor_is_made(run, registry):
    made = json.loads(run("credentials", "create", "--name", "审计", "--auditor", "--json").stdout)
    renewed = json.loads(run("credentials", "rotate", made["id"], "--overlap-hours", "2", "--json").stdout)
    assert renewed["id"] == made["id"]
    assert renewed["key"] != made["key"]
    (one,) = (one for one in json.loads(run("credentials", "list", "--json").stdout) if one["id"] == made["id"])
    assert (one["kind"], one["former_key_ends_at"]) == ("auditor", renewed["former_key_ends_at"])
    assert "现在" in run("credentials", "rotate", made["id"], "--overlap-hours", "0").stdout
    assert run("credentials", "rotate", "nobody").exit_code == 1


def test_public_keys_take_the_place_of_a_key(run, registry, tmp_path):
    file = tmp_path / "keys.json"
    file.write_text(json.dumps({"keys": [Signer("ES256", "一").jwk]}))
    made = json.loads(
        run("credentials", "create", "--name", "n", "--admin", "--dpop", "--public-keys", str(file), "--json").stdout
    )
    assert made["key"] is None
    (one,) = (one for one in json.loads(run("credentials", "list", "--json").stdout) if one["id"] == made["id"])
    assert (one["authentication"], one["bound"]) == ("private_key_jwt", True)
    assert "一" in run("credentials", "public-keys", made["id"], str(file)).stdout
    file.write_text("{")
    assert run("credentials", "public-keys", made["id"], str(file)).exit_code == 2
    file.write_text('{"keys": []}')
    assert run("credentials", "public-keys", made["id"], str(file)).exit_code == 1
