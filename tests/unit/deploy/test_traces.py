"""`earshot trace` finds every line about one post, whatever id it is asked by."""

from pathlib import Path

import orjson
import pytest

from deploy.earshot.traces import about, read_lines

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
LINES = (
    {"timestamp": "2", "service": "classify", "trace_id": TRACE, "record": "posts.received.v1/0/7", "event": "b"},
    {"timestamp": "1", "service": "ingest", "trace_id": TRACE, "activity": "web:1", "event": "a"},
    {"timestamp": "3", "service": "metrics", "trace_ids": [TRACE, "0" * 31 + "1"], "event": "c"},
    {"timestamp": "4", "service": "queues", "trace_id": "0" * 31 + "2", "activity": "web:2", "event": "d"},
)


@pytest.fixture
def logs(tmp_path: Path) -> Path:
    (tmp_path / "one.log").write_bytes(b"\n".join([b"no JSON", *map(orjson.dumps, LINES[:2]), b'{"cut', b"{}"]))
    (tmp_path / "two.log").write_bytes(b"\n".join(map(orjson.dumps, LINES[2:])))
    return tmp_path


@pytest.mark.parametrize("wanted", [TRACE, f"00-{TRACE}-00f067aa0ba902b7-01", "web:1", "posts.received.v1/0/7"])
def test_any_id_of_a_post_leads_to_all_its_lines_in_order(logs: Path, wanted: str) -> None:
    assert [line["event"] for line in about(read_lines(logs), wanted)] == ["a", "b", "c"]


def test_an_unknown_id_finds_nothing(logs: Path) -> None:
    assert about(read_lines(logs), "web:3") == []
