"""docker-compose.yml and what it mounts, held against the code, without Docker."""

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.compose.__main__ import main
from deploy.compose.secret_files import write_secrets
from deploy.compose.settings import SecretsSettings, TopicsSettings
from deploy.embedded.backends import SERVICES
from shared.contracts.topics import TOPICS, Topic
from shared.errors import ConfigurationError
from shared.service.settings import EarshotSettings
from shared.stream.kafka import KafkaAdmin
from tests.conftest import ROOT
from tools.generate_docs import SETTINGS_MODULES, own_fields, settings_classes

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text(encoding="utf-8"))
PROGRAMS: dict[str, dict[str, Any]] = COMPOSE["services"]
NGINX = (ROOT / "deploy/nginx/nginx.conf").read_text(encoding="utf-8")
OURS = (*SERVICES, "secrets", "topics")
# Secrets that earshot.yaml names; ingest reads them by that name.
NAMED_BY_OPERATORS = {"SLACK_SIGNING_SECRET"}


def known_variables() -> set[str]:
    found = {
        name: field
        for _, module in SETTINGS_MODULES
        for settings in settings_classes(module)
        for name, field in own_fields(settings).items()
    }
    files = {f"{name}_FILE" for name, field in found.items() if "SecretStr" in str(field.annotation)}
    return {*found, *files}


@pytest.mark.parametrize("name", OURS)
def test_every_variable_of_our_containers_is_a_setting(name: str) -> None:
    unknown = set(PROGRAMS[name]["environment"]) - known_variables() - NAMED_BY_OPERATORS
    assert not unknown


def test_the_four_services_are_composed_each_behind_its_prefix() -> None:
    assert set(SERVICES) <= set(PROGRAMS)
    for name in SERVICES:
        assert PROGRAMS[name]["environment"]["HTTP_PREFIX"] == f"/{name}"
        assert PROGRAMS[name]["environment"]["HTTP_HOST"] == "0.0.0.0"  # noqa: S104  # inside the network only
        assert "container_name" not in PROGRAMS[name], "a name would forbid replicas"


def test_every_target_of_the_image_file_is_built_and_exists() -> None:
    stages = re.findall(r"^FROM \S+ AS (\S+)$", (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8"), re.MULTILINE)
    assert {PROGRAMS[name]["build"]["target"] for name in OURS} <= set(stages)
    for name in SERVICES:
        assert PROGRAMS[name]["build"]["target"] == name


@pytest.mark.parametrize("name", [*OURS, "front"])
def test_our_containers_cannot_write_their_files_and_hold_no_rights(name: str) -> None:
    assert PROGRAMS[name]["read_only"] is True
    assert PROGRAMS[name]["cap_drop"] == ["ALL"]
    assert PROGRAMS[name]["security_opt"] == ["no-new-privileges:true"]


def test_only_the_front_door_and_the_dashboard_are_published_and_only_on_loopback_unless_told() -> None:
    published = {name: each["ports"] for name, each in PROGRAMS.items() if "ports" in each}
    assert set(published) == {"front", "grafana"}
    assert published["front"] == ["${EARSHOT_HOST:-127.0.0.1}:${EARSHOT_PORT:-8000}:8080"]
    assert published["grafana"][0].startswith("127.0.0.1:")
    assert COMPOSE["networks"]["inside"]["internal"] is True


def test_every_image_from_elsewhere_has_a_pinned_version() -> None:
    for name, each in PROGRAMS.items():
        if name not in OURS:
            assert re.search(r":v?\d+\.\d+", each["image"]), each["image"]
    image_file = (ROOT / "deploy/Dockerfile").read_text(encoding="utf-8")
    assert re.search(r"^ARG PYTHON_IMAGE=python:3\.\d+\.\d+-", image_file, re.MULTILINE)


def test_start_order_is_by_health_and_every_awaited_one_can_tell_it() -> None:
    for name, each in PROGRAMS.items():
        for other, how in each.get("depends_on", {}).items():
            if how["condition"] == "service_healthy":
                assert other in SERVICES or "healthcheck" in PROGRAMS[other], f"{name} waits for {other}"
            else:
                assert how["condition"] == "service_completed_successfully"
                assert other in {"secrets", "topics"}


def test_every_volume_and_file_that_is_mounted_exists() -> None:
    for each in PROGRAMS.values():
        for volume in each.get("volumes", []):
            source = volume["source"] if isinstance(volume, dict) else volume.split(":")[0]
            source = re.sub(r"^\$\{\w+:-(.*)\}$", r"\1", source)
            assert (ROOT / source).exists() if source.startswith("./") else source in COMPOSE["volumes"], source


def test_what_must_survive_lies_in_volumes() -> None:
    held = {name: [str(volume) for volume in PROGRAMS[name]["volumes"]] for name in ("kafka", "clickhouse", "postgres")}
    assert held["kafka"] == [f"kafka:{PROGRAMS['kafka']['environment']['KAFKA_LOG_DIRS']}"]
    assert "clickhouse:/var/lib/clickhouse" in held["clickhouse"]
    assert "postgres:/var/lib/postgresql/data" in held["postgres"]


def test_the_front_door_knows_the_prefixes_of_the_embedded_one() -> None:
    assert sorted(re.findall(r"^ +location /(\w+)/ ", NGINX, re.MULTILINE)) == sorted(SERVICES)
    assert re.findall(r"location = /(\w+) +\{ return 307 /\1/; \}", NGINX) == list(SERVICES)
    for name in SERVICES:
        assert re.search(rf"location /{name}/ +\{{ set \$service {name};", NGINX)
        assert re.search(rf"location = /_ready/{name} ", NGINX), "asked by /health/ready"
        assert f'virtual="/_told/{name}"' in (ROOT / "deploy/nginx/ready.json").read_text(encoding="utf-8")


def test_no_text_of_the_front_door_ends_a_string_early() -> None:
    for body in re.findall(r"return \d+ '(\{.*\})';", NGINX):
        told = json.loads(body)
        assert {"type", "title", "status", "detail", "errors"} <= set(told) or "status" in told


def documented_metrics() -> set[str]:
    page = (ROOT / "docs/telemetry.md").read_text(encoding="utf-8")
    found: set[str] = set()
    for name, kind in re.findall(r"^\| `(earshot_\w+)` \| (\w+) \|", page, re.MULTILINE):
        found |= {f"{name}_bucket", f"{name}_sum", f"{name}_count"} if kind == "histogram" else {name}
    return found


def expressions() -> list[str]:
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text(encoding="utf-8"))
    board = json.loads((ROOT / "deploy/grafana/dashboards/earshot.json").read_text(encoding="utf-8"))
    return [rule["expr"] for group in rules["groups"] for rule in group["rules"]] + [
        target["expr"] for panel in board["panels"] for target in panel["targets"]
    ]


def test_rules_and_dashboard_name_only_metrics_that_exist() -> None:
    for expression in expressions():
        named = set(re.findall(r"\bearshot_\w+", expression))
        assert named <= documented_metrics(), expression
        assert named or re.search(r"\bup\b", expression), expression


def test_every_alert_says_what_it_means_and_what_to_do() -> None:
    rules = yaml.safe_load((ROOT / "deploy/prometheus/rules.yml").read_text(encoding="utf-8"))
    for rule in rules["groups"][0]["rules"]:
        assert set(rule["annotations"]) == {"summary", "action"}
        assert rule["labels"]["severity"] in {"page", "ticket"}


def test_prometheus_asks_every_service_with_the_key() -> None:
    told = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text(encoding="utf-8"))
    jobs = {each["job_name"]: each for each in told["scrape_configs"]}
    assert set(jobs) == set(SERVICES)
    for name, job in jobs.items():
        assert job["dns_sd_configs"][0]["names"] == [name]
        assert job["authorization"]["credentials_file"] == PROGRAMS[name]["environment"]["EARSHOT_API_KEY_FILE"]


