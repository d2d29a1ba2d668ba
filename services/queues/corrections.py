"""Corrections: a thread that tells label corrections on their topic, at least once, as long as the outbox holds any."""

import threading
from dataclasses import dataclass, field
from typing import Final

import structlog

from services.queues.core.ports import Outbox
from shared.contracts.codec import encode_correction
from shared.errors import TransientError
from shared.stream.ports import Publisher

AT_ONCE: Final = 200
STOP_SECONDS: Final = 2


@dataclass
class Corrections:
    """`wake` when there may be some; without it, and while the broker is away, it looks every `every_seconds`."""

    outbox: Outbox
    publisher: Publisher
    every_seconds: float = 2.0
    _woken: threading.Event = field(default_factory=threading.Event, init=False)
    _stopped: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def start(self) -> None:
        """Begin telling."""
        # A daemon: a broker that does not answer must not keep the process from ending; what waits is kept.
        self._thread = threading.Thread(target=self._run, name="corrections", daemon=True)
        self._thread.start()

    def wake(self) -> None:
        """Look now. Callable from any thread."""
        self._woken.set()

    def stop(self) -> None:
        """End soon; what is not told yet is told after the next start."""
        self._stopped.set()
        self._woken.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)

    def problem(self) -> str | None:
        """Health check: why corrections are not told, or None."""
        if self._thread is None or self._thread.is_alive() or self._stopped.is_set():
            return None
        return "the thread that tells corrections has died; its log line says why. Start the service again."

    def tell(self) -> int:
        """Publish what waits, in order; return how many. Raises TransientError."""
        waiting = self.outbox.waiting(AT_ONCE)
        if waiting:
            self.publisher.publish([encode_correction(correction) for _, correction in waiting])
            self.outbox.settle(waiting[-1][0])
        return len(waiting)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._woken.clear()
            try:
                while self.tell() == AT_ONCE:
                    pass
            except TransientError as error:
                structlog.get_logger(__name__).warning("corrections wait", error=str(error))
                self._stopped.wait(self.every_seconds)
            self._woken.wait(self.every_seconds)
