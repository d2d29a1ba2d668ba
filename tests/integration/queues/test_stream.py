"""The event stream of the running service: resume, filters, what is hidden, slow readers and a prompt end."""

import os
import signal
import subprocess
import sys
import threading
import time
from datetime import timedelta
from pathlib import Path

import httpx2
import pytest

from services.queues.core.positions import Position
from shared.contracts.activity import ClassifiedActivity, Surface, Verb
from tests.builders import NOON, a_classification, an_activity, classified
from tests.conftest import ROOT, free_port
from tests.integration.queues.system import ALL, PUBLIC, Hurried, System, bearer, running, stream
from tests.waiting import eventually


def a_post(number: int, department: str = "support", surface: Surface = Surface.PUBLIC) -> ClassifiedActivity:
    at = NOON + timedelta(seconds=number)
    activity = an_activity(f"web:{number}", occurred_at=at, text=f"post {number}", surface=surface)
    return classified(activity, a_classification(department))


def test_fifty_dropped_connections_miss_and_repeat_nothing(system: System) -> None:
    posts = 600
    stop = threading.Event()

    def feed() -> None:
        for number in range(posts):
            system.send(a_post(number))
            if stop.wait(0.003):
                return

    position = system.get("/v1/items")["position"]
    sender = threading.Thread(target=feed)
    sender.start()
    heard: list[str] = []
    drops = 0
    try:
        while len(heard) < posts:
            before = len(heard)
            with stream(system, last_event_id=position) as events:
                for event in events:
                    assert event.event != "resync"
                    position = event.id
                    if event.event == "item":
                        heard.append(event.data["id"])
                    # Dropped in the middle of whatever was written at once.
                    if len(heard) - before >= posts // 55 or len(heard) == posts:
                        break
            drops += 1
    finally:
        stop.set()
        sender.join()
    assert drops >= 50
    # Two partitions have no common order; each post must come exactly once.
    assert sorted(heard) == sorted(f"web:{number}" for number in range(posts))


def test_a_resume_continues_in_a_restarted_process(tmp_path: Path) -> None:
    with running(tmp_path) as system:
        position = system.get("/v1/items")["position"]
        system.send(a_post(1), a_post(2), a_post(3))
        system.until_handled()
    with running(tmp_path) as system, stream(system, last_event_id=position) as events:
        heard = [event.data["id"] for _, event in zip(range(4), events, strict=False) if event.event == "item"]
        assert sorted(heard) == ["web:1", "web:2", "web:3"]


def test_the_header_wins_over_the_parameter(system: System) -> None:
    early = system.get("/v1/items")["position"]
    system.send(a_post(1))
    system.until_handled()
    late = system.get("/v1/items")["position"]
    system.send(a_post(2))
    with stream(system, last_event_id=late, first_event_id=early) as events:
        assert next(event.data["id"] for event in events if event.event) == "web:2"


def test_a_first_open_gives_a_place_and_then_what_is_new(system: System) -> None:
    system.send(a_post(1))
    system.until_handled()
    position = system.get("/v1/items")["position"]
    system.until(lambda: system.service.hub.newest() == int(position.split("-")[1]))
    with stream(system) as events:
        first = next(events)
        assert (first.event, first.id) == ("", position)
        system.send(a_post(2))
        heard = next(events)
        assert (heard.event, heard.data["id"], heard.data["version"]) == ("item", "web:2", 1)
        assert heard.data == system.items()[0]


@pytest.mark.parametrize("remembered", ["nonsense", "ffffffff-1", str(2**80)])
def test_an_unknown_place_is_a_resync_and_then_live(system: System, remembered: str) -> None:
    system.send(a_post(1))
    system.until_handled()
    with stream(system, last_event_id=remembered) as events:
        resync = next(events)
        assert (resync.event, resync.data["position"]) == ("resync", resync.id)
        system.send(a_post(2))
        assert next(event.data["id"] for event in events if event.event == "item") == "web:2"


def test_a_place_before_the_kept_events_or_after_the_last_is_a_resync(tmp_path: Path) -> None:
    with running(tmp_path, stream_ring_events=100, events_kept=1_000) as system:
        start = system.get("/v1/items")["position"]
        epoch = start.split("-")[0]
        system.send(*(a_post(number) for number in range(600)))
        system.until_handled()
        system.until(lambda: system.service.hub.newest() == 600)
        # More than half of events_kept behind: catching up would cost more than a snapshot.
        for remembered in (start, str(Position(epoch, 10_000))):
            with stream(system, last_event_id=remembered) as events:
                assert next(events).event == "resync"
        with stream(system, last_event_id=str(Position(epoch, 200))) as events:
            heard = [event.id for _, event in zip(range(401), events, strict=False) if event.event]
            assert heard == [str(Position(epoch, number)) for number in range(201, 601)]


def test_a_filter_tells_what_enters_and_what_leaves(system: System) -> None:
    with stream(system, department="billing") as events:
        next(events)
        system.send(a_post(1, "support"), a_post(2, "billing"))
        assert next(events).data["id"] == "web:2"
        moved = an_activity("web:2", verb=Verb.UPDATE, occurred_at=NOON + timedelta(hours=1), text="it is broken")
        system.send(classified(moved, a_classification("support")))
        left = next(events)
        assert (left.event, left.data["id"]) == ("removed", "web:2")
        assert left.data["item"]


