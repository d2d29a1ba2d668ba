"""`make up` and its launcher end together: a signal that reaches only make is a wish to stop the launcher as well.

make forwards SIGTERM by itself. A SIGINT sent to make alone is not forwarded: make takes it, drops its handler and
waits; that is visible in the kernel's list of caught signals. A killed make leaves an orphan: Linux sends it SIGTERM.
"""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

PR_SET_PDEATHSIG: Final = 1
POLL_SECONDS: Final = 0.25


def end_with_parent() -> None:
    """Ask the kernel for SIGTERM when the parent dies (Linux; elsewhere nothing)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


def catches_interrupt(process_id: int) -> bool:
    """Tell whether a process has a handler for SIGINT; False when that cannot be known."""
    try:
        status = Path(f"/proc/{process_id}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    caught = next((line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:")), "0")
    return bool(int(caught, 16) >> (signal.SIGINT - 1) & 1)


async def watch_parent(stop: Callable[[], None]) -> None:
    """Call `stop` once the parent, which caught SIGINT at first, has stopped catching it."""
    parent = os.getppid()
    if not catches_interrupt(parent):
        return
    while catches_interrupt(parent):  # noqa: ASYNC110  # another process's state sends no event
        await asyncio.sleep(POLL_SECONDS)
    stop()
