"""Feed: the effect of a batch of `posts.classified.v1`: every post folded into the database in one transaction."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from services.queues.core.fold import complaint
from services.queues.core.ports import FeedWriter
from services.queues.core.post import microseconds
from shared.clock import Clock
from shared.contracts.activity import ClassifiedActivity
from shared.contracts.codec import decode
from shared.contracts.rejection import Reason, Rejection, reject
from shared.service.telemetry import Telemetry
from shared.stream.ports import Record

LOOP: Final = "feed"


@dataclass(frozen=True)
class Feed:
    """Implements shared.stream.ports.Handler. `changed` is called, in the loop's thread, when there is news."""

    writer: FeedWriter
    clock: Clock
    changed: Callable[[], None]
    telemetry: Telemetry

    def handle(self, records: Sequence[Record]) -> Sequence[Rejection]:
        """Return once all is durable, with what is no post. Raises TransientError."""
        now = self.clock()
        activities: list[ClassifiedActivity] = []
        rejections: list[Rejection] = []
        for record in records:
            decoded = decode(ClassifiedActivity, record.value, origin=record.origin, at=now)
            if isinstance(decoded, Rejection):
                rejections.append(decoded)
            elif (wrong := complaint(decoded)) is not None:
                field, detail = wrong
                raw = record.value or b""
                rejections.append(reject(Reason.INVALID_RECORD, field, detail, origin=record.origin, raw=raw, at=now))
            else:
                activities.append(decoded)
        if activities and self.writer.apply(activities, microseconds(now)):
            self.changed()
        self._time(activities)
        return rejections

    def _time(self, activities: Sequence[ClassifiedActivity]) -> None:
        """Tell how long it took from where each post was received, and from where it was made, to here."""
        now = self.clock()
        self.telemetry.delivery_seconds.observe(
            LOOP, [(now - activity.received_at).total_seconds() for activity in activities]
        )
        self.telemetry.age_seconds.observe(
            LOOP, [(now - activity.occurred_at).total_seconds() for activity in activities]
        )
