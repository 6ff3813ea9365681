from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import func, inspect, select

from app.errors import Problem
from app.store import migrating, secrets
from app.store import tables as t
from app.store.archive import reflected
from app.store.database import Database
from tests.store.given import change, given_regions, part, submit

ROOT = Path(__file__).parents[2]
REVISIONS = [script.revision for script in ScriptDirectory(str(migrating.migrations_folder())).walk_revisions()][::-1]


def _url(database: Database) -> str:
    return database.url.render_as_string(hide_password=False)


def _counts(database: Database) -> dict[str, int]:
    with database.read() as cx:
        return {
            name: cx.execute(select(func.count()).select_from(table)).scalar_one()
            for name, table in reflected(cx).items()
        }


def test_the_tree_has_one_head_and_files_named_by_day_and_subject():
    tree = ScriptDirectory(str(migrating.migrations_folder()))
    assert tree.get_heads() == [migrating.head()]
    assert tree.get_bases() == [REVISIONS[0]]
    names = [path.name for path in Path(tree.versions).glob("*.py")]
    assert names
    assert [name for name in names if not re.fullmatch(r"\d{4}-\d{2}-\d{2}_[a-z0-9_]+\.py", name)] == []


def test_the_tables_in_the_code_are_those_the_migrations_make(database):
    command.check(migrating.alembic_config(_url(database)))


def test_a_difference_between_code_and_migrations_would_be_found(database):
    extra = t.setting.to_metadata(t.metadata, name="forgotten")
    try:
        with pytest.raises(Exception, match="forgotten"):
            command.check(migrating.alembic_config(_url(database)))
    finally:
        t.metadata.remove(extra)


def test_migrating_again_changes_nothing(database):
    given_regions(database)
    submit(database, change(1, "2025", "1"))
    with database.read() as cx:
        key, lineage = secrets.sealing_key(cx), secrets.lineage(cx)
    before = _counts(database)
    migrating.migrate(database)
    assert _counts(database) == before
    with database.read() as cx:
        assert (secrets.sealing_key(cx), secrets.lineage(cx)) == (key, lineage)
    assert len(key) == 32
    assert migrating.present_revision(database) == migrating.head()


def test_down_one_step_and_up_again_keeps_what_the_lower_tables_can_hold(database):
    """For every step of the tree: data in, one down, one up; what both sides know is as it was."""
    given_regions(database)
    submit(database, change(1, "2025", "1"), change(2, "2025", "2"))
    before = _counts(database)
    records = part(database, 2025, 1)
    for revision, below in zip(REVISIONS[:0:-1], REVISIONS[-2::-1], strict=True):
        migrating.downgrade(database, below)
        assert migrating.present_revision(database) == below
        kept = _counts(database)
        assert {name: before[name] for name in kept if name in before} == kept
        migrating.migrate(database, revision)
    migrating.migrate(database)
    assert _counts(database) == before
    assert part(database, 2025, 1) == records
    command.check(migrating.alembic_config(_url(database)))


def test_down_to_nothing_and_up_again_gives_an_empty_registry(database):
    given_regions(database)
    submit(database, change(1, "2025", "1"))
    url = _url(database)
    migrating.downgrade(url, "base")
    with database.read() as cx:
        assert set(inspect(cx).get_table_names()) <= {"alembic_version"}
    migrating.migrate(url)
    fresh = Database.open(url, database.data_dir)
    try:
        assert fresh.epoch() == 0
        given_regions(fresh)
        assert submit(fresh, change(1, "2025", "1")) == 1
    finally:
        fresh.close()


def test_processes_that_migrate_at_once_agree(database):
    url = _url(database)
    migrating.downgrade(url, "base")
    program = "import sys; from app.store.migrating import migrate; migrate(sys.argv[1])"
    running = [subprocess.Popen([sys.executable, "-c", program, url], cwd=ROOT) for _ in range(3)]
    assert [process.wait() for process in running] == [0, 0, 0]
    with database.read() as cx:
        names = {"sealing_key", "lineage", "audit_key", "audit_hash", "audit_origin"}
        assert names <= set(cx.execute(select(t.setting.c.name)).scalars())
        assert cx.execute(select(func.count()).select_from(t.epoch)).scalar_one() == 1


def test_a_database_that_was_never_migrated_says_so(tmp_path):
    database = Database.open(f"sqlite:///{tmp_path}/new/registry.db", tmp_path)
    try:
        for ask in (database.epoch, lambda: _read_key(database)):
            with pytest.raises(Problem) as told:
                ask()
            assert told.value.code == "unavailable"
    finally:
        database.close()


def _read_key(database: Database) -> bytes:
    with database.read() as cx:
        return secrets.sealing_key(cx)
