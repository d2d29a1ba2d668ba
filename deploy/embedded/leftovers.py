"""Remembers which processes were started, and ends those that outlived a killed launcher."""

import contextlib
import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import psutil

CLOCK_SLACK_SECONDS: Final = 2.0
"""A process's start time is told from the boot time, which moves when the machine's clock is set."""
END_SECONDS: Final = 3.0


@dataclass(frozen=True)
class ChildRecord:
    """What tells a child from another process that was given its number later."""

    name: str
    pid: int
    started: float
    program: str


def record_of(name: str, pid: int, program: str) -> ChildRecord | None:
    """Return the record of a running process; None when it has ended already."""
    try:
        return ChildRecord(name, pid, psutil.Process(pid).create_time(), program)
    except psutil.NoSuchProcess:
        return None


def remember(path: Path, records: Iterable[ChildRecord]) -> None:
    """Write the records so that a crash leaves the old file or the new one."""
    beside = path.with_suffix(".new")
    beside.write_text(json.dumps([asdict(record) for record in records]), encoding="utf-8")
    beside.replace(path)


def end_leftovers(path: Path) -> list[str]:
    """Kill what an earlier launcher left running and return the names; processes that are not ours are let be."""
    try:
        records = [ChildRecord(**each) for each in json.loads(path.read_text(encoding="utf-8"))]
    except (OSError, ValueError, TypeError):
        return []
    found = [(record.name, process) for record in records if (process := _still_running(record)) is not None]
    for _, process in found:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs([process for _, process in found], timeout=END_SECONDS)
    path.unlink(missing_ok=True)
    return [name for name, _ in found]


def _still_running(record: ChildRecord) -> psutil.Process | None:
    try:
        process = psutil.Process(record.pid)
        same_start = abs(process.create_time() - record.started) <= CLOCK_SLACK_SECONDS
        same_program = record.program in " ".join(process.cmdline())
    except psutil.Error:
        return None
    return process if same_start and same_program else None
