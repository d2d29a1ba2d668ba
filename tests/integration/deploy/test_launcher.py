"""The launcher's life: start, crash of a child, of the broker, of itself, second start, end."""

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from shared.contracts.codec import Outgoing
from shared.contracts.topics import POSTS_CLASSIFIED
from shared.errors import TransientError
from shared.stream.kafka import KafkaAddress, KafkaPublisher
from tests.conftest import ROOT, free_port
from tests.integration.deploy.launcher import Launcher, running, start
from tests.waiting import eventually

pytestmark = pytest.mark.broker


def test_ctrl_c_drains_within_ten_seconds_although_a_stream_is_open_and_marks_the_end_clean(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running(home) as earshot, socket.create_connection(("127.0.0.1", earshot.port)) as stream:
        stream.sendall(b"GET /queues/events HTTP/1.1\r\nHost: h\r\n\r\n")
        assert b"200 OK" in stream.recv(4096)
        children = earshot.children()
        assert earshot.stop(signal.SIGINT) == 0
        assert not [child for child in children if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
        assert "everything accepted is stored" in earshot.told()
    assert (home / "clean").exists()
    with running(home) as earshot:
        assert earshot.get("/ingest/environment").json()["INGEST_REWIND_SECONDS"] == "0"


def test_a_killed_launcher_leaves_nothing_running_and_the_next_start_rewinds(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running(home) as earshot:
        key = earshot.get("/ingest/environment").json()["EARSHOT_API_KEY"]
        eventually(lambda: key in earshot.told(), within_seconds=5)
        children = earshot.children()
        assert len(children) == 5
        earshot.process.kill()
        earshot.process.wait(5)
        _, alive = psutil.wait_procs(children, timeout=5)
        assert not [child for child in alive if child.status() != psutil.STATUS_ZOMBIE]
    with running(home) as earshot:
        told = earshot.get("/ingest/environment").json()
        assert told["INGEST_REWIND_SECONDS"] == "600"
        assert told["EARSHOT_API_KEY"] == key


def test_a_killed_child_is_restarted_and_the_readiness_says_so(tmp_path: Path) -> None:
    with running(tmp_path / "home") as earshot:
        first = earshot.get("/classify/environment").json()["pid"]
        os.kill(first, signal.SIGKILL)
        eventually(
            lambda: earshot.ready()["restarts"] == {"classify": "restarted once, last exit -9 (SIGKILL)"},
            within_seconds=5,
        )
        earshot.until_ready()
        assert earshot.get("/classify/environment").json()["pid"] != first


def test_a_killed_broker_takes_every_service_through_a_restart_with_rewind(tmp_path: Path) -> None:
    home = tmp_path / "home"
    with running(home) as earshot:
        assert earshot.stop() == 0
    with running(home) as earshot:
        before = earshot.get("/ingest/environment").json()
        assert before["INGEST_REWIND_SECONDS"] == "0"
        earshot.child("broker").kill()
        eventually(lambda: "broker" in earshot.ready()["restarts"], within_seconds=5)
        earshot.until_ready()
        after = earshot.get("/ingest/environment").json()
        assert after["INGEST_REWIND_SECONDS"] == "600"
        assert after["pid"] != before["pid"]
        assert earshot.stop() == 0


def test_a_broker_that_has_grown_over_its_limit_is_replaced_and_every_service_with_it(tmp_path: Path) -> None:
    with running(tmp_path / "home", environment={"EARSHOT_BROKER_MEMORY_MIB": "48"}) as earshot:
        before, broker = earshot.get("/ingest/environment").json(), earshot.child("broker").pid
        publisher = KafkaPublisher(KafkaAddress(before["KAFKA_BOOTSTRAP_SERVERS"], "test"), delivery_timeout_ms=2_000)
        noise = random.Random(1)
        with contextlib.suppress(TransientError):  # it goes away in the middle, which is the point
            for _ in range(60):  # incompressible, so that the broker must hold all of it
                publisher.publish([Outgoing(POSTS_CLASSIFIED.name, b"k", noise.randbytes(900_000))])
        publisher.close()
        eventually(lambda: replaced(earshot, broker), within_seconds=15)
        earshot.until_ready()
        assert "the limit is 48" in earshot.told()
        assert earshot.get("/ingest/environment").json()["pid"] != before["pid"]
        assert "broker" not in earshot.ready()["restarts"]  # it did not fail
        assert earshot.stop() == 0


def replaced(earshot: Launcher, pid: int) -> bool:
    try:
        return earshot.child("broker").pid != pid
    except psutil.NoSuchProcess:
        return False


def test_a_second_start_on_the_same_home_says_who_runs_there(tmp_path: Path) -> None:
    with running(tmp_path / "home") as earshot:
        second = start(tmp_path / "home")
        assert second.process.wait(10) != 0
        assert f"as process {earshot.process.pid} at {earshot.url}" in second.told()
        assert earshot.ready()["code"] == 200


def launcher_command(tmp_path: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "deploy.embedded"], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False,
        env={**os.environ, "EARSHOT_HOME": str(tmp_path / "home"), "EARSHOT_PORT": str(free_port()), **environment},
    )  # fmt: skip


def test_a_busy_port_is_told_with_what_to_do(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = launcher_command(tmp_path, EARSHOT_PORT=str(port))
    assert ended.returncode == 1
    assert ended.stderr == f"Port {port} on 127.0.0.1 is used by another program. Set EARSHOT_PORT to a free one.\n"


def test_all_problems_of_the_configuration_are_told_by_path_and_line_before_anything_starts(tmp_path: Path) -> None:
    path = tmp_path / "earshot.yaml"
    path.write_text("organisation:\n  accounts:\n    - {channel: bluesky}\nsources:\n  - {name: x, type: fax}\n")
    ended = launcher_command(tmp_path, EARSHOT_CONFIG=str(path))
    assert ended.returncode == 2
    assert f"{path}:3" in ended.stderr
    assert f"{path}:5" in ended.stderr
    assert not (tmp_path / "home").exists()


def test_a_wrong_setting_is_told_by_its_variable_and_without_its_value(tmp_path: Path) -> None:
    ended = launcher_command(tmp_path, EARSHOT_PORT="secret-in-the-wrong-place")
    assert ended.returncode == 2
    assert "EARSHOT_PORT" in ended.stderr
    assert "secret-in-the-wrong-place" not in ended.stderr


def test_a_request_during_a_restart_waits_and_is_answered(tmp_path: Path) -> None:
    with running(tmp_path / "home") as earshot:
        earshot.child("metrics").kill()
        started = time.monotonic()
        codes: list[int] = []

        def ask() -> None:
            codes.append(earshot.get("/metrics/v1/engagement").status_code)

        eventually(lambda: "metrics" in earshot.ready()["restarts"], within_seconds=5)
        threads = [threading.Thread(target=ask) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(15)
        assert codes == [200] * 10
        assert time.monotonic() - started < 10
