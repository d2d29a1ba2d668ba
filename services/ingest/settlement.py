"""Looks after the journal: publishes it again at start, forgets what is settled."""

import threading
from dataclasses import dataclass, field

import structlog

from services.ingest.core.settlement import READERS, RECEIVED, Offsets, Round, Stage, advance
from services.ingest.journal import JournalledPublisher
from shared.contracts.topics import POSTS_CLASSIFIED, RECORDS_REJECTED
from shared.errors import TransientError
from shared.stream.kafka import KafkaAdmin, KafkaEnds

GROUPS = sorted({group for groups in READERS.values() for group in groups})


@dataclass
class Settlement:
    """One thread of the ingest process."""

    publisher: JournalledPublisher
    admin: KafkaAdmin
    ends: KafkaEnds
    every_seconds: float = 1.0
    replayed: int | None = None
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def problem(self) -> str | None:
        """Health check: the journal must be on the broker again before the service is ready."""
        return None if self.replayed is not None else "the journal is being published again"

    def start(self) -> None:
        """Begin."""
        self._thread = threading.Thread(target=self._run, name="settlement", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End; what is not trimmed is published again at the next start, which is harmless."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(5)
        self.admin.close()
        self.ends.close()

    def _run(self) -> None:
        held: Round | None = None
        wait = 0.0
        while not self._stop.wait(wait):
            wait = self.every_seconds
            try:
                if self.replayed is None:
                    self.replayed = self.publisher.replay()
                    structlog.get_logger(__name__).info("journal published again", records=self.replayed)
                held = self.step(held)
            except TransientError as error:
                structlog.get_logger(__name__).info("journal waits for the broker", error=str(error))
            except Exception as error:  # noqa: BLE001  # a dead thread would let the journal grow without a word
                structlog.get_logger(__name__).error(
                    "a look at the journal failed; the next one follows", exc_info=error
                )
                held = None

    def step(self, held: Round | None) -> Round | None:
        """Take one look; return the round to go on with, None when it ended. Raises TransientError."""
        if held is None:
            through = self.publisher.journal.acknowledged_through()
            return Round(through, self._ends(*RECEIVED)) if through else None
        committed = {group: self.admin.committed(group) for group in GROUPS}
        held = advance(held, committed, self._ends(POSTS_CLASSIFIED.name, RECORDS_REJECTED.name))
        if held.stage is not Stage.SETTLED:
            return held
        if trimmed := self.publisher.journal.trim(held.through):
            structlog.get_logger(__name__).debug("journal trimmed", records=trimmed)
        return None

    def _ends(self, *topics: str) -> Offsets:
        return {partition: end for topic in topics for partition, end in self.ends.ends(topic).items()}
