"""Runs a consumer Loop in a thread of a service and stops the process loudly when the loop stops by itself."""

import os
import signal
import sys
import threading
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field

import structlog

from shared.errors import PermanentError
from shared.stream.loop import Loop

STALL_SECONDS = 60.0
"""A loop that has not polled for so long is not ready."""
STUCK_SECONDS = 300.0
"""A loop that has not polled for so long will not: its group has put it out by then, and only a new process helps."""


@dataclass
class LoopThread:
    """One loop, one thread, one watchdog. `failed` holds what ended it; the process gets SIGTERM and exits non-zero."""

    name: str
    loop: Loop
    monotonic: Callable[[], float]
    failed: BaseException | None = None
    stuck_seconds: float = STUCK_SECONDS
    look_seconds: float = 5.0
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin consuming."""
        self._thread = threading.Thread(target=self._run, name=self.name, daemon=True)
        self._thread.start()
        threading.Thread(target=self._watch, name=f"{self.name}-watchdog", daemon=True).start()

    def _watch(self) -> None:
        began = self.monotonic()
        while not self._stop.wait(self.look_seconds) and self.failed is None:
            silent = self.monotonic() - max(began, self.loop.progress.polled_at)
            if self.loop.progress.running and silent > self.stuck_seconds:
                self._end(
                    PermanentError(f"the loop {self.name} has not polled for {silent:.0f} s, its process is ended"),
                    where=self._standing_at(),
                )

    def _standing_at(self) -> str:
        """Return what the loop's thread is doing now."""
        frame = sys._current_frames().get(self._thread.ident or 0) if self._thread is not None else None  # noqa: SLF001  # the documented way
        return "".join(traceback.format_stack(frame)[-8:]) if frame is not None else "the thread is gone"

    def _end(self, error: Exception, **told: str) -> None:
        self.failed = error
        structlog.get_logger(__name__).critical("loop stopped", loop=self.name, exc_info=error, **told)
        os.kill(os.getpid(), signal.SIGTERM)

    def _run(self) -> None:
        try:
            self.loop.run(self._stop)
        except Exception as error:  # noqa: BLE001  # the one place where a loop's death becomes the process's
            self._end(error)

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
