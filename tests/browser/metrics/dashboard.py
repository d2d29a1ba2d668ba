"""The dashboard served on a port, over a store with two departments of activities."""

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import uvicorn

from services.metrics.api.page import page_router
from services.metrics.api.routes import MetricsParts, metrics_router
from services.metrics.painter import VegaPainter
from shared.clock import utc_now
from shared.contracts.activity import ClassifiedActivity, Direction, Surface, Verb
from shared.contracts.configuration import Configuration, Goal
from shared.service.auth import Keyring
from shared.service.health import Health
from shared.service.http import ServiceParts, create_app
from shared.service.telemetry import Telemetry
from tests.builders import NOON, a_classification, an_activity, classified
from tests.integration.metrics.store import Store, unclassified
from tests.integration.metrics.test_api import StillFreshness, a_key
from tests.waiting import eventually

CONFIGURATION = Configuration(
    keys=(a_key("reader", "metrics:read"),),
    goals=(Goal(department="support", metric="response_rate", target=0.9, period="week"),),
)


@dataclass(frozen=True)
class Dashboard:
    """Where it is."""

    url: str
    store: Store


@contextmanager
def serving(store: Store) -> Iterator[Dashboard]:
    parts = ServiceParts("metrics", Keyring(CONFIGURATION, None), Health(), Telemetry("metrics"))
    painter = VegaPainter()
    held = MetricsParts(store.reader, StillFreshness(utc_now()), utc_now, CONFIGURATION, painter)
    app = create_app(parts, [metrics_router(held), page_router("", painter)])
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        eventually(lambda: server.started, within_seconds=20)
        yield Dashboard(f"http://127.0.0.1:{listening.getsockname()[1]}", store)
        server.should_exit = True
        thread.join(10)


def a_week() -> list[ClassifiedActivity]:
    """Return a week of talk of support on Bluesky and of billing by mail, with a secret."""
    found = []
    now = utc_now()
    for number in range(120):
        at = now - timedelta(hours=1 + number * 1.3)
        billing = number % 3 == 0
        channel, department = ("email", "billing") if billing else ("bluesky", "support")
        given = {"channel": channel, "occurred_at": at, "received_at": NOON}
        mood = ("negative", "neutral", "positive")[number % 7 % 3]
        ask, us = f"{channel}:{number}", {"direction": Direction.OUTBOUND, "actor": "acme", "department": department}
        post = an_activity(ask, text=f"question {number}", **given)  # type: ignore[arg-type]
        found.append(classified(post, a_classification(department, "question", mood)))
        if number % 4:
            late = given | {"occurred_at": at + timedelta(minutes=5 + number)}
            found.append(classified(an_activity(f"{ask}a", in_reply_to=ask, **late, **us)))  # type: ignore[arg-type]
        if number % 2:
            found.append(classified(an_activity(f"{ask}p", **given, **us)))  # type: ignore[arg-type]
        like = an_activity(f"{ask}l", verb=Verb.LIKE, object_id=ask, **given)  # type: ignore[arg-type]
        found.append(unclassified(like))
    secret = an_activity("slack:1", channel="slack", occurred_at=now - timedelta(hours=2), surface=Surface.INTERNAL)
    return [*found, classified(secret, a_classification("people"))]
