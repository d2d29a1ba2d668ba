"""Keeps one child running: starts it, notices when it answers and when it ends, starts it again after a back-off."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Protocol

from deploy.embedded.core.restarts import RestartPolicy, RestartRecord, exit_in_words
from deploy.embedded.leftovers import ChildRecord, record_of
from deploy.embedded.program import Command, Program, last_line

NOT_STARTED: Final = 127
"""The exit code shells use for a program that could not be started."""


class Watcher(Protocol):
    """Who is told what happens to children."""

    def started(self, name: str) -> None:
        """A child has a new process."""

    def answered(self, name: str) -> None:
        """A child answers its first request since its start."""

    def ended(self, name: str, told: str, last_words: str) -> None:
        """A child ended although nobody asked it to; `told` says how, `last_words` is the end of its log."""


@dataclass
class Keeper:
    """The life of one child over all its processes."""

    name: str
    log: Path
    probe: Callable[[], Awaitable[None]]
    watcher: Watcher
    monotonic: Callable[[], float]
    policy: RestartPolicy = field(default_factory=RestartPolicy)
    record: RestartRecord = field(default_factory=RestartRecord)
    answering: asyncio.Event = field(default_factory=asyncio.Event)
    program: Program | None = None
    child: ChildRecord | None = None
    _unwanted: asyncio.Event = field(default_factory=asyncio.Event)
    _at_rest: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self._at_rest.set()

    async def run(self, command: Command) -> None:
        """Keep the child running until `stop`."""
        self._unwanted.clear()
        self._at_rest.clear()
        try:
            while not self._unwanted.is_set():
                await self._live_and_rest(command)
        finally:
            self._at_rest.set()

    async def _live_and_rest(self, command: Command) -> None:
        started = self.monotonic()
        try:
            exit_code = await self._one_life(command)
            last_words = last_line(self.log)
        except OSError as error:
            exit_code, last_words = NOT_STARTED, f"cannot be started: {error}"
        if self._unwanted.is_set():
            return
        self.record = self.record.after_exit(exit_code, self.monotonic() - started, self.policy)
        self.watcher.ended(self.name, f"exit {exit_in_words(exit_code)}", last_words)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._unwanted.wait(), self.policy.delay_seconds(self.record.in_a_row))

    async def _one_life(self, command: Command) -> int:
        program = await Program.start(command)
        if self._unwanted.is_set():
            await program.stop(0)
        self.program = program
        self.child = record_of(self.name, program.pid, command.program)
        self.watcher.started(self.name)
        try:
            async with asyncio.TaskGroup() as group:
                asking = group.create_task(self._ask())
                exit_code = await program.wait()
                asking.cancel()
        finally:
            self.answering.clear()
            self.program = self.child = None
        return exit_code

    async def _ask(self) -> None:
        await self.probe()
        self.answering.set()
        self.watcher.answered(self.name)

    async def stop(self, seconds: float) -> bool:
        """End the child and do not start it again; tell whether it ended by itself in time."""
        self._unwanted.set()
        by_itself = await self.program.stop(seconds) if self.program is not None else True
        await self._at_rest.wait()
        return by_itself

    def problem(self) -> str | None:
        """Return why the child cannot be asked now, or None."""
        if self.answering.is_set():
            return None
        told = self.record.told()
        state = "starting" if self.program is not None else "down"
        return f"{state}; {told}" if told else state
