"""Turns a batch of Jetstream frames into records, and remembers them before anybody else hears of them."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from services.ingest.core.bluesky import (
    CHANNEL,
    Ears,
    activity_id,
    interpret,
    is_removal_of_account,
    needs_memory,
    removals,
)
from services.ingest.core.fields import InvalidField
from services.ingest.core.jetstream import Event, Kind, Wire, read_frame
from services.ingest.core.known import ActivityIndex, Known, remembered
from shared.clock import Clock
from shared.contracts.activity import REMOVAL_VERBS, Activity
from shared.contracts.codec import Outgoing, encode_activity
from shared.contracts.rejection import Rejection, reject
from shared.contracts.trace import OWN, Tracing


@dataclass
class Heard:
    """What a batch of frames came to."""

    events: list[Event] = field(default_factory=list)
    accepted: list[Outgoing] = field(default_factory=list)
    rejected: list[Rejection] = field(default_factory=list)
    ignored: int = 0
    outdated: bool = False
    error: str | None = None

    @property
    def first_us(self) -> int | None:
        """When the first event with a time was seen."""
        return next((event.time_us for event in self.events if event.time_us), None)


@dataclass
class BatchReader:
    """Reads frames of one source. Blocks on the index, so it runs in a worker thread."""

    ears: Ears
    wire: Wire
    index: ActivityIndex
    clock: Clock
    tracing: Tracing = OWN

    def read(self, frames: Sequence[bytes]) -> Heard:
        """Return what frames came to; the index holds it when this returns. Raises TransientError."""
        heard = Heard()
        pairs = [(event, frame) for frame in frames if (event := self._event(frame, heard)) is not None]
        known = dict(self.index.find(activity_id(event) for event, _ in pairs if needs_memory(event)))
        fresh: dict[str, Known] = {}
        for event, frame in pairs:
            activities = self._activities(event, frame, known, fresh, heard)
            if not activities:
                heard.ignored += 1
            for activity in activities:
                heard.accepted.append(encode_activity(activity, self.tracing))
                if activity.verb not in REMOVAL_VERBS:
                    known[activity.id] = fresh[activity.id] = remembered(activity)
        # Before publishing: a crash in between leaves an entry too many, never an activity that cannot be taken back.
        self.index.put(list(fresh.values()), self.clock())
        return heard

    def _event(self, frame: bytes, heard: Heard) -> Event | None:
        try:
            event = read_frame(frame, self.wire)
        except InvalidField as wrong:
            heard.rejected.append(self._rejection(wrong, frame))
            return None
        heard.events.append(event)
        heard.outdated = heard.outdated or event.kind is Kind.OUTDATED_CURSOR
        heard.error = event.message if event.kind is Kind.ERROR else heard.error
        return event

    def _activities(
        self, event: Event, frame: bytes, known: dict[str, Known], fresh: dict[str, Known], heard: Heard
    ) -> Sequence[Activity]:
        now = self.clock()
        if is_removal_of_account(event):
            held = {each.id: each for each in self.index.of_actor(CHANNEL, event.did)}
            held |= {each.id: each for each in fresh.values() if each.actor == event.did}
            return removals(event, held.values(), self.ears, now)
        try:
            activity = interpret(event, known.get(activity_id(event)), self.ears, now)
        except InvalidField as wrong:
            heard.rejected.append(self._rejection(wrong, frame))
            heard.ignored -= 1
            return []
        return [] if activity is None else [activity]

    def _rejection(self, wrong: InvalidField, frame: bytes) -> Rejection:
        return reject(
            wrong.reason, wrong.field, wrong.detail, origin=f"bluesky/{self.ears.source}", raw=frame, at=self.clock()
        )
