"""The lean reader gives what the library's own reader gives, and refuses what it refuses."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatch, DefaultRecordBatchBuilder

from shared.stream.headers import LazyHeaders
from shared.stream.kafka_records import unpacked
from shared.stream.ports import Partition, Record

PARTITION = Partition("t", 3)
LZ4, NONE = 3, 0
TEXTS = st.text(max_size=5)
WRITTEN = st.lists(
    st.tuples(
        st.one_of(st.none(), st.binary(max_size=200)),
        st.one_of(st.none(), st.binary(max_size=300)),
        st.lists(st.tuples(TEXTS, st.binary(max_size=9)), max_size=4),
        st.integers(0, 2**40),
    ),
    min_size=1,
    max_size=8,
)


def a_batch(written: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]], int]], codec: int) -> bytes:
    builder = DefaultRecordBatchBuilder(2, codec, False, -1, -1, -1, 1 << 20)
    for offset, (key, value, headers, at) in enumerate(written):
        builder.append(offset, at, key, value, headers)
    return bytes(builder.build())


def read_leanly(raw: bytes) -> list[Record]:
    batch = DefaultRecordBatch(raw)
    iter(batch)
    return list(unpacked(bytes(batch._buffer), batch._pos, batch.records_count, batch.base_offset, PARTITION))


@given(WRITTEN, st.sampled_from([LZ4, NONE]))
def test_what_the_library_reads_is_what_we_read(
    written: list[tuple[bytes | None, bytes | None, list[tuple[str, bytes]], int]], codec: int
) -> None:
    raw = a_batch(written, codec)
    expected = [
        Record(PARTITION, each.offset, each.key or b"", each.value, tuple(each.headers))
        for each in DefaultRecordBatch(raw)
    ]
    assert read_leanly(raw) == expected


def test_a_batch_that_is_cut_short_is_refused() -> None:
    raw = a_batch([(b"key", b"value" * 40, [("ce_id", b"1")], 5)] * 3, NONE)
    batch = DefaultRecordBatch(raw)
    for end in (batch._pos + 1, len(raw) // 2, len(raw) - 1):
        with pytest.raises(CorruptRecordError):
            list(unpacked(raw[:end], batch._pos, 3, 0, PARTITION))


def test_headers_are_found_without_decoding_them() -> None:
    headers = read_leanly(a_batch([(b"k", b"v", [("trace", b"00-ab-01")], 5)], NONE))[0].headers
    assert isinstance(headers, LazyHeaders)
    assert (headers.may_hold(b"-01"), headers.may_hold(b"-00")) == (True, False)
    assert (len(headers), headers[0], list(headers)) == (1, ("trace", b"00-ab-01"), [("trace", b"00-ab-01")])
