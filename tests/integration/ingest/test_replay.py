"""The replay source: files become activities once, go on where they stopped, and tell how far they are."""

import json
from pathlib import Path
from typing import Any

import pytest

from services.ingest.core.lines import LINE_BYTES
from tests.integration.ingest.house import House, a_submission, ndjson, source
from tests.waiting import eventually


def a_house(folder: Path, *, speed: str | int = "max", rewind_seconds: float = 0) -> House:
    configuration = {"sources": [{"name": "old", "type": "replay", "path": "posts.jsonl", "speed": speed}]}
    return House(folder, configuration, rewind_seconds=rewind_seconds)


def write(folder: Path, content: bytes) -> Path:
    path = folder / "posts.jsonl"
    path.write_bytes(content)
    return path


def finished(house: House) -> dict[str, Any]:
    with house.client() as client:
        eventually(lambda: source(client, "old")["state"] == "finished", within_seconds=20)
        return source(client, "old")


def test_a_file_is_heard_to_its_end_and_bad_lines_are_rejections(tmp_path: Path) -> None:
    path = write(
        tmp_path, ndjson(a_submission(1)) + b"\n\nbroken\n" + b"x" * (LINE_BYTES + 5) + b"\n" + ndjson(a_submission(2))
    )
    house = a_house(tmp_path)
    shown = finished(house)
    assert house.ids() == {"web:p1", "web:p2"}
    assert {each.source for each in house.activities()} == {"old"}
    broken = len(ndjson(a_submission(1))) + 2
    assert [(each.reason.value, each.origin) for each in house.rejections()] == [
        ("invalid_json", f"replay/old:{broken}"), ("too_long", f"replay/old:{broken + 7}"),
    ]  # fmt: skip
    size = path.stat().st_size
    assert shown["progress"] == {"bytes": size, "total_bytes": size, "percent": 100.0}
    assert (shown["cursor"], shown["counts"]["received"]) == (str(size), 4)


def test_a_restart_goes_on_after_what_was_published(tmp_path: Path) -> None:
    path = write(tmp_path, ndjson(*(a_submission(n) for n in range(2_500))) + b"\n")
    finished(a_house(tmp_path))
    with path.open("ab") as file:
        file.write(ndjson(a_submission(9_999)))
    again = a_house(tmp_path)
    finished(again)
    assert again.ids() == {"web:p9999"}


def test_after_a_lost_broker_it_is_heard_again_from_the_beginning_of_the_rewind(tmp_path: Path) -> None:
    write(tmp_path, ndjson(*(a_submission(n) for n in range(1_200))))
    finished(a_house(tmp_path))
    again = a_house(tmp_path, rewind_seconds=600)
    finished(again)
    assert len(again.ids()) == 1_200


def test_another_file_begins_at_its_beginning(tmp_path: Path) -> None:
    write(tmp_path, ndjson(a_submission(1), a_submission(2)))
    finished(a_house(tmp_path))
    write(tmp_path, ndjson(a_submission(3)))
    again = a_house(tmp_path)
    finished(again)
    assert again.ids() == {"web:p3"}


def test_nothing_is_skipped_while_the_broker_is_away(tmp_path: Path) -> None:
    write(tmp_path, ndjson(*(a_submission(n) for n in range(10))))
    house = a_house(tmp_path)
    house.log.away = True
    with house.client() as client:
        eventually(lambda: source(client, "old")["state"] == "backing_off", within_seconds=5)
        assert (source(client, "old")["cursor"], source(client, "old")["last_error"]) == (
            None,
            "the fake broker is away",
        )
        house.log.away = False
        eventually(lambda: source(client, "old")["state"] == "finished", within_seconds=10)
    assert len(house.ids()) == 10


def test_a_missing_file_fails_the_source_and_with_it_the_service_that_has_no_other(tmp_path: Path) -> None:
    with a_house(tmp_path).client() as client:
        eventually(lambda: source(client, "old")["state"] == "failed", within_seconds=5)
        assert "cannot be read" in source(client, "old")["last_error"]
        assert client.get("/health/ready").json()["not_ready"]["sources"] == "all sources failed: old"


def test_at_a_speed_lines_keep_their_distance(tmp_path: Path) -> None:
    times = ["2025-01-01T00:00:00Z", "2025-01-01T00:00:01Z", "2025-01-02T00:00:00Z"]
    write(tmp_path, ndjson(*(a_submission(n, occurred_at=at) for n, at in enumerate(times))))
    house = a_house(tmp_path, speed=10)
    with house.client() as client:
        # The second line is due after a tenth of a second, the third after more than two hours.
        eventually(lambda: house.ids() == {"web:p0", "web:p1"}, within_seconds=5)
        shown = eventually(lambda: source(client, "old"), within_seconds=5)
        assert shown["state"] == "live"
        assert shown["progress"]["percent"] < 100


@pytest.mark.data
def test_two_thousand_real_texts_are_all_heard(tmp_path: Path, shared_folder: Path) -> None:
    texts: list[str] = []
    for path in sorted((shared_folder / "data").rglob("*.jsonl")):
        for line in path.read_bytes().splitlines()[:2_000]:
            row = json.loads(line)
            texts += [value for value in row.values() if isinstance(value, str) and len(value) > 20][:1]
    if len(texts) < 2_000:
        pytest.skip("the data folder holds no JSONL with texts")
    write(tmp_path, ndjson(*(a_submission(n, text=text) for n, text in enumerate(texts[:2_000]))))
    house = a_house(tmp_path)
    finished(house)
    assert len(house.ids()) == 2_000
    assert house.rejections() == []
