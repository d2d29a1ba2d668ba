"""The front door over real services on real sockets."""

import contextlib
import hashlib
import itertools
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2
import psutil
import pytest

from tests.integration.deploy.launcher import Launcher, running
from tests.waiting import eventually

pytestmark = pytest.mark.broker


@pytest.fixture(scope="module")
def earshot(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    with running(tmp_path_factory.mktemp("front-door") / "home") as launcher:
        yield launcher


def raw_exchange(port: int, request: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(request)
        answer = b""
        while chunk := connection.recv(65_536):
            answer += chunk
    return answer


def test_path_and_query_reach_the_service_as_they_were_written(earshot: Launcher) -> None:
    answer = raw_exchange(
        earshot.port,
        b"GET /ingest/a%2Fb//c%C3%A9?x=%20y&z&x=+ HTTP/1.1\r\nHost: earshot.example\r\nConnection: close\r\n\r\n",
    )
    assert b'"raw_path":"/a%2Fb//c%C3%A9"' in answer
    assert b'"query":"x=%20y&z&x=+"' in answer
    assert b'["host","earshot.example"]' in answer
    assert b'["x-forwarded-prefix","/ingest"]' in answer


@pytest.mark.parametrize("line", [b"GET /ingest/\xc3\xa9 HTTP/1.1", b"GET /ingest/x HTTP/1.1\r\nX-Odd: a\x01b"])
def test_what_no_http_client_may_send_on_is_400_and_not_taken_for_a_service_that_is_away(
    earshot: Launcher, line: bytes
) -> None:
    answer = raw_exchange(earshot.port, line + b"\r\nHost: h\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400")


def test_keys_and_cookies_pass_and_the_body_arrives_whole(earshot: Launcher) -> None:
    body = b"\x00post\xff" * 300_000
    headers = {"Authorization": "Bearer k", "Cookie": "earshot_key=k", "Content-Type": "application/x-ndjson"}
    answer = earshot.post("/ingest/v1/activities", content=body, headers=headers).json()
    assert answer["method"] == "POST"
    assert answer["size"] == len(body)
    assert answer["sha256"] == hashlib.sha256(body).hexdigest()
    passed = dict(answer["headers"])
    assert passed["authorization"] == "Bearer k"
    assert passed["cookie"] == "earshot_key=k"
    assert passed["content-length"] == str(len(body))


def test_a_body_of_unknown_length_streams_through_without_being_held(earshot: Launcher) -> None:
    mib, chunk = 96, bytes(1 << 20)
    before = psutil.Process(earshot.process.pid).memory_info().rss
    answer = earshot.post("/ingest/v1/activities", content=(chunk for _ in range(mib))).json()
    grown = psutil.Process(earshot.process.pid).memory_info().rss - before
    assert answer["size"] == mib << 20
    assert grown < 32 << 20


def test_a_large_answer_streams_back_without_being_held(earshot: Launcher) -> None:
    before = psutil.Process(earshot.process.pid).memory_info().rss
    with httpx2.stream("GET", f"{earshot.url}/metrics/large?mib=96", timeout=20) as answer:
        assert answer.headers["set-cookie"] == "a=1"
        size = sum(len(chunk) for chunk in answer.iter_raw())
    assert size == 96 << 20
    assert psutil.Process(earshot.process.pid).memory_info().rss - before < 32 << 20


def test_events_pass_one_by_one_as_they_happen(earshot: Launcher) -> None:
    with httpx2.stream("GET", f"{earshot.url}/queues/events", timeout=5) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        arrived = []
        for line in answer.iter_lines():
            if line.startswith("id:"):
                arrived.append(time.monotonic())
            if len(arrived) == 4:
                break
    gaps = [later - earlier for earlier, later in itertools.pairwise(arrived)]
    assert all(gap > 0.05 for gap in gaps), f"events came in one lump: {gaps}"


def test_a_client_that_hangs_up_ends_the_request_at_the_service(earshot: Launcher) -> None:
    def streams() -> int:
        return int(earshot.get("/queues/environment").json()["streams"])

    eventually(lambda: streams() == 0, within_seconds=10)
    with contextlib.ExitStack() as open_streams:
        for _ in range(5):
            stream = open_streams.enter_context(socket.create_connection(("127.0.0.1", earshot.port), timeout=10))
            stream.sendall(b"GET /queues/events HTTP/1.1\r\nHost: h\r\n\r\n")
            assert b"200 OK" in stream.recv(4096)
        assert streams() == 5
    eventually(lambda: streams() == 0, within_seconds=10)


def test_an_answer_that_breaks_off_does_not_look_whole(earshot: Launcher) -> None:
    with pytest.raises(httpx2.RemoteProtocolError):
        earshot.get("/metrics/half")
    earshot.until_ready()


def test_a_refusal_before_the_body_was_read_is_passed_on(earshot: Launcher) -> None:
    answer = earshot.post("/ingest/refuse", content=bytes(8 << 20))
    assert (answer.status_code, answer.text) == (413, "too large")


def test_a_service_that_dies_in_a_request_gives_503_with_retry_after_and_is_back_soon(earshot: Launcher) -> None:
    answer = earshot.post("/classify/crash")
    assert answer.status_code == 503
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["status"] == 503
    # The next request waits for the restart instead of failing.
    assert earshot.get("/classify/environment").status_code == 200
    report = earshot.ready()
    assert "restarted" in report["restarts"]["classify"]
    assert "last exit 9" in report["restarts"]["classify"]


def test_a_body_that_ends_before_its_length_is_not_taken_for_whole(earshot: Launcher) -> None:
    with socket.create_connection(("127.0.0.1", earshot.port), timeout=10) as connection:
        connection.sendall(b"POST /ingest/v1/activities HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\nshort")
        connection.shutdown(socket.SHUT_WR)
        assert b"200 OK" not in connection.recv(65_536)
    earshot.until_ready()


def test_hundreds_of_clients_at_once_are_all_answered(earshot: Launcher) -> None:
    def ask(number: int) -> int:
        return earshot.get(f"/metrics/v1/engagement?n={number}").status_code

    with ThreadPoolExecutor(32) as pool:
        assert set(pool.map(ask, range(300))) == {200}


def test_open_streams_do_not_keep_other_requests_out(earshot: Launcher) -> None:
    streams = [socket.create_connection(("127.0.0.1", earshot.port)) for _ in range(150)]
    try:
        for stream in streams:
            stream.sendall(b"GET /queues/events HTTP/1.1\r\nHost: h\r\n\r\n")
        for stream in streams:
            assert b"200 OK" in stream.recv(4096)
        started = time.monotonic()
        assert earshot.get("/queues/v1/queues").status_code == 200
        assert time.monotonic() - started < 2
    finally:
        for stream in streams:
            stream.close()


def test_the_start_page_needs_no_key_links_the_pages_and_runs_no_script(earshot: Launcher) -> None:
    answer = earshot.get("/")
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    for link in ("/queues/", "/metrics/", "/ingest/docs", "/health/ready"):
        assert f'href="{link}"' in answer.text
    assert f"{earshot.url}/ingest/v1/activities" in answer.text
    assert "<script" not in answer.text


@pytest.mark.parametrize("path", ["/nope", "/nope/", "//queues/", "/queuesx/", "/health", "/favicon.ico"])
def test_everything_unknown_is_a_404_problem(earshot: Launcher, path: str) -> None:
    head, _, body = raw_exchange(
        earshot.port, f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode()
    ).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 404")
    assert b"application/problem+json" in head
    assert b'"status":404' in body


def test_a_service_without_a_slash_redirects_to_its_page(earshot: Launcher) -> None:
    answer = earshot.get("/queues")
    assert answer.status_code == 307
    assert answer.headers["location"] == "/queues/"
    shared_view = earshot.get("/metrics?department=billing&range=7d")
    assert shared_view.headers["location"] == "/metrics/?department=billing&range=7d"


def test_what_is_answered_here_takes_reads_only(earshot: Launcher) -> None:
    answer = earshot.post("/health/ready")
    assert answer.status_code == 405
    assert answer.json()["status"] == 405


def test_many_requests_over_one_connection_stay_apart(earshot: Launcher) -> None:
    seen: list[str] = []

    def ask(start: int) -> None:
        with httpx2.Client(base_url=earshot.url, timeout=10) as client:
            for number in range(start, start + 25):
                answer = client.post(f"/ingest/{number}", content=str(number).encode()).json()
                seen.append(f"{answer['raw_path']}={answer['size']}")

    threads = [threading.Thread(target=ask, args=(start,)) for start in range(0, 100, 25)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(seen) == sorted(f"/{number}={len(str(number))}" for number in range(100))
