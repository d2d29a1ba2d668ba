"""Where Earshot runs in a proof: on the embedded broker and engine, or on Apache Kafka and a ClickHouse HTTP server."""

import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from services.metrics.store.clickhouse import ClickHouseAddress
from tests.conftest import ROOT, accepts, free_port
from tests.e2e.system import System
from tests.soak.workload import ACCOUNTS
from tests.waiting import eventually

SERVICES = ("ingest", "classify", "metrics", "queues")
SHARED = Path(os.environ.get("EARSHOT_TEST_SHARED", ROOT.parent / "shared"))
KAFKA = Path(os.environ.get("EARSHOT_TEST_KAFKA", SHARED / "kafka"))
CLICKHOUSE = Path(os.environ.get("EARSHOT_TEST_CLICKHOUSE_STAND_IN", SHARED / "tools" / "clickhouse_stand_in.py"))


@dataclass
class Server:
    """A server beside Earshot that may be killed and is started again on what it left behind."""

    name: str
    command: list[str]
    port: int
    log: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and wait until it listens."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(self.command, stdout=output, stderr=output)
        eventually(lambda: accepts(self.port), within_seconds=90)

    def kill(self) -> None:
        """End it at once."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(10)

    def hang(self) -> None:
        """Stop it without ending it: connections stay and nothing answers."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self) -> None:
        """Let it run again."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@dataclass
class Place:
    """One Earshot and the servers it stands on."""

    system: System
    servers: dict[str, Server] = field(default_factory=dict)

    @property
    def embedded(self) -> bool:
        """Whether broker and engine are Earshot's own."""
        return not self.servers

    @property
    def bootstrap_servers(self) -> str:
        """Where the broker is; the embedded one is at another port after each start."""
        if not self.embedded:
            return f"127.0.0.1:{self.servers['kafka'].port}"
        return str(re.findall(r"embedded broker at (\S+)", self.system.output())[-1])

    @property
    def store(self) -> ClickHouseAddress:
        """Where the facts are."""
        url = "" if self.embedded else f"http://127.0.0.1:{self.servers['clickhouse'].port}"
        return ClickHouseAddress(url, self.system.home / "clickhouse", "earshot")

    @property
    def victims(self) -> dict[str, Callable[[], None]]:
        """What can be killed, by name; a call returns once it is gone, and started again where nobody else does it."""
        found: dict[str, Callable[[], None]] = {name: self._service(name) for name in SERVICES}
        if self.embedded:
            return found | {"broker": lambda: self.system.broker().kill()}
        return found | {name: self._server(each) for name, each in self.servers.items()}

    def _service(self, name: str) -> Callable[[], None]:
        return lambda: self.system.service(name).kill()

    @staticmethod
    def _server(server: Server) -> Callable[[], None]:
        def kill() -> None:
            server.kill()
            server.start()

        return kill


@contextmanager
def place(kind: str, folder: Path, **settings: str) -> Iterator[Place]:
    """Give a place of a kind, "embedded" or "kafka", not yet started; whatever runs at the end is killed."""
    made = Place(System(folder / "home", ACCOUNTS, settings))
    if kind == "kafka":
        kafka, clickhouse = _kafka(folder), _clickhouse(folder)
        made.servers = {"kafka": kafka, "clickhouse": clickhouse}
        made.system.extra = settings | {
            "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{kafka.port}",
            "CLICKHOUSE_URL": f"http://127.0.0.1:{clickhouse.port}",
        }
    try:
        for server in made.servers.values():
            server.start()
        yield made
    finally:
        if made.system.process is not None and made.system.process.poll() is None:
            made.system.kill_tree()
        for server in made.servers.values():
            server.kill()


def _kafka(folder: Path) -> Server:
    if not (KAFKA / "start").exists() or shutil.which("java") is None:
        sys.exit(
            f"no {KAFKA}/start or no java: set EARSHOT_TEST_KAFKA to the folder with Apache Kafka, install Java 17"
        )
    port = free_port()
    return Server("kafka", [str(KAFKA / "start"), str(folder / "kafka"), str(port)], port, folder / "kafka.log")


def _clickhouse(folder: Path) -> Server:
    if not CLICKHOUSE.is_file():
        sys.exit(
            f"{CLICKHOUSE} is missing: set EARSHOT_TEST_CLICKHOUSE_STAND_IN to a ClickHouse HTTP interface program"
        )
    port = free_port()
    command = [sys.executable, str(CLICKHOUSE), "--path", str(folder / "clickhouse"), "--port", str(port)]
    return Server("clickhouse", command, port, folder / "clickhouse.log")
