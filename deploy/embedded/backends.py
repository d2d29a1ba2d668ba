"""The four services as the front door and the supervisor see them: name, listening socket, command line."""

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from deploy.embedded.program import Command

SERVICES: Final = ("ingest", "classify", "metrics", "queues")
BACKLOG: Final = 1024
SHUTDOWN_SECONDS: Final = 2
"""What a service gives open requests at SIGTERM: the whole system has 10 s."""


@dataclass(frozen=True)
class Backend:
    """One service behind the front door. The launcher holds its socket, so requests wait while its process restarts."""

    name: str
    socket: socket.socket

    @classmethod
    def listen(cls, name: str) -> "Backend":
        """Bind a loopback port for a service."""
        listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        listener.bind(("127.0.0.1", 0))
        listener.listen(BACKLOG)
        return cls(name, listener)

    @property
    def url(self) -> str:
        """Where the service answers."""
        return f"http://127.0.0.1:{self.socket.getsockname()[1]}"

    @property
    def prefix(self) -> str:
        """Its path at the front door."""
        return f"/{self.name}"


@dataclass(frozen=True)
class Installation:
    """What every service is told."""

    home: Path
    logs: Path
    config: Path | None
    api_key: str
    backends: Mapping[str, Backend]
    package: str = "services"
    embedded_broker: bool = True
    """It keeps everything in memory, so a journal holds what is acknowledged; nobody else reads from it."""

    def _environment(self, backend: Backend, bootstrap_servers: str, rewind_seconds: int) -> Mapping[str, str]:
        """Return the environment of a service: the launcher's own, and where things are."""
        told = {
            "EARSHOT_HOME": str(self.home),
            "EARSHOT_API_KEY": self.api_key,
            "KAFKA_BOOTSTRAP_SERVERS": bootstrap_servers,
            "HTTP_FD": str(backend.socket.fileno()),
            "HTTP_PREFIX": backend.prefix,
            "HTTP_SHUTDOWN_SECONDS": str(SHUTDOWN_SECONDS),
            "INGEST_REWIND_SECONDS": str(rewind_seconds),
            "PYTHONUNBUFFERED": "1",
        }
        if self.embedded_broker:
            told["INGEST_JOURNAL"] = str(self.home / "journal.db")
            told["KAFKA_ALONE"] = "true"
        if self.config is not None:
            told["EARSHOT_CONFIG"] = str(self.config)
        return {**os.environ, **told}

    def command(self, name: str, bootstrap_servers: str, rewind_seconds: int) -> Command:
        """Return how a service is started."""
        backend = self.backends[name]
        return Command(
            (sys.executable, "-m", f"{self.package}.{name}"),
            self.logs / f"{name}.log",
            self._environment(backend, bootstrap_servers, rewind_seconds),
            (backend.socket.fileno(),),
        )
