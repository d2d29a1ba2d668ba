"""Takes away what Earshot stands on, one after another, under load; counts what was lost and how soon it works again.

    python -m tests.soak.prove_outages --seconds 60 [--only NAME ...]

A client sends a post every 50 ms throughout, and sends it again until it is answered 202. After each outage every post
that was answered 202 must be counted once and stand in the queues once. Exit code 1 when one is lost or double.
"""

import argparse
import contextlib
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from tests.soak.places import KAFKA, Place, place
from tests.soak.prove_kills import send_until_taken, settle
from tests.waiting import eventually

BEFORE_SECONDS, AFTER_SECONDS = 3.0, 3.0
RECOVERY_SECONDS = 180.0
EVERY_SECONDS = 0.05
DISK_MIB = 512
Outage = Callable[[Place], contextlib.AbstractContextManager[None]]


@dataclass
class Client:
    """Sends posts at a steady rate until it is told to stop."""

    where: Place
    sent: int = 0
    slowest_seconds: float = 0.0
    refused: Counter[str] = field(default_factory=Counter)
    done: threading.Event = field(default_factory=threading.Event)
    failure: BaseException | None = None

    def run(self) -> None:
        try:
            while not self.done.wait(EVERY_SECONDS):
                began = time.monotonic()
                send_until_taken(self.where.system, [a_post(self.sent)], self.refused)
                self.slowest_seconds = max(self.slowest_seconds, time.monotonic() - began)
                self.sent += 1
        except BaseException as error:  # noqa: BLE001  # told by the main thread
            self.failure = error


def a_post(number: int) -> dict[str, object]:
    return {
        "channel": "web", "native_id": f"o{number}", "occurred_at": f"2026-11-{1 + number % 20:02d}T12:00:00Z",
        "actor": {"id": f"person{number % 300}"}, "text": f"my order {number % 500} is late", "mentions": ["acme"],
    }  # fmt: skip


@contextlib.contextmanager
def hung(process: psutil.Process) -> Iterator[None]:
    """Stop a process without ending it."""
    process.suspend()
    try:
        yield
    finally:
        process.resume()


@contextlib.contextmanager
def embedded_broker_hangs(where: Place) -> Iterator[None]:
    """The broker process stands still: connections stay, nothing answers."""
    with hung(where.system.broker()):
        yield


@contextlib.contextmanager
def embedded_broker_dies(where: Place) -> Iterator[None]:
    """The broker and all it held is gone; the launcher starts a fresh one by itself."""
    where.system.broker().kill()
    yield


@contextlib.contextmanager
def sql_is_locked(where: Place) -> Iterator[None]:
    """Somebody else holds both SQL databases locked."""
    with contextlib.ExitStack() as held:
        for name in ("queues/queues.db", "ingest.db"):
            connection = held.enter_context(
                contextlib.closing(sqlite3.connect(where.system.home / name, isolation_level=None, timeout=30))
            )
            connection.execute("BEGIN EXCLUSIVE")
        yield


@contextlib.contextmanager
def disk_is_full(where: Place) -> Iterator[None]:
    """Not a byte is left where EARSHOT_HOME is."""
    filler = where.system.home.parent / "filler"
    with contextlib.suppress(OSError), filler.open("wb", buffering=0) as file:
        for size in (1 << 20, 512):
            with contextlib.suppress(OSError):
                while True:
                    file.write(bytes(size))
    try:
        yield
    finally:
        filler.unlink()


def server_is_away(name: str) -> Outage:
    """A server beside Earshot is killed and comes back after the outage."""

    @contextlib.contextmanager
    def outage(where: Place) -> Iterator[None]:
        where.servers[name].kill()
        try:
            yield
        finally:
            where.servers[name].start()

    return outage


def server_hangs(name: str) -> Outage:
    """A server beside Earshot stands still."""

    @contextlib.contextmanager
    def outage(where: Place) -> Iterator[None]:
        where.servers[name].hang()
        try:
            yield
        finally:
            where.servers[name].go_on()

    return outage


