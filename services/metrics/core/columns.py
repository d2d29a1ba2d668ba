"""From the bytes of many records to the columns of `versions` at once: the common form fast, all others as before.

A record is decoded here only where it has exactly the fields of the contract, each of its plain JSON type, and times as
we write them; msgspec accepts nothing that the contract would not. Whatever else comes takes the slow way through the
contract itself, which alone says what is rejected and why. tests/unit/metrics/test_columns.py holds both against it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from operator import attrgetter
from typing import Annotated, Any, Final, Literal

import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from services.metrics.core.kinds import kind
from services.metrics.core.rows import (
    EARLIEST,
    LATEST,
    MAX_FOLLOWERS,
    MAX_VERSION,
    MINUTE_MICROSECONDS,
    VERSION_COLUMNS,
    Row,
    microseconds,
)
from shared.contracts.activity import (
    REMOVAL_VERBS,
    TRIAGE,
    Activity,
    Actor,
    Direction,
    Verb,
    channel_class,
    version_rank,
)

_NUMBERS: Final[dict[str, pa.DataType]] = {
    "id_hash": pa.uint64(), "version_order": pa.uint64(), "removal": pa.uint8(), "minute": pa.uint32(),
    "occurred_at": pa.timestamp("us", "UTC"), "received_at": pa.timestamp("us", "UTC"), "version": pa.uint64(),
    "actor_hash": pa.uint64(), "actor_followers": pa.uint64(), "parent_hash": pa.uint64(),
    "mentions": pa.list_(pa.string()), "department_probability": pa.float32(), "intent_probability": pa.float32(),
    "sentiment_probability": pa.float32(), "unsure": pa.uint8(),
}  # fmt: skip
SCHEMA: Final = pa.schema([pa.field(name, _NUMBERS.get(name, pa.string())) for name in VERSION_COLUMNS])
_OUR_TIME: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.([0-9]{3}){1,2}Z$"
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Strict(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    """No field but ours: what else a value may hold, the contract judges."""


class _Actor(_Strict):
    id: str
    handle: str | None = None
    name: str | None = None
    followers: Annotated[int, msgspec.Meta(ge=0, le=MAX_FOLLOWERS - 1)] | None = None


class _Label(_Strict):
    label: str
    probability: Share


class _Classification(_Strict):
    model: str
    department: _Label
    intent: _Label
    sentiment: _Label
    unsure: bool


class Plain(_Strict):
    """An activity in the form we write it ourselves; the fields are those of ClassifiedActivity."""

    id: str
    verb: Literal["create", "update", "delete", "announce", "like", "follow", "undo"]
    version: Annotated[int, msgspec.Meta(ge=0, le=MAX_VERSION - 1)]
    channel: str
    direction: Literal["outbound", "inbound", "ambient"]
    source: str
    occurred_at: str
    received_at: str
    actor: _Actor
    object_id: str | None = None
    surface: Literal["public", "internal"] = "public"
    text: str | None = None
    language: str | None = None
    url: str | None = None
    conversation_id: str | None = None
    in_reply_to: str | None = None
    quotes: str | None = None
    mentions: list[str] = []
    snapshots: Annotated[list[int], msgspec.Meta(max_length=0)] = []
    """Whoever brings any goes the slow way."""
    account: str | None = None
    department: str | None = None
    classification: _Classification | None = None


plain: Final = msgspec.json.Decoder(Plain).decode
"""Decodes a value in our form; raises msgspec.DecodeError, ValidationError (its kind) or TypeError for every other."""

_Traits = tuple[str, int, int, bool]
_fields: Final = attrgetter(
    "id", "verb", "direction", "version", "object_id", "channel", "surface", "source", "text", "language", "url",
    "conversation_id", "in_reply_to", "quotes", "mentions", "account", "department", "occurred_at", "received_at",
)  # fmt: skip
_actor_fields: Final = attrgetter("id", "handle", "name", "followers")
_Columns = dict[str, Any]
CHUNK: Final = 4_096
"""Records turned into columns at a time: what they are made of stays in the processor's cache."""


