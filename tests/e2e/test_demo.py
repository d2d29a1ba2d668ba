"""`python -m deploy.demo`: both pages have something to show, and more comes by itself."""

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from shared.clock import utc_now
from shared.contracts.activity import wire_time
from tests.conftest import ROOT, free_port
from tests.waiting import eventually

pytestmark = pytest.mark.e2e
KEY = "key-of-the-demo"


def test_the_demo_shows_life_on_both_pages_and_ends_with_its_launcher(tmp_path: Path) -> None:
    port = free_port()
    environment = os.environ | {"EARSHOT_HOME": str(tmp_path), "EARSHOT_API_KEY": KEY, "EARSHOT_PORT": str(port)}
    with (tmp_path / "demo.log").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "deploy.demo", "--days", "2"],
            env=environment,
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
        )  # fmt: skip
    base, headers = f"http://127.0.0.1:{port}", {"Authorization": f"Bearer {KEY}"}
    try:
        with httpx2.Client(base_url=base, headers=headers, timeout=20, trust_env=False) as client:
            eventually(lambda: b"is alive" in (tmp_path / "demo.log").read_bytes(), within_seconds=150)
            eventually(lambda: _departments(client) >= 5, within_seconds=60)
            eventually(lambda: _is_lively(client), within_seconds=60)
            with client.stream("GET", "/queues/v1/stream") as stream:
                told = (json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: "))
                owners = (item["owner"] for item in told if item.get("state") == "claimed")
                assert next(owners)
            assert not client.get("/ingest/v1/sources").json()["sources"][0].get("last_error")
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)
    # Nobody is left behind who keeps talking to a system that has ended.
    eventually(lambda: not _left(str(tmp_path)), within_seconds=10)


def _departments(client: httpx2.Client) -> int:
    return len({each["department"] for each in client.get("/queues/v1/queues").json()["queues"]})


def _is_lively(client: httpx2.Client) -> bool:
    since = {"from": wire_time(utc_now() - timedelta(days=3)), "bucket": "day", "by": "department"}
    rows = client.get("/metrics/v1/engagement", params=since).json()["series"]
    days = {each["bucket"] for each in rows if each["engagement"]}
    return len(days) >= 2 and sum(each["engagement"] for each in rows) > 200 and sum(each["push"] for each in rows) > 3


def _left(home: str) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = (folder / "environ").read_bytes()
        except OSError:
            continue
        if f"EARSHOT_HOME={home}".encode() in environment.split(b"\0"):
            found.append(int(folder.name))
    return found
