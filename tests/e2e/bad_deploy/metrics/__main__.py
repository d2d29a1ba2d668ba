"""The metrics service; while EARSHOT_HOME holds the file `bug` when it starts, it cannot store what it should."""

import os
import runpy
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from services.metrics import sink
from services.metrics.core.columns import VersionBatch
from services.metrics.core.rows import unstorable
from shared.contracts.activity import Activity
from shared.contracts.rejection import Reason, Rejection, reject


def refuses_invoices(activity: Activity, *, origin: str, raw: bytes, at: datetime) -> Rejection | None:
    if "invoice" in (activity.text or ""):
        return reject(Reason.INVALID_RECORD, "text", "a bug of ours", origin=origin, raw=raw, at=at)
    return unstorable(activity, origin=origin, raw=raw, at=at)


def judges_all(values: Sequence[bytes | None]) -> tuple[VersionBatch, list[int]]:
    """Leave no record to the quick reading of columns, so that each comes before the bug."""
    return VersionBatch.of_rows([]), list(range(len(values)))


if (Path(os.environ["EARSHOT_HOME"]) / "bug").exists():
    vars(sink).update(unstorable=refuses_invoices, read=judges_all)
runpy.run_module("services.metrics", run_name="__main__", alter_sys=True)
