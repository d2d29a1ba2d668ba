"""Receives deliveries of Slack's Events API; the HTTP route hands it raw bodies and headers."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from services.ingest.core.fields import InvalidField, identifier, mapping
from services.ingest.core.parsing import parse
from services.ingest.core.signature import signature_problem
from services.ingest.core.slack import Workspace, interpret
from services.ingest.cursors import Gap
from services.ingest.delivery import Delivery
from services.ingest.states import SourceState
from shared.contracts.codec import encode_activity
from shared.contracts.rejection import Rejection, reject
from shared.contracts.trace import Tracing

FOLLOWED = Tracing(share=1.0)
"""Deliveries come one by one, from people: every one may be followed."""

RATE_LIMITED = "app_rate_limited"
CHALLENGE = "url_verification"


@dataclass
class SlackWebhook:
    """One Slack source. Ids are deterministic: a delivery that comes again is counted once without any memory here."""

    state: SourceState
    workspace: Workspace
    secret: str
    delivery: Delivery

    def signature_problem(self, body: bytes, timestamp: str | None, signature: str | None) -> str | None:
        """Return None for a genuine, fresh delivery, else what is wrong with it."""
        now = self.delivery.clock().timestamp()
        return signature_problem(body, timestamp, signature, self.secret, now)

    async def receive(self, body: bytes) -> Mapping[str, object] | Rejection:
        """Return what to answer once the event is durable, or why the body is no event at all.

        Raises TransientError when the broker is away: Slack then delivers again.
        """
        now = self.delivery.clock()
        try:
            envelope = mapping(parse(body, "body"), "body")
        except InvalidField as wrong:
            return await self._reject(wrong, body, now)
        if envelope.get("type") == CHALLENGE:
            try:
                return {"challenge": identifier(envelope.get("challenge"), "challenge")}
            except InvalidField as wrong:
                return await self._reject(wrong, body, now)
        await self._receive_event(envelope, body, now)
        return {"ok": True}

    async def _receive_event(self, envelope: Mapping[str, object], body: bytes, now: datetime) -> None:
        if envelope.get("type") == RATE_LIMITED:
            await self._note_rate_limit(envelope.get("minute_rate_limited"), now)
            return
        try:
            activity = interpret(envelope, self.workspace, now)
        except InvalidField as wrong:
            await self._reject(wrong, body, now)
            return
        if activity is None:
            self.state.heard(ignored=1)
            return
        await self.delivery.intake.publish([encode_activity(activity, FOLLOWED)])
        self.state.heard(accepted=1)

    async def _reject(self, wrong: InvalidField, body: bytes, now: datetime) -> Rejection:
        origin = f"slack/{self.workspace.source}"
        rejection = reject(wrong.reason, wrong.field, wrong.detail, origin=origin, raw=body, at=now)
        await self.delivery.intake.publish([], [rejection])
        self.state.heard(rejected=[rejection])
        return rejection

    async def _note_rate_limit(self, minute: object, now: datetime) -> None:
        began = now - timedelta(minutes=1)
        if type(minute) is int and 0 < minute <= now.timestamp() + 60:
            began = datetime.fromtimestamp(minute, UTC)
        await self.delivery.missed(self.state, Gap(began, began + timedelta(minutes=1), RATE_LIMITED))
