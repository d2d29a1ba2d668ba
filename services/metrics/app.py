"""Composition root of the metrics service: the only file that chooses implementations."""

import gc
import secrets
import sys
import time
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from fastapi import FastAPI
from starlette.concurrency import run_in_threadpool

from services.metrics.api.page import page_router
from services.metrics.api.routes import MetricsParts, metrics_router
from services.metrics.freshness import Freshness
from services.metrics.painter import VegaPainter
from services.metrics.settings import ClickHouseSettings, MetricsSettings
from services.metrics.sink import LOOP, ActivitySink, RejectionSink
from services.metrics.store.clickhouse import ClickHouseAddress, OwnedPath
from services.metrics.store.migrate import migrate
from services.metrics.store.reader import ClickHouseReader
from services.metrics.store.snapshots import ClickHouseSnapshots
from services.metrics.store.writer import ClickHouseFacts, ClickHouseRejections, drop_left_scratch
from shared.clock import utc_now
from shared.contracts.topics import POSTS_CLASSIFIED, REACTIONS_RECEIVED, RECORDS_REJECTED
from shared.errors import PermanentError, TransientError
from shared.service.auth import Keyring
from shared.service.configuration import load_configuration
from shared.service.health import Health
from shared.service.http import ServiceParts, create_app, serve
from shared.service.lag import LagWatch, kafka_lag
from shared.service.logs import configure_logs
from shared.service.settings import EarshotSettings, HttpSettings, KafkaSettings
from shared.service.telemetry import Telemetry
from shared.service.watch import LoopWatch
from shared.service.worker import LoopThread
from shared.stream.ahead import AheadLoop
from shared.stream.batching import BatchPolicy
from shared.stream.kafka import KafkaAdmin, KafkaEnds, KafkaPublisher, KafkaSource
from shared.stream.loop import Loop

GROUP = LOOP
START_SECONDS = 60.0


@dataclass(frozen=True)
class Settings:
    """Everything read from the environment, once."""

    earshot: EarshotSettings
    http: HttpSettings
    kafka: KafkaSettings
    clickhouse: ClickHouseSettings
    metrics: MetricsSettings


def read_settings() -> Settings:
    """Return the settings of this process."""
    return Settings(EarshotSettings(), HttpSettings(), KafkaSettings(), ClickHouseSettings(), MetricsSettings())


def clickhouse_address(settings: Settings) -> ClickHouseAddress:
    """Return where the store is: a server, or the folder of this installation."""
    held = settings.clickhouse
    return ClickHouseAddress(
        held.url, settings.earshot.home / "clickhouse", held.database, held.user, held.password.get_secret_value(),
        held.max_memory_bytes, held.max_threads,
    )  # fmt: skip


@dataclass(frozen=True)
class Workers:
    """The two loops, what they write with, and the freshness they make known."""

    loops: tuple[LoopThread, ...]
    stores: tuple[ClickHouseFacts | ClickHouseRejections | ClickHouseSnapshots, ...]
    freshness: Freshness
    lag: LagWatch

    def start(self) -> None:
        """Begin consuming and measuring."""
        for each in self.loops:
            each.start()
        self.freshness.start()
        self.lag.start()

    def stop(self) -> None:
        """Finish the batches at hand and let go of everything."""
        for each in self.loops:
            each.stop()
        self.freshness.stop()
        self.lag.stop()
        for store in self.stores:
            try:
                store.close()
            except (TransientError, PermanentError) as error:
                # A scratch table left behind is dropped by a later start; nothing counted depends on it.
                structlog.get_logger(__name__).warning("store not closed", error=str(error))


