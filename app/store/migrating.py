"""Bringing a database to the present tables, from the one Alembic tree."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory

import app
from app.store.database import Database


def migrations_folder() -> Path:
    """Where the migrations are: within the installed package, else beside it in a checkout."""
    installed = Path(str(resources.files(app) / "_data" / "migrations"))
    return installed if installed.is_dir() else Path(str(resources.files(app))).parent / "migrations"


def alembic_config(url: str) -> Config:
    """Alembic's configuration for a database, as made from code."""
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["url"] = url
    return config


def migrate(database: Database | str, revision: str = "head") -> None:
    """Upgrade a database, open or named by its URL, to ``revision``; two at once follow one another."""
    command.upgrade(alembic_config(_url(database)), revision)


def downgrade(database: Database | str, revision: str) -> None:
    """Go back to ``revision`` (``base`` for nothing at all), keeping what its tables can hold."""
    command.downgrade(alembic_config(_url(database)), revision)


def head() -> str:
    """The newest revision of the tree. Raises Alembic's CommandError if there is more than one."""
    found = ScriptDirectory(str(migrations_folder())).get_current_head()
    if found is None:
        raise RuntimeError("there is no migration")
    return found


def present_revision(database: Database) -> str | None:
    """The revision the database is at; None if it was never migrated."""
    with database.read() as cx:
        return MigrationContext.configure(cx).get_current_revision()


def _url(database: Database | str) -> str:
    if isinstance(database, str):
        return database
    return database.url.render_as_string(hide_password=False)
