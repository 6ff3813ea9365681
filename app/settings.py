"""What an operator may set, from the environment (prefix ``TOWNSHIP_``). Read when asked, never at import time."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """One reading of the environment; immutable."""

    model_config = SettingsConfigDict(
        env_prefix="TOWNSHIP_", env_file=None, env_ignore_empty=True, extra="ignore", frozen=True
    )

    data_dir: Annotated[
        Path, Field(description="数据文件夹：内置数据库与快照 / Data folder: embedded database and snapshots")
    ] = Path(".township")
    database_url: Annotated[
        str,
        Field(
            default_factory=lambda known: _embedded(known["data_dir"]),
            description="数据库地址，默认为数据文件夹内的 SQLite / Database URL; default: SQLite in the data folder",
        ),
    ]
    pool_size: Annotated[
        int,
        Field(ge=1, le=200, description="每个进程的数据库连接数 / Database connections of one process"),
    ] = 10
    lock_timeout_seconds: Annotated[
        float,
        Field(gt=0, le=600, description="写入等待的最长秒数 / Longest wait of a write for its turn, in seconds"),
    ] = 30.0
    max_upload_bytes: Annotated[
        int, Field(ge=1_024, description="一次提交的最大字节数 / Largest submission, in bytes")
    ] = 64 * 1024 * 1024
    token_lifetime_seconds: Annotated[
        int, Field(ge=60, le=86_400, description="访问令牌的有效秒数 / Lifetime of an access token, in seconds")
    ] = 3_600
    snapshot_memory_bytes: Annotated[
        int, Field(ge=0, description="内存中保留的快照字节数上限 / Most bytes of snapshots kept in memory")
    ] = 512 * 1024 * 1024
    mapped_memory_bytes: Annotated[
        int, Field(ge=0, description="内存中保留的视图结果字节数上限 / Most bytes of mapped views kept in memory")
    ] = 512 * 1024 * 1024


def _embedded(data_dir: Path) -> str:
    return f"sqlite:///{data_dir.absolute() / 'registry.db'}"


def load_settings() -> Settings:
    """Read the environment now. Raises pydantic's ``ValidationError`` naming every variable that is out of form."""
    return Settings()
