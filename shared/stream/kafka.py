"""The one door to Kafka: a consumer group member, a producer and topic set-up on kafka-python.

kafka-python blocks, so everything here is called from worker threads, never from an event loop. A group join on the
embedded Tansu broker takes session_timeout/2, hence the short session timeout.
"""

import contextlib
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic
from kafka.errors import (
    AuthorizationError,
    InvalidGroupIdError,
    InvalidTopicError,
    KafkaConfigurationError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    SaslAuthenticationFailedError,
    TopicAlreadyExistsError,
    UnsupportedCodecError,
    UnsupportedVersionError,
)
from kafka.structs import OffsetAndMetadata

from shared.contracts.codec import Outgoing
from shared.contracts.topics import Topic
from shared.errors import PermanentError, TransientError
from shared.stream.kafka_records import flat, read_leanly
from shared.stream.kafka_versions import make_message_classes
from shared.stream.ports import Partition, Record

make_message_classes()
PERMANENT: Final = (
    AuthorizationError,
    InvalidGroupIdError,
    InvalidTopicError,
    KafkaConfigurationError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
    SaslAuthenticationFailedError,
    UnsupportedCodecError,
    UnsupportedVersionError,
)
MAX_RECORD_BYTES: Final = 1_048_576
COMMIT_TIMEOUT_MS: Final = 15_000


@contextlib.contextmanager
def translated(doing: str) -> Iterator[None]:
    """Raise the library's errors as ours: PermanentError where waiting cannot help, TransientError otherwise."""
    try:
        yield
    except PERMANENT as error:
        raise PermanentError(
            f"{doing}: Kafka refuses for good: {error!r}. Check rights, versions and sizes."
        ) from error
    except (KafkaError, OSError, TimeoutError) as error:
        raise TransientError(f"{doing}: Kafka is away or busy: {error!r}. It is tried again.") from error


@dataclass(frozen=True)
class KafkaAddress:
    """Where the brokers are and how this process calls itself."""

    bootstrap_servers: str
    client_id: str
    session_timeout_ms: int = 6_000
    alone: bool = False
    """The one reader of every group takes all partitions at once instead of joining (ADR 0009)."""


