"""earshot.yaml: what is accepted, and that every problem is told by path and line."""

from pathlib import Path

import pytest

from shared.contracts.configuration import BlueskySource, Configuration, Term
from shared.errors import ConfigurationError
from shared.service.configuration import load_configuration, parse_configuration

GOOD = """
organisation:
  accounts:
    - {channel: bluesky, id: "did:plc:us", handle: acme.example, department: support, name: Acme}
tracking:
  terms: [acme, {term: globex, group: globex}]
sources:
  - {name: sky, type: bluesky, url: "ws://127.0.0.1:9/subscribe"}
  - {name: chat, type: slack}
  - {name: old, type: replay, path: old.jsonl, speed: 10}
keys:
  - name: dashboard
    sha256: "0000000000000000000000000000000000000000000000000000000000000000"
    scopes: [metrics:read]
"""


def problems(text: str) -> list[str]:
    with pytest.raises(ConfigurationError) as caught:
        parse_configuration(text, name="earshot.yaml")
    return [str(each) for each in caught.value.problems]


def test_a_full_file_is_read() -> None:
    configuration = parse_configuration(GOOD, name="earshot.yaml")
    assert isinstance(configuration.sources[0], BlueskySource)
    assert configuration.tracking.phrases() == (Term(term="acme"), Term(term="globex", group="globex"))


def test_an_absent_path_and_an_empty_file_are_an_empty_configuration() -> None:
    assert load_configuration(None) == Configuration() == parse_configuration("", name="x")


def test_every_problem_is_told_with_its_line() -> None:
    text = GOOD.replace("department: support", "departmen: support").replace("metrics:read", "metrics:wish")
    told = problems(text)
    assert any(each.startswith("earshot.yaml:4: organisation.accounts.0.departmen") for each in told)
    assert any(each.startswith("earshot.yaml:4: organisation.accounts.0.department: Field required") for each in told)
    assert any(each.startswith("earshot.yaml:14: keys.0.scopes.0") for each in told)


def test_a_wrong_source_type_is_told() -> None:
    assert any("earshot.yaml:8: sources.0" in each for each in problems(GOOD.replace("type: bluesky", "type: myspace")))


def test_two_sources_of_one_name_are_told() -> None:
    assert problems(GOOD.replace("name: chat", "name: sky")) == [
        "earshot.yaml:9: sources.1.name: 'sky' is used twice; names must differ"
    ]


def test_a_promise_that_business_hours_stretch_over_years_is_told() -> None:
    text = """queues:
  business_hours: {days: [sun], start: "09:00", end: "10:00"}
  sla:
    - {first_response_minutes: 6240}
    - {intent: outage, first_response_minutes: 525600}
"""
    (told,) = problems(text)
    assert told.startswith("earshot.yaml:5: queues.sla.1.first_response_minutes: 525600 business minutes at 60 a week")


def test_what_is_not_yaml_is_told_with_its_line() -> None:
    assert problems("organisation: {accounts: [")[0].startswith("earshot.yaml:1: is not YAML")


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load_configuration(tmp_path / "absent.yaml")
