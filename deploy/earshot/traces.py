"""Reads the logs of an installation for what they say of one post, by its trace id, activity id or record."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson

from shared.contracts.trace import parse_trace

Line = Mapping[str, Any]
IDS = ("trace_id", "activity", "record", "first_record", "last_record")


def read_lines(folder: Path) -> Iterator[Line]:
    """Yield every structured line of all logs in a folder; what is no JSON object is left out."""
    for path in sorted(folder.glob("*.log")):
        with path.open("rb") as file:
            for raw in file:
                if raw.startswith(b"{"):
                    try:
                        found = orjson.loads(raw)
                    except orjson.JSONDecodeError:
                        continue
                    yield found


def about(lines: Iterable[Line], wanted: str) -> list[Line]:
    """Return the lines about an id, in the order of time; an activity's or record's lead to those of its traces.

    Args:
        lines: Log lines.
        wanted: A trace id, a whole `traceparent`, an activity id, or a record as topic/partition/offset.
    """
    trace = parse_trace(wanted)
    name = trace.id if trace else wanted
    held = list(lines)
    traces = {line["trace_id"] for line in held if "trace_id" in line and name in _ids(line)}
    found = [line for line in held if name in _ids(line) or line.get("trace_id") in traces or traces & _several(line)]
    return sorted(found, key=lambda line: str(line.get("timestamp", "")))


def _ids(line: Line) -> set[str]:
    return {str(line[each]) for each in IDS if each in line} | _several(line)


def _several(line: Line) -> set[str]:
    several = line.get("trace_ids")
    return set(map(str, several)) if isinstance(several, list) else set()
