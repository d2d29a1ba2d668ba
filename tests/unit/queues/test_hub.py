"""The hub's places: whoever has to start over is told the database's last event, read yet or not."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from services.queues.core.event import Event
from services.queues.core.ports import Bounds
from services.queues.core.positions import Position
from services.queues.hub import Hub, HubPolicy, Resync

EPOCH = "0a1b2c3d"


@dataclass
class Behind:
    """A feed whose newest events the hub has not read yet."""

    last: int
    epoch: str = EPOCH

    def bounds(self) -> Bounds:
        return Bounds(1, self.last)

    def events(self, after: int, limit: int) -> Sequence[Event]:
        return ()


def test_a_resync_names_the_last_event_although_the_hub_has_not_read_it() -> None:
    async def places() -> list[int | Resync]:
        reader = Behind(3)
        hub = Hub(reader, HubPolicy(poll_seconds=60, pace_seconds=0.001))
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            tasks.create_task(hub.run())
            while hub.problem is not None:  # noqa: ASYNC110  # set once, within a millisecond
                await asyncio.sleep(0.001)
            reader.last = 5
            asked = (None, Position("ffffffff", 1), Position(EPOCH, 9), Position(EPOCH, 3), Position(EPOCH, 4))
            found = [await hub.resume(each) for each in asked]
            hub.close()
        return found

    assert asyncio.run(places()) == [Resync(5), Resync(5), Resync(5), 3, 4]