@dataclass(frozen=True)
class VersionBatch:
    """Versions as columns of `versions`, all but `heard`; `positions` say in which order they were heard."""

    table: pa.Table
    positions: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return int(self.table.num_rows)

    @classmethod
    def of_rows(cls, rows: Sequence[Row], positions: Sequence[int] | None = None) -> "VersionBatch":
        """Return a batch of rows, heard in their order unless their positions say another."""
        columns: Iterable[Sequence[Any]] = zip(*rows, strict=True) if rows else [()] * len(SCHEMA)
        arrays = [pa.array(column, field.type) for column, field in zip(columns, SCHEMA, strict=True)]
        order = range(len(rows)) if positions is None else positions
        return cls(pa.Table.from_arrays(arrays, schema=SCHEMA), np.array(order, dtype=np.int64))

    @classmethod
    def together(cls, *batches: "VersionBatch") -> "VersionBatch":
        """Return the rows of all batches, each at its position."""
        positions = np.concatenate([each.positions for each in batches])
        return cls(pa.concat_tables([each.table for each in batches]), positions)

    @property
    def touched(self) -> npt.NDArray[np.uint64]:
        """Return the distinct id hashes."""
        found: npt.NDArray[np.uint64] = np.unique(self.table["id_hash"].to_numpy())
        return found

    @property
    def received_us(self) -> npt.NDArray[np.int64]:
        """Return when each row was received, in microseconds since 1970."""
        return self._ticks("received_at")

    @property
    def occurred_us(self) -> npt.NDArray[np.int64]:
        """Return when each act happened, in microseconds since 1970."""
        return self._ticks("occurred_at")

    def _ticks(self, column: str) -> npt.NDArray[np.int64]:
        found: npt.NDArray[np.int64] = self.table[column].cast(pa.int64()).to_numpy()
        return found


def read(values: Sequence[bytes | None]) -> tuple[VersionBatch, list[int]]:
    """Return the versions in records' values, and the positions of those that the contract has to judge."""
    batches, left = [], []
    for first in range(0, len(values), CHUNK):
        batch, odd = _read(values[first : first + CHUNK], first)
        batches.append(batch)
        left += odd
    return (VersionBatch.together(*batches) if batches else VersionBatch.of_rows([])), left


def _read(values: Sequence[bytes | None], first: int) -> tuple[VersionBatch, list[int]]:
    found: list[Plain] = []
    positions: list[int] = []
    left: list[int] = []
    for position, value in enumerate(values, first):
        try:
            found.append(plain(value))  # type: ignore[arg-type]  # None is a TypeError, which is left as well
        except (msgspec.DecodeError, TypeError, UnicodeError, RecursionError):
            left.append(position)
        else:
            positions.append(position)
    if not found:
        return VersionBatch.of_rows([]), left
    held = dict(zip(_FIELDS, zip(*map(_fields, found), strict=True), strict=True))
    times = [_times(held[name]) for name in ("occurred_at", "received_at")]
    if any(each is None for each in times):
        # Somebody wrote a time in another way. Rare enough to ask the contract about all of them.
        return VersionBatch.of_rows([]), list(range(first, first + len(values)))
    table = _table(found, held, *times)
    return VersionBatch(table, np.array(positions, dtype=np.int64)), left


_FIELDS: Final = (
    "id", "verb", "direction", "version", "object_id", "channel", "surface", "source", "text", "language", "url",
    "conversation_id", "in_reply_to", "quotes", "mentions", "account", "owner_department", "occurred_at", "received_at",
)  # fmt: skip


def _times(texts: Sequence[str]) -> pa.Array | None:
    """Return instants, or None where one of them is not written as we write it or no column can hold it."""
    written = pa.array(texts, pa.string())
    if not pc.all(pc.match_substring_regex(written, _OUR_TIME)).as_py():
        return None
    try:
        times = pc.cast(written, pa.timestamp("us", "UTC"))
    except pa.ArrowInvalid:
        return None
    ticks = times.cast(pa.int64()).to_numpy()
    return times if ticks.min() >= _EARLIEST_US and ticks.max() < _LATEST_US else None


