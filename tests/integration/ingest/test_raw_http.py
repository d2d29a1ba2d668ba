"""Bodies that lie about their length, slow and vanishing clients, on a real socket."""

import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.ingest.house import KEY, House, a_submission, ndjson
from tests.waiting import eventually


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


@pytest.fixture
def port(house: House) -> Iterator[int]:
    with house.served() as port:
        yield port


def head(length: int | str, content_type: str = "application/json", *extra: str) -> bytes:
    lines = ["POST /v1/activities HTTP/1.1", "Host: x", f"Authorization: Bearer {KEY}", f"Content-Type: {content_type}",
             f"Content-Length: {length}", *extra]  # fmt: skip
    return "\r\n".join([*lines, "", ""]).encode()


def talk(port: int, sent: bytes, *, hang_up: bool = False) -> list[int]:
    """Return the statuses of everything answered before the connection ended or fell silent."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(sent)
        if hang_up:
            connection.shutdown(socket.SHUT_WR)
        received = b""
        connection.settimeout(1)
        try:
            while chunk := connection.recv(65_536):
                received += chunk
        except TimeoutError:
            pass
    return [int(part.split(b" ", 1)[0]) for part in received.split(b"HTTP/1.1 ")[1:]]


def alive(port: int) -> bool:
    return talk(port, b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n") == [200]


def test_a_body_shorter_than_announced_stores_nothing(house: House, port: int) -> None:
    body = json.dumps(a_submission()).encode()
    assert talk(port, head(len(body) + 100) + body, hang_up=True) in ([], [400])
    assert house.activities() == []
    assert alive(port)


def test_a_body_longer_than_announced_is_cut_there_and_the_rest_is_no_request(house: House, port: int) -> None:
    body = json.dumps(a_submission()).encode()
    statuses = talk(port, head(len(body) - 10) + body)
    assert statuses[0] == 400
    assert 202 not in statuses
    assert house.activities() == []
    assert alive(port)


@pytest.mark.parametrize("length", ["-1", "many", "1e3"])
def test_a_length_that_is_no_number_is_a_bad_request(house: House, port: int, length: str) -> None:
    assert talk(port, head(length) + b"{}") == [400]
    assert alive(port)


def test_a_length_that_would_be_too_great_is_answered_before_the_body(port: int) -> None:
    assert talk(port, head(1 << 40)) == [413]


def test_a_client_that_hangs_up_within_a_stream_loses_nothing_it_was_promised(house: House, port: int) -> None:
    body = ndjson(*(a_submission(number) for number in range(1_500)))
    cut = body.rindex(b"\n") - 10
    assert 202 not in talk(port, head(len(body), "application/x-ndjson") + body[:cut], hang_up=True)
    assert alive(port)
    # What was published before is whole activities, and the resend has the same ids.
    assert len(house.ids()) in {0, 1_000}
    assert talk(port, head(len(body), "application/x-ndjson", "Connection: close") + body) == [202]
    assert len(house.ids()) == 1_500
    assert house.rejections() == []


def test_a_chunked_stream_is_taken_while_it_comes(house: House, port: int) -> None:
    first, second = ndjson(*(a_submission(n) for n in range(1_000))) + b"\n", ndjson(a_submission(9_999))
    start = head(0, "application/x-ndjson").replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        connection.sendall(start + f"{len(first):x}\r\n".encode() + first + b"\r\n")
        eventually(lambda: len(house.ids()) == 1_000, within_seconds=5)
        connection.sendall(f"{len(second):x}\r\n".encode() + second + b"\r\n0\r\n\r\n")
        assert connection.recv(65_536).startswith(b"HTTP/1.1 202")
    assert len(house.ids()) == 1_001
