"""SIGTERM: a service accepts for a while, finishes what is open, and exits with 0; a roll fails no request."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import httpx2
import psutil
import pytest

from tests.conftest import ROOT, free_port
from tests.waiting import eventually

DRAIN_SECONDS = 0.5


@dataclass
class Slow:
    """A process of the slow service."""

    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        environment = {
            "PATH": os.environ["PATH"],
            "HTTP_PORT": str(self.port),
            "HTTP_DRAIN_SECONDS": str(DRAIN_SECONDS),
        }
        program = [sys.executable, "-m", "tests.integration.shared.programs.slow"]
        self.process = subprocess.Popen(program, cwd=ROOT, env=environment)
        eventually(self.ready, within_seconds=20)

    def ready(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/health/ready", timeout=5).status_code == 200
        except httpx2.HTTPError as error:
            raise OSError(str(error)) from error

    def ask(self, number: signal.Signals) -> None:
        assert self.process is not None
        self.process.send_signal(number)

    def wait(self) -> int:
        assert self.process is not None
        return self.process.wait(10)


@pytest.fixture
def services() -> Iterator[tuple[Slow, Slow]]:
    made = Slow(), Slow()
    yield made
    for each in made:
        if each.process is not None and each.process.poll() is None:
            each.process.kill()
            each.process.wait(10)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_open_is_answered_and_the_end_is_a_clean_exit(
    services: tuple[Slow, Slow], number: signal.Signals
) -> None:
    service, _ = services
    service.start()
    answers: list[httpx2.Response] = []
    asking = threading.Thread(target=lambda: answers.append(httpx2.post(f"{service.url}/slow/1500", timeout=10)))
    asking.start()
    eventually(lambda: holds_a_request(service), within_seconds=5)
    service.ask(number)
    answer = eventually(lambda: not_ready(service), within_seconds=DRAIN_SECONDS)
    assert "running" in answer.json()["not_ready"]
    assert answer.headers["connection"] == "close"
    asking.join(10)
    assert [each.json() for each in answers] == [{"slept": 1500}]
    assert service.wait() == 0


def holds_a_request(service: Slow) -> bool:
    """Tell whether somebody waits for the slow route: another connection than the one that asks stands open."""
    assert service.process is not None
    connections = psutil.Process(service.process.pid).net_connections("tcp")
    return any(each.status == psutil.CONN_ESTABLISHED for each in connections)


def not_ready(service: Slow) -> httpx2.Response:
    answer = httpx2.get(f"{service.url}/health/ready", timeout=5)
    assert answer.status_code == 503
    return answer


def test_a_roll_over_two_replicas_fails_no_request_of_a_door_that_goes_on_where_it_is_refused(
    services: tuple[Slow, Slow],
) -> None:
    for each in services:
        each.start()
    door = Door(services)
    door.open()
    for service in services:
        before = door.outcomes["answered"]
        service.ask(signal.SIGTERM)
        assert service.wait() == 0
        service.start()
        eventually(partial(door.has_answered, before + 50), within_seconds=10)
    door.close()
    assert set(door.outcomes) <= {"answered", "refused"}, door.outcomes


@dataclass
class Door:
    """Sends requests to two replicas in turn, from four threads, and on to the other one where it is refused."""

    services: tuple[Slow, Slow]
    outcomes: Counter[str] = field(default_factory=Counter)
    done: threading.Event = field(default_factory=threading.Event)
    pressing: list[threading.Thread] = field(default_factory=list)

    def open(self) -> None:
        self.pressing = [threading.Thread(target=self._press) for _ in range(4)]
        for each in self.pressing:
            each.start()

    def close(self) -> None:
        self.done.set()
        for each in self.pressing:
            each.join(10)

    def has_answered(self, number: int) -> bool:
        return self.outcomes["answered"] >= number

    def _press(self) -> None:
        turn = 0
        while not self.done.is_set():
            turn += 1
            outcome = request(self.services[turn % 2].port)
            self.outcomes[outcome] += 1
            if outcome == "refused":
                self.outcomes[request(self.services[(turn + 1) % 2].port)] += 1


def request(port: int) -> str:
    """Send one request on a connection of its own, as a front door without keep-alive does."""
    try:
        connection = socket.create_connection(("127.0.0.1", port), timeout=10)
    except ConnectionRefusedError:
        return "refused"
    with connection:
        connection.sendall(b"POST /slow/20 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        try:
            answer = b"".join(iter(lambda: connection.recv(65_536), b""))
        except OSError as error:
            return type(error).__name__
    return "answered" if answer.startswith(b"HTTP/1.1 200") and answer.endswith(b'{"slept":20}') else repr(answer[:40])
