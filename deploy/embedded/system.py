"""Broker and services together: starts them in order and starts them all anew when the memory broker has died."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from deploy.embedded.broker import Broker
from deploy.embedded.core.restarts import RestartPolicy, RestartRecord, exit_in_words
from deploy.embedded.keeper import Keeper
from deploy.embedded.leftovers import remember
from deploy.embedded.program import Command, bound_log
from shared.errors import TransientError

LOST_REWIND_SECONDS: Final = 600
"""How far sources go back when what the broker held may be lost."""
SERVICE_STOP_SECONDS: Final = 3.0
LOG_CHECK_SECONDS: Final = 10.0

CommandFor = Callable[[str, str, int], Command]
"""(service, bootstrap servers, rewind seconds) -> how it is started."""


class Progress(Protocol):
    """Who is told how the start goes."""

    def broker_ready(self, bootstrap_servers: str, *, embedded: bool) -> None:
        """The broker can be reached."""

    def topics_ready(self, names: Sequence[str]) -> None:
        """All topics exist."""

    def broker_trouble(self, told: str) -> None:
        """The broker is away or ended."""

    def broker_grown(self, told: str) -> None:
        """The broker takes more memory than it should."""


@dataclass
class System:
    """All child processes. `tend` runs until it is cancelled; the keepers it starts live on in `group`."""

    broker: Broker
    keepers: Mapping[str, Keeper]
    command_for: CommandFor
    create_topics: Callable[[str], Sequence[str]]
    progress: Progress
    children_file: Path
    group: asyncio.TaskGroup
    rewind_seconds: int
    policy: RestartPolicy = field(default_factory=RestartPolicy)
    broker_record: RestartRecord = field(default_factory=RestartRecord)
    broker_problem: str | None = "starting"
    bootstrap_servers: str | None = None
    _broker_since: float = 0.0
    _replaced: str | None = None

    async def tend(self) -> None:
        """Keep broker and services running until cancelled. Raises PermanentError."""
        loop = asyncio.get_running_loop()
        while True:
            started = self._broker_since = loop.time()
            exit_code: int | None = None
            try:
                await self._begin()
                exit_code = await self.broker.gone()
                told = f"ended with exit {exit_in_words(exit_code)}"
            except TransientError as error:
                told = str(error)
                await self.broker.stop(0)
            if self._replaced is not None:
                told, self._replaced = self._replaced, None
                await self._end_services(told)
                continue
            self.broker_record = self.broker_record.after_exit(exit_code, loop.time() - started, self.policy)
            await self._end_services(told)
            await asyncio.sleep(self.policy.delay_seconds(self.broker_record.in_a_row))

    async def _begin(self) -> None:
        self.bootstrap_servers = await self.broker.start()
        self.remember()
        self.progress.broker_ready(self.bootstrap_servers, embedded=self.broker.embedded)
        self.progress.topics_ready(await asyncio.to_thread(self.create_topics, self.bootstrap_servers))
        self.broker_problem = None
        for name, keeper in self.keepers.items():
            command = self.command_for(name, self.bootstrap_servers, self.rewind_seconds)
            self.group.create_task(keeper.run(command), name=name)

    async def _end_services(self, told: str) -> None:
        """The broker is gone, and with a memory broker all it held: end the services, so that sources rewind."""
        self.broker_problem = f"down: {told}"
        self.progress.broker_trouble(told)
        self.rewind_seconds = LOST_REWIND_SECONDS if self.broker.embedded else 0
        await asyncio.gather(*(keeper.stop(SERVICE_STOP_SECONDS) for keeper in self.keepers.values()))

    def broker_seconds(self) -> float:
        """Return how long the broker has been running."""
        return asyncio.get_running_loop().time() - self._broker_since

    async def replace_broker(self, told: str) -> None:
        """End the broker; `tend` starts a fresh one and every service with it, as after a crash but at once."""
        self._replaced = told
        self.broker_problem = told
        await self.broker.stop(0)

    def remember(self) -> None:
        """Write down which processes run, for a start after a crash."""
        records = [self.broker.child, *(keeper.child for keeper in self.keepers.values())]
        with contextlib.suppress(OSError):
            # A full disk must not end the supervision; the leash ends the children all the same.
            remember(self.children_file, [record for record in records if record is not None])

    async def bound_logs(self) -> None:
        """Keep the logs of running children bounded until cancelled."""
        while True:
            await asyncio.sleep(LOG_CHECK_SECONDS)
            for keeper in self.keepers.values():
                await asyncio.to_thread(bound_log, keeper.log)

    def problems(self) -> dict[str, str]:
        """Return what does not run now, by name."""
        found = {name: problem for name, keeper in self.keepers.items() if (problem := keeper.problem()) is not None}
        if self.broker_problem is not None:
            found["broker"] = self.broker_problem
        return found

    def restarts(self) -> dict[str, str]:
        """Return in words what was restarted since the start, by name."""
        records = {name: keeper.record for name, keeper in self.keepers.items()} | {"broker": self.broker_record}
        return {name: told for name, record in records.items() if (told := record.told()) is not None}
