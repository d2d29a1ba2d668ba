"""Composition root of ingest: the only file that chooses implementations."""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import structlog
from fastapi import FastAPI
from sqlalchemy import Engine

from services.ingest.api.activities import ActivitiesEndpoint
from services.ingest.api.routes import Served, routers
from services.ingest.api.sources import view_of
from services.ingest.automaton import AutomatonTermFinder
from services.ingest.connectors.bluesky import BlueskyConnector
from services.ingest.connectors.bluesky_batch import BatchReader
from services.ingest.connectors.port import Connector
from services.ingest.connectors.replay import ReplayConnector
from services.ingest.connectors.slack import SlackWebhook
from services.ingest.core.addressing import Accounts
from services.ingest.core.bluesky import Ears
from services.ingest.core.slack import Workspace
from services.ingest.cursors import SqlCursorStore
from services.ingest.database import open_database
from services.ingest.delivery import Delivery
from services.ingest.forgetting import forget_old
from services.ingest.gauges import JournalGauges, SourceGauges
from services.ingest.index import SqlActivityIndex
from services.ingest.intake import BrokerHealth, Intake
from services.ingest.journal import Journal, JournalledPublisher
from services.ingest.leases import LEASE_GROUP, GroupLeases, Membership
from services.ingest.meters import Meters
from services.ingest.probe import TopicEnds, watch_broker
from services.ingest.replays import Replays
from services.ingest.runner import Runner
from services.ingest.settings import IngestSettings, read_secret
from services.ingest.settlement import Settlement
from services.ingest.states import Phase, SourceState
from services.ingest.told import Told, tell_others
from shared.clock import Clock, utc_now
from shared.contracts.activity import Surface
from shared.contracts.configuration import BlueskySource, Configuration, ReplaySource, SlackSource, Source
from shared.contracts.topics import SOURCES_LEASED
from shared.contracts.trace import Tracing
from shared.errors import ConfigurationError, Problem
from shared.service.auth import Keyring
from shared.service.configuration import load_configuration
from shared.service.health import Health
from shared.service.http import ServiceParts, create_app
from shared.service.logs import configure_logs
from shared.service.settings import EarshotSettings, HttpSettings, KafkaSettings
from shared.service.telemetry import Telemetry
from shared.stream.kafka import KafkaAddress, KafkaAdmin, KafkaEnds, KafkaPublisher, KafkaSource
from shared.stream.kafka_lookup import KafkaLookup
from shared.stream.ports import Lookup, Publisher


@dataclass(frozen=True)
class World:
    """What ingest needs of the world; tests give their own."""

    publisher: Publisher
    ends: TopicEnds
    lookup: Lookup
    engine: Engine
    settlement: Settlement | None = None
    membership: Membership | None = None
    """What shares sources out between replicas; None: this one runs them all."""
    clock: Clock = utc_now
    monotonic: Callable[[], float] = time.monotonic
    jitter: Callable[[], float] = random.random


@dataclass(frozen=True)
class Setup:
    """What an operator decided."""

    settings: IngestSettings
    configuration: Configuration
    keyring: Keyring
    folder: Path
    prefix: str = ""


def compose() -> tuple[FastAPI, HttpSettings]:
    """Return the app as the environment describes it. Raises ConfigurationError, TransientError, PermanentError."""
    earshot, http, kafka, settings = EarshotSettings(), HttpSettings(), KafkaSettings(), IngestSettings()
    configure_logs("ingest", level=earshot.log_level, form=earshot.log_format)
    configuration = load_configuration(earshot.config)
    earshot.home.mkdir(parents=True, exist_ok=True)
    address = kafka.address("earshot-ingest")
    setup = Setup(
        settings=settings,
        configuration=configuration,
        keyring=Keyring(configuration, earshot.api_key.get_secret_value() if earshot.api_key else None),
        folder=earshot.config.parent if earshot.config else Path(),
        prefix=http.prefix,
    )
    engine = open_database(settings.database(earshot.home))
    publisher, settlement = _publishing(settings.journal, address)
    membership = None if address.alone else KafkaSource(address, LEASE_GROUP, [SOURCES_LEASED.name])
    if membership is not None and engine.dialect.name == "sqlite":
        structlog.get_logger(__name__).info(
            "cursors and activity index are in a file of this machine; replicas elsewhere need INGEST_DATABASE_URL"
        )
    world = World(publisher, KafkaEnds(address), KafkaLookup(address), engine, settlement, membership)
    return build(setup, world), http


def _publishing(journal: Path | None, address: KafkaAddress) -> tuple[Publisher, Settlement | None]:
    """Return how records leave: straight to an external Kafka, or through the journal to a memory broker."""
    publisher = KafkaPublisher(address)
    if journal is None:
        return publisher, None
    journalled = JournalledPublisher(publisher, Journal(journal))
    return journalled, Settlement(journalled, KafkaAdmin(address), KafkaEnds(address))


