"""What an operator may tell the launcher, read once from the environment."""

from pathlib import Path
from typing import Final

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.service.settings import EarshotSettings


class LauncherSettings(EarshotSettings):
    """Settings of `make up`."""

    host: str = Field(default="127.0.0.1", description="Address the front door listens on; loopback unless told.")
    port: int = Field(default=8000, ge=1, le=65_535, description="Port of the front door.")
    broker_memory_mib: int = Field(
        default=1_024, ge=32, description="Memory the embedded broker may take, in MiB; over it, it is replaced by a "
        "fresh one as soon as almost everything is processed. The journal keeps what is not.",
    )  # fmt: skip

    @property
    def folder(self) -> Path:
        """The data folder as an absolute path."""
        return self.home.expanduser().absolute()


class OwnKafkaSettings(BaseSettings):
    """An own Kafka instead of the embedded broker."""

    model_config = SettingsConfigDict(env_prefix="KAFKA_", frozen=True, env_ignore_empty=True)

    bootstrap_servers: str | None = Field(
        default=None, description="Brokers to use instead of the embedded one, comma-separated host:port."
    )


def settings_problems(error: ValidationError) -> str:
    """Return what is wrong with environment variables, by variable and without its value: it may be a secret."""
    prefix = str(dict(PREFIXES).get(error.title, ""))
    lines = [
        f"  - {prefix}{'_'.join(str(part) for part in each['loc']).upper()}: {each['msg']}"
        for each in error.errors(include_url=False, include_input=False)
    ]
    return "\n".join([f"{len(lines)} problem(s) in environment variables:", *lines])


PREFIXES: Final = ((LauncherSettings.__name__, "EARSHOT_"), (OwnKafkaSettings.__name__, "KAFKA_"))
