"""Measures consumer lag off the hot path: a thread compares what groups committed with where topics end."""

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog
from prometheus_client import Gauge

from shared.errors import EarshotError
from shared.service.telemetry import Telemetry
from shared.stream.kafka import KafkaAddress, KafkaAdmin, KafkaEnds
from shared.stream.ports import Partition

LAG_SECONDS: Final = 5.0
STOP_SECONDS: Final = 2.0


class Committed(Protocol):
    """Reads the committed next offsets of a group."""

    def committed(self, group: str) -> Mapping[Partition, int]:
        """Return them per partition; empty for a group that never committed. Raises TransientError."""

    def close(self) -> None:
        """Let go of the connection; the next call opens a new one."""


class Ends(Protocol):
    """Reads the end offsets of a topic."""

    def ends(self, topic: str) -> Mapping[Partition, int]:
        """Return the next offset to be written, per partition. Raises TransientError."""

    def close(self) -> None:
        """Let go of the connection; the next call opens a new one."""


def kafka_lag(telemetry: Telemetry, address: KafkaAddress, groups: Mapping[str, Sequence[str]]) -> "LagWatch":
    """Return the watch of some groups, each with the topics it reads; nothing is connected yet."""
    return LagWatch(telemetry.lag, groups, KafkaAdmin(address), KafkaEnds(address))


@dataclass
class LagWatch:
    """Sets a gauge by group, topic and partition. Every replica tells the lag of the whole group: take the maximum."""

    gauge: Gauge
    groups: Mapping[str, Sequence[str]]
    committed: Committed
    ends: Ends
    every_seconds: float = LAG_SECONDS
    _stop: threading.Event = field(default_factory=threading.Event, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)

    def start(self) -> None:
        """Begin measuring."""
        self._thread = threading.Thread(target=self._run, name="lag", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop measuring."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(STOP_SECONDS)
        self.committed.close()
        self.ends.close()

    def measure(self) -> None:
        """Look once. Raises TransientError."""
        for group, topics in self.groups.items():
            # Positions first: what is written and read in between is not told as a negative lag.
            committed = self.committed.committed(group)
            for topic in topics:
                for partition, end in self.ends.ends(topic).items():
                    lag = max(0, end - committed.get(partition, 0))
                    self.gauge.labels(group, topic, str(partition.number)).set(lag)

    def _run(self) -> None:
        log = structlog.get_logger(__name__)
        while not self._stop.is_set():
            try:
                self.measure()
            except EarshotError as error:
                # An old number would look like a healthy one; a missing series can be alerted on.
                self.gauge.clear()
                log.warning("lag not measured", error=str(error), groups=sorted(self.groups))
                self.committed.close()
                self.ends.close()
            self._stop.wait(self.every_seconds)