@contextlib.contextmanager
def dead_letters_cannot_be_written(where: Place) -> Iterator[None]:
    """The topic of the rejections asks for more replicas than there are, and refused input keeps coming."""
    demand_replicas(where, 2)
    refused: Counter[str] = Counter()
    bad = {"channel": "web", "native_id": "bad", "occurred_at": "2026-11-20T12:00:00Z", "actor": {"id": "x"}, "text": 7}
    try:
        answer = where.system.post(b"[" + str(bad).replace("'", '"').encode() + b"]")
        refused[str(answer.status_code)] += 1
        assert answer.status_code == 503, answer.text
        yield
    finally:
        demand_replicas(where, 1)
    eventually(
        lambda: where.system.post(b"[" + str(bad).replace("'", '"').encode() + b"]").status_code == 202,
        within_seconds=60, every_seconds=0.5,
    )  # fmt: skip
    eventually(lambda: where.system.get("/metrics/v1/rejections")["rejections"], within_seconds=60, every_seconds=0.5)
    print("    refused input while its topic could not be written: 503; kept as a rejection afterwards")


def demand_replicas(where: Place, number: int) -> None:
    subprocess.run(
        [str(KAFKA / "start"), "tool", "ConfigCommand", "--bootstrap-server", where.bootstrap_servers, "--alter",
         "--entity-type", "topics", "--entity-name", "records.rejected.v1",
         "--add-config", f"min.insync.replicas={number}"],
        check=True, capture_output=True, timeout=90,
    )  # fmt: skip


OUTAGES: dict[str, tuple[str, Outage]] = {
    "embedded-broker-hangs": ("embedded", embedded_broker_hangs),
    "embedded-broker-dies": ("embedded", embedded_broker_dies),
    "sql-away": ("embedded", sql_is_locked),
    "disk-full": ("disk", disk_is_full),
    "kafka-away": ("kafka", server_is_away("kafka")),
    "kafka-hangs": ("kafka", server_hangs("kafka")),
    "clickhouse-away": ("kafka", server_is_away("clickhouse")),
    "clickhouse-hangs": ("kafka", server_hangs("clickhouse")),
    "dead-letters-unwritable": ("kafka", dead_letters_cannot_be_written),
}


def prove(where: Place, outage: Outage, seconds: float) -> int:
    """Return how many posts were lost or counted twice in one outage."""
    client = Client(where)
    thread = threading.Thread(target=client.run)
    thread.start()
    try:
        time.sleep(BEFORE_SECONDS)
        with outage(where):
            before = client.sent
            time.sleep(seconds)
            during = client.sent - before
        began = time.monotonic()
        eventually(where.system.ready, within_seconds=RECOVERY_SECONDS, every_seconds=0.1)
        taken = client.sent
        eventually(lambda: client.sent > taken, within_seconds=RECOVERY_SECONDS)
        eventually(lambda: counted(where) > taken, within_seconds=RECOVERY_SECONDS, every_seconds=0.2)
        recovered = time.monotonic() - began
        time.sleep(AFTER_SECONDS)
    finally:
        client.done.set()
        thread.join(120)
    if client.failure is not None:
        raise client.failure
    settle(where, RECOVERY_SECONDS)
    items, count = [each["id"] for each in where.system.items()], counted(where)
    lost = client.sent - len(set(items))
    double = len(items) - len(set(items)) + count - client.sent
    print(
        f"    {client.sent} answered 202 ({during} of them during the outage), refused {dict(client.refused)}, slowest"
        f" {client.slowest_seconds:.1f} s; works again after {recovered:.1f} s; lost {lost}, double {double}",
        flush=True,
    )
    return abs(lost) + abs(double)


def counted(where: Place) -> int:
    return where.system.totals()["inbound_posts"]


@contextlib.contextmanager
def a_folder(kind: str) -> Iterator[Path]:
    """Give a folder; for the full disk one on a small file system of its own, which needs root."""
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if kind != "disk":
            yield folder
            return
        mount = subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", str(folder)], capture_output=True, check=False
        )
        if mount.returncode != 0:
            sys.exit(f"a small file system cannot be mounted ({mount.stderr.decode().strip()}): run as root")
        try:
            yield folder
        finally:
            subprocess.run(["umount", "-l", str(folder)], check=True)


def main() -> int:
    """Prove every outage asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--only", nargs="*", choices=sorted(OUTAGES), default=list(OUTAGES))
    told = parser.parse_args()
    wrong = 0
    for name in told.only:
        kind, outage = OUTAGES[name]
        print(
            f"{name}: {(outage.__doc__ or '').splitlines()[0] if outage.__doc__ else ''} {told.seconds:.0f} s",
            flush=True,
        )
        with a_folder(kind) as folder, place("kafka" if kind == "kafka" else "embedded", folder) as where:
            where.system.start(within_seconds=120)
            wrong += prove(where, outage, told.seconds)
    print("nothing lost, nothing double" if not wrong else f"{wrong} lost or double")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
