"""A whole ingest app on fakes for Kafka and a real SQLite file, and a client for it."""

import contextlib
import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI
from fastapi.testclient import TestClient

from services.ingest.app import Setup, World, build
from services.ingest.database import open_database
from services.ingest.leases import Membership
from services.ingest.settings import IngestSettings
from shared.clock import Clock, utc_now
from shared.contracts.activity import Activity
from shared.contracts.configuration import Configuration
from shared.contracts.rejection import Rejection
from shared.contracts.topics import POSTS_RECEIVED, REACTIONS_RECEIVED, RECORDS_REJECTED
from shared.errors import TransientError
from shared.service.auth import Keyring
from shared.stream.ports import Partition
from tests.conftest import free_port
from tests.fakes.log import FakeLog, FakeLookup, FakePublisher
from tests.waiting import eventually

KEY = "test-key"
KEY_HEADERS = {"Authorization": f"Bearer {KEY}"}


@dataclass
class FakeEnds:
    """Ends of topics on a FakeLog."""

    log: FakeLog

    def ends(self, topic: str) -> Mapping[Partition, int]:
        if self.log.away:
            raise TransientError("the fake broker is away", retry_after_seconds=0)
        return {Partition(topic, 0): len(self.log.all(topic))}

    def close(self) -> None:
        pass


@dataclass
class House:
    """An app and what it published. Build another on the same folder to see what survives a restart."""

    home: Path
    configuration: Mapping[str, Any] = field(default_factory=dict)
    log: FakeLog = field(default_factory=FakeLog)
    publisher: FakePublisher | None = None
    rewind_seconds: float = 0
    clock: Clock = utc_now
    membership: Membership | None = None

    def app(self) -> FastAPI:
        configuration = Configuration.model_validate(self.configuration)
        settings = IngestSettings(rewind_seconds=self.rewind_seconds, probe_seconds=0.05)
        setup = Setup(settings, configuration, Keyring(configuration, KEY), self.home)
        engine = open_database(f"sqlite:///{self.home / 'ingest.db'}")
        publisher = self.publisher or FakePublisher(self.log)
        return build(
            setup,
            World(
                publisher,
                FakeEnds(self.log),
                FakeLookup(self.log),
                engine,
                membership=self.membership,
                clock=self.clock,
            ),
        )

    @contextlib.contextmanager
    def client(self) -> Iterator[TestClient]:
        with TestClient(self.app(), headers=KEY_HEADERS, raise_server_exceptions=False) as client:
            yield client

    @contextlib.contextmanager
    def served(self) -> Iterator[int]:
        """Serve on a real socket; gives the port."""
        port = free_port()
        server = uvicorn.Server(uvicorn.Config(self.app(), port=port, log_config=None, timeout_graceful_shutdown=1))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        try:
            eventually(lambda: server.started, within_seconds=10)
            yield port
        finally:
            server.should_exit = True
            thread.join(10)

    def activities(self) -> list[Activity]:
        """Everything published, in the order of its topics and partitions."""
        records = [*self.log.all(POSTS_RECEIVED.name), *self.log.all(REACTIONS_RECEIVED.name)]
        return [Activity.model_validate_json(record.value or b"") for record in records]

    def ids(self) -> set[str]:
        return {activity.id for activity in self.activities()}

    def rejections(self) -> list[Rejection]:
        return [Rejection.model_validate_json(record.value or b"") for record in self.log.all(RECORDS_REJECTED.name)]


def source(client: TestClient, name: str) -> dict[str, Any]:
    """Return one source of GET /v1/sources."""
    sources = client.get("/v1/sources").json()["sources"]
    found: dict[str, Any] = next(each for each in sources if each["name"] == name)
    return found


def a_submission(number: int = 1, **changes: object) -> dict[str, Any]:
    given = {
        "channel": "web",
        "native_id": f"p{number}",
        "occurred_at": "2025-11-23T11:00:00Z",
        "actor": {"id": "ann"},
        "text": "hello",
    }
    return given | changes


def ndjson(*items: object) -> bytes:
    return b"\n".join(json.dumps(item).encode() for item in items)
