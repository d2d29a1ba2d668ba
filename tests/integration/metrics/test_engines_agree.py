import random

import pytest

from services.metrics.core.query import Bucket
from tests.integration.metrics.fold import DIMENSIONS
from tests.integration.metrics.store import Store
from tests.integration.metrics.test_store_against_fold import assert_same, some_post, some_reaction


@pytest.mark.clickhouse
def test_the_engine_in_process_and_one_behind_http_give_the_same_answers(store: Store, server_store: Store) -> None:
    draw = random.Random(99)
    history = [some_post(draw, draw.randrange(12)) for _ in range(40)]
    history += [some_reaction(draw, draw.randrange(6)) for _ in range(20)]
    for cut in (slice(0, 25), slice(25, None), slice(10, 30)):
        store.hear(*history[cut])
        server_store.hear(*history[cut])
    for bucket, by in ((Bucket.MINUTE, DIMENSIONS), (Bucket.DAY, ())):
        assert store.series(by, bucket=bucket) == server_store.series(by, bucket=bucket) != []
    assert_same(server_store, [*history, *history[10:30]])
