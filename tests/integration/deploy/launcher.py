"""Starts the launcher as a process of its own over the small programs, and asks it over HTTP."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil

from tests.conftest import ROOT, free_port
from tests.waiting import eventually

PROGRAM = """
import sys
from deploy.embedded.app import Launch
from deploy.embedded.settings import LauncherSettings, OwnKafkaSettings
Launch(
    LauncherSettings(), OwnKafkaSettings(), services_package="tests.integration.deploy.programs",
    broker_rest_seconds=1,
).run()
"""


@dataclass
class Launcher:
    """A running launcher."""

    process: subprocess.Popen[bytes]
    home: Path
    port: int
    output: Path
    client: httpx2.Client = field(default_factory=lambda: httpx2.Client(timeout=10, trust_env=False))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def get(self, path: str) -> httpx2.Response:
        return self.client.get(self.url + path)

    def post(
        self, path: str, content: bytes | Iterator[bytes] = b"", headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        return self.client.post(self.url + path, content=content, headers=headers)

    def ready(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.get("/health/ready").json()
        return answer | {"code": 503 if answer["not_ready"] else 200}

    def until_ready(self, within_seconds: float = 15) -> None:
        def check() -> bool:
            assert self.process.poll() is None, f"the launcher ended: {self.told()}"
            try:
                return self.get("/health/ready").status_code == 200
            except httpx2.TransportError:
                return False

        eventually(check, within_seconds=within_seconds)

    def told(self) -> str:
        return self.output.read_text()

    def children(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def child(self, name: str) -> psutil.Process:
        records = json.loads((self.home / "children.json").read_text())
        return psutil.Process(next(each["pid"] for each in records if each["name"] == name))

    def stop(self, number: int = signal.SIGTERM, within_seconds: float = 10) -> int:
        self.process.send_signal(number)
        return self.process.wait(within_seconds)


def start(home: Path, *, port: int | None = None, environment: Mapping[str, str] | None = None) -> Launcher:
    """Start a launcher and return at once."""
    port = port or free_port()
    output = home.parent / f"launcher-{port}.txt"
    settings = {"EARSHOT_HOME": str(home), "EARSHOT_PORT": str(port)}
    with output.open("ab") as file:
        process = subprocess.Popen(
            [sys.executable, "-c", PROGRAM], cwd=ROOT, stdout=file, stderr=subprocess.STDOUT,
            env={**os.environ, **settings, **(environment or {})},
        )  # fmt: skip
    return Launcher(process, home, port, output)


@contextlib.contextmanager
def running(home: Path, *, environment: Mapping[str, str] | None = None) -> Iterator[Launcher]:
    """Start a launcher, wait until it is ready, and leave nothing of it behind."""
    launcher = start(home, environment=environment)
    try:
        launcher.until_ready()
        yield launcher
    finally:
        launcher.client.close()
        if launcher.process.poll() is None:
            left = launcher.children()
            launcher.process.kill()
            launcher.process.wait(5)
            psutil.wait_procs(left, timeout=5)
