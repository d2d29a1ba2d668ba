"""The fast way from bytes to columns gives the rows of the contract's way, and accepts nothing the contract refuses."""

import json
from datetime import UTC, datetime
from typing import Any

import msgspec
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.metrics.core.columns import CHUNK, Plain, VersionBatch, plain, read
from services.metrics.core.rows import unstorable, version_row
from shared.contracts.activity import Actor, ClassifiedActivity, Direction, Surface, Verb
from shared.contracts.codec import decode, encode_activity, encode_classified
from shared.contracts.rejection import Rejection
from tests.builders import NOON, a_classification, an_activity, classified

TEXTS = st.one_of(st.none(), st.sampled_from(["", "web:1", "ünï ☃ \U0001f600", 'a"b\\c\n\u2028']), st.text(max_size=8))
TIMES = st.datetimes(datetime(1900, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis wants naive bounds
SHARES = st.floats(0, 1)
WRITTEN_TIMES = st.one_of(
    TIMES.map(datetime.isoformat),
    st.sampled_from([
        "2026-11-23T12:00:00.123Z", "2026-11-23T12:00:00.123456Z", "2026-11-23T12:00:00Z", "2026-02-30T12:00:00.123Z",
        "2026-11-23T24:00:00.123Z", "2026-11-23T12:00:60.123Z", "2026-11-23t12:00:00.123z",
        "2026-11-23T12:00:00.123+02:00",
        "2026-11-23T12:00:00.123", "2026-11-23 12:00:00.123Z", "2026-11-23T12:00:00.1234567Z", "1795435200", "",
        "never",
        "2026-13-23T12:00:00.123Z", "0000-11-23T12:00:00.123Z", "1969-11-23T12:00:00.123Z", "2300-11-23T12:00:00.123Z",
        "2026-11-23T12:00:00.123Z\n",
    ]),
    st.integers(-(10**12), 10**16),
    st.none(),
)  # fmt: skip
ODD = st.one_of(
    st.none(), st.booleans(), st.integers(-(2**70), 2**70), st.floats(), st.text(max_size=5),
    st.sampled_from(["1", "true", "create", "nope", "internal", 1.0, -0.0, 1e300, {}, [], ["a"], [1], {"id": "x"}]),
)  # fmt: skip


@st.composite
def heard(draw: st.DrawFn) -> ClassifiedActivity:
    activity = an_activity(
        draw(st.text(min_size=1, max_size=9)),
        verb=draw(st.sampled_from(list(Verb))),
        occurred_at=draw(TIMES),
        received_at=draw(TIMES),
        version=draw(st.integers(0, 2**62)),
        direction=draw(st.sampled_from(list(Direction))),
        surface=draw(st.sampled_from(list(Surface))),
        channel=draw(st.sampled_from(["web", "email", "bluesky", "ü"])),
        in_reply_to=draw(TEXTS),
        quotes=draw(TEXTS),
        account=draw(TEXTS),
        department=draw(TEXTS),
        text=draw(TEXTS),
    )
    actor = Actor(id=draw(st.text(max_size=5)), handle=draw(TEXTS), name=draw(TEXTS), followers=draw(
        st.one_of(st.none(), st.integers(-2, 2**64))))  # fmt: skip
    mentions = tuple(draw(st.lists(st.text(max_size=4), max_size=3)))
    activity = activity.model_copy(update={"actor": actor, "mentions": mentions, "language": draw(TEXTS)})
    made = a_classification(draw(st.text(max_size=4)), "question", "neutral", unsure=draw(st.booleans()))
    chosen = draw(st.sampled_from([None, made]))
    return ClassifiedActivity(**activity.model_dump(exclude={"classification"}), classification=chosen)


def the_contracts(value: bytes) -> VersionBatch | None:
    """Return the batch of one record as the contract has it, None where it rejects."""
    activity = decode(ClassifiedActivity, value, origin="t/0/1", at=NOON)
    if isinstance(activity, Rejection) or unstorable(activity, origin="t/0/1", raw=value, at=NOON):
        return None
    return VersionBatch.of_rows([version_row(activity)])


def assert_agrees(value: bytes) -> bool:
    """Compare the two ways; tells whether the fast one took the record."""
    batch, left = read([value])
    if left:
        assert len(batch) == 0
        return False
    expected = the_contracts(value)
    assert expected is not None, f"taken, but the contract refuses {value!r}"
    assert batch.table.equals(expected.table), (batch.table.to_pylist(), expected.table.to_pylist())
    return True


@given(heard())
def test_what_we_write_ourselves_has_the_same_row_either_way(activity: ClassifiedActivity) -> None:
    taken = assert_agrees(encode_classified(activity, key=b"k").value)
    assert taken == (the_contracts(encode_classified(activity, key=b"k").value) is not None)


@given(heard(), st.data())
def test_whatever_is_wrong_or_odd_in_a_field_is_never_taken_when_the_contract_refuses_it(
    activity: ClassifiedActivity, data: st.DataObject
) -> None:
    fields: dict[str, Any] = json.loads(encode_classified(activity, key=b"k").value)
    name = data.draw(st.sampled_from([*fields, "unknown"]))
    odd = WRITTEN_TIMES if name.endswith("_at") else ODD
    target = fields
    if name in {"actor", "classification"} and isinstance(fields[name], dict) and data.draw(st.booleans()):
        target = fields[name]
        name = data.draw(st.sampled_from([*target, "unknown"]))
    if data.draw(st.booleans()):
        target[name] = data.draw(odd)
    else:
        target.pop(name, None)
    assert_agrees(json.dumps(fields).encode())


@given(heard(), st.binary(max_size=3), st.data())
def test_broken_bytes_are_never_taken_when_the_contract_refuses_them(
    activity: ClassifiedActivity, broken: bytes, data: st.DataObject
) -> None:
    value = encode_classified(activity, key=b"k").value
    at = data.draw(st.integers(0, len(value)))
    assert_agrees(value[:at] + broken + value[at + data.draw(st.integers(0, 3)) :])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"text":"my order has not arrived"', b'"text":"\\ud800"'),
        (b'"text":"my order has not arrived"', b'"text":"\xff"'),
        (b'"text":"my order has not arrived"', b'"text":"a\x01b"'),
        (b'"text":"my order has not arrived"', b'"text":"one","text":"two"'),
        (b'"text":"my order has not arrived"', b'"text":"a","more":' + b"[" * 500 + b"]" * 500),
        (b'"probability":0.9', b'"probability":1'),
        (b'"probability":0.9', b'"probability":NaN'),
        (b'"probability":0.9', b'"probability":0.1234567890123456789012345'),
        (b'"unsure":false', b'"unsure":0'),
        (b'"mentions":[]', b'"mentions":null'),
        (b'"actor":', b'"actor":null,"actor":'),
        (b"{", b"\xef\xbb\xbf{"),
        (b'"verb":"create"', b'"verb":"CREATE"'),
    ],
)
def test_a_value_written_in_an_unusual_way_agrees(old: bytes, new: bytes) -> None:
    value = encode_classified(classified(an_activity()), key=b"k").value
    assert old in value
    assert_agrees(value.replace(old, new, 1))


