"""Snapshots: counters a tool showed for a post (audience, opens, clicks), their rows, and the reach of legacy push.

A snapshot is approximate and never summed with activities. Of one counter of one post the value observed last counts;
of values observed at the same time the greatest, so that order and repetition of arrival do not matter (ADR 0016).
"""

# ruff: noqa: S608  # the text is put together from closed lists only

from typing import Final

from services.metrics.core.definitions import COUNTERS, Metric
from services.metrics.core.drill import facts_where
from services.metrics.core.ports import Parameter, Statement
from services.metrics.core.query import EngagementQuery, starts_sql
from services.metrics.core.rows import Row, hash64, microseconds
from shared.contracts.activity import Activity

SNAPSHOT_COLUMNS: Final = ("id_hash", "id", "counter", "observed_at", "value")
REACH_COUNTERS: Final = ("audience", "opens", "clicks")


def snapshot_rows(activity: Activity) -> list[Row]:
    """Return the rows of the table `snapshots` that an activity brings."""
    return [
        (hash64(activity.id), activity.id, each.counter, microseconds(each.observed_at), each.value)
        for each in activity.snapshots
    ]


def legacy_reach(query: EngagementQuery, metrics: tuple[Metric, ...]) -> Statement:
    """Return the statement of the reach of push on legacy channels, per bucket and group in which any is known."""
    parameters: dict[str, Parameter] = {}
    pushes = f"{facts_where(query, parameters)} AND {COUNTERS['push']} AND channel_class = 'legacy'"
    starts = starts_sql(query, parameters, "fact.minute")
    groups = "".join(f", fact.{name} AS {name}" for name in query.by)
    shown = "".join(f", nullIf(summed.{name}, '') AS `{name}`" for name in query.by)
    latest = ", ".join(
        f"argMaxIf(value, (observed_at, value), counter = '{each}') AS {each}, "
        f"countIf(counter = '{each}') > 0 AS has_{each}"
        for each in REACH_COUNTERS
    )
    sql = f"""
SELECT formatDateTime(summed.starts, '%Y-%m-%dT%H:%i:%SZ', 'UTC') AS bucket{shown},
  {", ".join(f"summed.{each.name} AS {each.name}" for each in metrics)}
FROM (
  SELECT {starts} AS starts{groups}, {", ".join(f"{each.sql} AS {each.name}" for each in metrics)}
  FROM (SELECT * FROM activities FINAL WHERE {pushes}) AS fact
  INNER JOIN (
    SELECT id_hash, id, {latest} FROM snapshots
    WHERE id_hash IN (SELECT id_hash FROM activities FINAL WHERE {pushes}) GROUP BY id_hash, id
  ) AS seen ON seen.id_hash = fact.id_hash AND seen.id = fact.id
  GROUP BY starts{groups}
) AS summed"""
    return Statement(sql, parameters)
