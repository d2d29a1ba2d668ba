"""What sources listen for and how: accounts, tracked terms, TIDs, positions and pace."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.ingest.automaton import AutomatonTermFinder
from services.ingest.core.addressing import Accounts, Act
from services.ingest.core.fields import EPOCH
from services.ingest.core.jetstream import Event, Kind
from services.ingest.core.pace import Pace
from services.ingest.core.position import Position, cursor_for, load_position, was_clamped
from services.ingest.core.tid import ALPHABET, tid_microseconds
from services.ingest.core.times import declared_instant
from shared.contracts.activity import Direction, Surface
from shared.contracts.configuration import Account


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I love Acme!", {"acme"}),
        ("ACME, acme and AcMe", {"acme"}),
        ("acmes and unacme", set()),
        ("acme_shop", set()),
        ("acme-shop", {"acme"}),
        ("#acme @acme", {"acme"}),
        ("the acme\n cloud is down", {"acme", "Acme Cloud"}),
        ("ACME CLOUDS", {"acme"}),
        ("Straße und STRASSE", {"straße"}),
        ("ｆｕｌｌ ｗｉｄｔｈ acme", {"acme"}),
        ("東京都の天気", {"東京"}),
        ("we use C++ here", {"C++"}),
        ("C++17 too", {"C++"}),
        ("café", {"café"}),
        ("cafe\u0301", {"café"}),
        ("", set()),
    ],
)
def test_terms_are_whole_words_in_any_case(text: str, found: set[str]) -> None:
    finder = AutomatonTermFinder(["acme", "Acme Cloud", "straße", "東京", "C++", "café"])
    assert finder.found(text) == found


def test_a_term_inside_another_is_found_too() -> None:
    finder = AutomatonTermFinder(["acme cloud storage", "cloud", "loud"])
    assert finder.found("my acme cloud storage") == {"acme cloud storage", "cloud"}


def test_no_terms_find_nothing() -> None:
    assert AutomatonTermFinder([]).found("anything") == frozenset()


@given(st.text(), st.lists(st.text(min_size=2, max_size=6), max_size=4))
def test_a_term_between_spaces_is_always_found(text: str, terms: list[str]) -> None:
    finder = AutomatonTermFinder([*terms, "needle"])
    assert "needle" in finder.found(f"{text} Needle {text}")


def test_of_two_accounts_whose_ids_differ_only_in_case_the_exact_one_is_named() -> None:
    accounts = Accounts(
        [Account(channel="v", id="UCa", department="a"), Account(channel="v", id="UCA", department="b")]
    )
    exact = accounts.named("v", "UCA")
    loose = accounts.named("v", "@uca")
    assert (exact and exact.department, loose and loose.department) == ("b", "a")


def test_an_object_comes_before_a_name_and_only_of_the_same_channel() -> None:
    accounts = Accounts(
        [
            Account(channel="bluesky", id="did:plc:a", department="a"),
            Account(channel="bluesky", id="did:plc:b", department="b"),
        ]
    )
    act = Act("bluesky", Surface.PUBLIC, "did:plc:x", (None, "bluesky:at://did:plc:b/p/1"), (None, "did:plc:a"))
    assert accounts.address(act) == (Direction.INBOUND, "did:plc:b", "b")
    elsewhere = Act("mastodon", Surface.PUBLIC, "did:plc:a", ("bluesky:at://did:plc:b/p/1",), ("did:plc:a",))
    assert accounts.address(elsewhere) == (Direction.AMBIENT, None, None)


def test_a_tid_holds_its_microseconds() -> None:
    at = tid_microseconds("3mmoojp7etg2g")
    assert at is not None
    assert EPOCH + timedelta(microseconds=at) == datetime(2026, 5, 25, 14, 23, 28, 856_876, tzinfo=UTC)


@given(st.integers(0, (1 << 53) - 1), st.integers(0, 1023))
def test_every_tid_reads_back(micros: int, clock: int) -> None:
    number = micros << 10 | clock
    text = "".join(ALPHABET[number >> shift & 31] for shift in range(60, -1, -5))
    assert tid_microseconds(text) == micros


@pytest.mark.parametrize("text", ["", "self", "3mmoojp7etg2", "zmmoojp7etg2g", "3mmoojp7etg2G", "3mmoojp7etg21\n"])
def test_what_is_no_tid_has_no_time(text: str) -> None:
    assert tid_microseconds(text) is None


@pytest.mark.parametrize("said", [None, 5, "", "2026-01-01T00:00:00", "x" * 100, "0001-01-01T00:00:00+14:00"])
def test_a_declared_time_that_cannot_be_read_is_none(said: object) -> None:
    assert declared_instant(said) is None


def test_a_position_survives_being_stored_and_never_goes_back() -> None:
    position = Position("host", "v2", 500, 7).after(Event(Kind.OTHER, time_us=400, seq=9)).after(Event(Kind.OTHER))
    assert position == Position("host", "v2", 500, 9)
    assert load_position(position.dump()) == position
    assert load_position("garbage") is None


@pytest.mark.parametrize(
    ("position", "wire", "cursor"),
    [
        (Position("here", "v2", 2 * 10**15, 7), "v2", 7),
        (Position("there", "v2", 2 * 10**15, 7), "v2", 2 * 10**15 - 10_000_000),
        (Position("here", "v1", 2 * 10**15), "v1", 2 * 10**15 - 10_000_000),
        (Position("here", "v1", 2 * 10**15), "v2", 2 * 10**15 - 10_000_000),
    ],
)
def test_a_sequence_number_is_used_only_where_it_was_given(position: Position, wire: str, cursor: int) -> None:
    assert cursor_for(position, "here", "v2" if wire == "v2" else "v1", 10) == cursor


def test_a_stream_that_begins_much_later_than_asked_was_clamped() -> None:
    assert was_clamped(1_000_000, 62_000_000)
    assert not was_clamped(1_000_000, 30_000_000)
    assert not was_clamped(1_000_000, 5)


def test_lines_of_a_replay_are_as_far_apart_as_they_happened_divided_by_the_speed() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    pace = Pace(10)
    assert pace.seconds_until(noon, 100.0) == 0
    assert pace.seconds_until(noon + timedelta(seconds=30), 101.0) == 2
    assert pace.seconds_until(noon - timedelta(seconds=30), 101.0) == 0
    assert pace.seconds_until(None, 101.0) == 0
    assert Pace(None).seconds_until(noon + timedelta(days=1), 0) == 0
