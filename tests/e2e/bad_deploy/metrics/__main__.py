"""The metrics service; while EARSHOT_HOME holds the file `bug` when it starts, it cannot store what it should."""

import os
import runpy
from datetime import datetime
from pathlib import Path

from services.metrics import sink
from services.metrics.core.rows import unstorable
from shared.contracts.activity import Activity
from shared.contracts.rejection import Reason, Rejection, reject


def refuses_invoices(activity: Activity, *, origin: str, raw: bytes, at: datetime) -> Rejection | None:
    if "invoice" in (activity.text or ""):
        return reject(Reason.INVALID_RECORD, "text", "a bug of ours", origin=origin, raw=raw, at=at)
    return unstorable(activity, origin=origin, raw=raw, at=at)


if (Path(os.environ["EARSHOT_HOME"]) / "bug").exists():
    vars(sink)["unstorable"] = refuses_invoices
runpy.run_module("services.metrics", run_name="__main__", alter_sys=True)
