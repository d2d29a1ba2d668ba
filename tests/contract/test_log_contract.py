"""One suite for Source and Publisher: what holds on the fake log must hold on Tansu and on Apache Kafka."""

import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import pytest

from shared.contracts.codec import Outgoing
from shared.contracts.topics import Topic
from shared.errors import TransientError
from shared.stream.kafka import KafkaAddress, KafkaAdmin, KafkaEnds, KafkaPublisher, KafkaSource
from shared.stream.kafka_lookup import KafkaLookup
from shared.stream.ports import Lookup, Partition, Publisher, Record, Source
from tests.fakes.log import FakeLog, FakeLookup, FakePublisher, FakeSource
from tests.waiting import eventually


@dataclass
class Broker:
    """A broker with one fresh topic of two partitions."""

    kind: str
    topic: str
    publisher: Publisher
    join: Callable[[], Source]
    lookup: Lookup
    opened: list[Source] = field(default_factory=list)

    def member(self) -> Source:
        source = self.join()
        self.opened.append(source)
        return source


@pytest.fixture(
    params=[
        "fake",
        pytest.param("tansu", marks=pytest.mark.broker),
        pytest.param("kafka", marks=pytest.mark.kafka),
    ]
)
def log(request: pytest.FixtureRequest) -> Iterator[Broker]:
    topic, group = f"t-{uuid.uuid4().hex}", f"g-{uuid.uuid4().hex}"
    if request.param == "fake":
        fake = FakeLog(partitions=2)
        yield Broker("fake", topic, FakePublisher(fake), lambda: FakeSource(fake, group, [topic]), FakeLookup(fake))
        return
    servers = request.getfixturevalue("broker" if request.param == "tansu" else "apache_kafka")
    address = KafkaAddress(servers, "contract", session_timeout_ms=6_000)
    admin = KafkaAdmin(address)
    admin.create([Topic(topic, 2, -1, "", "")])
    admin.create([Topic(topic, 2, -1, "", "")])  # creating twice changes nothing
    admin.close()
    publisher = KafkaPublisher(address)
    lookup = KafkaLookup(address)
    broker = Broker(request.param, topic, publisher, lambda: KafkaSource(address, group, [topic]), lookup)
    yield broker
    publisher.close()
    lookup.close()
    for source in broker.opened:
        source.close()


def publish(log: Broker, *keys: str) -> None:
    log.publisher.publish([Outgoing(log.topic, key.encode(), key.encode(), (("ce_id", b"1"),)) for key in keys])


def poll(source: Source, wanted: int) -> list[Record]:
    polled: list[Record] = []

    def enough() -> bool:
        polled.extend(source.poll(0.2, 100))
        return len(polled) >= wanted

    eventually(enough, within_seconds=60)
    return polled


def keys(records: Sequence[Record]) -> list[str]:
    return sorted(record.key.decode() for record in records)


def next_offsets(records: Sequence[Record]) -> dict[Partition, int]:
    return {record.partition: record.next_offset for record in sorted(records, key=lambda each: each.offset)}


def test_a_new_group_starts_at_the_beginning_with_keys_values_and_headers(log: Broker) -> None:
    publish(log, "a", "b", "c")
    records = poll(log.member(), 3)
    assert keys(records) == ["a", "b", "c"]
    assert all(record.value == record.key and record.header("ce_id") == b"1" for record in records)


def test_a_member_knows_when_the_group_has_let_it_in(log: Broker) -> None:
    source = log.member()
    assert not source.joined()
    eventually(lambda: not source.poll(0.1, 1) and source.joined(), within_seconds=60)


def test_records_of_one_key_stay_in_order(log: Broker) -> None:
    for number in range(5):
        log.publisher.publish([Outgoing(log.topic, b"same", str(number).encode())])
    assert [record.value for record in poll(log.member(), 5)] == [b"0", b"1", b"2", b"3", b"4"]


def test_what_was_committed_is_not_polled_again_by_the_next_member(log: Broker) -> None:
    publish(log, "a", "b")
    first = log.member()
    first.commit(next_offsets(poll(first, 2)))
    first.close()
    publish(log, "c")
    assert keys(poll(log.member(), 1)) == ["c"]


def test_what_was_not_committed_is_polled_again(log: Broker) -> None:
    publish(log, "a", "b")
    first = log.member()
    poll(first, 2)
    first.close()
    assert keys(poll(log.member(), 2)) == ["a", "b"]


