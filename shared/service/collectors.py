"""Prometheus collectors the library lacks: a histogram fed by whole batches, and a counter read from a function."""

import threading
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector


class BatchHistogram(Collector):
    """One histogram with one label; `observe` costs a bisection per value and one lock per batch."""

    def __init__(
        self, name: str, meaning: str, label: str, *, buckets: Sequence[float], registry: CollectorRegistry
    ) -> None:
        self._labelnames = (label,)
        self._name = name
        self._meaning = meaning
        self._buckets = tuple(buckets)
        self._counts: dict[str, list[int]] = defaultdict(lambda: [0] * (len(self._buckets) + 1))
        self._sums: dict[str, float] = defaultdict(float)
        self._lock = threading.Lock()
        registry.register(self)

    def observe(self, label: str, values: Iterable[float]) -> None:
        """Count values under a label."""
        held = list(values)
        found = Counter([bisect_left(self._buckets, value) for value in held])
        with self._lock:
            counts = self._counts[label]
            for index, number in found.items():
                counts[index] += number
            self._sums[label] += sum(held)

    def describe(self) -> list[HistogramMetricFamily]:
        """Return the family without values."""
        return [HistogramMetricFamily(self._name, self._meaning, labels=self._labelnames)]

    def collect(self) -> list[HistogramMetricFamily]:
        """Return the family with all values."""
        family = HistogramMetricFamily(self._name, self._meaning, labels=self._labelnames)
        with self._lock:
            for label, counts in self._counts.items():
                total, buckets = 0, []
                for bound, number in zip([*map(str, map(float, self._buckets)), "+Inf"], counts, strict=True):
                    total += number
                    buckets.append((bound, total))
                family.add_metric([label], buckets, self._sums[label])
        return [family]


class ReadCounter(Collector):
    """A counter that somebody else keeps; read when Prometheus asks."""

    def __init__(self, name: str, meaning: str, read: Callable[[], float], registry: CollectorRegistry) -> None:
        self._labelnames = ()
        self._name = name.removesuffix("_total")
        self._meaning = meaning
        self._read = read
        registry.register(self)

    def describe(self) -> list[CounterMetricFamily]:
        """Return the family without its value."""
        return [CounterMetricFamily(self._name, self._meaning)]

    def collect(self) -> list[CounterMetricFamily]:
        """Return the family with its value."""
        return [CounterMetricFamily(self._name, self._meaning, value=self._read())]
