"""Listens to Bluesky's Jetstream, either wire, over a WebSocket."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import InvalidStatus, InvalidURI, WebSocketException

from services.ingest.connectors.bluesky_batch import BatchReader, Heard
from services.ingest.connectors.port import SilentError
from services.ingest.core.fields import at_microseconds
from services.ingest.core.jetstream import COLLECTIONS
from services.ingest.core.position import Position, cursor_for, load_position, was_clamped
from services.ingest.cursors import Gap
from services.ingest.delivery import Delivery, Saving
from services.ingest.states import SourceState
from shared.contracts.configuration import BlueskySource
from shared.errors import PermanentError, TransientError

FRAME_BYTES: Final = 32 << 20
BATCH_FRAMES: Final = 500
BATCH_SECONDS: Final = 0.05
TOO_OLD: Final = "cursor_too_old"
LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class CursorRefusedError(Exception):
    """The server no longer has what the cursor asks for."""


@contextlib.contextmanager
def translated(url: str) -> Iterator[None]:
    """Raise the library's errors as ours."""
    try:
        yield
    except InvalidURI as error:
        raise PermanentError(f"{url} is not an address of a WebSocket; correct the source's url.") from error
    except InvalidStatus as error:
        body = (error.response.body or b"")[:300]
        if error.response.status_code == 400 and b"CursorTooOld" in body:
            raise CursorRefusedError from error
        raise TransientError(f"{url} answered HTTP {error.response.status_code}: {body!r}") from error
    except (WebSocketException, OSError, TimeoutError) as error:
        raise TransientError(f"{url}: {str(error) or type(error).__name__}") from error


@dataclass
class BlueskyConnector:
    """Implements Connector. Saves its position only after the broker acknowledged what lies before it."""

    source: BlueskySource
    state: SourceState
    reader: BatchReader
    delivery: Delivery
    _began: Position | None = field(default=None, init=False)
    _position: Position | None = field(default=None, init=False)
    _missing_since: Position | None = field(default=None, init=False)
    _asked_us: int | None = field(default=None, init=False)

    @property
    def _host(self) -> str:
        return urlsplit(self.source.url).netloc

    async def run(self) -> None:
        """See Connector.run."""
        saved = await self.delivery.resume(self.state.name)
        self._position = load_position(saved.cursor) if saved else None
        for cursor in self._cursors():
            try:
                await self._hear(cursor)
            except CursorRefusedError:
                await self._refused()
            else:
                return

    def _cursors(self) -> Iterator[int | None]:
        """Yield what to ask for, each after the one before was refused: number, time, then only what comes now."""
        if self._position is not None:
            exact = cursor_for(self._position, self._host, self.source.wire, self.source.rewind_seconds)
            yield exact
            if exact == self._position.seq:
                yield cursor_for(self._position, "", self.source.wire, self.source.rewind_seconds)
        yield None

    def _address(self, cursor: int | None) -> str:
        parts = urlsplit(self.source.url)
        filters = "wantedCollections" if self.source.wire == "v1" else "collections"
        query = [*parse_qsl(parts.query, keep_blank_values=True), *((filters, each) for each in COLLECTIONS)]
        if cursor is not None:
            query.append(("cursor", str(cursor)))
        return urlunsplit(parts._replace(query=urlencode(query)))

    async def _hear(self, cursor: int | None) -> None:
        seq = self._position.seq if self._position else None
        self._asked_us = None if cursor is None or cursor == seq else cursor
        proxy: Literal[True] | None = None if urlsplit(self.source.url).hostname in LOOPBACK else True
        # The library would offer permessage-deflate; a busy stream on two cores is better off without.
        with translated(self.source.url):
            async with connect(
                self._address(cursor), max_size=FRAME_BYTES, compression=None, proxy=proxy, close_timeout=2
            ) as socket:
                self.state.live()
                async for frames in self._batches(socket):
                    await self._handle(frames)

    async def _batches(self, socket: ClientConnection) -> AsyncIterator[Sequence[bytes]]:
        """Yield what arrives, up to a number of frames or a moment; ends by raising what ended the connection."""
        while True:
            frames = [await self._first(socket)]
            ended: WebSocketException | None = None
            try:
                async with asyncio.timeout(BATCH_SECONDS):
                    while len(frames) < BATCH_FRAMES:
                        frames.append(await socket.recv(decode=False))
            except TimeoutError:
                pass
            except WebSocketException as error:
                ended = error
            yield frames
            if ended is not None:
                raise ended

    async def _first(self, socket: ClientConnection) -> bytes:
        try:
            async with asyncio.timeout(self.source.idle_seconds):
                return await socket.recv(decode=False)
        except TimeoutError:
            raise SilentError(
                f"{self.source.url} said nothing for {self.source.idle_seconds:g} s; connecting anew."
            ) from None

    async def _handle(self, frames: Sequence[bytes]) -> None:
        heard = await asyncio.to_thread(self.reader.read, frames)
        await self.delivery.publish(self.state, heard.accepted, heard.rejected, ignored=heard.ignored)
        await self._note_gap(heard)
        await self._save(heard)
        if heard.error is not None:
            raise TransientError(f"{self.source.url} ended the stream: {heard.error}")

    async def _note_gap(self, heard: Heard) -> None:
        """Close a gap with the first event after it."""
        if heard.outdated:
            self._missing_since = self._missing_since or self._position
        first_us = heard.first_us
        if first_us is None:
            return
        if self._asked_us is not None and was_clamped(self._asked_us, first_us):
            self._missing_since = self._missing_since or self._position
        self._asked_us = None
        if self._missing_since is not None:
            await self._missed(self._missing_since.time_us, first_us)
            self._missing_since = None

    async def _refused(self) -> None:
        """Note that what follows the position is lost, up to now or what the next event tells."""
        self._missing_since = self._position
        if self._position is not None:
            now_us = int(self.delivery.clock().timestamp() * 1_000_000)
            await self._missed(self._position.time_us, now_us)

    async def _missed(self, from_us: int, to_us: int) -> None:
        began, ended = at_microseconds(from_us), at_microseconds(max(from_us, to_us))
        if began is not None and ended is not None:
            await self.delivery.missed(self.state, Gap(began, ended, TOO_OLD))

    async def _save(self, heard: Heard) -> None:
        for event in heard.events:
            if event.time_us or event.seq is not None:
                here = self._position or Position(self._host, self.source.wire, 0)
                if (here.host, here.wire) != (self._host, self.source.wire):
                    here = Position(self._host, self.source.wire, here.time_us)
                self._position = here.after(event)
                self._began = self._began or Position(self._host, self.source.wire, event.time_us, event.seq)
        if self._position is None or self._began is None:
            return
        shown = self._position.seq if self._position.seq is not None else self._position.time_us
        saving = Saving(
            self._position.dump(), str(shown), self._began.dump(), at=at_microseconds(self._position.time_us)
        )
        await self.delivery.save(self.state, saving)
