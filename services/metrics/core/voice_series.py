"""The statement of GET /v1/share-of-voice: posts per bucket, grouping and group of tracked terms."""

# ruff: noqa: S608  # the text is put together from closed lists only

from services.metrics.core.definitions import COUNTERS
from services.metrics.core.drill import facts_where
from services.metrics.core.ports import Parameter, Statement
from services.metrics.core.query import EngagementQuery, starts_sql
from services.metrics.core.voice import Voices


def share_of_voice(query: EngagementQuery, voices: Voices) -> Statement:
    """Return the statement whose rows are bucket, groups, `group`, posts and share."""
    parameters: dict[str, Parameter] = {}
    where = facts_where(query, parameters)
    texts = voices.texts(where, parameters)
    starts = starts_sql(query, parameters, "fact.minute")
    groups = "".join(f", fact.{name} AS {name}" for name in query.by)
    names = "".join(f", {name}" for name in query.by)
    shown = "".join(f", nullIf(counted.{name}, '') AS `{name}`" for name in query.by)
    sql = f"""
SELECT formatDateTime(counted.starts, '%Y-%m-%dT%H:%i:%SZ', 'UTC') AS bucket{shown}, counted.voice AS `group`,
  counted.posts AS posts, counted.posts / sum(counted.posts) OVER (PARTITION BY counted.starts{
        "".join(f", counted.{name}" for name in query.by)
    }) AS share
FROM (
  SELECT starts{names}, voice, count() AS posts FROM (
    SELECT {starts} AS starts{groups}, arrayJoin(text.spoken) AS voice
    FROM (SELECT * FROM activities FINAL WHERE {where}
      AND ({COUNTERS["inbound_posts"]} OR {COUNTERS["ambient_posts"]})) AS fact
    INNER JOIN ({texts}) AS text ON text.id_hash = fact.id_hash AND text.id = fact.id
  ) GROUP BY starts{names}, voice
) AS counted
ORDER BY counted.starts{"".join(f", counted.{name}" for name in query.by)}, counted.voice"""
    return Statement(sql, parameters)
