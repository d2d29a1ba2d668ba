"""POST /v1/items/{item}/presence: an agent's page says that somebody looks at an item."""

from fastapi import APIRouter, Response

from services.queues.api.bounded import BoundedRoute
from services.queues.api.filters import Writer, may_see_internal
from services.queues.api.routes import ItemName, no_such_item
from services.queues.api.schemas import Body, PresenceBody
from services.queues.core.ports import ItemReader
from services.queues.core.post import microseconds
from services.queues.presence import Presence
from shared.clock import Clock


def presence_router(reader: ItemReader, presence: Presence, clock: Clock) -> APIRouter:
    """Return the route."""
    router = APIRouter(prefix="/v1", tags=["queues"], route_class=BoundedRoute)

    @router.post("/items/{item}/presence")
    def look(item: ItemName, body: Body, principal: Writer, response: Response) -> PresenceBody:
        """Tell colleagues for 90 seconds that one looks at the item; repeat it to stay. Streams get `presence`."""
        response.headers["Cache-Control"] = "no-store"
        if reader.find(item, internal=may_see_internal(principal)) is None:
            raise no_such_item(item)
        return PresenceBody(item=item, agents=list(presence.look(item, body.agent, microseconds(clock()))))

    return router
