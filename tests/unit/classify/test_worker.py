from dataclasses import dataclass, field, replace

import pytest

from services.classify.worker import ClassifyHandler
from shared.contracts.activity import Activity, ClassifiedActivity, Verb
from shared.contracts.codec import decode, encode_activity
from shared.contracts.rejection import Reason
from shared.contracts.topics import POSTS_CLASSIFIED
from shared.contracts.trace import Tracing, parse_trace, trace_in
from shared.errors import TransientError
from shared.stream.ports import Partition, Record
from tests.builders import NOON, a_record, an_activity
from tests.fakes.log import FakeLog, FakePublisher
from tests.unit.classify.fakes import FakeScorer


@dataclass
class Worker:
    """A handler on fakes, and what it has published."""

    log: FakeLog = field(default_factory=FakeLog)
    scorer: FakeScorer = field(default_factory=FakeScorer)

    def __post_init__(self) -> None:
        self.publisher = FakePublisher(self.log)
        self.handler = ClassifyHandler(self.scorer, self.publisher, lambda: NOON)

    def published(self) -> list[ClassifiedActivity]:
        found = []
        for record in self.log.all(POSTS_CLASSIFIED.name):
            activity = decode(ClassifiedActivity, record.value, origin=record.origin, at=NOON)
            assert isinstance(activity, ClassifiedActivity)
            found.append(activity)
        return found


def records(*activities: Activity) -> list[Record]:
    return [a_record(encode_activity(each), offset) for offset, each in enumerate(activities)]


def test_a_post_leaves_with_its_classification_and_every_other_field_untouched() -> None:
    worker = Worker()
    post = an_activity(text="billing charged twice", conversation_id="web:root")
    assert worker.handler.handle(records(post)) == []
    (found,) = worker.published()
    assert found.classification is not None
    assert found.classification.model == "fake.1"
    assert found.classification.department.label == "billing"
    assert Activity.model_validate(found.model_dump()) == post


def test_outbound_posts_and_updates_are_classified_as_well() -> None:
    worker = Worker()
    outbound = an_activity("web:1", text="marketing news", direction="outbound")  # type: ignore[arg-type]
    update = an_activity("web:2", text="it printer", verb=Verb.UPDATE)
    worker.handler.handle(records(outbound, update))
    labels = [each.classification.department.label for each in worker.published() if each.classification]
    assert labels == ["marketing", "it"]


def test_deletes_pass_through_in_order_without_a_classification() -> None:
    worker = Worker()
    same = "web:1"
    create = an_activity(same, text="support help", version=1)
    update = an_activity(same, text="billing help", verb=Verb.UPDATE, version=2)
    delete = an_activity(same, verb=Verb.DELETE, version=3)
    worker.handler.handle(records(create, update, delete))
    found = worker.published()
    assert [each.verb for each in found] == [Verb.CREATE, Verb.UPDATE, Verb.DELETE]
    assert [each.classification is None for each in found] == [False, False, True]


def test_a_batch_is_scored_with_one_call_and_each_text_gets_its_own_scores() -> None:
    worker = Worker()
    posts = [an_activity(f"web:{n}", text=f"{word} {n}") for n, word in enumerate(["it", "sales", "people", "billing"])]
    worker.handler.handle(records(*posts))
    assert [len(texts) for texts in worker.scorer.asked] == [4]
    found = {each.id: each.classification.department.label for each in worker.published() if each.classification}
    assert found == {"web:0": "it", "web:1": "sales", "web:2": "people", "web:3": "billing"}


def test_a_poison_record_becomes_a_rejection_and_the_others_go_on() -> None:
    worker = Worker()
    poison = Record(Partition("posts.received.v1", 0), 7, b"k", b'{"id": 5')
    empty = Record(Partition("posts.received.v1", 0), 8, b"k", None)
    good = records(an_activity(text="sales price?"))
    rejected = worker.handler.handle([poison, *good, empty])
    assert [each.reason for each in rejected] == [Reason.INVALID_RECORD, Reason.INVALID_RECORD]
    assert [each.origin for each in rejected] == ["posts.received.v1/0/7", "posts.received.v1/0/8"]
    assert len(worker.published()) == 1


def test_a_batch_of_deletes_asks_no_model() -> None:
    worker = Worker()
    worker.handler.handle(records(an_activity(verb=Verb.DELETE)))
    assert worker.scorer.asked == []
    assert len(worker.published()) == 1


def test_a_post_with_an_empty_text_is_unsure_and_not_lost() -> None:
    worker = Worker()
    worker.handler.handle(records(an_activity(text="")))
    (found,) = worker.published()
    assert found.classification is not None
    assert found.classification.unsure is True


def test_the_key_and_event_id_of_a_replayed_record_are_the_same() -> None:
    worker = Worker()
    batch = records(an_activity(text="support late", conversation_id="web:root"))
    worker.handler.handle(batch)
    worker.handler.handle(batch)
    first, second = worker.log.all(POSTS_CLASSIFIED.name)
    assert first.key == second.key == b"web:root"
    assert first.header("ce_id") == second.header("ce_id")
    assert first.value == second.value


def test_a_lost_broker_is_raised_so_that_the_loop_keeps_the_batch() -> None:
    worker = Worker()
    worker.publisher.failures = 1
    batch = records(an_activity("web:1", text="it one"), an_activity("web:2", text="it two"))
    with pytest.raises(TransientError):
        worker.handler.handle(batch)
    worker.handler.handle(batch)
    assert {each.id for each in worker.published()} == {"web:1", "web:2"}


def test_the_trace_of_a_post_goes_on_as_it_came_and_one_without_gets_its_own() -> None:
    worker, caller = Worker(), parse_trace("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01")
    traced, bare = encode_activity(an_activity("web:1"), Tracing(caller)), encode_activity(an_activity("web:2"))
    stripped = replace(bare, headers=bare.headers[:-1])
    worker.handler.handle([a_record(traced, 0), a_record(stripped, 1)])
    found = {record.header("ce_id"): trace_in(record.headers) for record in worker.log.all(POSTS_CLASSIFIED.name)}
    assert found[traced.headers[0][1]] == trace_in(traced.headers)
    assert found[bare.headers[0][1]] == trace_in(bare.headers)
