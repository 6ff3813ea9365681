"""Where the client finds the registry, its key, and where it keeps what is not sent yet: ``TOWNSHIP_URL`` and others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class ClientSettings(BaseSettings):
    """Read from the environment."""

    model_config = SettingsConfigDict(env_prefix="TOWNSHIP_")

    url: Annotated[str, Field(description="登记库的地址，不含 /v1 / Address of the registry, without /v1")] = (
        "http://127.0.0.1:8000"
    )
    key: Annotated[SecretStr | None, Field(description="密钥 / The key")] = None
    outbox: Annotated[
        Path | None,
        Field(
            description="发件箱的文件夹，默认为程序状态的惯常位置 / Folder of the outbox; default: the usual place for a program's state"
        ),
    ] = None
