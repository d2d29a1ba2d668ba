"""The trace of what comes over HTTP: taken from the caller or made of the record, on the record and in the answer."""

from pathlib import Path

from structlog.testing import capture_logs

from shared.contracts.codec import event_id
from shared.contracts.topics import POSTS_RECEIVED
from shared.contracts.trace import Trace, parse_trace, trace_in
from tests.integration.ingest.house import House, a_submission, ndjson

URL = "/v1/activities"
ID = "0af7651916cd43dd8448eb211c80319c"
CALLER = {"traceparent": f"00-{ID}-b7ad6b7169203331-01"}
UNSAMPLED = {"traceparent": f"00-{ID}-b7ad6b7169203331-00"}
NDJSON = {"Content-Type": "application/x-ndjson"}


def traces(house: House) -> list[Trace | None]:
    return [trace_in(record.headers) for record in house.log.all(POSTS_RECEIVED.name)]


def test_a_caller_finds_his_trace_on_every_record_and_in_the_answer(tmp_path: Path) -> None:
    house = House(tmp_path)
    with house.client() as client:
        single = client.post(URL, json=a_submission(1), headers=CALLER)
        several = client.post(URL, json=[a_submission(2), a_submission(3)], headers=CALLER)
        stream = client.post(URL, content=ndjson(a_submission(4)), headers=CALLER | NDJSON)
    for answer in (single, several, stream):
        found = parse_trace(answer.headers["traceparent"])
        assert found is not None
        assert found.id == ID
    held = [each for each in traces(house) if each is not None]
    assert [each.id for each in held] == [ID] * 4
    assert len({each.span for each in held}) == 4


def test_without_a_caller_the_trace_is_that_of_the_record_and_sent_again_it_is_the_same(tmp_path: Path) -> None:
    house = House(tmp_path)
    with house.client() as client:
        first = client.post(URL, json=a_submission(1))
        again = client.post(URL, json=a_submission(1))
    (activity, _) = house.activities()
    assert parse_trace(first.headers["traceparent"]) == Trace(event_id(activity), event_id(activity)[:16], True)
    assert first.headers["traceparent"] == again.headers["traceparent"]
    one, other = house.log.all(POSTS_RECEIVED.name)
    assert one.headers == other.headers


def test_a_malformed_traceparent_is_as_none(tmp_path: Path) -> None:
    house = House(tmp_path)
    with house.client() as client:
        answer = client.post(URL, json=a_submission(1), headers={"traceparent": "00-xyz"})
    assert answer.status_code == 202
    assert answer.headers["traceparent"].startswith(f"00-{event_id(house.activities()[0])}-")


def test_what_is_sampled_is_logged_once_by_trace_and_activity_and_what_is_not_is_silent(tmp_path: Path) -> None:
    house = House(tmp_path)
    with capture_logs() as lines, house.client() as client:
        client.post(URL, json=a_submission(1), headers=UNSAMPLED)
        client.post(URL, json=a_submission(2), headers=CALLER)
    told = [line for line in lines if line["event"] == "record published"]
    assert [(line["trace_id"], line["activity"]) for line in told] == [(ID, "web:p2")]


def test_every_answer_to_a_traced_request_names_the_trace_errors_too(tmp_path: Path) -> None:
    house = House(tmp_path)
    with house.client() as client:
        for path in ("/v1/sources", "/v1/nothing", "/health/live"):
            assert ID in client.get(path, headers=CALLER).headers["traceparent"]
        house.log.away = True
        answer = client.post(URL, json=a_submission(1), headers=CALLER)
        assert (answer.status_code, ID in answer.headers["traceparent"]) == (503, True)
        assert "traceparent" not in client.get("/v1/sources").headers


def test_a_rejection_is_logged_by_its_origin_without_its_words(tmp_path: Path) -> None:
    house = House(tmp_path)
    with capture_logs() as lines, house.client() as client:
        client.post(URL, json=[a_submission(1), a_submission(2, text=["my card 4111"])])
    (line,) = [line for line in lines if line["event"] == "input rejected"]
    assert (line["record"], line["reason"], line["field"]) == ("http/environment:1", "wrong_type", "text")
    assert "4111" not in str(lines)
