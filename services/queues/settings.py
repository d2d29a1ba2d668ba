"""Settings of the queues service, read once from the environment (QUEUES_*)."""

from pydantic import Field, SecretStr
from pydantic_settings import SettingsConfigDict

from shared.service.secret_files import SettingsWithSecrets


class QueuesSettings(SettingsWithSecrets):
    """Where items are kept and how the queues behave."""

    model_config = SettingsConfigDict(env_prefix="QUEUES_", frozen=True, env_ignore_empty=True)

    database_url: SecretStr | None = Field(
        default=None,
        description="Where items are kept: postgresql://user:password@host/name (several replicas may share it) or "
        "sqlite:///path; unset means the file queues/queues.db in EARSHOT_HOME.",
    )
    at_risk_seconds: int = Field(
        default=3_600,
        ge=1,
        le=31_536_000,
        description="Without a promise in earshot.yaml, an item open for longer, in seconds, is at risk.",
    )
    lease_seconds: int = Field(default=600, ge=10, le=86_400, description="How long a claim holds an item, in seconds.")
    events_kept: int = Field(
        default=100_000, ge=1_000, description="Changes kept for streams to resume from; older ones mean a resync."
    )
    batch_records: int = Field(default=2_000, ge=1, le=50_000, description="Most records stored in one transaction.")
    batch_age_seconds: float = Field(
        default=0.05, ge=0, le=5, description="Longest wait for a transaction to fill, in seconds."
    )
    stream_ring_events: int = Field(
        default=10_000, ge=100, le=1_000_000, description="Changes held in memory for live streams."
    )
    stream_poll_seconds: float = Field(
        default=0.25, gt=0, le=10, description="How often changes by other replicas are looked for, in seconds."
    )
    stream_pace_seconds: float = Field(
        default=0.1, gt=0, le=2, description="Shortest time between two writes to one stream, in seconds."
    )
    stream_heartbeat_seconds: float = Field(
        default=15, gt=0, le=60, description="Silence after which a stream gets a heartbeat, in seconds."
    )
