"""Reads single records by partition and offset, for an operator who asks what a rejection was about."""

import contextlib
import threading
import time
from dataclasses import dataclass, field
from typing import Any

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from shared.errors import TransientError
from shared.stream.kafka import KafkaAddress, translated
from shared.stream.ports import Partition, Record


@dataclass
class KafkaLookup:
    """Implements shared.stream.ports.Lookup; one call at a time, from any thread."""

    address: KafkaAddress
    timeout_seconds: float = 5.0
    _consumer: Any = field(default=None, init=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, init=False)

    def find(self, partition: Partition, offset: int) -> Record | None:
        """See Lookup.find."""
        with self._lock, translated(f"look up {partition.topic}/{partition.number}/{offset}"):
            consumer = self._open()
            if partition.number not in (consumer.partitions_for_topic(partition.topic) or ()):
                return None
            place = TopicPartition(*partition)
            consumer.unsubscribe()  # forgets what was fetched for the last call
            consumer.assign([place])
            if offset < consumer.beginning_offsets([place])[place]:
                return None
            return self._fetched(consumer, place, offset)

    def _open(self) -> Any:
        if self._consumer is None:
            self._consumer = KafkaConsumer(
                bootstrap_servers=self.address.bootstrap_servers,
                client_id=self.address.client_id,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=10,
                # Within a session a broker leaves out what has not changed, and with it the high watermark.
                enable_incremental_fetch_sessions=False,
                bootstrap_timeout_ms=5_000,
            )
        return self._consumer

    def _fetched(self, consumer: Any, place: TopicPartition, offset: int) -> Record | None:
        consumer.seek(place, offset)
        until = time.monotonic() + self.timeout_seconds
        while time.monotonic() < until:
            for each in consumer.poll(timeout_ms=50, max_records=1).get(place, ()):
                if each.offset != offset:
                    return None
                at = Partition(each.topic, each.partition)
                return Record(at, each.offset, each.key or b"", each.value, tuple(each.headers))
            # An offset at or past the end brings no record but the high watermark, or a reset to the beginning.
            if (end := consumer.highwater(place)) is not None and offset >= end:
                return None
        raise TransientError(f"{place.topic}/{place.partition}/{offset}: no answer in {self.timeout_seconds} s")

    def close(self) -> None:
        """See Lookup.close."""
        with self._lock:
            if self._consumer is not None:
                with contextlib.suppress(KafkaError, OSError):
                    self._consumer.close(autocommit=False)
                self._consumer = None
