"""Received posts in, classified posts out: the effect of one batch. How a label is decided it does not know."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.classify.core.decide import decide
from services.classify.core.ports import Scorer
from services.classify.core.transform import classified, text_to_score
from shared.clock import Clock
from shared.contracts.activity import Activity
from shared.contracts.codec import Outgoing, decode, encode_classified
from shared.contracts.rejection import Rejection
from shared.contracts.trace import trace_in
from shared.stream.ports import Publisher, Record


@dataclass
class ClassifyHandler:
    """Implements shared.stream.ports.Handler for posts.received.v1. A replay publishes the same events again."""

    scorer: Scorer
    publisher: Publisher
    clock: Clock

    def handle(self, records: Sequence[Record]) -> Sequence[Rejection]:
        """See Handler.handle."""
        at = self.clock()
        received: list[tuple[Record, Activity]] = []
        rejected: list[Rejection] = []
        for record in records:
            activity = decode(Activity, record.value, origin=record.origin, at=at)
            if isinstance(activity, Rejection):
                rejected.append(activity)
            else:
                received.append((record, activity))
        outgoing = self._classified(received)
        if outgoing:
            self.publisher.publish(outgoing)
        return rejected

    def _classified(self, received: Sequence[tuple[Record, Activity]]) -> list[Outgoing]:
        texts = [text for _, activity in received if (text := text_to_score(activity)) is not None]
        scores = iter(self.scorer.score(texts) if texts else ())
        outgoing = []
        for record, activity in received:
            found = None
            if text_to_score(activity) is not None:
                found = decide(next(scores), self.scorer.heads, self.scorer.model)
            trace = trace_in(record.headers)
            outgoing.append(encode_classified(classified(activity, found), key=record.key, trace=trace))
        return outgoing
