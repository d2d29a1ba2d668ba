"""Which headers pass a proxy and which end at it (RFC 9110 section 7.6.1). Pure."""

from collections.abc import Iterable, Sequence
from typing import Final

RawHeaders = Sequence[tuple[bytes, bytes]]

HOP_BY_HOP: Final = frozenset(
    {b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
     b"trailer", b"transfer-encoding", b"upgrade"}
)  # fmt: skip
OURS: Final = frozenset(
    {b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", b"x-forwarded-prefix", b"expect"}
)
"""Set by the front door itself, so a client cannot pretend; `Expect` is answered by the front door's own server."""


def end_to_end(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """Return the headers that are meant for the other end, names in lower case, order and repeats kept."""
    held = [(name.lower(), value) for name, value in headers]
    named = {token.strip().lower() for name, value in held if name == b"connection" for token in value.split(b",")}
    return [(name, value) for name, value in held if name not in HOP_BY_HOP and name not in named]


def towards_service(headers: RawHeaders, *, prefix: str, client: str, scheme: str) -> list[tuple[bytes, bytes]]:
    """Return a request's headers for the service behind `prefix`."""
    host = next((value for name, value in headers if name.lower() == b"host"), b"")
    kept = [(name, value) for name, value in end_to_end(headers) if name not in OURS]
    return [
        *kept,
        (b"x-forwarded-for", client.encode()),
        (b"x-forwarded-proto", scheme.encode()),
        (b"x-forwarded-host", host),
        (b"x-forwarded-prefix", prefix.encode()),
    ]


def split_target(raw_path: bytes, query: bytes) -> tuple[str, bytes]:
    """Return the first segment of a path and the target behind it, both as they came: no decoding, no doubled slash."""
    segment, slash, rest = raw_path.removeprefix(b"/").partition(b"/")
    target = b"/" + rest if slash else b""
    name = segment.decode("ascii", "replace")
    return name, target + (b"?" + query if query and target else b"")