def build_workers(settings: Settings, address: ClickHouseAddress, telemetry: Telemetry) -> Workers:
    """Return the consumers of this process, not yet started."""
    kafka = settings.kafka.address("earshot-metrics")
    held = settings.metrics
    policy = BatchPolicy(held.batch_max_records, held.batch_max_bytes, held.batch_max_age_seconds)

    facts = ClickHouseFacts(address, secrets.token_hex(6))
    kept, snapshots = ClickHouseRejections(address), ClickHouseSnapshots(address)
    sink = ActivitySink(facts, utc_now, telemetry, snapshots)
    counted, rejected = [POSTS_CLASSIFIED.name, REACTIONS_RECEIVED.name], [RECORDS_REJECTED.name]
    refused = f"{GROUP}-rejections"
    ahead = AheadLoop(
        KafkaSource(kafka, GROUP, counted), sink, KafkaPublisher(kafka), policy, time.monotonic,
        LoopWatch(telemetry, GROUP), prepare=sink.prepare, executor=ThreadPoolExecutor(1, "metrics-store"),
    )  # fmt: skip
    plain = Loop(
        KafkaSource(kafka, refused, rejected), RejectionSink(kept, utc_now), KafkaPublisher(kafka), policy,
        time.monotonic, LoopWatch(telemetry, refused),
    )  # fmt: skip
    loops = (LoopThread(GROUP, ahead, time.monotonic), LoopThread(refused, plain, time.monotonic))
    lag = kafka_lag(telemetry, kafka, {GROUP: counted, refused: rejected})
    freshness = Freshness(KafkaAdmin(kafka), KafkaEnds(kafka), lambda: sink.counted_until, utc_now, metrics_group=GROUP)
    return Workers(loops, (facts, kept, snapshots), freshness, lag)


def build_app(settings: Settings, reader: ClickHouseReader, workers: Workers, telemetry: Telemetry) -> FastAPI:
    """Return the HTTP app; its lifespan runs the workers."""
    configuration = load_configuration(settings.earshot.config)
    key = settings.earshot.api_key
    health = Health()
    health.register("clickhouse", reader.problem)
    for each in workers.loops:
        health.register(f"loop {each.name}", each.problem)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        workers.start()
        yield
        await run_in_threadpool(workers.stop)
        reader.close()

    parts = ServiceParts(
        "metrics",
        Keyring(configuration, key.get_secret_value() if key else None),
        health,
        telemetry,
        settings.http.prefix,
    )
    painter = VegaPainter()
    held = MetricsParts(reader, workers.freshness, utc_now, configuration, painter)
    return create_app(parts, [metrics_router(held), page_router(settings.http.prefix, painter)], lifespan=lifespan)


def _migrated(address: ClickHouseAddress) -> None:
    """Wait for the store and bring it to this schema. Raises PermanentError, TransientError after a minute."""
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            migrate(address)
            if left := drop_left_scratch(address):
                structlog.get_logger(__name__).info("scratch tables of killed sinks dropped", tables=len(left))
        except TransientError as error:
            if time.monotonic() > until:
                raise
            structlog.get_logger(__name__).warning("waiting for ClickHouse", error=str(error))
            time.sleep(error.retry_after_seconds)
        else:
            return


def settle_collector() -> None:
    """Let the garbage collector leave alone what lives as long as the process, and look less often at the rest.

    A batch makes some hundred thousand short-lived values; by default the collector takes half of decoding's time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 50, 100)


def main() -> None:
    """Run the service until SIGTERM; exits non-zero when it cannot start or a loop stopped by itself."""
    settings = read_settings()
    configure_logs("metrics", level=settings.earshot.log_level, form=settings.earshot.log_format)
    telemetry = Telemetry("metrics")
    address = clickhouse_address(settings)
    owned = OwnedPath(address.path)
    try:
        if address.embedded:
            owned.acquire()
        _migrated(address)
        workers = build_workers(settings, address, telemetry)
        app = build_app(settings, ClickHouseReader(address, settings.metrics.readers), workers, telemetry)
    except (PermanentError, TransientError) as error:
        structlog.get_logger(__name__).critical("cannot start", error=str(error))
        sys.exit(1)
    settle_collector()
    try:
        serve(app, settings.http, failed=lambda: any(each.failed for each in workers.loops))
    finally:
        owned.release()