class _Revocations(ConsumerRebalanceListener):  # type: ignore[misc]  # the library is untyped
    """Passes revoked partitions on to the loop."""

    def __init__(self) -> None:
        self.callback: Callable[[frozenset[Partition]], None] = lambda _: None
        self.joined = False
        self.held: set[Partition] = set()

    def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Called by the library inside poll."""
        gone = frozenset(Partition(each.topic, each.partition) for each in revoked)
        self.held -= gone
        self.callback(gone)

    def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        """Called by the library inside poll, also with nothing; offsets come from the group."""
        self.held |= {Partition(each.topic, each.partition) for each in assigned}
        self.joined = True


@dataclass
class KafkaSource:
    """A member of `group` on `topics`; starts at the beginning where the group has no offset."""

    address: KafkaAddress
    group: str
    topics: Sequence[str]
    fetch_max_wait_ms: int = 50
    _consumer: Any = field(default=None, init=False)
    _listener: _Revocations = field(default_factory=_Revocations, init=False)
    _paused: bool = field(default=False, init=False)

    def _open(self) -> Any:
        if self._consumer is None:
            with translated("connect the consumer"):
                consumer = KafkaConsumer(
                    bootstrap_servers=self.address.bootstrap_servers,
                    client_id=self.address.client_id,
                    group_id=self.group,
                    enable_auto_commit=False,
                    auto_offset_reset="earliest",
                    session_timeout_ms=self.address.session_timeout_ms,
                    heartbeat_interval_ms=self.address.session_timeout_ms // 4,
                    fetch_max_wait_ms=self.fetch_max_wait_ms,
                    fetch_max_bytes=64 << 20,
                    max_partition_fetch_bytes=16 << 20,
                    max_poll_records=50_000,
                    # A member that joins before it has heard of a topic's partitions gets none of them, and asks again
                    # only when its metadata is this old: by default five minutes later.
                    metadata_max_age_ms=3_000,
                    bootstrap_timeout_ms=5_000,
                )
                read_leanly(consumer)
                self._consumer = consumer
                if not self.address.alone:
                    consumer.subscribe(list(self.topics), listener=self._listener)
        return self._consumer

    def _take_all(self, consumer: Any) -> None:
        """Take every partition, without a group join; offsets are committed under the group's name all the same."""
        found = {topic: consumer.partitions_for_topic(topic) for topic in self.topics}
        if missing := [topic for topic, partitions in found.items() if not partitions]:
            raise TransientError(f"the topics {', '.join(missing)} are not there yet; they are looked for again")
        consumer.assign([TopicPartition(topic, number) for topic, numbers in found.items() for number in numbers])
        self._listener.joined = True

    def poll(self, timeout_seconds: float, max_records: int) -> Sequence[Record]:
        """See Source.poll."""
        consumer = self._open()
        with translated("poll"):
            if self.address.alone and not self._listener.joined:
                self._take_all(consumer)
            polled = consumer.poll(timeout_ms=int(timeout_seconds * 1000), max_records=max(1, max_records))
            if self._paused and consumer.assignment():
                # A rebalance during a pause hands out fresh, unpaused partitions; what slipped through is read again.
                consumer.pause(*consumer.assignment())
                for partition, records in polled.items():
                    consumer.seek(partition, records[0].offset)
                return []
        return flat(polled)

    def commit(self, offsets: Mapping[Partition, int]) -> None:
        """See Source.commit."""
        consumer = self._open()
        with translated("commit"):
            ours = consumer.assignment()
            wanted = {TopicPartition(*partition): offset for partition, offset in offsets.items()}
            consumer.commit(
                {each: OffsetAndMetadata(offset, "", -1) for each, offset in wanted.items() if each in ours},
                timeout_ms=COMMIT_TIMEOUT_MS,  # without it, it waits for a coordinator that may never come back
            )

    def pause(self) -> None:
        """See Source.pause."""
        self._paused = True
        if self._consumer is not None:
            self._consumer.pause(*self._consumer.assignment())

    def resume(self) -> None:
        """See Source.resume."""
        self._paused = False
        if self._consumer is not None:
            self._consumer.resume(*self._consumer.paused())

    def on_revoked(self, callback: Callable[[frozenset[Partition]], None]) -> None:
        """See Source.on_revoked."""
        self._listener.callback = callback

    def joined(self) -> bool:
        """See Source.joined."""
        return self._listener.joined

    def owned(self) -> frozenset[Partition]:
        """Return the partitions that the group gave this member and has not taken back."""
        return frozenset(self._listener.held)

    def lag(self) -> Mapping[Partition, int]:
        """See Source.lag."""
        consumer = self._open()
        with translated("measure lag"):
            assigned = list(consumer.assignment())
            ends = consumer.end_offsets(assigned) if assigned else {}
            return {
                Partition(each.topic, each.partition): max(
                    0, max(ends[each], consumer.highwater(each) or 0) - consumer.position(each)
                )
                for each in assigned
            }

    def close(self) -> None:
        """See Source.close."""
        if self._consumer is not None:
            with contextlib.suppress(KafkaError, OSError):
                self._consumer.close(autocommit=False)
            self._consumer = None


def partition_of(key: bytes, partitions: Sequence[int]) -> int:
    """Return a key's partition, the same while a topic keeps its number of them: by CRC-32, as librdkafka chooses.

    The library's murmur2 is Python and took a tenth of a publish.
    """
    return partitions[zlib.crc32(key) % len(partitions)]


@dataclass
class KafkaPublisher:
    """An idempotent producer with acks=all; thread-safe, so one serves a whole process."""

    address: KafkaAddress
    linger_ms: int = 15
    delivery_timeout_ms: int = 8_000
    _producer: Any = field(default=None, init=False)
    _lock: threading.RLock = field(default_factory=threading.RLock, init=False)

    def _open(self) -> Any:
        if self._producer is None:
            with translated("connect the producer"):
                self._producer = KafkaProducer(
                    bootstrap_servers=self.address.bootstrap_servers,
                    client_id=self.address.client_id,
                    acks="all",
                    compression_type="lz4",
                    linger_ms=self.linger_ms,
                    batch_size=1 << 18,
                    max_request_size=MAX_RECORD_BYTES * 4,
                    delivery_timeout_ms=self.delivery_timeout_ms,
                    request_timeout_ms=self.delivery_timeout_ms - self.linger_ms - 1_000,
                    max_block_ms=self.delivery_timeout_ms,
                    bootstrap_timeout_ms=5_000,
                )
        return self._producer

    def publish(self, records: Sequence[Outgoing]) -> None:
        """See Publisher.publish."""
        with self._lock:
            producer = self._open()
        try:
            with translated("publish"):
                partitions = {
                    topic: sorted(producer.partitions_for(topic)) for topic in {each.topic for each in records}
                }
                futures = [
                    producer.send(
                        each.topic,
                        key=each.key,
                        value=each.value,
                        headers=list(each.headers),
                        partition=partition_of(each.key, partitions[each.topic]),
                    )
                    for each in records
                ]
                # All of it goes out now, in few great requests; the linger only gathers what comes meanwhile.
                producer.flush(timeout=self.delivery_timeout_ms / 1000 + 1)
                for future in futures:
                    future.get(timeout=self.delivery_timeout_ms / 1000 + 1)
        except TransientError:
            # A producer that lost its broker or its sequence may never recover; a fresh one always can.
            with self._lock:
                if self._producer is producer:
                    self.close()
            raise

    def close(self) -> None:
        """See Publisher.close."""
        if self._producer is not None:
            with contextlib.suppress(KafkaError, OSError):
                self._producer.close(timeout=1)
            self._producer = None


