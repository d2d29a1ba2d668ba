"""Two sinks on one engine: whatever one does while the other is stopped anywhere, the figures are those of a fold."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
from clickhouse_connect.driver.client import Client

from services.metrics.core.columns import VersionBatch
from services.metrics.core.rows import version_row
from services.metrics.store import statements
from services.metrics.store.clickhouse import ClickHouseAddress
from services.metrics.store.writer import ClickHouseFacts
from shared.contracts.activity import Activity, ClassifiedActivity, Direction, Verb
from tests.builders import NOON, a_classification, an_activity, classified
from tests.integration.metrics.store import Store
from tests.integration.metrics.test_store_against_fold import assert_same

STEPS = {
    name: getattr(statements, name)
    for name in ("CREATE_SCRATCH", "WIDEN", "SURROUND", "FIND_SEVERAL", "RESOLVE", "SCRUB", "RECOMPUTE_MINUTES",
                 "RECOMPUTE_HOURS", "RECOMPUTE_CELLS")
}  # fmt: skip


@dataclass
class InterruptedFacts(ClickHouseFacts):
    """Lets something else happen once, right before one of its statements, after that statement's stamp was drawn."""

    before: str = ""
    meanwhile: Callable[[], None] | None = None

    def _run(self, client: Client, text: str, stamp: int | None = None) -> None:
        if text == self.before and self.meanwhile is not None:
            happening, self.meanwhile = self.meanwhile, None
            happening()
        super()._run(client, text, stamp)


def ours(id: str, *, to: str | None = None, minutes: float = 0) -> Activity:  # noqa: A002
    at = NOON + timedelta(minutes=minutes)
    return an_activity(id, direction=Direction.OUTBOUND, actor="acme", in_reply_to=to, occurred_at=at)


FIRST = [
    classified(an_activity("web:asked"), a_classification("billing")),
    classified(an_activity("web:edited"), a_classification("billing")),
    classified(an_activity("web:deleted"), a_classification("billing")),
    classified(ours("web:thread", to="web:push", minutes=1)),
    classified(ours("web:answer", to="web:theirs", minutes=7)),
]
SECOND = [
    classified(ours("web:response", to="web:asked", minutes=2)),
    classified(
        an_activity("web:edited", verb=Verb.UPDATE, occurred_at=NOON + timedelta(hours=1)), a_classification("sales")
    ),
    classified(an_activity("web:deleted", verb=Verb.DELETE, occurred_at=NOON + timedelta(hours=1))),
    classified(ours("web:push")),
    classified(an_activity("web:theirs", actor="bob"), a_classification("sales")),
]


@pytest.fixture
def other(address: ClickHouseAddress) -> Iterator[ClickHouseFacts]:
    facts = ClickHouseFacts(address, "other")
    yield facts
    facts.close()


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("swapped", [False, True], ids=["older first", "newer first"])
def test_a_sink_that_was_stopped_anywhere_while_another_worked_spoils_nothing(
    store: Store,
    other: ClickHouseFacts,
    step: str,
    swapped: bool,  # noqa: FBT001  # a parameter of the test
) -> None:
    mine, theirs = (SECOND, FIRST) if swapped else (FIRST, SECOND)
    interrupted = InterruptedFacts(
        other.address, "interrupted", before=STEPS[step], meanwhile=lambda: other.apply(batch_of(theirs))
    )
    interrupted.apply(batch_of(mine))
    interrupted.close()
    assert interrupted.meanwhile is None
    assert_same(store, [*mine, *theirs])


def test_two_sinks_at_work_at_the_same_time_spoil_nothing(store: Store, other: ClickHouseFacts) -> None:
    failures: list[Exception] = []

    def work(facts: ClickHouseFacts, history: list[ClassifiedActivity]) -> None:
        try:
            for each in history:
                facts.apply(batch_of([each]))
        except Exception as error:  # noqa: BLE001  # told to the test below
            failures.append(error)

    threads = [
        threading.Thread(target=work, args=(store.facts, FIRST)),
        threading.Thread(target=work, args=(other, SECOND)),
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert_same(store, [*FIRST, *SECOND])


def batch_of(activities: list[ClassifiedActivity]) -> VersionBatch:
    return VersionBatch.of_rows([version_row(each) for each in activities])
