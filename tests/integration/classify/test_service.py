"""The whole service as a process on a real embedded broker: classify, crash, restart, stop."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from shared.contracts.activity import ClassifiedActivity, Verb
from shared.contracts.codec import decode, encode_activity
from shared.stream.kafka import KafkaAddress, KafkaPublisher, KafkaSource
from tests.builders import NOON, an_activity
from tests.conftest import free_port
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parents[3]
KEY = {"Authorization": "Bearer secret"}
pytestmark = pytest.mark.broker


class Service:
    """One classify process, started and killed at will."""

    def __init__(self, broker: str, log: Path) -> None:
        self.broker, self.log = broker, log
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        environment = {
            "PATH": "/usr/bin:/bin", "KAFKA_BOOTSTRAP_SERVERS": self.broker, "HTTP_PORT": str(self.port),
            "EARSHOT_API_KEY": "secret", "CLASSIFY_THREADS": "1", "KAFKA_ALONE": "true",
        }  # fmt: skip
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.classify"], cwd=ROOT, env=environment, stdout=output, stderr=output
            )

    def get(self, path: str) -> httpx2.Response:
        return httpx2.get(f"http://127.0.0.1:{self.port}{path}", headers=KEY, timeout=5)

    def ready(self) -> bool:
        try:
            return self.get("/health/ready").status_code == 200
        except httpx2.HTTPError:
            return False

    def end(self, number: signal.Signals) -> int:
        assert self.process is not None
        self.process.send_signal(number)
        return self.process.wait(10)


@pytest.fixture
def service(own_broker: str, tmp_path: Path) -> Iterator[Service]:
    service = Service(own_broker, tmp_path / "classify.log")
    yield service
    if service.process is not None and service.process.poll() is None:
        service.process.kill()
        service.process.wait(10)


def test_posts_survive_a_sigkill_and_the_service_stops_cleanly_on_sigterm(service: Service, own_broker: str) -> None:
    address = KafkaAddress(own_broker, "test", alone=True)
    publisher = KafkaPublisher(address)
    posts = [an_activity(f"web:{n}", text=f"my order number {n} has not arrived") for n in range(300)]
    delete = an_activity("web:0", verb=Verb.DELETE, version=posts[0].version + 1)
    service.start()
    eventually(service.ready, within_seconds=30)
    publisher.publish([encode_activity(each) for each in posts[:150]])
    service.end(signal.SIGKILL)
    publisher.publish([encode_activity(each) for each in [*posts[150:], delete]])
    service.start()
    source = KafkaSource(address, "test-reader", ["posts.classified.v1"])
    found: dict[tuple[str, Verb], ClassifiedActivity] = {}
    order: list[Verb] = []

    def everything_arrived() -> bool:
        for record in source.poll(0.5, 1_000):
            activity = decode(ClassifiedActivity, record.value, origin=record.origin, at=NOON)
            assert isinstance(activity, ClassifiedActivity)
            found[activity.id, activity.verb] = activity
            if activity.id == "web:0":
                order.append(activity.verb)
        return len(found) == 301

    eventually(everything_arrived, within_seconds=60)
    source.close()
    publisher.close()
    assert order[-1] is Verb.DELETE
    assert all((each.classification is None) == (verb is Verb.DELETE) for (_, verb), each in found.items())
    eventually(service.ready, within_seconds=30)
    answer = httpx2.post(
        f"http://127.0.0.1:{service.port}/v1/classify", headers=KEY, json={"texts": ["my order 7"]}, timeout=10
    )
    assert answer.json()["model"] == service.get("/v1/model").json()["model"]
    # uvicorn raises the signal again once everything is closed.
    assert service.end(signal.SIGTERM) == 0
    assert "Application shutdown complete" in service.log.read_text()


def test_a_broken_artefact_stops_the_start_and_says_what_to_do(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "CLASSIFY_ARTEFACT": str(tmp_path), "HTTP_PORT": str(free_port())}
    answer = subprocess.run(
        [sys.executable, "-m", "services.classify"], cwd=ROOT, env=environment, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert answer.returncode == 1
    assert "cannot be read as a manifest" in answer.stderr
    assert "Restore services/classify/artefact/" in answer.stderr


def test_the_other_backend_without_its_packages_says_what_to_install(tmp_path: Path) -> None:
    environment = {"PATH": "/usr/bin:/bin", "CLASSIFY_BACKEND": "sentence-transformers", "PYTHONPATH": str(tmp_path)}
    # A package of that name which cannot be imported, so that the test also holds where the real one is installed.
    (tmp_path / "sentence_transformers.py").write_text("raise ImportError('not here')\n")
    answer = subprocess.run(
        [sys.executable, "-m", "services.classify"], cwd=ROOT, env=environment, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
    assert answer.returncode == 1
    assert "pip install -r requirements-train.txt" in answer.stderr
