"""Composition root of the queues service: the only file that chooses implementations."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import structlog
from fastapi import FastAPI

from services.queues.api.commands import Desk, commands_router
from services.queues.api.page import page_router
from services.queues.api.presence import presence_router
from services.queues.api.routes import items_router
from services.queues.api.stream import stream_router
from services.queues.core.post import microseconds
from services.queues.core.priority import Ranking
from services.queues.corrections import Corrections
from services.queues.feed import LOOP, Feed
from services.queues.hub import Hub, HubPolicy
from services.queues.meters import Meters
from services.queues.presence import Presence
from services.queues.settings import QueuesSettings
from services.queues.store.dialect import open_engines
from services.queues.store.outbox import SqlOutbox
from services.queues.store.presence import SqlPresence
from services.queues.store.reader import SqlReader
from services.queues.store.setup import prepare
from services.queues.store.writer import SqlWriter
from shared.clock import Clock, utc_now
from shared.contracts.configuration import Configuration
from shared.contracts.topics import POSTS_CLASSIFIED
from shared.errors import TransientError
from shared.service.auth import Keyring
from shared.service.health import Health
from shared.service.http import ServiceParts, create_app
from shared.service.lag import kafka_lag
from shared.service.settings import EarshotSettings, HttpSettings, KafkaSettings
from shared.service.telemetry import Telemetry
from shared.service.watch import LoopWatch
from shared.service.worker import LoopThread
from shared.stream.batching import BatchPolicy
from shared.stream.kafka import KafkaAddress, KafkaPublisher, KafkaSource
from shared.stream.loop import Loop
from shared.stream.ports import Publisher, Source

GROUP = "queues"
LAPSE_SECONDS = 1.0
FORGET_SECONDS = 60.0
REMEMBERED_US = 24 * 3_600 * 1_000_000
BATCH_BYTES = 16 << 20


@dataclass(frozen=True)
class Settings:
    """Everything the process is told, read once in __main__."""

    earshot: EarshotSettings = field(default_factory=EarshotSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    kafka: KafkaSettings = field(default_factory=KafkaSettings)
    queues: QueuesSettings = field(default_factory=QueuesSettings)

    def database_url(self) -> str:
        """Return where the items are: by default a file in EARSHOT_HOME."""
        if self.queues.database_url is not None:
            return self.queues.database_url.get_secret_value()
        return f"sqlite:///{self.earshot.home / 'queues' / 'queues.db'}"


@dataclass(frozen=True)
class Service:
    """The wired service: its app, its consumer thread and what ends its streams."""

    app: FastAPI
    thread: LoopThread
    hub: Hub


@dataclass(frozen=True)
class Broker:
    """The ends of the topic; real ones, or fakes in tests, which have no address."""

    source: Source
    publisher: Publisher
    address: KafkaAddress | None = None


def open_broker(kafka: KafkaSettings) -> Broker:
    """Return Kafka's ends of the topic; nothing is connected yet."""
    address = kafka.address("earshot-queues")
    return Broker(KafkaSource(address, GROUP, [POSTS_CLASSIFIED.name]), KafkaPublisher(address), address)


def build(settings: Settings, configuration: Configuration, broker: Broker, clock: Clock = utc_now) -> Service:
    """Return the service, wired, not yet started. Raises ConfigurationError, ContractError and TransientError."""
    engines = open_engines(settings.database_url())
    queues = settings.queues
    ranking = Ranking(configuration.queues, queues.at_risk_seconds * 1_000_000)
    epoch = prepare(engines.writer, lambda: secrets.token_hex(4), ranking)
    reader, writer = SqlReader(engines.reader, epoch, ranking), SqlWriter(engines.writer, ranking)
    policy = HubPolicy(
        queues.stream_ring_events, queues.events_kept // 2, queues.stream_poll_seconds, queues.stream_pace_seconds
    )
    hub = Hub(reader, policy)
    telemetry = Telemetry("queues")
    Meters(telemetry, lambda: hub.subscribers)
    lag = None if broker.address is None else kafka_lag(telemetry, broker.address, {GROUP: [POSTS_CLASSIFIED.name]})

    loop = Loop(
        source=broker.source,
        handler=Feed(writer, clock, hub.wake, telemetry),
        rejections=broker.publisher,
        policy=BatchPolicy(queues.batch_records, BATCH_BYTES, queues.batch_age_seconds),
        monotonic=time.monotonic,
        watcher=LoopWatch(telemetry, LOOP),
    )
    thread = LoopThread(LOOP, loop, time.monotonic)
    presence = Presence(SqlPresence(engines.writer, engines.reader), hub.announce)
    corrections = Corrections(SqlOutbox(engines.writer), broker.publisher)

    def commanded() -> None:
        hub.wake()
        corrections.wake()

    health = Health()
    health.register(LOOP, thread.problem)
    health.register("database", reader.problem)
    health.register("corrections", corrections.problem)
    health.register("stream", lambda: hub.problem)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        thread.start()
        corrections.start()
        if lag is not None:
            lag.start()
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(hub.run())
            upkeep = tasks.create_task(_keep_up(writer, clock, queues, hub.wake, presence))
            yield
            hub.close()
            upkeep.cancel()
        if lag is not None:
            await asyncio.to_thread(lag.stop)
        await asyncio.to_thread(corrections.stop)
        await asyncio.to_thread(thread.stop)
        broker.publisher.close()
        engines.close()

    keyring = Keyring(configuration, _secret(settings))
    parts = ServiceParts("queues", keyring, health, telemetry, settings.http.prefix)
    routers = [
        items_router(reader, clock, ranking),
        stream_router(hub, presence, heartbeat_seconds=queues.stream_heartbeat_seconds),
        commands_router(Desk(writer, clock, commanded, queues.lease_seconds)),
        presence_router(reader, presence, clock),
        page_router(),
    ]
    return Service(create_app(parts, routers, lifespan=lifespan), thread, hub)


def _secret(settings: Settings) -> str | None:
    key = settings.earshot.api_key
    return None if key is None else key.get_secret_value()


async def _keep_up(
    writer: SqlWriter, clock: Clock, queues: QueuesSettings, changed: Callable[[], None], presence: Presence
) -> None:
    """See who looks and end leases every second, drop old events every minute; an absent database is met again."""
    forgotten = time.monotonic()
    while True:
        await asyncio.sleep(LAPSE_SECONDS)
        now_us = microseconds(clock())
        try:
            await asyncio.to_thread(presence.refresh, now_us)
            if await asyncio.to_thread(writer.lapse, now_us):
                changed()
            if time.monotonic() - forgotten >= FORGET_SECONDS:
                forgotten = time.monotonic()
                await asyncio.to_thread(
                    writer.forget, events_kept=queues.events_kept, answers_before_us=now_us - REMEMBERED_US
                )
        except TransientError as error:
            structlog.get_logger(__name__).warning("upkeep postponed", error=str(error))
