"""Random histories of posts, and the naive fold that says what must be left of them."""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

from hypothesis import strategies as st

from services.queues.core.post import microseconds
from shared.contracts.activity import ClassifiedActivity, Direction, Surface, Verb, version_order
from tests.builders import NOON, a_classification, an_activity, classified

PEOPLE = ("web:p1", "web:p2", "web:p3", "slack:p4")
OURS = ("web:o1", "web:o2")
DEPARTMENTS = ("billing", "support")


class Step(NamedTuple):
    """One version of one post; equal steps are the same act."""

    id: str
    verb: Verb
    version: int


STEPS = st.builds(
    Step, st.sampled_from(PEOPLE + OURS), st.sampled_from([Verb.CREATE, Verb.UPDATE, Verb.DELETE]), st.integers(0, 5)
)
HISTORIES = st.lists(STEPS, max_size=25)


def activity_of(step: Step) -> ClassifiedActivity:
    """Return the activity of a step: the same step always gives the same activity."""
    ours = step.id in OURS
    spread = sum(f"{step}".encode())
    posted = an_activity(
        step.id,
        verb=step.verb,
        version=step.version,
        occurred_at=NOON + timedelta(seconds=spread),
        direction=Direction.OUTBOUND if ours else Direction.INBOUND,
        surface=Surface.INTERNAL if step.id.startswith("slack:") else Surface.PUBLIC,
        text=f"{step.verb} {step.version}",
        conversation_id="web:root",
        in_reply_to=(PEOPLE + OURS)[spread % 6] if ours else None,
    )
    return classified(posted, a_classification(DEPARTMENTS[spread % 2], unsure=spread % 3 == 0))


class Expected(NamedTuple):
    """What must be known of an item."""

    text: str | None
    department: str
    occurred_at_us: int
    state: str


def naive(steps: Sequence[Step]) -> dict[str, Expected]:
    """Return the items after any arrival of these steps, from all of them at once."""
    versions: dict[str, dict[int, ClassifiedActivity]] = {}
    for activity in map(activity_of, steps):
        versions.setdefault(activity.id, {})[version_order(activity.verb, activity.version)] = activity
    newest = {name: held[max(held)] for name, held in versions.items()}
    living = {name: activity for name, activity in newest.items() if activity.verb is not Verb.DELETE}
    made = {name: _made_at_us(versions[name]) for name in living}
    answered = _answered(living, made)
    items: dict[str, Expected] = {}
    for name, activity in living.items():
        labels = activity.classification
        if activity.direction is Direction.OUTBOUND or labels is None:
            continue
        department = "triage" if labels.unsure else labels.department.label
        items[name] = Expected(
            activity.text,
            department,
            made[name],
            "answered" if name in answered else "new",
        )
    return items


def _made_at_us(versions: dict[int, ClassifiedActivity]) -> int:
    first = min(order for order, each in versions.items() if each.verb is not Verb.DELETE)
    return microseconds(versions[first].occurred_at)


def _answered(living: dict[str, ClassifiedActivity], made: dict[str, int]) -> set[str]:
    """Return the posts somebody replied to, but for those whose author wrote on later and was not replied to."""
    last_response: dict[str, int] = {}
    for name, activity in living.items():
        if activity.direction is Direction.OUTBOUND and activity.in_reply_to is not None:
            last_response[activity.in_reply_to] = max(made[name], last_response.get(activity.in_reply_to, -1))
    answered = set()
    for name, response_us in last_response.items():
        # All people here are one author in one conversation.
        later = sorted((made[other], other) for other in living if other not in OURS)
        later = [place for place in later if name in made and place > (made[name], name)]
        if not later or later[0][0] <= response_us or later[0][1] in last_response:
            answered.add(name)
    return answered
