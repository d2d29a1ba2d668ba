"""Looks at the broker now and then, so that readiness tells the truth also while nobody publishes."""

import asyncio
from collections.abc import Mapping
from typing import Protocol

import structlog

from services.ingest.intake import BrokerHealth
from shared.contracts.topics import TOPICS, Topic
from shared.errors import EarshotError, TransientError
from shared.stream.ports import Partition


class TopicEnds(Protocol):
    """Reads the end offsets of a topic; blocks."""

    def ends(self, topic: str) -> Mapping[Partition, int]:
        """Return the next offset per partition; empty when there is no such topic. Raises TransientError."""

    def close(self) -> None:
        """Let go of the connection; the next call opens a new one."""


async def watch_broker(ends: TopicEnds, health: BrokerHealth, every_seconds: float) -> None:
    """Look at the broker until cancelled."""
    while True:
        try:
            await asyncio.to_thread(_look, ends)
        except EarshotError as error:
            health.failed(error)
            await asyncio.to_thread(ends.close)
        except Exception as error:  # noqa: BLE001  # a mistake of the library must not end the sources beside this task
            structlog.get_logger(__name__).error("the look at the broker failed", exc_info=error)
            health.failed(TransientError(f"the look at the broker failed: {error!r}"))
            await asyncio.to_thread(ends.close)
        else:
            health.well()
        await asyncio.sleep(every_seconds)


def _look(ends: TopicEnds) -> None:
    for topic in TOPICS:
        if not ends.ends(topic.name):
            raise _missing(topic)


def _missing(topic: Topic) -> TransientError:
    return TransientError(f"the broker has no topic {topic.name}; create the topics (the launcher does).")
