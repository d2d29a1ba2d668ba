"""Posts per second of the real classify loop, Kafka in to Kafka out, on the embedded broker; and where the work goes.

Real posts, no two alike, wait on posts.received.v1; the service's own loop, source, handler and publisher take them to
posts.classified.v1. Processor time stands beside the clock's, for other programs disturb the latter more.
Run: python -m tests.performance.bench_classify_pipe
"""

import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from services.classify.core.labels import Heads
from services.classify.core.ports import Scores
from services.classify.core.transform import classified
from services.classify.model.linear_scorer import LinearScorer
from services.classify.model.onnx_scorer import open_onnx_scorer
from services.classify.settings import SHIPPED_ARTEFACT, ClassifySettings
from services.classify.worker import ClassifyHandler
from shared.clock import utc_now
from shared.contracts.activity import Activity
from shared.contracts.codec import Outgoing, decode, encode_activity, encode_classified
from shared.contracts.topics import POSTS_RECEIVED, TOPICS
from shared.service.telemetry import Telemetry
from shared.service.watch import LoopWatch
from shared.stream.batching import BatchPolicy
from shared.stream.kafka import KafkaAddress, KafkaAdmin, KafkaPublisher, KafkaSource
from shared.stream.loop import Loop
from tests.builders import NOON, an_activity
from tests.conftest import running_broker
from tests.performance.bench_classify import SHARED, real_texts

POSTS: Final = 6_000
BUDGET: Final = 1_500


def received(texts: list[str]) -> list[Outgoing]:
    """Return the records of the posts as ingest writes them."""
    return [encode_activity(an_activity(f"web:{n}", text=text)) for n, text in enumerate(texts)]


@dataclass
class TimedScorer:
    """Implements Scorer around the shipped one, and adds up the processor time of its calls."""

    scorer: LinearScorer
    seconds: float = 0.0

    @property
    def model(self) -> str:
        """See Scorer.model."""
        return self.scorer.model

    @property
    def heads(self) -> Heads:
        """See Scorer.heads."""
        return self.scorer.heads

    @property
    def card(self) -> Mapping[str, Any]:
        """See Scorer.card."""
        return self.scorer.card

    def score(self, texts: Sequence[str]) -> Sequence[Scores]:
        """See Scorer.score."""
        began = time.process_time()
        found = self.scorer.score(texts)
        self.seconds += time.process_time() - began
        return found


def codec_seconds(records: list[Outgoing]) -> float:
    """Return the processor time of reading and writing the records' JSON and headers."""
    began = time.process_time()
    for record in records:
        activity = decode(Activity, record.value, origin="bench", at=NOON)
        if isinstance(activity, Activity):
            encode_classified(classified(activity, None), key=record.key)
    return time.process_time() - began


def piped(servers: str, records: list[Outgoing]) -> tuple[float, float, float]:
    """Return seconds from start to last commit: by the clock, of the processor, and of it for scoring."""
    address = KafkaAddress(servers, "bench", alone=True)
    admin, publisher = KafkaAdmin(address), KafkaPublisher(address)
    admin.create(TOPICS)
    for start in range(0, len(records), 2_000):
        publisher.publish(records[start : start + 2_000])
    scorer = TimedScorer(open_onnx_scorer(SHIPPED_ARTEFACT, threads=0, remembered_texts=0))
    scorer.scorer.score(["warm up"])
    held = ClassifySettings()
    policy = BatchPolicy(held.batch_max_records, held.batch_max_bytes, held.batch_max_age_seconds)
    handler = ClassifyHandler(scorer, publisher, utc_now)
    source = KafkaSource(address, "classify", [POSTS_RECEIVED.name])
    loop = Loop(source, handler, publisher, policy, time.monotonic, LoopWatch(Telemetry("bench"), "classify"))
    stop = threading.Event()
    thread = threading.Thread(target=loop.run, args=(stop,))
    began, worked = time.monotonic(), time.process_time()
    thread.start()
    while loop.progress.handled < len(records) and thread.is_alive():
        time.sleep(0.01)
    took = time.monotonic() - began, time.process_time() - worked, scorer.seconds
    stop.set()
    thread.join()
    publisher.close()
    admin.close()
    return took


def main() -> None:
    """Measure and print."""
    if not (SHARED / "data").is_dir():
        print(f"no real texts: {SHARED}/data is missing; set EARSHOT_TEST_SHARED")
        return
    texts = real_texts(POSTS)
    records = received(texts)
    codec = codec_seconds(records)
    with tempfile.TemporaryDirectory() as folder, running_broker(Path(folder)) as servers:
        clock, worked, scoring = piped(servers, records)
    each = 1e6 / len(records)
    print(
        f"classify, {len(records)} real posts, Kafka to Kafka: {len(records) / clock:,.0f} posts/s (budget {BUDGET:,})"
    )
    print(f"processor time: {worked * each:,.0f} µs a post, {2 * len(records) / worked:,.0f} posts/s on two idle cores")
    other = worked - scoring - codec
    print(
        f"  scoring {scoring * each:,.0f} µs, JSON {codec * each:,.0f} µs, Kafka client and loop {other * each:,.0f} µs"
    )
    print(f"share that is not scoring: {1 - scoring / worked:.0%}")


if __name__ == "__main__":
    main()
