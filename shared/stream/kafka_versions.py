"""Makes every message class of kafka-python before any thread needs one: in 3.0.12 two threads may make one at once.

A class for one version of a message is made at its first use and registered by a weak reference. When two threads make
the same one, the registered one may be the one that is dropped; from then on every answer of that kind is thrown away
(`ReferenceError: weakly-referenced object no longer exists`), requests time out for ever, and only a new process helps.
The soak with kills found it; tests/unit/shared/test_kafka_versions.py shows it.
"""

from kafka.protocol.api_message import ApiMessage


def make_message_classes() -> int:
    """Make the class of every version of every message; return how many there are. Cheap when done before."""
    made = 0
    for message in ApiMessage.__subclasses__():
        if message.max_version is None:
            continue
        for version in range(message.max_version + 1):
            made += message[version] is not None
    return made
