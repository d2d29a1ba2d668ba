"""GET /v1/stream: server-sent events of every change, resumable without a miss or a repeat."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from typing import Annotated, Final

import structlog
from fastapi import APIRouter, Header, Query
from starlette.responses import StreamingResponse

from services.queues.api.filters import Wanted
from services.queues.core.event import Event, removal, told
from services.queues.core.filters import Filter
from services.queues.core.positions import parse_position
from services.queues.hub import Hub, Resync
from services.queues.presence import Presence
from shared.errors import TransientError

HEADERS: Final = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}
MOST_WRITTEN: Final = 64
OPENING: Final = b"retry: 3000\n"

LastEventId = Annotated[str | None, Header(max_length=200, description="Sent by browsers when they reconnect.")]
FirstEventId = Annotated[
    str | None, Query(alias="last_event_id", max_length=200, description="`position` of GET /v1/items.")
]


def stream_router(hub: Hub, presence: Presence, *, heartbeat_seconds: float) -> APIRouter:
    """Return GET /v1/stream."""
    router = APIRouter(prefix="/v1", tags=["queues"])
    writing = Writing(hub)

    @router.get("/stream", response_class=StreamingResponse, responses={200: {"content": {"text/event-stream": {}}}})
    async def stream(
        wanted: Wanted, last_event_id: LastEventId = None, first_event_id: FirstEventId = None
    ) -> StreamingResponse:
        """Send `item`, `removed` and `resync` events, from now on or from after a position, and `presence` without id.

        A browser repeats its first address when it reconnects, so the header wins over the parameter.
        """
        # The place is found before the answer starts, so that a database that is away is a 503 and no broken stream.
        remembered = last_event_id or first_event_id
        place = await hub.resume(parse_position(remembered)) if remembered else hub.newest()
        subscription = Subscription(hub, writing, presence, wanted, heartbeat_seconds)
        return StreamingResponse(subscription.frames(place), media_type="text/event-stream", headers=HEADERS)

    return router


class Writing:
    """Turns events into bytes, once for all subscribers that look at the same events through the same filter."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._written: dict[tuple[Filter, int, int, int], bytes] = {}

    def events(self, events: Sequence[Event], wanted: Filter) -> bytes:
        """Return what a filter lets through of some events, as one write."""
        if not events:
            return b""
        # Blanked payloads are part of the key: what was deleted since is not served from here.
        blanked = sum(event.change.payload is None for event in events)
        key = (wanted, events[0].sequence, events[-1].sequence, blanked)
        if key not in self._written:
            if len(self._written) >= MOST_WRITTEN:
                self._written.clear()
            self._written[key] = b"".join(self._event(event, wanted) for event in events)
        return self._written[key]

    def _event(self, event: Event, wanted: Filter) -> bytes:
        kind = told(event.change, wanted)
        if kind is None:
            return b""
        data = event.change.payload if kind == "item" else removal(event.change)
        return f"event: {kind}\nid: {self._hub.position(event.sequence)}\ndata: {data}\n\n".encode()

    def place(self, sequence: int) -> bytes:
        """Return an id without an event: it moves a browser's Last-Event-ID and nothing else."""
        return f"id: {self._hub.position(sequence)}\n\n".encode()

    def resync(self, place: Resync) -> bytes:
        """Return the event that asks for a fresh snapshot."""
        position = str(self._hub.position(place.sequence))
        return f"event: resync\nid: {position}\ndata: {json.dumps({'position': position})}\n\n".encode()


class Subscription:
    """One open stream: a filter and a cursor."""

    def __init__(
        self, hub: Hub, writing: Writing, presence: Presence, wanted: Filter, heartbeat_seconds: float
    ) -> None:
        self._hub = hub
        self._writing = writing
        self._presence = presence
        self._presence_seen = 0
        self._wanted = wanted
        self._heartbeat_seconds = heartbeat_seconds

    async def frames(self, place: int | Resync) -> AsyncIterator[bytes]:
        """Yield the stream's bytes; ends when the hub closes or its database is away: the client then resumes."""
        self._hub.subscribers += 1
        try:
            first = self._writing.resync(place) if isinstance(place, Resync) else self._writing.place(place)
            yield OPENING + first + self._looking()
            async for frame in self._follow(place.sequence if isinstance(place, Resync) else place):
                yield frame
        except TransientError as error:
            structlog.get_logger(__name__).warning("stream ended", error=str(error))
        finally:
            self._hub.subscribers -= 1

    async def _follow(self, cursor: int) -> AsyncIterator[bytes]:
        clock = asyncio.get_running_loop().time
        written = clock()
        while not self._hub.closed:
            silence = clock() - written
            found = await self._hub.after(cursor, max(0.0, self._heartbeat_seconds - silence))
            if isinstance(found, Resync):
                cursor, frame = found.sequence, self._writing.resync(found)
            else:
                cursor = found[-1].sequence if found else cursor
                frame = self._writing.events(found, self._wanted)
            frame += self._looking()
            if not frame and clock() - written >= self._heartbeat_seconds:
                # The place moves on although nothing passed the filter, so that a late resume is still possible.
                frame = b": heartbeat\n" + self._writing.place(cursor)
            if frame:
                yield frame
                written = clock()

    def _looking(self) -> bytes:
        """Return who looks at what since the last time: without an id, for it is no place to resume from."""
        fresh = self._presence.since(self._presence_seen)
        if not fresh:
            return b""
        self._presence_seen = max(each.number for each in fresh)
        told = ({"item": each.item, "agents": each.agents} for each in fresh if self._wanted.matches(each.facets))
        return b"".join(f"event: presence\ndata: {json.dumps(each, ensure_ascii=False)}\n\n".encode() for each in told)
