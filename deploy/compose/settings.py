"""Settings of the one-shot programs of docker-compose.yml."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class SecretsSettings(BaseSettings):
    """What `secrets` is told; what is unset it makes once and keeps."""

    model_config = SettingsConfigDict(env_prefix="EARSHOT_", frozen=True, env_ignore_empty=True)

    api_key: SecretStr | None = Field(default=None, description="A key with every scope.")
    postgres_password: SecretStr | None = Field(
        default=None,
        description="Password of PostgreSQL and of its clients; decided at the first start, later kept as it is.",
    )
    clickhouse_password: SecretStr | None = Field(
        default=None, description="Password of ClickHouse and of its clients; decided at the first start."
    )
    secrets_folder: Path = Field(default=Path("/run/earshot"), description="Folder of the files that hold secrets.")
    host: str = Field(default="127.0.0.1", description="Address the front door is published on; loopback unless told.")
    port: int = Field(default=8000, ge=1, le=65_535, description="Port of the front door.")


class TopicsSettings(BaseSettings):
    """How `topics` creates what is missing."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_", frozen=True, env_ignore_empty=True)

    replication_factor: int = Field(
        default=1, ge=1, le=9, description="Copies of every partition; at most the number of brokers. 3 on three."
    )
    min_insync_replicas: int = Field(
        default=1, ge=1, le=9, description="Copies that must hold a record before it is acknowledged; 2 of three."
    )
