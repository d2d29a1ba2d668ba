"""Documents that cannot lie: generated ones are fresh, named things exist, examples load."""

import ast
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from xml.etree import ElementTree

import pytest

from shared.contracts.rejection import REASON_MEANINGS, Reason
from shared.service.configuration import load_configuration
from tests.conftest import ROOT
from tools.generate_docs import PAGES, stale_pages, undescribed_settings

PROSE = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")])
CARD_HEADINGS = ("Reads", "Writes", "HTTP", "Settings", "State", "What happens on")
SERVICES = ("ingest", "classify", "metrics", "queues")


def test_generated_documents_are_fresh() -> None:
    assert stale_pages() == [], "run `make docs`"


def test_every_setting_says_what_it_means() -> None:
    assert undescribed_settings() == []


def test_every_reason_of_a_rejection_is_explained() -> None:
    assert set(REASON_MEANINGS) == set(Reason)


@cache
def names_in(path: Path) -> frozenset[str]:
    return frozenset(
        node.name for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))) if isinstance(node, ast.FunctionDef)
    )


def test_every_invariant_names_tests_that_exist() -> None:
    text = (ROOT / "docs/invariants.md").read_text(encoding="utf-8")
    parts = re.split(r"^(\d+)\. ", text, flags=re.MULTILINE)
    assert [int(number) for number in parts[1::2]] == list(range(1, 11))
    for number, part in zip(parts[1::2], parts[2::2], strict=True):
        named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", part)
        assert named, f"invariant {number} names no test"
        for path, name in named:
            assert (ROOT / path).is_file(), f"invariant {number} names {path}, which is not there"
            assert name in names_in(ROOT / path), f"invariant {number} names {path}::{name}, which is not there"


@pytest.mark.parametrize("page", PROSE, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_between_documents_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links {target}, which is not there"


def test_files_the_architecture_points_at_exist() -> None:
    text = (ROOT / "docs/architecture.md").read_text(encoding="utf-8")
    for target in re.findall(r"`((?:services|shared|deploy|tests)/[\w/.-]*)`", text):
        assert (ROOT / target).exists(), f"architecture.md points at {target}, which is not there"


@pytest.mark.parametrize("service", SERVICES)
def test_every_service_has_a_contract_card_with_the_same_headings(service: str) -> None:
    card = (ROOT / "services" / service / "README.md").read_text(encoding="utf-8")
    for heading in CARD_HEADINGS:
        assert re.search(rf"^#+ .*{heading}|\*\*{heading}", card, re.MULTILINE), f"{service}/README.md lacks {heading}"


def test_every_verb_of_the_makefile_is_in_its_help() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    verbs = set(re.search(r"^\.PHONY: (.*)$", makefile, re.MULTILINE).group(1).split())  # type: ignore[union-attr]
    helped = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert verbs == set(re.findall(r"make (\w+)", helped))
    assert verbs >= {"help", "setup", "up", "demo", "test", "check", "bench", "ci", "train"}


def test_continuous_integration_runs_make_test_and_nothing_else() -> None:
    lines = (ROOT / ".ci/run").read_text(encoding="utf-8").splitlines()
    assert lines[-1] == "exec make test"
    assert (ROOT / ".ci/run").stat().st_mode & 0o111


def test_the_example_configuration_loads() -> None:
    configuration = load_configuration(ROOT / "earshot.example.yaml")
    assert configuration.organisation.accounts
    assert {source.type for source in configuration.sources} == {"bluesky", "slack"}


def test_the_picture_is_well_formed_and_names_services_and_topics() -> None:
    picture = (ROOT / "docs/architecture.svg").read_text(encoding="utf-8")
    words = " ".join(ElementTree.fromstring(picture).itertext())  # noqa: S314  # our own file
    for word in (*SERVICES, "posts.received.v1", "posts.classified.v1", "reactions.received.v1", "records.rejected.v1"):
        assert word in words
    assert "prefers-color-scheme: dark" in picture


def test_no_document_names_a_path_of_a_machine() -> None:
    for page in [*PROSE, *(ROOT / name for name in PAGES)]:
        assert not re.search(r"/(?:work|root|home/\w+)/", page.read_text(encoding="utf-8")), page


def test_invariant_8_the_import_rules_hold() -> None:
    program = "import sys; from importlinter.cli import lint_imports_command; sys.exit(lint_imports_command())"
    ended = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert ended.returncode == 0, ended.stdout
