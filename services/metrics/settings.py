"""Settings of the metrics service, read once from the environment; see .env.example."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.service.secret_files import SettingsWithSecrets


class ClickHouseSettings(SettingsWithSecrets):
    """Where facts and aggregates are kept."""

    model_config = SettingsConfigDict(env_prefix="CLICKHOUSE_", frozen=True, env_ignore_empty=True)

    url: str = Field(
        default="", pattern=r"^(https?://[^/?#@]+)?$", description="http(s)://host:port of a server; empty = embedded."
    )
    database: str = Field(default="earshot", pattern=r"^[A-Za-z_][A-Za-z0-9_]{0,62}$", description="Database name.")
    user: str = Field(default="default", description="User at the server.")
    password: SecretStr = Field(default=SecretStr(""), description="Password at the server.")
    max_memory_bytes: int = Field(default=2 << 30, ge=64 << 20, description="Memory one statement may use.")
    max_threads: int = Field(default=2, ge=1, le=64, description="Threads one statement may use.")


class MetricsSettings(BaseSettings):
    """How the sinks batch."""

    model_config = SettingsConfigDict(env_prefix="METRICS_", frozen=True, env_ignore_empty=True)

    batch_max_records: int = Field(default=50_000, ge=1, le=200_000, description="Records one batch holds at most.")
    batch_max_bytes: int = Field(default=64 << 20, ge=1 << 20, description="Bytes one batch holds at most.")
    batch_max_age_seconds: float = Field(default=0.5, ge=0, le=60, description="How long a record waits for others.")
    readers: int = Field(default=4, ge=1, le=64, description="Queries that run at the same time.")