def test_a_paused_member_polls_nothing_and_loses_nothing(log: Broker) -> None:
    source = log.member()
    publish(log, "a")
    poll(source, 1)
    source.pause()
    publish(log, "b", "c")
    for _ in range(5):
        assert source.poll(0.05, 100) == []
    source.resume()
    assert keys(poll(source, 2)) == ["b", "c"]


def test_a_single_record_is_found_by_its_place_as_it_was_written(log: Broker) -> None:
    publish(log, *"abcdefgh")
    written = poll(log.member(), 8)
    for record in [*written[::3], written[0]]:
        assert log.lookup.find(record.partition, record.offset) == record
    ends = {record.partition: record.next_offset for record in written}
    for partition, end in ends.items():
        assert log.lookup.find(partition, end) is None
        assert log.lookup.find(partition, end + 1_000) is None
    assert log.lookup.find(Partition("t-there-is-none", 0), 0) is None
    assert log.lookup.find(Partition(log.topic, 77), 0) is None


def test_lag_counts_what_is_not_polled_yet(log: Broker) -> None:
    source = log.member()
    publish(log, "a")
    poll(source, 1)
    source.pause()
    publish(log, "b")
    publish(log, "c")
    eventually(lambda: sum(source.lag().values()) == 2, within_seconds=10)


def test_a_second_member_takes_over_a_share_and_the_first_is_told(log: Broker) -> None:
    if log.kind == "tansu":
        pytest.skip("Tansu's rebalances take from 7 s to minutes; the embedded system does without them (ADR 0009)")
    revoked: set[Partition] = set()
    first = log.member()
    first.on_revoked(revoked.update)
    publish(log, *"abcdefgh")
    poll(first, 8)
    second = log.member()

    def shared_out() -> bool:
        second.poll(0.1, 100)
        first.poll(0.1, 100)
        return bool(revoked) and len(second.lag()) == 1 and len(first.lag()) == 1

    eventually(shared_out, within_seconds=60)
    assert set(first.lag()).isdisjoint(second.lag())


@pytest.mark.broker
def test_a_reader_alone_takes_all_partitions_at_once_and_goes_on_where_it_committed(broker: str) -> None:
    address = KafkaAddress(broker, "alone", alone=True)
    topic, group = Topic(f"t-{uuid.uuid4().hex}", 3, -1, "", ""), f"g-{uuid.uuid4().hex}"
    admin, publisher = KafkaAdmin(address), KafkaPublisher(address)
    first, second = (KafkaSource(address, group, [topic.name]) for _ in range(2))
    try:
        with pytest.raises(TransientError, match="not there yet"):
            first.poll(0, 1)
        admin.create([topic])
        publisher.publish([Outgoing(topic.name, key.encode(), b"v") for key in "abcdef"])
        first.commit(next_offsets(poll(first, 6)))
        assert len(first.lag()) == 3
        first.close()
        publisher.publish([Outgoing(topic.name, b"g", b"v")])
        assert keys(poll(second, 1)) == ["g"]
    finally:
        for each in (first, second, publisher, admin):
            each.close()


@pytest.mark.parametrize(
    "kind", [pytest.param("broker", marks=pytest.mark.broker), pytest.param("apache_kafka", marks=pytest.mark.kafka)]
)
def test_the_positions_of_a_group_and_the_ends_of_a_topic_can_be_read_from_outside(
    request: pytest.FixtureRequest, kind: str
) -> None:
    address = KafkaAddress(request.getfixturevalue(kind), "outside", session_timeout_ms=6_000)
    topic, group = Topic(f"t-{uuid.uuid4().hex}", 1, -1, "", ""), f"g-{uuid.uuid4().hex}"
    admin, ends, publisher = KafkaAdmin(address), KafkaEnds(address), KafkaPublisher(address)
    source = KafkaSource(address, group, [topic.name])
    try:
        admin.create([topic])
        assert admin.committed(group) == {}
        publisher.publish([Outgoing(topic.name, b"k", b"v"), Outgoing(topic.name, b"k", b"w")])
        source.commit(next_offsets(poll(source, 2)))
        for _ in range(3):  # asked again, a broker could leave out what has not changed
            assert admin.committed(group) == {Partition(topic.name, 0): 2} == ends.ends(topic.name)
        publisher.publish([Outgoing(topic.name, b"k", b"x") for _ in range(500)])
        assert ends.ends(topic.name) == {Partition(topic.name, 0): 502}
    finally:
        for each in (source, publisher, ends, admin):
            each.close()
