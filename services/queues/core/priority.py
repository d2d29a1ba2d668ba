"""Ranking: how urgent an open item is, why, and by when it is to be answered; pure in the post and the instant."""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from services.queues.core.business_hours import Calendar
from services.queues.core.post import OPEN_STATES, Post, PriorityReason, Standing, instant
from shared.contracts.activity import Actor
from shared.contracts.configuration import PriorityWeights, Queues

MINUTE_US: Final = 60_000_000
HOUR_US: Final = 3_600_000_000
MOST: Final = 100
RISK_SHARE: Final = 5
"""An item is at risk when less than one fifth of its time is left."""
UNITS: Final = (("day", 24 * HOUR_US), ("hour", HOUR_US), ("minute", MINUTE_US))


@dataclass(frozen=True)
class Ranking:
    """The organisation's promises and weights. Without a promise an item is at risk once it is open for too long."""

    queues: Queues = field(default_factory=Queues)
    at_risk_us: int = HOUR_US

    @property
    def weights(self) -> PriorityWeights:
        """The points of each reason."""
        return self.queues.priority

    @property
    def age_full_us(self) -> int:
        """The wait that gets all points for age, in microseconds."""
        return self.weights.age_hours * HOUR_US

    @property
    def warned_points(self) -> int:
        """The points of an item that is at risk but not overdue."""
        return self.weights.service_level * 3 // 5

    @property
    def fingerprint(self) -> str:
        """What changes when stored ranks have to be made anew."""
        return hashlib.sha256(f"1\n{self.at_risk_us}\n{self.queues.model_dump_json()}".encode()).hexdigest()[:16]

    def target_us(self, post: Post) -> int | None:
        """Return the promised time to a first response, None when nothing is promised."""
        named = [
            (rule.department is not None) + (rule.intent is not None)
            if rule.department in {None, post.department} and rule.intent in {None, post.intent}
            else -1
            for rule in self.queues.sla
        ]
        if not named or max(named) < 0:
            return None
        return self.queues.sla[named.index(max(named))].first_response_minutes * MINUTE_US

    def ranked(self, post: Post) -> Post:
        """Return the post with what the database sorts by: points that never change, due and risk instants."""
        if post.state is None:
            return replace(post, urgency=0, due_us=None, risk_us=None)
        urgency = sum(each.points for each in self._lasting(post))
        start_us, target_us = post.clock_us, self.target_us(post)
        if target_us is None:
            return replace(post, urgency=urgency, due_us=None, risk_us=start_us + self.at_risk_us)
        calendar = Calendar(self.queues.business_hours)
        due_us = calendar.after(start_us, target_us)
        risk_us = calendar.after(start_us, target_us - target_us // RISK_SHARE)
        return replace(post, urgency=urgency, due_us=due_us, risk_us=risk_us)

    def standing(self, post: Post, now_us: int) -> Standing:
        """Return priority, reasons and clocks of a ranked post at an instant; closed items have no priority."""
        due_at = None if post.due_us is None else instant(post.due_us)
        if post.state not in OPEN_STATES:
            return Standing(due_at=due_at)
        reasons = [*self._lasting(post), *self._passing(post, now_us)]
        left = None
        if post.due_us is not None:
            left = Calendar(self.queues.business_hours).between(now_us, post.due_us) // 1_000_000
        return Standing(
            priority=min(MOST, sum(each.points for each in reasons)),
            priority_reasons=tuple(sorted(reasons, key=lambda each: -each.points)),
            due_at=due_at,
            seconds_left=left,
            at_risk=post.risk_us is not None and post.risk_us <= now_us,
        )

    def _lasting(self, post: Post) -> Sequence[PriorityReason]:
        weights = self.weights
        followers = Actor.model_validate_json(post.actor).followers or 0
        # On a log scale, as reach is felt: the step from 100 to 1,000 counts like the one to 10,000.
        reach = min(1.0, math.log1p(max(0, followers)) / math.log1p(weights.reach_followers))
        return _pointed(
            (f"intent {_words(post.intent)}", weights.intents.get(post.intent, 0)),
            (f"{_words(post.sentiment)} feeling", weights.sentiments.get(post.sentiment, 0)),
            (f"{followers:,} followers", int(weights.reach * reach)),
        )

    def _passing(self, post: Post, now_us: int) -> Sequence[PriorityReason]:
        waited = max(0, now_us - post.clock_us)
        age = self.weights.age if waited >= self.age_full_us else waited * self.weights.age // self.age_full_us
        told: tuple[str, int] = ("", 0)
        if post.due_us is not None and post.due_us <= now_us:
            told = ("first response is overdue", self.weights.service_level)
        elif post.risk_us is not None and post.risk_us <= now_us:
            words = "first response is due soon" if post.due_us else f"open for more than {span(self.at_risk_us)}"
            told = (words, self.warned_points)
        return _pointed((f"waits for {span(waited)}", age), told)


def span(length_us: int) -> str:
    """Return a length of time in words, cut to its largest unit."""
    for unit, size in UNITS:
        if length_us >= size:
            count = length_us // size
            return f"{count} {unit}{'' if count == 1 else 's'}"
    return "less than a minute"


def _pointed(*parts: tuple[str, int]) -> Sequence[PriorityReason]:
    return [PriorityReason(reason=reason, points=points) for reason, points in parts if points > 0]


def _words(label: str) -> str:
    return label.replace("_", " ")
