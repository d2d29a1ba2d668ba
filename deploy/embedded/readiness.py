"""Answers /health/ready of the whole system: what every service says of itself, and what the launcher knows of them."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import httpx2

from deploy.embedded.system import System

ASK_SECONDS: Final = 2.0
RETRY_SECONDS: Final = 0.1
LIVE_SECONDS: Final = 60.0


@dataclass
class ServiceHealth:
    """Asks services how they are."""

    urls: Mapping[str, str]
    client: httpx2.AsyncClient

    async def until_live(self, name: str) -> None:
        """Return once a service answers at all."""
        while True:
            try:
                answer = await self.client.get(f"{self.urls[name]}/health/live", timeout=LIVE_SECONDS)
            except httpx2.HTTPError:
                answer = None
            if answer is not None and answer.status_code == 200:
                return
            await asyncio.sleep(RETRY_SECONDS)

    async def not_ready(self, name: str) -> dict[str, str]:
        """Return what a service says is not ready, by name of the check."""
        try:
            answer = await self.client.get(f"{self.urls[name]}/health/ready", timeout=ASK_SECONDS)
            if answer.status_code == 200:
                return {}
            told = answer.json().get("not_ready", {})
            return {str(check): str(problem) for check, problem in told.items()} or {"status": "not ready"}
        except (httpx2.HTTPError, ValueError, AttributeError) as error:
            return {"health": f"does not answer ({type(error).__name__})"}


@dataclass
class Readiness:
    """The state of the whole system in one answer."""

    health: ServiceHealth
    system: System | None = None
    draining: asyncio.Event = field(default_factory=asyncio.Event)

    async def problems(self) -> dict[str, str]:
        """Return what is not ready, by name; a check inside a service is named `service.check`."""
        if self.draining.is_set():
            return {"earshot": "stopping"}
        if self.system is None:
            return {"earshot": "starting"}
        down = self.system.problems()
        up = [name for name in self.health.urls if name not in down]
        told = await asyncio.gather(*(self.health.not_ready(name) for name in up))
        inside = {
            f"{name}.{check}": problem
            for name, checks in zip(up, told, strict=True)
            for check, problem in checks.items()
        }
        return down | inside

    async def report(self) -> tuple[int, dict[str, Any]]:
        """Return status and body of /health/ready."""
        problems = await self.problems()
        body = {
            "status": "not ready" if problems else "ready",
            "not_ready": problems,
            "checked": ["broker", *self.health.urls],
            "restarts": {} if self.system is None else self.system.restarts(),
        }
        return 503 if problems else 200, body
