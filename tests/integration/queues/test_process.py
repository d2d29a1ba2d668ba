"""The real process on a real broker: killed at any moment and started again, it holds every post exactly once."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from uuid import uuid4

import httpx2
import pytest

from shared.contracts.activity import ClassifiedActivity
from shared.contracts.codec import activity_key, encode_classified
from shared.contracts.topics import TOPICS
from shared.stream.kafka import KafkaAddress, KafkaAdmin, KafkaPublisher
from tests.builders import NOON, an_activity, classified
from tests.conftest import ROOT, free_port
from tests.integration.queues.postgresql import PostgreSql
from tests.integration.queues.system import ALL, bearer, told
from tests.waiting import eventually

pytestmark = pytest.mark.broker
POSTS = 3_000


@contextmanager
def started(home: Path, broker: str, port: int, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {
        "EARSHOT_HOME": str(home),
        "EARSHOT_API_KEY": ALL,
        "HTTP_PORT": str(port),
        "HTTP_PREFIX": "/queues",
        "KAFKA_BOOTSTRAP_SERVERS": broker,
        "KAFKA_ALONE": "true",
        "QUEUES_BATCH_RECORDS": "100",
        **more,
    }
    process = subprocess.Popen([sys.executable, "-m", "services.queues"], env=environment, cwd=ROOT)
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


def held(port: int, department: str) -> int:
    """Return how many posts of a department are open; 0 while the service is not there."""
    try:
        parameters = {"department": department}
        answer = httpx2.get(f"http://127.0.0.1:{port}/v1/queues", params=parameters, headers=bearer(ALL))
    except httpx2.TransportError:
        return 0
    queues = answer.json()["queues"] if answer.status_code == 200 else []
    return sum(queue["open"] for queue in queues)


def test_a_killed_process_goes_on_where_it_was_and_counts_nothing_twice(tmp_path: Path, broker: str) -> None:
    address = KafkaAddress(broker, "test")
    admin, publisher = KafkaAdmin(address), KafkaPublisher(address)
    department = f"d{uuid4().hex}"
    admin.create(TOPICS)
    records = [encode_classified(each, key=activity_key(each)) for each in posts(department)]
    port = free_port()
    with started(tmp_path, broker, port):
        publisher.publish(records)
        eventually(lambda: held(port, department) > POSTS // 10, within_seconds=30, every_seconds=0.01)
    with started(tmp_path, broker, port):
        publisher.publish(records)  # what crashed may be sent again
        eventually(lambda: held(port, department) == POSTS, within_seconds=30)
        eventually(lambda: _lag(admin) == 0, within_seconds=30)
        assert held(port, department) == POSTS
        page = httpx2.get(f"http://127.0.0.1:{port}/?item=a", headers={"Accept": "text/html"})
        assert page.headers["location"] == "/queues/signin?next=/queues/%3Fitem%3Da"
    publisher.close()
    admin.close()


def test_two_processes_share_partitions_and_a_database_and_one_may_be_killed(
    tmp_path: Path, own_broker: str, postgresql: PostgreSql
) -> None:
    address, ports = KafkaAddress(own_broker, "test"), (free_port(), free_port())
    admin, publisher = KafkaAdmin(address), KafkaPublisher(address)
    records = [encode_classified(each, key=each.id.encode()) for each in posts("billing")]
    settings = {"KAFKA_ALONE": "false", "QUEUES_DATABASE_URL": postgresql.fresh()}
    with ExitStack() as stack:
        one, _ = (stack.enter_context(started(tmp_path, own_broker, port, **settings)) for port in ports)
        for port in ports:
            eventually(partial(is_ready, port), within_seconds=40)
        url = f"http://127.0.0.1:{ports[1]}/v1"
        start = httpx2.get(f"{url}/items", headers=bearer(ALL)).json()["position"]
        publisher.publish(records[: POSTS // 2])
        eventually(lambda: held(ports[1], "billing") > POSTS // 4, within_seconds=40, every_seconds=0.02)
        one.kill()
        publisher.publish(records[POSTS // 4 :])
        eventually(lambda: held(ports[1], "billing") == POSTS, within_seconds=60)
        heard: list[str] = []
        headers = bearer(ALL) | {"Last-Event-ID": start}
        with httpx2.stream("GET", f"{url}/stream", headers=headers, timeout=10) as answer:
            for each in told(answer.iter_lines()):
                heard += [each.data["id"]] if each.event == "item" else []
                if len(heard) == POSTS:
                    break
        # Whichever process stored a post, the stream of the one that lives shows it, once.
        assert len(set(heard)) == POSTS
    publisher.close()
    admin.close()


def is_ready(port: int) -> bool:
    try:
        return httpx2.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200
    except httpx2.TransportError:
        return False


def posts(department: str) -> Iterator[ClassifiedActivity]:
    for number in range(POSTS):
        activity = an_activity(f"web:{department}:{number}", occurred_at=NOON + timedelta(seconds=number))
        post = classified(activity)
        labels = post.classification
        assert labels is not None
        label = labels.department.model_copy(update={"label": department})
        yield post.model_copy(update={"classification": labels.model_copy(update={"department": label})})


def _lag(admin: KafkaAdmin) -> int:
    """Return how many of the records sent twice are not committed."""
    return max(0, 2 * POSTS - sum(admin.committed("queues").values()))