def _table(found: Sequence[Plain], held: _Columns, occurred: pa.Array, received: pa.Array) -> pa.Table:
    traits = [
        _TRAITS[verb, direction, not parent, not quotes, not account]
        for verb, direction, parent, quotes, account in zip(
            held["verb"], held["direction"], held["in_reply_to"], held["quotes"], held["account"], strict=True
        )
    ]
    kinds, removals, ranks, ours = zip(*traits, strict=True)
    actors = zip(*map(_actor_fields, [each.actor for each in found]), strict=True)
    held["actor_id"], held["actor_handle"], held["actor_name"], held["actor_followers"] = actors
    channels = held["channel"]
    versions = np.array(held["version"], dtype=np.uint64)
    minutes = occurred.cast(pa.int64()).to_numpy() // MINUTE_MICROSECONDS * 60
    held |= {
        "id_hash": _hashes(held["id"]),
        "version_order": versions * np.uint64(4) + np.array(ranks, dtype=np.uint64),
        "removal": removals,
        "kind": kinds,
        "minute": minutes.astype(np.uint32),
        "occurred_at": occurred,
        "received_at": received,
        "version": versions,
        "channel_class": [_CLASSES[each] for each in channels],
        "actor_hash": _hashes([f"{name}\n{id_}" for name, id_ in zip(channels, held["actor_id"], strict=True)]),
        "parent_hash": _parents(held["in_reply_to"]),
    }
    held |= dict(zip(_LABELS, zip(*map(_labels, found, ours), strict=True), strict=True))
    return pa.Table.from_arrays([_array(held[field.name], field.type) for field in SCHEMA], schema=SCHEMA)


def _array(values: Any, form: pa.DataType) -> pa.Array:  # noqa: ANN401  # whatever pyarrow takes
    if isinstance(values, pa.Array):
        return values
    found = pa.array(values, form)
    return found.fill_null("") if found.null_count and form == pa.string() else found


def _hashes(texts: Iterable[str]) -> npt.NDArray[np.uint64]:
    """Return rows.hash64 of each text."""
    digests = b"".join([blake2b(each.encode(), digest_size=8).digest() for each in texts])
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64)


def _parents(ids: Sequence[str | None]) -> npt.NDArray[np.uint64]:
    none = bytes(8)
    digests = b"".join([blake2b(each.encode(), digest_size=8).digest() if each else none for each in ids])
    return np.frombuffer(digests, dtype=">u8").astype(np.uint64)


_LABELS: Final = (
    "department", "department_label", "department_probability", "intent", "intent_probability", "sentiment",
    "sentiment_probability", "unsure", "model",
)  # fmt: skip


def _labels(found: Plain, ours: bool) -> Row:  # noqa: FBT001  # mapped over columns
    """Return rows.labels of the plain form."""
    made = found.classification
    if made is None:
        return (found.department or "", "", 0.0, "", 0.0, "", 0.0, 0, "")
    label = made.department
    desk = TRIAGE if made.unsure else label.label
    return (
        (found.department or "") if ours else desk, label.label, label.probability,
        made.intent.label, made.intent.probability, made.sentiment.label, made.sentiment.probability,
        int(made.unsure), made.model,
    )  # fmt: skip


class _TraitsTable(dict[tuple[str, str, bool, bool, bool], _Traits]):
    """What follows from a few fields together, worked out by the same functions as for one activity, once each."""

    def __missing__(self, key: tuple[str, str, bool, bool, bool]) -> _Traits:
        verb, direction = Verb(key[0]), Direction(key[1])
        parent, quotes, account = (None if missing else "x" for missing in key[2:])
        activity = Activity(
            id="", verb=verb, version=0, channel="", direction=direction, source="", occurred_at=EARLIEST,
            received_at=EARLIEST, actor=Actor(id=""), in_reply_to=parent, quotes=quotes, account=account,
        )  # fmt: skip
        counted_as = kind(activity)
        owners = direction is Direction.OUTBOUND or not counted_as.value
        self[key] = found = (counted_as.value, int(verb in REMOVAL_VERBS), int(version_rank(verb)), owners)
        return found


class _ClassesTable(dict[str, str]):
    def __missing__(self, channel: str) -> str:
        found = channel_class(channel).value
        if len(self) < _REMEMBERED:
            self[channel] = found
        return found


_REMEMBERED: Final = 10_000
_TRAITS: Final = _TraitsTable()
_CLASSES: Final = _ClassesTable()
_EARLIEST_US: Final = microseconds(EARLIEST)
_LATEST_US: Final = microseconds(LATEST)
