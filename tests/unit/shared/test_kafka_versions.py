"""kafka-python makes message classes at first use, two threads one of them twice; so all are made at the import."""

import subprocess
import sys

from tests.conftest import ROOT

PROGRAM = """
import shared.stream.kafka
from kafka.protocol.api_header import ResponseClassRegistry
from kafka.protocol.api_message import ApiMessage
from kafka.protocol.consumer import FetchResponse
lacking = [
    message.__name__ for message in ApiMessage.__subclasses__()
    if message.max_version is not None and set(message._VERSIONS) < set(range(message.max_version + 1))
]
assert lacking == [], lacking
assert len(FetchResponse._VERSIONS) > 10
for registered in ResponseClassRegistry._response_class_registry.values():
    assert registered[0] is not None  # a dead one raises ReferenceError, as it did at every answer
"""


def test_every_message_class_is_made_before_any_thread_needs_one() -> None:
    made = subprocess.run([sys.executable, "-c", PROGRAM], cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stderr