def test_the_plain_form_has_the_fields_of_the_contract() -> None:
    """A field that only the contract knows would send every record the slow way."""
    assert {each.name for each in msgspec.structs.fields(Plain)} == set(ClassifiedActivity.model_fields)


def test_what_the_services_write_is_taken_fast_and_the_rest_keeps_its_place() -> None:
    like = encode_activity(an_activity("web:l", verb=Verb.LIKE)).value
    post = encode_classified(classified(an_activity()), key=b"k").value
    assert plain(like).id == "web:l"
    values = [like, b"nonsense", post, None] * CHUNK
    batch, left = read(values)
    assert left == [place for place in range(len(values)) if place % 4 in {1, 3}]
    assert batch.positions.tolist() == [place for place in range(len(values)) if place % 4 in {0, 2}]
    assert batch.table["id"].to_pylist() == ["web:l", "web:1"] * CHUNK


def test_one_time_written_in_another_way_sends_its_neighbours_to_the_contract_and_no_other() -> None:
    value = encode_classified(classified(an_activity()), key=b"k").value
    odd = value.replace(b"2026-11-23T12:00:00.000Z", b"2026-11-23T12:00:00Z")
    batch, left = read([*[value] * CHUNK, value, odd])
    assert (len(batch), left) == (CHUNK, [CHUNK, CHUNK + 1])


def test_no_records_are_an_empty_batch() -> None:
    batch, left = read([])
    assert (len(batch), left, batch.touched.tolist()) == (0, [], [])
    assert pa.types.is_timestamp(batch.table["occurred_at"].type)
