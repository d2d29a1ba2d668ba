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
    """`wake` when there may be some; without it, and while the broker is away, it looks every `every_seconds`.

    What waiting cannot mend (a topic that refuses us, a table that is gone) is named by `problem` and tried again every
    `refused_seconds`: the corrections are kept, and once somebody has mended it they leave without a restart.
    """

    outbox: Outbox
    publisher: Publisher
    every_seconds: float = 2.0
    refused_seconds: float = 30.0
    _refused: str | None = field(default=None, init=False)
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
        return self._refused

    def tell(self) -> int:
        """Publish what waits, in order, if it is this replica's turn; return how many. Raises EarshotError."""
        with self.outbox.turn() as ours:
            waiting = self.outbox.waiting(AT_ONCE) if ours else []
            if waiting:
                self.publisher.publish([encode_correction(correction) for _, correction in waiting])
                self.outbox.settle(waiting[-1][0])
        return len(waiting)

    def _run(self) -> None:
        while not self._stopped.is_set():
            self._woken.clear()
            self._stopped.wait(self._tell_all())
            self._woken.wait(self.every_seconds)

    def _tell_all(self) -> float:
        """Return how long to wait before it makes sense to go on."""
        try:
            while self.tell() == AT_ONCE:
                pass
        except TransientError as error:
            structlog.get_logger(__name__).warning("corrections wait", error=str(error))
            return self.every_seconds
        except Exception as error:  # noqa: BLE001  # whatever it is, health has to name it and nothing may be lost
            structlog.get_logger(__name__).critical("corrections are refused", exc_info=error)
            self._refused = f"label corrections wait in the database, because telling them fails for good: {error}"
            return self.refused_seconds
        self._refused = None
        return 0.0
