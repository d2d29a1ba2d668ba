"""Composition root of the launcher: the only file that chooses implementations."""

import asyncio
import socket
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Final

import httpx2

from deploy.embedded.backends import SERVICES, Backend, Installation
from deploy.embedded.broker import Broker, OwnKafka, TansuBroker, create_topics
from deploy.embedded.broker_memory import BrokerMemory
from deploy.embedded.core.broker_memory import MemoryLimit
from deploy.embedded.front_door import FrontDoor, Server, bind, open_server
from deploy.embedded.home import Home
from deploy.embedded.keeper import Keeper
from deploy.embedded.leftovers import end_leftovers
from deploy.embedded.parenthood import end_with_parent, watch_parent
from deploy.embedded.proxy import Proxy, open_transport
from deploy.embedded.readiness import Readiness, ServiceHealth
from deploy.embedded.settings import LauncherSettings, OwnKafkaSettings
from deploy.embedded.stopping import Drain, StopSignals, unread
from deploy.embedded.system import LOST_REWIND_SECONDS, System
from deploy.embedded.terminal import Terminal
from shared.errors import EarshotError
from shared.service.configuration import load_configuration

READY_POLL_SECONDS: Final = 0.1
LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True)
class Launch:
    """One start of the embedded system."""

    settings: LauncherSettings
    kafka: OwnKafkaSettings
    with_parent: bool = False
    services_package: str = "services"
    broker_rest_seconds: float = 60.0
    """How long a fresh broker is left alone, however much memory it takes."""

    @property
    def given_key(self) -> str | None:
        """The key the operator chose; None when one is made."""
        return self.settings.api_key.get_secret_value() if self.settings.api_key is not None else None

    @property
    def url(self) -> str:
        """Where the front door is reached from this machine."""
        host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "::1": "[::1]"}.get(self.settings.host, self.settings.host)  # noqa: S104  # compared, not bound
        return f"http://{host}:{self.settings.port}"

    def run(self) -> None:
        """Check, start, serve until told to stop, drain. Raises PermanentError and its kinds."""
        load_configuration(self.settings.config)
        home = Home(self.settings.folder)
        with home.locked(self.url):
            listener = bind(self.settings.host, self.settings.port)
            with asyncio.Runner(loop_factory=_loop_factory()) as runner:
                runner.run(Running(self, home, Terminal(home.logs, time.monotonic)).serve(listener))


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop  # noqa: PLC0415  # not there on every platform
    except ImportError:
        return None
    return uvloop.new_event_loop


@dataclass
class Running:
    """The running system: its parts are made in `serve` and live until it returns."""

    launch: Launch
    home: Home
    terminal: Terminal
    signals: StopSignals = field(default_factory=lambda: StopSignals(time.monotonic))
    draining: asyncio.Event = field(default_factory=asyncio.Event)
    failure: EarshotError | None = None
    system: System | None = None

    async def serve(self, listener: socket.socket) -> None:
        """Run until a signal, then drain. Raises PermanentError when the system cannot be kept up."""
        self.signals.listen()
        self.terminal.begin(self.home.folder)
        self.terminal.leftovers(await asyncio.to_thread(end_leftovers, self.home.children_file))
        async with (
            open_transport() as transport,
            httpx2.AsyncClient(trust_env=False) as client,
            asyncio.TaskGroup() as group,
        ):
            backends = {name: Backend.listen(name) for name in SERVICES}
            health = ServiceHealth({name: each.url for name, each in backends.items()}, client)
            system = self.system = self._system(group, backends, health)
            readiness = Readiness(health, system, self.draining)
            door = FrontDoor(self._proxies(system, backends, transport), readiness, self.launch.url)
            await self._until_stopped(group, system, readiness, (open_server(door), listener))
        if self.failure is not None:
            raise self.failure

    def _system(self, group: asyncio.TaskGroup, backends: Mapping[str, Backend], health: ServiceHealth) -> System:
        settings, servers = self.launch.settings, self.launch.kafka.bootstrap_servers
        config = settings.config.expanduser().absolute() if settings.config is not None else None
        broker: Broker = OwnKafka(servers) if servers else TansuBroker(self.home.logs / "broker.log")
        installation = Installation(
            home=self.home.folder,
            logs=self.home.logs,
            config=config,
            api_key=self.launch.given_key or self.home.api_key(),
            backends=backends,
            package=self.launch.services_package,
            embedded_broker=broker.embedded,
        )
        was_clean = self.home.take_clean_mark()
        monotonic = asyncio.get_running_loop().time
        return System(
            broker=broker,
            keepers={
                name: Keeper(name, self.home.logs / f"{name}.log", partial(health.until_live, name), self, monotonic)
                for name in backends
            },
            command_for=installation.command,
            create_topics=create_topics,
            progress=self.terminal,
            children_file=self.home.children_file,
            group=group,
            rewind_seconds=0 if was_clean or not broker.embedded else LOST_REWIND_SECONDS,
        )

    def _proxies(
        self, system: System, backends: Mapping[str, Backend], transport: httpx2.AsyncBaseTransport
    ) -> dict[str, Proxy]:
        return {
            name: Proxy(
                name, each.url, transport, system.keepers[name].answering, self.draining, system.keepers[name].problem
            )
            for name, each in backends.items()
        }

    async def _until_stopped(
        self, group: asyncio.TaskGroup, system: System, readiness: Readiness, door: tuple[Server, socket.socket]
    ) -> None:
        server, listener = door
        served = group.create_task(server.serve(sockets=[listener]))
        beside = [
            group.create_task(self._tend(system)),
            group.create_task(system.bound_logs()),
            group.create_task(self._announce(readiness)),
        ]
        if system.broker.embedded:
            limit = MemoryLimit(self.launch.settings.broker_memory_mib, self.launch.broker_rest_seconds)
            beside.append(group.create_task(BrokerMemory(system, limit, unread).watch()))
        if self.launch.with_parent:
            end_with_parent()
            beside.append(group.create_task(watch_parent(self.signals.ask)))
        await self.signals.asked.wait()
        for task in beside:
            task.cancel()
        self.draining.set()
        stored = await Drain(system, self.signals, self.terminal).run(partial(server.close, served))
        self.home.children_file.unlink(missing_ok=True)
        if stored:
            self.home.mark_clean()
        self.terminal.stopped(stored=stored)

    def started(self, name: str) -> None:
        """See Watcher; also writes down the new process, for a start after a crash."""
        self.terminal.started(name)
        if self.system is not None:
            self.system.remember()

    def answered(self, name: str) -> None:
        """See Watcher."""
        self.terminal.answered(name)

    def ended(self, name: str, told: str, last_words: str) -> None:
        """See Watcher."""
        self.terminal.ended(name, told, last_words)

    async def _tend(self, system: System) -> None:
        try:
            await system.tend()
        except EarshotError as error:
            self.failure = error
            self.signals.ask()

    async def _announce(self, readiness: Readiness) -> None:
        """Show what is missing until nothing is, then where to go."""
        while problems := await readiness.problems():
            self.terminal.waiting(list(problems))
            await asyncio.sleep(READY_POLL_SECONDS)
        made_key = None if self.launch.given_key else self.home.api_key()
        self.terminal.ready(self.launch.url, made_key, exposed=self.launch.settings.host not in LOOPBACK)
