"""Reads many submissions at once, lines or parsed items, into records to publish and rejections to keep."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from services.ingest.core.fields import InvalidField
from services.ingest.core.lines import LINE_BYTES, Line
from services.ingest.core.parsing import parse
from services.ingest.core.submission import Reading, read_submission, rejection_of
from services.ingest.core.wire import RECORD_BYTES, encode_fields
from shared.contracts.codec import Outgoing
from shared.contracts.rejection import Reason, Rejection


@dataclass(frozen=True)
class Rejected:
    """A rejection and the number of the item or line it is about."""

    number: int
    rejection: Rejection


@dataclass
class Batch:
    """What a number of submissions came to."""

    accepted: list[Outgoing] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)


def read_lines(lines: Iterable[Line], reading: Reading) -> Batch:
    """Return what NDJSON lines come to, in their order."""
    batch = Batch()
    for line in lines:
        try:
            item = _parsed(line)
        except InvalidField as wrong:
            batch.rejected.append(Rejected(line.number, rejection_of(wrong, line.content, line.number, reading)))
            continue
        _read_into(batch, item, line.number, reading)
    return batch


def read_items(items: Sequence[object], first_number: int, reading: Reading) -> Batch:
    """Return what parsed JSON values come to, in their order."""
    batch = Batch()
    for number, item in enumerate(items, start=first_number):
        _read_into(batch, item, number, reading)
    return batch


def _parsed(line: Line) -> object:
    if not line.whole:
        raise InvalidField(Reason.TOO_LONG, "", f"expected a line of at most {LINE_BYTES} bytes")
    return parse(line.content, "")


def _read_into(batch: Batch, item: object, number: int, reading: Reading) -> None:
    outcome = read_submission(item, number, reading)
    if isinstance(outcome, Rejection):
        batch.rejected.append(Rejected(number, outcome))
        return
    record = encode_fields(outcome, reading.tracing)
    if len(record.value) + len(record.key) > RECORD_BYTES:
        wrong = InvalidField(
            Reason.TOO_LONG, "", f"expected a record of at most {RECORD_BYTES} bytes, found {len(record.value)}"
        )
        batch.rejected.append(Rejected(number, rejection_of(wrong, record.value, number, reading)))
        return
    batch.accepted.append(record)
