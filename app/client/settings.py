"""Where the client finds the registry, and its key: ``TOWNSHIP_URL`` and ``TOWNSHIP_KEY``."""

from __future__ import annotations

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
