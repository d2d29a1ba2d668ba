"""What ingest remembers of an activity it handed on, so that a bare delete or undo finds what it takes back."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from shared.contracts.activity import Activity, Direction, Surface, Verb


@dataclass(frozen=True)
class Known:
    """One remembered activity."""

    id: str
    verb: Verb
    actor: str
    object_id: str | None
    conversation_id: str | None
    channel: str
    surface: Surface
    direction: Direction
    account: str | None
    department: str | None


class ActivityIndex(Protocol):
    """Remembers activities by id and by actor. Every method may raise TransientError."""

    def put(self, entries: Sequence[Known], at: datetime) -> None:
        """Remember entries durably from an instant on; the same id again replaces."""

    def find(self, ids: Iterable[str]) -> Mapping[str, Known]:
        """Return what is known of these ids."""

    def of_actor(self, channel: str, actor: str) -> Sequence[Known]:
        """Return everything known of one actor."""


def remembered(activity: Activity) -> Known:
    """Return what is worth remembering of an activity."""
    return Known(
        id=activity.id,
        verb=activity.verb,
        actor=activity.actor.id,
        object_id=activity.object_id,
        conversation_id=activity.conversation_id,
        channel=activity.channel,
        surface=activity.surface,
        direction=activity.direction,
        account=activity.account,
        department=activity.department,
    )