def test_the_topics_program_creates_every_topic_with_the_replication_it_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[set[str], int, int]] = []

    def create(
        self: KafkaAdmin, topics: Sequence[Topic], *, replication: int = 1, min_insync_replicas: int = 1
    ) -> None:
        asked.append(({each.name for each in topics}, replication, min_insync_replicas))

    monkeypatch.setattr(KafkaAdmin, "create", create)
    monkeypatch.setenv("KAFKA_REPLICATION_FACTOR", "3")
    monkeypatch.setenv("KAFKA_MIN_INSYNC_REPLICAS", "2")
    assert main(["topics"]) == 0
    assert asked == [({each.name for each in TOPICS}, 3, 2)]
    assert TopicsSettings().replication_factor == 3


def test_secrets_are_made_once_and_a_given_key_wins(tmp_path: Path) -> None:
    made = write_secrets(SecretsSettings(secrets_folder=tmp_path))
    held = {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()}
    assert made is not None
    assert held["api-key"].strip() == made
    assert held["postgres-password"].strip() in held["database-url"]
    assert write_secrets(SecretsSettings(secrets_folder=tmp_path)) == made
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == held
    assert write_secrets(SecretsSettings(secrets_folder=tmp_path, api_key="given")) is None
    assert (tmp_path / "api-key").read_text(encoding="utf-8").strip() == "given"


def test_a_secret_comes_from_its_file_unless_the_variable_is_set(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text("from the file\n", encoding="utf-8")
    monkeypatch.delenv("EARSHOT_API_KEY", raising=False)
    monkeypatch.setenv("EARSHOT_API_KEY_FILE", str(tmp_path / "key"))
    read = EarshotSettings().api_key
    assert read is not None
    assert read.get_secret_value() == "from the file"
    monkeypatch.setenv("EARSHOT_API_KEY", "from the variable")
    read = EarshotSettings().api_key
    assert read is not None
    assert read.get_secret_value() == "from the variable"


def test_a_secret_file_that_cannot_be_read_stops_the_start_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EARSHOT_API_KEY_FILE", str(tmp_path / "absent"))
    with pytest.raises(ConfigurationError, match="EARSHOT_API_KEY_FILE: cannot be read"):
        EarshotSettings()
