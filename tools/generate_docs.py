"""Writes the documents that repeat what the code says: settings, routes, topics, reasons, Prometheus metrics.

`python -m tools.generate_docs` writes them, `--check` only tells which are stale. A test does the same.
"""

import argparse
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import Enum
from importlib import import_module
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from pydantic_settings import BaseSettings

from services.classify.meters import Meters as ClassifyMeters
from services.classify.model.linear_scorer import RecentScores
from services.ingest.gauges import JournalGauges, SourceGauges
from services.ingest.meters import Meters as IngestMeters
from services.queues.meters import Meters as QueuesMeters
from shared.clock import utc_now
from shared.contracts.rejection import REASON_MEANINGS
from shared.contracts.topics import TOPICS
from shared.service.telemetry import Telemetry
from tools.describe_routes import routes_page

ROOT: Final = Path(__file__).resolve().parent.parent
MARK: Final = "<!-- Written by `make docs` from the code; do not edit. -->"
SETTINGS_MODULES: Final = (
    ("every process", "shared.service.settings"),
    ("the launcher (`make up`)", "deploy.embedded.settings"),
    ("docker compose", "deploy.compose.settings"),
    ("the operator's command (`earshot`)", "deploy.earshot.settings"),
    ("ingest", "services.ingest.settings"),
    ("classify", "services.classify.settings"),
    ("metrics", "services.metrics.settings"),
    ("queues", "services.queues.settings"),
)


