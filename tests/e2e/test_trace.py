"""One post is followed by its trace id through the logs of all services of the embedded system."""

import json
from collections.abc import Callable
from functools import partial

import pytest

from shared.contracts.trace import parse_trace
from tests.e2e.system import System
from tests.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(120)]
WORDS = "my invoice 4711 shows the same charge twice"
CALLER = "0af7651916cd43dd8448eb211c80319c"


def test_one_post_is_followed_through_all_services_by_its_trace(install: Callable[..., System]) -> None:
    system = install()
    system.start()
    own = {
        "channel": "web", "native_id": "1", "occurred_at": "2026-11-20T12:00:00Z", "actor": {"id": "ann"},
        "text": WORDS, "mentions": ["acme"],
    }  # fmt: skip
    answer = system.post(json.dumps(own).encode())
    trace = parse_trace(answer.headers["traceparent"])
    assert trace is not None
    bulk = json.dumps([own | {"native_id": "2"}, own | {"native_id": "3"}]).encode()
    system.post(bulk, traceparent=f"00-{CALLER}-b7ad6b7169203331-01")
    for wanted, posts in ((trace.id, 1), ("web:1", 1), (CALLER, 2)):
        services = ["ingest", "classify", "metrics", "queues"] * posts
        told = eventually(partial(followed, system, wanted, services), within_seconds=30)
        assert WORDS not in told
    missing = system.operate("trace", "web:nobody")
    assert missing.returncode == 1
    assert "INGEST_TRACE_SHARE" in missing.stderr
    assert system.stop() == 0
    logs = "".join(path.read_text(errors="replace") for path in (system.home / "logs").glob("*.log"))
    assert "4711" not in logs


def followed(system: System, wanted: str, services: list[str]) -> str:
    """Return what `earshot trace` tells once every service has said as much as it should."""
    told = system.operate("trace", wanted)
    assert told.returncode == 0, told.stderr
    found = [line.split()[1] for line in told.stdout.splitlines()[1:]]
    assert sorted(found) == sorted(services), told.stdout
    assert found[0] == "ingest"
    return told.stdout
