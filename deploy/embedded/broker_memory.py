"""Looks at the size of the embedded broker and has it replaced when it has grown over its limit."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import psutil

from deploy.embedded.core.broker_memory import MemoryLimit, Verdict
from deploy.embedded.system import System
from shared.errors import EarshotError

LOOK_SECONDS: Final = 2.0
MIB: Final = 1 << 20


@dataclass
class BrokerMemory:
    """What was acknowledged and is not stored yet stands in ingest's journal, so a fresh broker loses nothing.

    Requests wait meanwhile; who waits too long gets 503.
    """

    system: System
    limit: MemoryLimit
    unread: Callable[[str], int]
    """Bootstrap servers -> records that some group has not committed; blocks, raises EarshotError."""
    look_seconds: float = LOOK_SECONDS

    async def watch(self) -> None:
        """Look until cancelled."""
        waits = False
        while True:
            await asyncio.sleep(self.look_seconds)
            held_mib = self._held_mib()
            verdict = self.limit.verdict(held_mib, await self._unread(held_mib), self.system.broker_seconds())
            told = f"has grown to {held_mib:.0f} MiB, the limit is {self.limit.mib}"
            if verdict is Verdict.REPLACE:
                await self.system.replace_broker(told)
            elif verdict is Verdict.WAIT and not waits:
                self.system.progress.broker_grown(f"{told}; it is replaced once almost everything is processed")
            waits = verdict is Verdict.WAIT

    def _held_mib(self) -> float:
        child = self.system.broker.child
        if child is None or self.system.broker_problem is not None:
            return 0.0
        try:
            return psutil.Process(child.pid).memory_info().rss / MIB
        except psutil.Error:
            return 0.0

    async def _unread(self, held_mib: float) -> int:
        servers = self.system.bootstrap_servers
        if held_mib <= self.limit.mib or servers is None:
            return 0
        try:
            return await asyncio.to_thread(self.unread, servers)
        except EarshotError:
            # A broker that cannot say is busy or dying; the next look tells.
            return 1 << 62
