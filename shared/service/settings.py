"""Settings every process shares, read once from the environment in each composition root; see .env.example."""

from pathlib import Path

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.service.secret_files import SettingsWithSecrets
from shared.stream.kafka import KafkaAddress


class EarshotSettings(SettingsWithSecrets):
    """Where this installation lives."""

    model_config = SettingsConfigDict(env_prefix="EARSHOT_", frozen=True, env_ignore_empty=True)

    home: Path = Field(default=Path(".earshot"), description="Data folder of the embedded system.")
    config: Path | None = Field(default=None, description="Path of earshot.yaml; without it only HTTP input is heard.")
    api_key: SecretStr | None = Field(default=None, description="A key with every scope; `make up` makes one if unset.")
    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least severe log line.")
    log_format: str = Field(default="json", pattern="^(json|console)$", description="Log lines as JSON or for reading.")


class HttpSettings(BaseSettings):
    """Where a service listens."""

    model_config = SettingsConfigDict(env_prefix="HTTP_", frozen=True, env_ignore_empty=True)

    host: str = Field(default="127.0.0.1", description="Address to listen on; loopback unless told otherwise.")
    port: int = Field(default=8080, ge=1, le=65_535, description="Port to listen on.")
    fd: int | None = Field(
        default=None, ge=0, description="An inherited listening socket; used by the embedded launcher."
    )
    prefix: str = Field(
        default="", pattern=r"^(/[a-z]+)?$", description="Path prefix behind the front door, e.g. /metrics."
    )
    drain_seconds: float = Field(
        default=0, ge=0, le=9, description="Seconds a service goes on accepting at SIGTERM while it tells that it is "
        "not ready, so that a front door with several replicas notices before connections are refused.",
    )  # fmt: skip
    shutdown_seconds: int = Field(default=4, ge=1, le=9, description="Seconds open requests get at SIGTERM.")


class KafkaSettings(BaseSettings):
    """Where the brokers are."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_", frozen=True, env_ignore_empty=True)

    bootstrap_servers: str = Field(default="127.0.0.1:9092", description="Comma-separated host:port of the brokers.")
    session_timeout_ms: int = Field(
        default=6_000, ge=3_000, le=60_000, description="Group session timeout in milliseconds."
    )
    alone: bool = Field(
        default=False,
        description="This process is the only reader of its groups, so it takes all partitions without joining; set by "
        "the launcher for the embedded broker, whose joins take 3 s and sometimes 20. Never set it with replicas.",
    )

    def address(self, client_id: str) -> KafkaAddress:
        """Return where the brokers are, for a client of that name."""
        return KafkaAddress(self.bootstrap_servers, client_id, self.session_timeout_ms, self.alone)
