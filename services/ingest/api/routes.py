"""All routes of ingest."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fastapi import APIRouter

from services.ingest.api.activities import ActivitiesEndpoint, activities_router
from services.ingest.api.replays import replays_router
from services.ingest.api.sources import sources_router
from services.ingest.api.webhooks import webhooks_router
from services.ingest.connectors.slack import SlackWebhook
from services.ingest.replays import Replays
from services.ingest.states import SourceState
from services.ingest.told import Told


@dataclass(frozen=True)
class Served:
    """What the routes serve."""

    activities: ActivitiesEndpoint
    webhooks: Mapping[str, SlackWebhook]
    states: Sequence[SourceState]
    replays: Replays
    told: Told | None = None


def routers(served: Served) -> list[APIRouter]:
    """Return the routers of everything ingest serves."""
    return [
        activities_router(served.activities),
        webhooks_router(served.webhooks),
        sources_router(served.states, served.activities.clock, served.told),
        replays_router(served.replays),
    ]