def test_invariant_9_an_internal_post_is_not_streamed_without_internal_read(system: System) -> None:
    start = system.get("/v1/items")["position"]
    system.send(a_post(1, surface=Surface.INTERNAL))
    system.send(classified(an_activity("web:1", verb=Verb.DELETE, occurred_at=NOON + timedelta(hours=1))))
    system.send(a_post(2, surface=Surface.INTERNAL), a_post(3))
    system.until_handled()
    for last_event_id in (start, None):
        with stream(system, key=PUBLIC, last_event_id=last_event_id) as events:
            if last_event_id is None:
                next(events)
                system.send(a_post(4, surface=Surface.INTERNAL), a_post(5))
            heard = next(event for event in events if event.event)
            assert heard.data["id"] == ("web:3" if last_event_id else "web:5")


def test_a_deleted_text_is_not_told_again_to_those_who_resume(system: System) -> None:
    start = system.get("/v1/items")["position"]
    system.send(a_post(1))
    system.until_handled()
    system.send(classified(an_activity("web:1", verb=Verb.DELETE, occurred_at=NOON + timedelta(hours=1))), a_post(2))
    system.until_handled()
    with stream(system, last_event_id=start) as events:
        heard = []
        for event in events:
            heard += [event] if event.event else []
            if event.data and event.data["id"] == "web:2":
                break
    assert "post 1" not in str(heard)
    assert [event.event for event in heard if event.data["id"] == "web:1"] == ["removed", "removed"]


def test_a_silent_stream_gets_heartbeats_that_move_its_place(tmp_path: Path) -> None:
    with running(tmp_path, stream_heartbeat_seconds=0.2) as system, stream(system, department="nobody") as events:
        first = next(events).id
        system.send(a_post(1))
        system.until_handled()
        assert next(event for event in events if event.id != first).event == ""


def test_who_looks_is_told_without_an_id_and_forgotten_after_90_seconds(tmp_path: Path) -> None:
    clock = Hurried()
    with running(tmp_path, clock=clock) as system:
        system.send(a_post(1), a_post(2, surface=Surface.INTERNAL))
        system.until_handled()
        hidden, seen = (each["item"] for each in system.items())
        with stream(system, key=PUBLIC) as events:
            next(events)
            assert system.post(f"/v1/items/{hidden}/presence", {"agent": "eve"}).json()["agents"] == ["eve"]
            assert system.post(f"/v1/items/{hidden}/presence", {"agent": "eve"}, key=PUBLIC).status_code == 404
            for agent in ("ann", "ben", "ann"):
                answer = system.post(f"/v1/items/{seen}/presence", {"agent": agent})
            assert answer.json() == {"item": seen, "agents": ["ann", "ben"]}
            first, second = next(events), next(events)
            assert (first.event, first.id, first.data) == ("presence", "", {"item": seen, "agents": ["ann"]})
            assert second.data == {"item": seen, "agents": ["ann", "ben"]}
            with stream(system) as late:
                opened = [next(late), next(late), next(late)]
                assert {each.data["item"] for each in opened if each.event == "presence"} == {seen, hidden}
            clock.ahead = timedelta(seconds=91)
            assert next(events).data == {"item": seen, "agents": []}


def test_a_reader_that_does_not_read_slows_nobody(system: System) -> None:
    start = system.get("/v1/items")["position"]
    with stream(system, last_event_id=start) as _, stream(system, last_event_id=start) as events:
        next(events)
        for number in range(0, 2_000, 500):
            system.send(*(a_post(each) for each in range(number, number + 500)))
        heard = [event for _, event in zip(range(2_000), events, strict=False)]
        assert len({event.data["id"] for event in heard}) == 2_000


def test_invariant_10_sigterm_ends_open_streams_and_the_process_promptly(tmp_path: Path) -> None:
    port = free_port()
    environment = os.environ | {
        "EARSHOT_HOME": str(tmp_path),
        "EARSHOT_API_KEY": ALL,
        "HTTP_PORT": str(port),
        "KAFKA_BOOTSTRAP_SERVERS": f"127.0.0.1:{free_port()}",
    }
    process = subprocess.Popen([sys.executable, "-m", "services.queues"], env=environment, cwd=ROOT)
    url = f"http://127.0.0.1:{port}"
    try:
        eventually(lambda: _reachable(url), within_seconds=15)
        with httpx2.stream("GET", f"{url}/v1/stream", headers=bearer(ALL), timeout=10) as answer:
            lines = answer.iter_lines()
            assert next(lines).startswith("retry:")
            started = time.monotonic()
            process.send_signal(signal.SIGTERM)
            assert list(lines)[-1] == ""  # the stream ends as a whole answer, not as a broken connection
        process.wait(10)
        assert time.monotonic() - started < 8
    finally:
        process.kill()
        process.wait(10)


def _reachable(url: str) -> bool:
    try:
        return httpx2.get(f"{url}/health/live").status_code == 200
    except httpx2.TransportError:
        return False
