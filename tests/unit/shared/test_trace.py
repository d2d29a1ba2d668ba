"""Traces of records: W3C traceparent in and out, made from the record alone, and logged where they are sampled."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.trace import Tracing, parse_trace

EVENT = "4bf92f3577b34da6a3ce929d0e0e4736"
CALLER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def test_a_record_without_a_caller_gets_a_trace_made_of_its_event_id() -> None:
    trace = Tracing(share=1).trace(EVENT)
    assert str(trace) == f"00-{EVENT}-{EVENT[:16]}-01"
    assert Tracing(share=1).trace(EVENT) == trace


def test_a_caller_is_followed_in_a_span_of_the_record() -> None:
    trace = Tracing(parse_trace(CALLER)).trace(EVENT)
    assert (trace.id, trace.span, trace.sampled) == ("0af7651916cd43dd8448eb211c80319c", EVENT[:16], True)


@pytest.mark.parametrize(
    "malformed",
    [
        "", "00", CALLER + "-more", CALLER.upper(), "ff" + CALLER[2:],
        CALLER.replace("0af7651916cd43dd8448eb211c80319c", "0" * 32),
        CALLER.replace("b7ad6b7169203331", "0" * 16), CALLER[:-1], "\N{ARABIC-INDIC DIGIT ZERO}0" + CALLER[2:],
    ],
)  # fmt: skip
def test_what_is_no_traceparent_is_none(malformed: str) -> None:
    assert parse_trace(malformed) is None


def test_a_later_version_may_have_more_parts() -> None:
    trace = parse_trace(b"cc" + CALLER[2:].encode() + b"-what-comes")
    assert trace is not None
    assert trace.sampled


@given(st.text() | st.binary())
def test_no_header_breaks_anything(header: str | bytes) -> None:
    trace = parse_trace(header)
    assert trace is None or parse_trace(str(trace)) == trace


@given(st.uuids())
def test_the_share_decides_by_the_record_alone(event: object) -> None:
    name = str(event).replace("-", "")
    assert Tracing(share=1).trace(name).sampled
    assert not Tracing(share=0).trace(name).sampled
    if Tracing(share=0.1).trace(name).sampled:
        assert Tracing(share=0.2).trace(name).sampled
