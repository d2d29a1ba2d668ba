import random
from dataclasses import replace
from datetime import timedelta

import pytest

from services.metrics.core.drill import Page, activities
from services.metrics.core.query import Bucket, EngagementQuery, engagement, series
from services.metrics.core.silos import answered_by_two, misrouted, questions
from services.metrics.core.snapshots import legacy_reach
from services.metrics.core.views import RESPONSIVENESS, SENTIMENT, SHIFT, SNAPSHOT_METRICS
from services.metrics.core.voice import Voices
from services.metrics.core.voice_series import share_of_voice
from services.metrics.core.working_time import business_responses
from shared.contracts.configuration import BusinessHours, Term
from tests.builders import NOON
from tests.integration.metrics.fold import DIMENSIONS
from tests.integration.metrics.store import Store
from tests.integration.metrics.test_snapshots import some_campaign
from tests.integration.metrics.test_store_against_fold import assert_same, some_post, some_reaction


@pytest.mark.clickhouse
def test_the_engine_in_process_and_one_behind_http_give_the_same_answers(store: Store, server_store: Store) -> None:
    draw = random.Random(99)
    history = [some_post(draw, draw.randrange(12)) for _ in range(40)]
    history += [some_reaction(draw, draw.randrange(6)) for _ in range(20)]
    history += [some_campaign(draw, draw.randrange(6)) for _ in range(20)]
    for cut in (slice(0, 25), slice(25, None), slice(10, 30)):
        store.hear(*history[cut])
        server_store.hear(*history[cut])
    for bucket, by in ((Bucket.MINUTE, DIMENSIONS), (Bucket.DAY, ())):
        assert store.series(by, bucket=bucket) == server_store.series(by, bucket=bucket) != []
    assert_same(server_store, [*history, *history[10:30]])
    query = EngagementQuery(
        NOON - timedelta(days=40),
        NOON + timedelta(days=40),
        Bucket.DAY,
        ("channel",),
        internal=True,
        zone="Asia/Kolkata",
    )
    voices = Voices.of([Term(term="order"), Term(term="ännchen", group="globex")])
    hours = BusinessHours(timezone="Europe/Berlin")
    for statement in (
        engagement(query),
        series(query, RESPONSIVENESS),
        series(query, SENTIMENT),
        series(query, SHIFT),
        legacy_reach(query, SNAPSHOT_METRICS),
        series(replace(query, by=(), whole=True), SHIFT),
        legacy_reach(replace(query, by=(), whole=True), SNAPSHOT_METRICS),
        share_of_voice(query, voices),
        business_responses(query, hours, NOON),
        activities(query, Page("inbound_posts", limit=50), voices),
        misrouted(query),
        answered_by_two(query),
        questions(query),
    ):
        answers = [each.reader.fetch(statement, "JSONEachRow") for each in (store, server_store)]
        assert answers[0] == answers[1]
        assert answers[0].strip() not in {b"", b"[]"}, statement.sql
