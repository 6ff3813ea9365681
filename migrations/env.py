"""How migrations run: the same tree on every file of the registry, one migration at a time, each in one transaction."""

from __future__ import annotations

from alembic import context
from sqlalchemy import Engine, inspect, text

from app.settings import load_settings
from app.store import secrets
from app.store.engines import migration_engines
from app.store.tables import metadata

# Any number will do, as long as every process takes the same one.
_ADVISORY_LOCK = 0x746F776E


def _engines() -> list[Engine]:
    url = context.config.attributes.get("url") or load_settings().database_url
    return migration_engines(url)


def _run(engine: Engine, *, is_registry: bool) -> None:
    sqlite = engine.dialect.name == "sqlite"
    # On SQLite the transaction itself (BEGIN IMMEDIATE) keeps two migrations apart.
    with engine.begin() as connection:
        if not sqlite:
            connection.execute(text("SET LOCAL lock_timeout = '10s'"))
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
        context.configure(
            connection=connection,
            target_metadata=metadata,
            render_as_batch=True,
            compare_type=True,
            compare_server_default=True,
            transactional_ddl=True,
        )
        context.run_migrations()
        if is_registry and inspect(connection).has_table("setting"):
            secrets.ensure(connection, load_settings().audit_hash)
    engine.dispose()


def _run_all() -> None:
    if context.is_offline_mode():
        raise RuntimeError("迁移须连接数据库运行 (migrations need a database; there is no offline mode)")
    for number, engine in enumerate(_engines()):
        _run(engine, is_registry=number == 0)


_run_all()
