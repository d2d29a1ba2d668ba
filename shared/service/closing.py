"""Lets a listening socket be closed without resetting anybody: first no connection begins any more, then it closes.

Closing a listening socket resets the connections the kernel has set up and nobody has accepted yet; at a roll under
load that is a failed request or two. A filter that drops the first packet of new connections (on Linux, for any user)
leaves time to accept those. Who was dropped tries again a second later and is refused, or sent to another replica.
"""

import ctypes
import struct
import sys
from typing import Final, Protocol

SETTLE_SECONDS: Final = 0.2
"""How long connections that have begun get to be accepted and to send their request."""

_SO_ATTACH_FILTER: Final = 26
_TCP_FLAGS, _SYN, _SYN_AND_ACK = 13, 0x02, 0x12
_DROP_OPENINGS: Final = b"".join(
    struct.pack("HBBI", *instruction)
    for instruction in (
        (0x30, 0, 0, _TCP_FLAGS),  # load the byte of flags
        (0x54, 0, 0, _SYN_AND_ACK),  # keep SYN and ACK
        (0x15, 0, 1, _SYN),  # SYN alone opens a connection
        (0x06, 0, 0, 0),  # which is dropped
        (0x06, 0, 0, 0xFFFF_FFFF),  # anything else passes
    )
)


class Listening(Protocol):
    """A listening socket."""

    def setsockopt(self, level: int, option: int, value: bytes, /) -> None:
        """Set an option."""


def begin_no_more(listening: Listening) -> bool:
    """Let no further connection begin on a socket; tell whether this system can do that."""
    if sys.platform != "linux":
        return False
    program = ctypes.create_string_buffer(_DROP_OPENINGS)
    filter_program = struct.pack("HL", len(_DROP_OPENINGS) // 8, ctypes.addressof(program))
    try:
        listening.setsockopt(1, _SO_ATTACH_FILTER, filter_program)  # 1 is SOL_SOCKET
    except OSError:
        return False
    return True
