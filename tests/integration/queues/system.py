"""The real queues service on a free port: real database, real uvicorn; only the broker is a fake log."""

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import uvicorn

from services.queues.app import Broker, Service, Settings, build
from services.queues.settings import QueuesSettings
from shared.clock import Clock, utc_now
from shared.contracts.activity import ClassifiedActivity
from shared.contracts.codec import Outgoing, activity_key, encode_classified
from shared.contracts.configuration import Configuration, Key
from shared.contracts.topics import POSTS_CLASSIFIED
from shared.service.settings import EarshotSettings
from shared.stream.ports import Record
from tests.conftest import free_port
from tests.fakes.log import FakeLog, FakePublisher, FakeSource
from tests.waiting import eventually

ALL, PUBLIC, BLIND = "key-of-everything", "key-without-internal", "key-without-queues"
POLL_SECONDS = 0.01
Json = Any
Parameter = str | int | list[str]


class PatientSource(FakeSource):
    """A FakeSource that waits a little when nothing is there, as a real one does."""

    def poll(self, timeout_seconds: float, max_records: int) -> Sequence[Record]:
        polled = super().poll(timeout_seconds, max_records)
        if not polled:
            time.sleep(min(timeout_seconds, POLL_SECONDS))
        return polled


@dataclass
class System:
    """The running service and the log it reads."""

    url: str
    log: FakeLog
    service: Service
    server: uvicorn.Server
    client: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=20, trust_env=False))

    def send(self, *activities: ClassifiedActivity) -> None:
        for activity in activities:
            self.log.append(encode_classified(activity, key=activity_key(activity)))

    def send_raw(self, value: bytes) -> None:
        self.log.append(Outgoing(POSTS_CLASSIFIED.name, b"k", value))

    def get(self, path: str, *, key: str = ALL, expect: int = 200, **parameters: Any) -> Json:  # noqa: ANN401
        answer = self.client.get(self.url + path, params=parameters, headers=bearer(key))
        assert answer.status_code == expect, answer.text
        return answer.json()

    def post(
        self, path: str, body: dict[str, Any], *, if_match: str | None = None, key: str = ALL, retry: str | None = None
    ) -> httpx2.Response:
        headers = bearer(key)
        headers |= {} if if_match is None else {"If-Match": if_match}
        headers |= {} if retry is None else {"Idempotency-Key": retry}
        return self.client.post(self.url + path, json=body, headers=headers)

    def is_ready(self) -> bool:
        try:
            return self.client.get(f"{self.url}/health/ready").status_code == 200
        except httpx2.TransportError:
            return False

    def items(self, **parameters: Any) -> list[Json]:  # noqa: ANN401
        found: list[Json] = self.get("/v1/items", **{"limit": 200} | parameters)["items"]
        return found

    def until(self, check: Callable[[], object], within_seconds: float = 30) -> None:
        eventually(check, within_seconds=within_seconds, every_seconds=0.02)

    def until_handled(self) -> None:
        """Wait until everything on the log is in the database."""
        sent = len(self.log.all(POSTS_CLASSIFIED.name))
        self.until(lambda: self.service.thread.loop.progress.handled >= sent)


@dataclass
class Hurried:
    """A clock that can be set ahead."""

    ahead: timedelta = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def configuration() -> Configuration:
    def sha256(key: str) -> str:
        return hashlib.sha256(key.encode()).hexdigest()

    return Configuration(
        keys=(
            Key(name="public", sha256=sha256(PUBLIC), scopes=("queues:read", "queues:write")),
            Key(name="blind", sha256=sha256(BLIND), scopes=("metrics:read",)),
        )
    )


def build_service(folder: Path, log: FakeLog, clock: Clock = utc_now, **queues: float | str) -> Service:
    settings = Settings(
        earshot=EarshotSettings.model_validate({"home": folder, "api_key": ALL}),
        queues=QueuesSettings.model_validate({"stream_pace_seconds": 0.02, "stream_poll_seconds": 0.1} | queues),
    )
    source = PatientSource(log, "queues", [POSTS_CLASSIFIED.name])
    return build(settings, configuration(), Broker(source, FakePublisher(log)), clock)


@contextmanager
def running(
    folder: Path, clock: Clock = utc_now, log: FakeLog | None = None, **queues: float | str
) -> Iterator[System]:
    """Run the service in a thread until the block ends."""
    log, port = log or FakeLog(), free_port()
    service = build_service(folder, log, clock, **queues)
    server = uvicorn.Server(
        uvicorn.Config(service.app, port=port, log_config=None, access_log=False, timeout_graceful_shutdown=2)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    system = System(f"http://127.0.0.1:{port}", log, service, server)
    try:
        system.until(system.is_ready)
        yield system
    finally:
        service.hub.close()
        server.should_exit = True
        thread.join(30)
        system.client.close()
        assert not thread.is_alive()


@dataclass(frozen=True)
class Told:
    """One server-sent event; `event` is empty for a bare id."""

    event: str
    id: str
    data: Any


def told(lines: Iterator[str]) -> Iterator[Told]:
    """Parse a stream by the rules of the HTML standard that matter here."""
    fields: dict[str, str] = {}
    for line in lines:
        if line == "":
            if fields:
                data = json.loads(fields["data"]) if "data" in fields else None
                yield Told(fields.get("event", ""), fields.get("id", ""), data)
            fields = {}
        elif not line.startswith(":"):
            name, _, value = line.partition(": ")
            fields[name] = value


@contextmanager
def stream(
    system: System,
    *,
    key: str = ALL,
    last_event_id: str | None = None,
    first_event_id: str | None = None,
    **parameters: Parameter,
) -> Iterator[Iterator[Told]]:
    """Open the stream; gives the events as they come, and drops the connection at the end."""
    headers = bearer(key) | ({"Last-Event-ID": last_event_id} if last_event_id else {})
    asked = dict(parameters) | ({"last_event_id": first_event_id} if first_event_id else {})
    with system.client.stream("GET", f"{system.url}/v1/stream", params=asked, headers=headers, timeout=30) as answer:
        assert answer.status_code == 200, answer.read()
        yield told(answer.iter_lines())