@dataclass
class KafkaAdmin:
    """Topic set-up and the committed positions of whole groups."""

    address: KafkaAddress
    _client: Any = field(default=None, init=False)

    def _open(self) -> Any:
        if self._client is None:
            with translated("connect the admin client"):
                self._client = KafkaAdminClient(
                    bootstrap_servers=self.address.bootstrap_servers,
                    client_id=self.address.client_id,
                    bootstrap_timeout_ms=5_000,
                )
        return self._client

    def create(self, topics: Sequence[Topic], *, replication: int = 1, min_insync_replicas: int = 1) -> None:
        """Create what is missing; existing topics are left as they are.

        A record is acknowledged once `min_insync_replicas` of the `replication` copies of its partition hold it.
        """
        client = self._open()
        for topic in topics:
            configs = {"retention.ms": str(topic.retention_ms)}
            if min_insync_replicas > 1:
                configs["min.insync.replicas"] = str(min_insync_replicas)
            with translated(f"create topic {topic.name}"), contextlib.suppress(TopicAlreadyExistsError):
                client.create_topics([NewTopic(topic.name, topic.partitions, replication, topic_configs=configs)])

    def committed(self, group: str) -> dict[Partition, int]:
        """Return the committed next offset per partition of a group; empty when the group never committed."""
        with translated(f"read the offsets of group {group}"):
            answer = self._open().list_group_offsets(group)
        offsets = answer.get(group, {})
        return {
            Partition(each.topic, each.partition): held.offset for each, held in offsets.items() if held.offset >= 0
        }

    def close(self) -> None:
        """Let go of the connection."""
        if self._client is not None:
            with contextlib.suppress(KafkaError, OSError):
                self._client.close()
            self._client = None


@dataclass
class KafkaEnds:
    """Reads the end offsets of topics without being in a group.

    Tansu answers ListOffsets(latest) with the base offset of the last batch plus one, which is too small for a batch of
    several records. The high watermark of a fetch is right on every broker, so that is what is read.
    """

    address: KafkaAddress
    timeout_seconds: float = 5.0
    _consumer: Any = field(default=None, init=False)

    def ends(self, topic: str) -> dict[Partition, int]:
        """Return the next offset to be written per partition of a topic. Raises TransientError."""
        with translated(f"read the end offsets of {topic}"):
            if self._consumer is None:
                self._consumer = KafkaConsumer(
                    bootstrap_servers=self.address.bootstrap_servers,
                    client_id=self.address.client_id,
                    enable_auto_commit=False,
                    fetch_max_wait_ms=1,
                    # Within a session a broker leaves out what has not changed, and with it the high watermark.
                    enable_incremental_fetch_sessions=False,
                    bootstrap_timeout_ms=5_000,
                )
            consumer = self._consumer
            wanted = [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
            consumer.unsubscribe()  # forgets the high watermarks of the last call
            consumer.assign(wanted)
            for each, reported in consumer.end_offsets(wanted).items():
                consumer.seek(each, max(0, reported))
            deadline = time.monotonic() + self.timeout_seconds
            while any(consumer.highwater(each) is None for each in wanted):
                consumer.poll(timeout_ms=5)
                if time.monotonic() > deadline:
                    raise TransientError(f"read the end offsets of {topic}: no answer in {self.timeout_seconds} s")
            return {Partition(each.topic, each.partition): consumer.highwater(each) for each in wanted}

    def close(self) -> None:
        """Let go of the connection."""
        if self._consumer is not None:
            with contextlib.suppress(KafkaError, OSError):
                self._consumer.close(autocommit=False)
            self._consumer = None
