"""What passes the front door."""

import pytest

from deploy.embedded.core.headers import end_to_end, split_target, towards_service


@pytest.mark.parametrize(
    ("raw_path", "query", "expected"),
    [
        (b"/queues/", b"", ("queues", b"/")),
        (b"/queues/v1/items", b"after=%2F&x=%20", ("queues", b"/v1/items?after=%2F&x=%20")),
        (b"/ingest/a%2Fb//c", b"", ("ingest", b"/a%2Fb//c")),
        (b"/queues", b"a=1", ("queues", b"")),
        (b"/", b"", ("", b"")),
        (b"//queues/", b"", ("", b"/queues/")),
        (b"/qu%65ues/", b"", ("qu%65ues", b"/")),
        (b"/\xff/x", b"", ("\ufffd", b"/x")),
    ],
)
def test_a_target_loses_its_first_segment_and_nothing_else(
    raw_path: bytes, query: bytes, expected: tuple[str, bytes]
) -> None:
    assert split_target(raw_path, query) == expected


def test_headers_of_the_connection_end_at_the_front_door() -> None:
    headers = [
        (b"Connection", b"keep-alive, X-Private"),
        (b"X-Private", b"1"),
        (b"Transfer-Encoding", b"chunked"),
        (b"Set-Cookie", b"a=1"),
        (b"Set-Cookie", b"b=2"),
    ]
    assert end_to_end(headers) == [(b"set-cookie", b"a=1"), (b"set-cookie", b"b=2")]


def test_a_client_cannot_pretend_to_be_forwarded() -> None:
    sent = [(b"host", b"earshot.example"), (b"authorization", b"Bearer k"), (b"x-forwarded-for", b"1.2.3.4")]
    passed = towards_service(sent, prefix="/queues", client="127.0.0.1", scheme="http")
    assert passed == [
        (b"host", b"earshot.example"),
        (b"authorization", b"Bearer k"),
        (b"x-forwarded-for", b"127.0.0.1"),
        (b"x-forwarded-proto", b"http"),
        (b"x-forwarded-host", b"earshot.example"),
        (b"x-forwarded-prefix", b"/queues"),
    ]
