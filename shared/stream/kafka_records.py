"""Unpacks fetched batches into our Records: headers only when somebody asks, and no object in between.

kafka-python's own reader decodes each header and builds two records per record, two thirds of what consuming costs.
This one takes the place of its `PartitionRecords` in one consumer (`read_leanly`); batches, checksums, compression,
positions and the fetching itself stay the library's. tests/contract holds it on Tansu and on Apache Kafka.
"""

import itertools
from collections.abc import Iterator
from typing import Any

from kafka.consumer.fetcher import Fetcher
from kafka.errors import CorruptRecordError, UnsupportedVersionError

from shared.contracts.codec import Headers
from shared.stream.headers import LazyHeaders, varint
from shared.stream.ports import Partition, Record


def unpacked(data: bytes, at: int, count: int, base_offset: int, partition: Partition) -> Iterator[Record]:
    """Give the records of one uncompressed batch (message format 2). Raises CorruptRecordError."""
    try:
        for _ in range(count):
            size, at = varint(data, at)
            end = at + size
            at += 1  # attributes, unused by the format
            while data[at] & 0x80:  # the timestamp, which nobody here reads
                at += 1
            delta, at = varint(data, at + 1)
            size, at = varint(data, at)
            key = data[at : at + size] if size > 0 else b""
            size, at = varint(data, at + max(0, size))
            value = data[at : at + size] if size >= 0 else None
            at += max(0, size)
            if at >= end or end > len(data):
                raise CorruptRecordError(f"a record of {partition} ends before its headers or after its batch")
            # 0 as the number of headers is what a record without any ends with.
            headers: Headers = () if at + 1 == end else LazyHeaders(data[at:end])
            yield Record(partition, base_offset + delta, key, value, headers)
            at = end
    except IndexError as error:
        raise CorruptRecordError(f"a record of {partition} is cut short") from error


class LeanPartitionRecords(Fetcher.PartitionRecords):  # type: ignore[misc]  # the library is untyped
    """The records of one fetched partition; `take` gives ours instead of the library's."""

    def _unpack_records(self, tp: Any, records: Any, _key: object, _value: object) -> Iterator[Record]:
        partition = Partition(tp.topic, tp.partition)
        while records.has_next():
            batch = records.next_batch()
            if batch.magic != 2:
                raise UnsupportedVersionError(f"{partition} holds records of message format {batch.magic}, not 2")
            if self.check_crcs and not batch.validate_crc():
                raise CorruptRecordError(f"a batch of {partition} at offset {batch.base_offset} has a wrong checksum")
            self.leader_epoch = batch.leader_epoch
            if not batch.is_control_batch:
                yield from self._of_batch(batch, partition)
            self.next_fetch_offset = batch.next_offset
        self.drain()

    def _of_batch(self, batch: Any, partition: Partition) -> Iterator[Record]:
        iter(batch)  # decompresses it
        data = bytes(batch._buffer)  # noqa: SLF001  # the one thing the library does not offer
        first = batch._pos  # noqa: SLF001
        self.bytes_read += len(data)
        self.records_read += batch.records_count
        for record in unpacked(data, first, batch.records_count, batch.base_offset, partition):
            self.next_fetch_offset = record.offset + 1
            yield record


def read_leanly(consumer: Any) -> None:
    """Let a consumer give our Records from its next poll on."""
    consumer._fetcher.PartitionRecords = LeanPartitionRecords  # noqa: SLF001  # contract-tested; pinned below 3.1


def flat(polled: dict[Any, list[Record]]) -> list[Record]:
    """Return what a lean consumer polled, as one list."""
    return list(itertools.chain.from_iterable(polled.values()))