def build(setup: Setup, world: World) -> FastAPI:
    """Return the app. Raises ConfigurationError for a source that lacks its secret."""
    telemetry = Telemetry("ingest")
    meters = Meters(telemetry)
    broker = BrokerHealth(world.monotonic)
    intake = Intake(world.publisher, broker, setup.settings.max_in_flight)
    delivery = Delivery(
        intake, SqlCursorStore(world.engine), world.clock, world.jitter, rewind_seconds=setup.settings.rewind_seconds
    )
    sources = _Sources(setup, world, delivery, meters)
    sources.add_all()
    SourceGauges(sources.states, world.clock, telemetry.registry)
    JournalGauges(lambda: world.settlement.publisher.journal if world.settlement else None, telemetry.registry)
    health = Health()
    health.register("broker", lambda: broker.problem)
    health.register("sources", sources.problem)
    if world.settlement is not None:
        health.register("journal", world.settlement.problem)
    endpoint = ActivitiesEndpoint(intake, sources.accounts, meters, world.clock, setup.settings.trace_share)
    replays = Replays(world.lookup, intake, world.engine, world.clock)
    told = Told(world.engine, world.clock) if world.membership is not None else None
    served = Served(endpoint, sources.webhooks, sources.states, replays, told)
    index, remembered = SqlActivityIndex(world.engine), timedelta(days=setup.settings.remember_days)
    names = [connector.state.name for connector in sources.connectors]
    leases = GroupLeases(names, world.membership) if world.membership is not None and names else None
    runner = Runner(sources.connectors, world.jitter, world.monotonic, leases=leases)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if world.settlement is not None:
            world.settlement.start()
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(watch_broker(world.ends, broker, setup.settings.probe_seconds), name="probe"),
                group.create_task(runner.run(), name="sources"),
                group.create_task(forget_old(index, world.clock, remembered), name="forgetting"),
            ]
            if told is not None:
                tasks.append(group.create_task(tell_others(told, sources.states, sources.view), name="telling"))
            yield
            for task in tasks:
                task.cancel()
        if world.settlement is not None:
            await asyncio.to_thread(world.settlement.stop)
        await asyncio.to_thread(intake.close)
        world.ends.close()
        world.lookup.close()
        world.engine.dispose()

    parts = ServiceParts("ingest", setup.keyring, health, telemetry, setup.prefix)
    return create_app(parts, routers(served), lifespan=lifespan)


class _Sources:
    """Makes the parts of every configured source."""

    def __init__(self, setup: Setup, world: World, delivery: Delivery, meters: Meters) -> None:
        self._setup = setup
        self._world = world
        self._delivery = delivery
        self._meters = meters
        self._tracing = Tracing(share=setup.settings.trace_share)
        self.accounts = Accounts(setup.configuration.organisation.accounts)
        self.states: list[SourceState] = []
        self.connectors: list[Connector] = []
        self.webhooks: dict[str, SlackWebhook] = {}

    def add_all(self) -> None:
        """Make everything. Raises ConfigurationError with every problem."""
        problems: list[Problem] = []
        for index, source in enumerate(self._setup.configuration.sources):
            state = self._state(source)
            if isinstance(source, BlueskySource):
                self.connectors.append(self._bluesky(source, state))
            elif isinstance(source, ReplaySource):
                self.connectors.append(self._replay(source, state))
            elif webhook := self._slack(source, state):
                self.webhooks[source.name] = webhook
            else:
                problems.append(
                    Problem(f"sources.{index}", f"the environment variable {source.signing_secret_env} is not set")
                )
        if problems:
            raise ConfigurationError(problems)

    def problem(self) -> str | None:
        """Health check: one failed source is shown in /v1/sources, only all of them make the service useless."""
        failed = [state.name for state in self.states if state.phase is Phase.FAILED]
        return f"all sources failed: {', '.join(failed)}" if failed and len(failed) == len(self.states) else None

    def view(self, state: SourceState) -> str:
        """Return what other replicas show of a source that runs here."""
        return view_of(state, self._world.clock()).model_dump_json()

    def _state(self, source: Source) -> SourceState:
        state = SourceState(source.name, source.type, self._world.clock, self._meters)
        state.gaps = list(self._delivery.cursors.gaps(source.name))
        self.states.append(state)
        return state

    def _bluesky(self, source: BlueskySource, state: SourceState) -> BlueskyConnector:
        terms = AutomatonTermFinder(term.term for term in self._setup.configuration.tracking.phrases())
        ears = Ears(source.name, self.accounts, terms)
        reader = BatchReader(ears, source.wire, SqlActivityIndex(self._world.engine), self._world.clock, self._tracing)
        return BlueskyConnector(source, state, reader, self._delivery)

    def _replay(self, source: ReplaySource, state: SourceState) -> ReplayConnector:
        return ReplayConnector(
            source,
            self._setup.folder / source.path,
            state,
            self.accounts,
            self._delivery,
            self._world.monotonic,
            self._tracing,
        )

    def _slack(self, source: SlackSource, state: SourceState) -> SlackWebhook | None:
        secret = read_secret(source.signing_secret_env)
        if secret is None:
            return None
        state.phase = Phase.WAITING
        workspace = Workspace(source.name, Surface(source.surface), self.accounts)
        return SlackWebhook(state, workspace, secret.get_secret_value(), self._delivery)
