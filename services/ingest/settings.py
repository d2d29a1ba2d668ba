"""What can be set for ingest in the environment."""

from pathlib import Path

from pydantic import Field, SecretStr, create_model
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.service.secret_files import SettingsWithSecrets


class IngestSettings(SettingsWithSecrets):
    """Settings of the ingest service."""

    model_config = SettingsConfigDict(env_prefix="INGEST_", frozen=True, env_ignore_empty=True)

    database_url: SecretStr | None = Field(
        default=None,
        description="SQLAlchemy URL of cursors and the activity index, SQLite or PostgreSQL; default a file in "
        "EARSHOT_HOME.",
    )
    journal: Path | None = Field(
        default=None, description="File of the journal that makes a 202 durable although the embedded broker keeps "
        "everything in memory; set by the launcher. Leave it unset with an external Kafka.",
    )  # fmt: skip
    max_in_flight: int = Field(
        default=20_000, ge=1_000, le=1_000_000, description="Records on their way to the broker at one time."
    )
    rewind_seconds: float = Field(
        default=0, ge=0, le=7_200, description="How far sources go back at start, in seconds of hearing; set by the "
        "launcher when a memory broker died with what it held.",
    )  # fmt: skip
    trace_share: float = Field(
        default=0.01, ge=0, le=1, description="Share of activities from streams and bulk requests that every service "
        "logs when all goes well; chosen by the record, so the same ones everywhere.",
    )  # fmt: skip
    remember_days: int = Field(
        default=400, ge=1, le=36_500, description="How long ingest remembers an activity of a platform whose deletes "
        "name nothing but an id (Bluesky); an older one can then no longer be taken back.",
    )  # fmt: skip
    probe_seconds: float = Field(default=3, gt=0, le=60, description="Seconds between two looks at the broker.")

    def database(self, home: Path) -> str:
        """Return the address of the database; the default is a file in the data folder."""
        if self.database_url is not None:
            return self.database_url.get_secret_value()
        return f"sqlite:///{home / 'ingest.db'}"


def read_secret(variable: str) -> SecretStr | None:
    """Return a secret by the name of its environment variable; None when it is unset or empty."""
    holder = create_model(
        "Secret", __base__=_Secret, value=(SecretStr | None, Field(default=None, validation_alias=variable))
    )
    found = getattr(holder(), "value", None)
    return found if isinstance(found, SecretStr) else None


class _Secret(BaseSettings):
    model_config = SettingsConfigDict(frozen=True, env_ignore_empty=True, case_sensitive=True)
