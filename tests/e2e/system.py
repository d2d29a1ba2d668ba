"""The whole embedded system as a real process tree, driven over HTTP as its users do."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import psutil

from tests.conftest import ROOT, free_port
from tests.waiting import eventually

KEY = "e2e-key-with-every-scope"
ALL_TIME = {"from": "2000-01-01T00:00:00Z", "to": "2030-01-01T00:00:00Z", "bucket": "month"}
COUNTS = (
    "push", "responses", "replies", "mentions", "quotes", "announces", "likes", "follows", "engagement",
    "inbound_posts", "answered", "negative", "neutral", "positive",
)  # fmt: skip
PROGRAM = """
import sys
from deploy.embedded.app import Launch
from deploy.embedded.settings import LauncherSettings, OwnKafkaSettings
Launch(LauncherSettings(), OwnKafkaSettings(), services_package=sys.argv[1]).run()
"""


@dataclass
class System:
    """One installation: a home, a port, a key, an optional earshot.yaml."""

    home: Path
    configuration: str = ""
    extra: Mapping[str, str] = field(default_factory=dict)
    port: int = field(default_factory=free_port)
    services_package: str = "services"
    process: subprocess.Popen[bytes] | None = None

    def environment(self) -> dict[str, str]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("EARSHOT_")}
        environment |= {"EARSHOT_HOME": str(self.home), "EARSHOT_PORT": str(self.port), "EARSHOT_API_KEY": KEY}
        if self.configuration:
            path = self.home.parent / f"{self.home.name}.yaml"
            path.write_text(self.configuration, encoding="utf-8")
            environment["EARSHOT_CONFIG"] = str(path)
        return environment | dict(self.extra)

    def command(self) -> list[str]:
        """Return how the launcher is started: as its users do, unless the services are not the usual ones."""
        if self.services_package == "services":
            return [sys.executable, "-m", "deploy.embedded"]
        return [sys.executable, "-c", PROGRAM, self.services_package]

    def spawn(self) -> subprocess.Popen[bytes]:
        self.home.mkdir(parents=True, exist_ok=True)
        with (self.home.parent / f"{self.home.name}.log").open("ab") as output:
            return subprocess.Popen(
                self.command(),
                cwd=ROOT,
                env=self.environment(),
                stdout=output,
                stderr=output,
            )

    def start(self, *, within_seconds: float = 40) -> None:
        self.process = self.spawn()
        eventually(self.ready, within_seconds=within_seconds)

    def ready(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise RuntimeError(f"the launcher ended with {self.process.returncode}:\n{self.output()[-4000:]}")
        try:
            answer = httpx2.get(f"{self.base}/health/ready", timeout=5)
        except httpx2.HTTPError as error:
            raise OSError(str(error)) from error
        assert answer.status_code == 200, answer.text
        return True

    def output(self) -> str:
        return (self.home.parent / f"{self.home.name}.log").read_text(errors="replace")

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> int:
        """Ask for a clean end; fails when it takes more than the promised 10 s."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(10)

    def kill_tree(self) -> None:
        """SIGKILL everything at once, as a power cut would."""
        assert self.process is not None
        everybody = [psutil.Process(self.process.pid)]
        everybody += everybody[0].children(recursive=True)
        for each in everybody:
            each.kill()
        psutil.wait_procs(everybody, timeout=10)
        self.process.wait(10)

    def service(self, name: str) -> psutil.Process:
        """Return the process of a service."""
        return self._child(f"{self.services_package}.{name}")

    def broker(self) -> psutil.Process:
        """Return the process of the embedded broker."""
        return self._child("--storage-engine")

    def _child(self, argument: str) -> psutil.Process:
        assert self.process is not None
        for each in psutil.Process(self.process.pid).children(recursive=True):
            if argument in each.cmdline():
                return each
        raise AssertionError(f"no child process was started with {argument}")

    def get(self, path: str, *, key: str = KEY, **parameters: Any) -> Any:  # noqa: ANN401  # JSON
        answer = httpx2.get(self.base + path, params=parameters, headers={"Authorization": f"Bearer {key}"}, timeout=30)
        assert answer.status_code == 200, (path, answer.status_code, answer.text[:500])
        return answer.json()

    def post(self, content: bytes, *, media_type: str = "application/json", **headers: str) -> httpx2.Response:
        return httpx2.post(
            f"{self.base}/ingest/v1/activities",
            content=content,
            headers={"Authorization": f"Bearer {KEY}", "Content-Type": media_type} | headers,
            timeout=60,
        )

    def operate(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `earshot` on this installation."""
        return subprocess.run(
            [sys.executable, "-m", "deploy.earshot", *arguments],
            cwd=ROOT, env=self.environment(), capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def send(self, activities: Iterable[Mapping[str, Any]]) -> None:
        """Send activities as NDJSON; all must be accepted."""
        lines = [json.dumps(each) for each in activities]
        answer = self.post("\n".join(lines).encode(), media_type="application/x-ndjson")
        assert answer.status_code == 202, answer.text[:500]
        assert answer.json() == {"accepted": len(lines), "rejected": []}

    def totals(self, **parameters: Any) -> dict[str, int]:  # noqa: ANN401  # query parameters
        """Return all additive engagement figures over all time."""
        series = self.get("/metrics/v1/engagement", **(ALL_TIME | parameters))["series"]
        return {name: sum(row[name] or 0 for row in series) for name in COUNTS}

    def items(self, **parameters: Any) -> list[dict[str, Any]]:  # noqa: ANN401  # query parameters
        """Return every item, page by page."""
        found: list[dict[str, Any]] = []
        after: str | None = None
        while True:
            page = self.get("/queues/v1/items", limit=200, **parameters, **({"after": after} if after else {}))
            found += page["items"]
            after = page["next"]
            if after is None:
                return found
