"""Liveness and readiness: named checks that say in words what is missing."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from fastapi import APIRouter, Response

Check = Callable[[], str | None]
"""Returns None when all is well, else what is wrong in words an operator can act on. Must be quick and not raise."""


@dataclass
class Health:
    """The checks of one process."""

    checks: dict[str, Check] = field(default_factory=dict)

    def register(self, name: str, check: Check) -> None:
        """Add a check under a name."""
        self.checks[name] = check

    def problems(self) -> Mapping[str, str]:
        """Return what is not ready, by name."""
        found = {name: check() for name, check in self.checks.items()}
        return {name: problem for name, problem in found.items() if problem is not None}


def health_router(health: Health) -> APIRouter:
    """Return /health/live and /health/ready; the only routes without a key."""
    router = APIRouter(prefix="/health", tags=["health"])

    @router.get("/live")
    def live() -> dict[str, str]:
        """Answer while the process runs its event loop."""
        return {"status": "live"}

    @router.get("/ready")
    def ready(response: Response) -> dict[str, object]:
        """Answer 200 when everything works, else 503 naming what does not."""
        problems = health.problems()
        response.status_code = 503 if problems else 200
        return {"status": "not ready" if problems else "ready", "not_ready": problems, "checked": sorted(health.checks)}

    return router
