"""Batches: when they are due, what they hold, what may be committed."""

from hypothesis import given
from hypothesis import strategies as st

from shared.stream.batching import Batch, BatchPolicy, committable
from shared.stream.ports import Partition, Record

POLICY = BatchPolicy(max_records=3, max_bytes=100, max_age_seconds=2)


def record(offset: int, *, partition: int = 0, size: int = 1) -> Record:
    return Record(Partition("t", partition), offset, b"k", b"v" * size)


records = st.builds(record, st.integers(0, 1_000), partition=st.integers(0, 3), size=st.integers(0, 60))


def test_an_empty_batch_is_never_due() -> None:
    assert not Batch(POLICY).due(now=1e9)


def test_a_batch_is_due_by_count() -> None:
    batch = Batch(POLICY)
    batch.add([record(0), record(1)], now=0)
    assert not batch.due(now=1.9)
    batch.add([record(2)], now=1)
    assert batch.due(now=1)
    assert batch.room() == 0


def test_a_batch_is_due_by_bytes() -> None:
    batch = Batch(POLICY)
    batch.add([record(0, size=100)], now=0)
    assert batch.due(now=0)


def test_a_batch_is_due_by_the_age_of_its_oldest_record() -> None:
    batch = Batch(POLICY)
    batch.add([record(0)], now=5)
    batch.add([record(1)], now=6.9)
    assert not batch.due(now=6.9)
    assert batch.seconds_until_due(now=6.5) == 0.5
    assert batch.due(now=7)


@given(st.lists(records, max_size=40), st.frozensets(st.integers(0, 3)))
def test_dropping_partitions_keeps_everything_else_in_order(added: list[Record], gone: frozenset[int]) -> None:
    batch = Batch(BatchPolicy(1_000, 1 << 20, 1))
    batch.add(added, now=0)
    dropped = batch.drop(frozenset(Partition("t", number) for number in gone))
    kept = [each for each in added if each.partition.number not in gone]
    assert batch.records == kept
    assert dropped == [each for each in added if each.partition.number in gone]
    assert batch.size_bytes == sum(len(each.value or b"") for each in kept)
    assert batch.due(now=10) == bool(kept)


@given(st.lists(records, max_size=40))
def test_what_is_committable_is_one_past_the_highest_offset_of_each_partition(added: list[Record]) -> None:
    offsets = committable(added)
    assert set(offsets) == {each.partition for each in added}
    for each in added:
        assert offsets[each.partition] > each.offset
        assert any(other.partition == each.partition and other.offset + 1 == offsets[each.partition] for other in added)