class _IngestHolder:
    """Everything ingest measures."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.meters = IngestMeters(telemetry)
        self.sources = SourceGauges([], utc_now, telemetry.registry)
        self.journal = JournalGauges(lambda: None, telemetry.registry)


METERS: Final[Sequence[tuple[str, Callable[[Telemetry], object]]]] = (
    ("ingest", _IngestHolder),
    ("classify", lambda telemetry: ClassifyMeters(telemetry, RecentScores(0))),
    ("queues", lambda telemetry: QueuesMeters(telemetry, lambda: 0)),
)
"""What each service measures beside."""


def settings_classes(module_name: str) -> Iterator[type[BaseSettings]]:
    """Yield the settings classes a module defines, in the order of its lines."""
    module = import_module(module_name)
    held = [
        each
        for _, each in inspect.getmembers(module, inspect.isclass)
        if issubclass(each, BaseSettings) and each.__module__ == module_name and not each.__name__.startswith("_")
    ]
    yield from sorted(held, key=lambda each: inspect.getsourcelines(each)[1])


def own_fields(settings: type[BaseSettings]) -> Mapping[str, FieldInfo]:
    """Return the fields a class adds to its parents, by variable."""
    prefix = str(settings.model_config.get("env_prefix", ""))
    return {
        (prefix + name).upper(): field
        for name, field in settings.model_fields.items()
        if name in settings.__annotations__
    }


def undescribed_settings() -> list[str]:
    """Return the variables whose meaning is not described."""
    return [
        name
        for _, module_name in SETTINGS_MODULES
        for settings in settings_classes(module_name)
        for name, field in own_fields(settings).items()
        if not field.description
    ]


def default_text(field: FieldInfo) -> str:
    """Return a default as it is written in the environment; empty for none and for secrets."""
    default: Any = field.get_default(call_default_factory=True)
    if default is None or default is PydanticUndefined or isinstance(default, SecretStr):
        return ""
    if isinstance(default, Path) and default.is_relative_to(ROOT):
        # What ships with the code lies at another place on every machine.
        default = default.relative_to(ROOT)
    return str(default.value if isinstance(default, Enum) else default)


def bounds_text(field: FieldInfo) -> str:
    """Return the limits of a number or the pattern of a text."""
    signs = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<"}
    found = [
        f"{sign} {getattr(each, name)}"
        for each in field.metadata
        for name, sign in signs.items()
        if hasattr(each, name)
    ]
    patterns = [f"`{each.pattern}`" for each in field.metadata if getattr(each, "pattern", None)]
    return ", ".join(found + patterns).replace("|", "\\|")


def settings_page() -> str:
    """Return docs/settings.md."""
    parts = [
        "# Settings",
        MARK,
        "",
        "Environment variables, read once at start. Secrets are never written to a log; a secret `NAME` may also be",
        "given as `NAME_FILE`, the path of a file that holds it.",
        "",
    ]
    for title, module_name in SETTINGS_MODULES:
        for settings in settings_classes(module_name):
            parts += [
                f"## {title}: {inspect.getdoc(settings)}",
                "",
                "| variable | default | limits | meaning |",
                "|---|---|---|---|",
            ]
            parts += [_settings_row(name, field) for name, field in own_fields(settings).items()]
            parts.append("")
    return "\n".join(parts)


def _settings_row(name: str, field: FieldInfo) -> str:
    default = default_text(field)
    return f"| `{name}` | {f'`{default}`' if default else ''} | {bounds_text(field)} | {field.description} |"


def env_example() -> str:
    """Return .env.example."""
    lines = [
        "# Every setting with its default; written by `make docs`, explained in docs/settings.md.",
        "# Copy what you change into .env, then: set -a; . ./.env; set +a; make up",
        "# Secrets that earshot.yaml names (for example SLACK_SIGNING_SECRET) are set in the same way.",
    ]
    seen: set[str] = set()
    for title, module_name in SETTINGS_MODULES:
        for settings in settings_classes(module_name):
            fresh = {name: field for name, field in own_fields(settings).items() if name not in seen}
            seen |= set(fresh)
            lines += ["", f"# -- {title}: {inspect.getdoc(settings)}"] if fresh else []
            for name, field in fresh.items():
                lines += [f"# {field.description}", f"# {name}={default_text(field)}"]
    return "\n".join(lines) + "\n"


def _kept(retention_ms: int) -> str:
    return "for ever" if retention_ms < 0 else f"{retention_ms // 86_400_000} days"


def topics_page() -> str:
    """Return docs/topics.md."""
    head = ["# Topics", MARK, "", "| topic | partitions | kept | key | value |", "|---|---|---|---|---|"]
    rows = [
        f"| `{each.name}` | {each.partitions} | {_kept(each.retention_ms)} | {each.key} | {each.value} |"
        for each in TOPICS
    ]
    notes = ["", "Records carry CloudEvents 1.0 binary-mode headers. The embedded broker keeps records in memory only."]
    return "\n".join([*head, *rows, *notes]) + "\n"


def reasons_page() -> str:
    """Return docs/reasons.md."""
    head = ["# Reasons of rejections", MARK, "", "| reason | meaning |", "|---|---|"]
    return "\n".join([*head, *(f"| `{reason}` | {meaning} |" for reason, meaning in REASON_MEANINGS.items())]) + "\n"


def telemetry_page() -> str:
    """Return docs/telemetry.md."""
    parts = [
        "# Prometheus metrics", MARK, "",
        "Every service answers them at `/metrics` (scope `metrics:read`). Labels hold names from code and",
        "configuration only, never ids or what somebody wrote. `loop` is a consumer loop, `route` a route template.",
        "",
    ]  # fmt: skip
    parts += _telemetry_table("every service", Telemetry("docs"))
    for title, meters in METERS:
        parts += _telemetry_table(title, meters(Telemetry("docs")))
    return "\n".join(parts)


def _telemetry_table(title: str, holder: object) -> list[str]:
    rows = []
    for family, names in _families(holder):
        name = family.name + ("_total" if family.type == "counter" else "")
        labels = ", ".join(f"`{label}`" for label in names)
        rows.append(f"| `{name}` | {family.type} | {labels} | {family.documentation} |")
    head = [f"## {title}", "", "| metric | type | labels | meaning |", "|---|---|---|---|"]
    return [*head, *sorted(rows), ""]


def _families(holder: object) -> Iterator[tuple[Any, Sequence[str]]]:
    """Yield what each collector in an object's attributes tells, with its labels; of Telemetry's own only once."""
    every_service = {} if isinstance(holder, Telemetry) else vars(Telemetry("docs"))
    for name, metric in vars(holder).items():
        if isinstance(metric, IngestMeters):
            yield from _families(metric)
        elif hasattr(metric, "describe") and name.lstrip("_") not in every_service:
            for family in metric.describe():
                # The library shows label names nowhere else.
                yield family, getattr(family, "_labelnames", ()) or getattr(metric, "_labelnames", ())


PAGES: Final[Mapping[str, Callable[[], str]]] = {
    "docs/settings.md": settings_page,
    "docs/topics.md": topics_page,
    "docs/reasons.md": reasons_page,
    "docs/telemetry.md": telemetry_page,
    "docs/routes.md": routes_page,
    ".env.example": env_example,
}


def stale_pages(root: Path = ROOT) -> list[str]:
    """Return the generated files that differ from what the code says now."""
    return [
        name for name, page in PAGES.items()
        if not (root / name).exists() or (root / name).read_text(encoding="utf-8") != page()
    ]  # fmt: skip


def main() -> int:
    """Write the pages, or tell which are stale."""
    parser = argparse.ArgumentParser(prog="python -m tools.generate_docs", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when a page is stale")
    stale = stale_pages()
    if parser.parse_args().check:
        for name in stale:
            sys.stderr.write(f"{name} is stale: run `make docs`\n")
        return 1 if stale else 0
    for name in stale:
        path = ROOT / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(PAGES[name](), encoding="utf-8")
        sys.stdout.write(f"wrote {name}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
