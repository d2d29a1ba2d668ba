"""Consumer lag as Prometheus is told it, measured on real brokers off the loop's path."""

import uuid

import pytest

from shared.contracts.codec import Outgoing
from shared.contracts.topics import Topic
from shared.errors import TransientError
from shared.service.lag import kafka_lag
from shared.service.telemetry import Telemetry
from shared.stream.kafka import KafkaAddress, KafkaAdmin, KafkaPublisher, KafkaSource
from tests.waiting import eventually


@pytest.mark.parametrize(
    "broker_name",
    [pytest.param("broker", marks=pytest.mark.broker), pytest.param("apache_kafka", marks=pytest.mark.kafka)],
)
def test_lag_is_what_a_group_has_yet_to_commit(request: pytest.FixtureRequest, broker_name: str) -> None:
    servers: str = request.getfixturevalue(broker_name)
    topic, group = f"t-{uuid.uuid4().hex}", f"g-{uuid.uuid4().hex}"
    address = KafkaAddress(servers, "lag", alone=True)
    admin = KafkaAdmin(address)
    admin.create([Topic(topic, 2, -1, "", "")])
    admin.close()
    publisher, source = KafkaPublisher(address), KafkaSource(address, group, [topic])
    telemetry = Telemetry("test")
    watch = kafka_lag(telemetry, address, {group: [topic]})

    def lag_is(expected: int) -> bool:
        try:
            watch.measure()
        except TransientError as error:
            raise OSError(str(error)) from error  # a fresh broker has to make its topic of offsets first
        sample = telemetry.registry.get_sample_value
        labels = ({"group": group, "topic": topic, "partition": number} for number in ("0", "1"))
        found = [sample("earshot_lag_records", each) for each in labels]
        assert None not in found
        return sum(each or 0 for each in found) == expected

    try:
        publisher.publish([Outgoing(topic, str(number).encode(), b"{}") for number in range(50)])
        eventually(lambda: lag_is(50), within_seconds=30)
        polled = eventually(lambda: source.poll(0.2, 100), within_seconds=30)
        source.commit({record.partition: record.next_offset for record in polled})
        eventually(lambda: lag_is(50 - len(polled)), within_seconds=10)
        publisher.publish([Outgoing(topic, b"more", b"{}")])
        eventually(lambda: lag_is(51 - len(polled)), within_seconds=10)
    finally:
        watch.stop()
        source.close()
        publisher.close()
