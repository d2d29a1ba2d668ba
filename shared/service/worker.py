"""Runs a consumer Loop in a thread of a service and stops the process loudly when the loop stops by itself."""

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from shared.stream.loop import Loop

STALL_SECONDS = 60.0


@dataclass
class LoopThread:
    """One loop, one thread. `failed` holds what ended it; the process then gets SIGTERM and exits non-zero."""

    name: str
    loop: Loop
    monotonic: Callable[[], float]
    failed: BaseException | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin consuming."""
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self.loop.run(self._stop)
        except Exception as error:  # noqa: BLE001  # the one place where a loop's death becomes the process's
            self.failed = error
            structlog.get_logger(__name__).critical("loop stopped", loop=self.name, exc_info=error)
            os.kill(os.getpid(), signal.SIGTERM)

    def stop(self, timeout_seconds: float = 6.0) -> None:
        """Ask the loop to finish its batch and wait for it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout_seconds)

    def problem(self) -> str | None:
        """Health check: what keeps this loop from working, or None."""
        if self.failed is not None:
            return f"stopped: {self.failed}"
        if not self.loop.progress.running:
            return "not started yet"
        if self.loop.progress.blocked_by:
            return self.loop.progress.blocked_by
        if not self.loop.progress.joined:
            return "joining its consumer group"
        silent = self.monotonic() - self.loop.progress.polled_at
        return f"has not polled for {silent:.0f} s" if silent > STALL_SECONDS else None
