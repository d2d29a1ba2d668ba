"""The 152 real Jetstream lines against numbers counted by hand by reading the file."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.ingest.core.addressing import Accounts
from shared.contracts.activity import Activity
from shared.contracts.configuration import Account
from tests.unit.ingest.platforms import as_v2, ears
from tests.unit.ingest.test_bluesky import a_reader, activities

pytestmark = pytest.mark.data

AUTHOR = "did:plc:u4lmvw4wwzaql3z5kcf3r7h4"
LIKED = "did:plc:7end3h3k3akz7mcdlt7bnmej"


@pytest.fixture
def lines(shared_folder: Path) -> list[bytes]:
    return (shared_folder / "payloads/bluesky/jetstream_expected_v1.jsonl").read_bytes().splitlines()


def concerning(account: str, lines: list[bytes], *terms: str) -> list[Activity]:
    accounts = Accounts([Account(channel="bluesky", id=account, department="support")])
    return activities(a_reader(ears(*terms, accounts=accounts)).read(lines))


def test_an_author_s_three_posts_are_one_push_and_two_answers_to_itself(lines: list[bytes]) -> None:
    found = concerning(AUTHOR, lines)
    root = f"bluesky:at://{AUTHOR}/app.bsky.feed.post/3mptbyospqk2i"
    second = f"bluesky:at://{AUTHOR}/app.bsky.feed.post/3mptbyou7ls2i"
    assert [(each.verb.value, each.direction.value, each.in_reply_to, each.conversation_id) for each in found] == [
        ("create", "outbound", None, root),
        ("create", "outbound", root, root),
        ("create", "outbound", second, root),
    ]
    assert [each.occurred_at.microsecond for each in found] == [690_000, 691_000, 692_000]
    # All three came in one commit, so they share its revision and with it the version.
    assert len({each.version for each in found}) == 1
    assert found[0].version == 1_783_175_887_457_258


def test_what_a_stranger_did_to_an_account_is_inbound(lines: list[bytes]) -> None:
    found = concerning(LIKED, lines)
    subjects = [line for line in lines if b'"subject"' in line and f"at://{LIKED}/".encode() in line]
    assert len(found) == len(subjects) == 2
    assert {each.direction.value for each in found} == {"inbound"}
    assert {each.account for each in found} == {LIKED}


def test_a_term_hears_exactly_the_posts_that_hold_the_word(lines: list[bytes]) -> None:
    found = concerning("did:plc:nobody", lines, "band")
    assert len(found) == 2
    assert {each.direction.value for each in found} == {"ambient"}


def test_every_line_is_heard_ignored_or_refused_and_none_of_these_is_refused(lines: list[bytes]) -> None:
    heard = a_reader().read(lines)
    assert (len(heard.events), heard.ignored, heard.rejected) == (152, 152, [])


def test_the_same_lines_on_the_other_wire_are_the_same_activities(lines: list[bytes]) -> None:
    frames: list[dict[str, Any]] = [json.loads(line) for line in lines]
    accounts = Accounts([Account(channel="bluesky", id=each, department="a") for each in (AUTHOR, LIKED)])
    second = [json.dumps(as_v2(frame, 1_000 + seq)).encode() for seq, frame in enumerate(frames)]
    of_v1 = activities(a_reader(ears("the", accounts=accounts)).read(lines))
    of_v2 = activities(a_reader(ears("the", accounts=accounts), wire="v2").read(second))
    assert of_v1 == of_v2
    assert len(of_v1) > 5


def test_the_golden_lines_of_every_kind_are_read(shared_folder: Path) -> None:
    lines = (shared_folder / "payloads/bluesky/jetstream_golden_v1.jsonl").read_bytes().splitlines()
    found = concerning("did:plc:q235v55g5unth4zjjdpacfdr", lines)
    assert [(each.text, each.direction.value) for each in found] == [("Try RSV for a good time !!", "outbound")]
