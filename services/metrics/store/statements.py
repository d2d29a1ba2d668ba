"""The SQL that turns versions into facts and facts into aggregates, set-wise per batch; writer.py runs it.

A sink's scratch table holds (part, value): what the batch touches. `{scratch}` is its name, chosen by the writer.
"""

# ruff: noqa: S608  # the text is put together from our own constants only

from typing import Final

from services.metrics.core.definitions import COUNTERS, DIMENSIONS
from services.metrics.core.groupings import GROUPINGS
from services.metrics.core.kinds import INBOUND_POSTS, Kind

SELF, PARENTS, CHILDREN, MINUTES, SEVERAL = range(5)
"""Parts of the scratch table: what to resolve, the posts it answers, our replies to it, the minutes to recompute, and
of what is to be resolved that of which there are several versions."""

STAMP: Final = "SELECT generateSnowflakeID()"
"""A number greater than every one the engine gave before, taken *before* a read: what read later, wins (ADR 0004)."""

CREATE_SCRATCH: Final = "CREATE TABLE IF NOT EXISTS {scratch} (part UInt8, value UInt64) ENGINE = Memory"
EMPTY_SCRATCH: Final = "TRUNCATE TABLE {scratch}"
KEEP_SCRATCH: Final = "ALTER TABLE {scratch} MODIFY COMMENT 'in use'"
"""Makes the table's metadata new, which tells other processes that its sink is alive."""
FIND_SCRATCH: Final = """
SELECT name FROM system.tables
WHERE database = currentDatabase() AND name LIKE 'scratch\\_%' AND engine = 'Memory'
  AND metadata_modification_time <= now() - toIntervalSecond({seconds:UInt32})"""
"""What sinks that were killed left behind; a living one keeps its own new."""

_DIMENSIONS: Final = ", ".join(DIMENSIONS)
_POSTS: Final = ", ".join(f"'{each}'" for each in INBOUND_POSTS)


def _part(part: int) -> str:
    return f"(SELECT value FROM {{scratch}} WHERE part = {part})"


def _parents_of(part: int) -> str:
    return f"SELECT parent_hash AS value FROM versions WHERE id_hash IN {_part(part)} AND kind = '{Kind.RESPONSE}'"


def _children_of(part: int) -> str:
    return f"SELECT child_hash AS value FROM replies WHERE parent_hash IN {_part(part)}"


WIDEN: Final = f"""
INSERT INTO {{scratch}}
SELECT DISTINCT {SELF}, value FROM ({_children_of(SELF)} UNION ALL {_parents_of(SELF)})
WHERE value NOT IN {_part(SELF)}"""
"""What else must be resolved anew: our replies to what is touched, and what touched replies answer."""

SURROUND: Final = f"""
INSERT INTO {{scratch}}
SELECT DISTINCT part, value FROM (
  SELECT {PARENTS} AS part, value FROM ({_parents_of(SELF)})
  UNION ALL SELECT {CHILDREN} AS part, value FROM ({_children_of(SELF)})
  UNION ALL SELECT {MINUTES} AS part, toUInt64(toUnixTimestamp(minute)) AS value
  FROM versions WHERE id_hash IN {_part(SELF)} AND removal = 0
)"""
"""What resolving reads besides the activities themselves, and every minute any version of them ever claimed."""


def _state(part: int, latest: tuple[str, ...], *, claims: bool) -> str:
    """Return the current state of each activity of a part: the latest version's fields, dated by its create."""
    claimed = (
        f"""groupUniqArrayIf(minute, removal = 0) AS minutes, groupUniqArrayIf(({_DIMENSIONS}), removal = 0) AS keys,
  argMaxIf(({_DIMENSIONS}), (version_order, heard), removal = 0) AS latest_key,"""
        if claims
        else ""
    )
    return f"""
SELECT id_hash, id, {claimed}
  argMax(removal, (version_order, heard)) AS removed,
  argMaxIf(({", ".join(latest)}), (version_order, heard), removal = 0) AS latest,
  minIf((verb = 'update', version_order, occurred_at), removal = 0).3 AS occurred
FROM versions WHERE id_hash IN {_part(part)}
GROUP BY id_hash, id HAVING countIf(removal = 0) > 0"""


_LATEST: Final = ("kind", "direction", "actor_hash", "conversation_id", "in_reply_to")
_NAMED: Final = ", ".join(f"latest.{position} AS {name}" for position, name in enumerate(_LATEST, start=1))

FIND_SEVERAL: Final = f"""
INSERT INTO {{scratch}}
SELECT {SEVERAL}, id_hash FROM versions WHERE id_hash IN {_part(SELF)} GROUP BY id_hash HAVING count() > 1"""
"""Most activities have one version and need no aggregation; runs after RESOLVE's stamp, as a part of its reading."""

_ONLY: Final = f"""
SELECT id_hash, id, [minute] AS minutes, [({_DIMENSIONS})] AS keys, ({_DIMENSIONS}) AS latest_key, removal AS removed,
  ({", ".join(_LATEST)}) AS latest, occurred_at AS occurred
FROM versions WHERE id_hash IN {_part(SELF)} AND id_hash NOT IN {_part(SEVERAL)} AND removal = 0"""

_KEY: Final = ", ".join(f"key.{position}" for position, _ in enumerate(DIMENSIONS, start=1))

RESOLVE: Final = f"""
INSERT INTO activities (minute, id_hash, id, {_DIMENSIONS}, resolved, alive, kind, direction, occurred_at, actor_hash,
  conversation_id, in_reply_to, answered_at, first_response_seconds)
SELECT claimed_minute, id_hash, id, {_KEY}, {{{{stamp:UInt64}}}}, counts,
  multiIf(NOT counts, '', kind = '{Kind.RESPONSE}' AND ours, '{Kind.OWN_REPLY}', kind), if(counts, direction, ''),
  occurred, if(counts, actor_hash, 0), if(counts, conversation_id, ''), if(counts, in_reply_to, ''),
  if(counts AND is_answered, responded, NULL),
  if(counts AND is_answered, greatest(0, dateDiff('microsecond', occurred, responded)) / 1000000, NULL)
FROM (
  SELECT id_hash, id, {_NAMED}, occurred, ours, responded, claimed_minute, key,
    removed = 0 AND claimed_minute = toStartOfMinute(occurred) AND key = latest_key AS counts,
    responses > 0 AND kind IN ({_POSTS}) AS is_answered
  FROM ({_ONLY} UNION ALL {_state(SEVERAL, _LATEST, claims=True)}) AS own
  LEFT JOIN (
    SELECT id AS parent_id, max(direction = 'outbound') AS ours
    FROM versions WHERE id_hash IN {_part(PARENTS)} GROUP BY parent_id
  ) AS parent ON parent.parent_id = own.latest.{_LATEST.index("in_reply_to") + 1}
  LEFT JOIN (
    SELECT latest.2 AS answers, count() AS responses, min(occurred) AS responded
    FROM ({_state(CHILDREN, ("kind", "in_reply_to"), claims=False)})
    WHERE removed = 0 AND latest.1 = '{Kind.RESPONSE}' GROUP BY answers
  ) AS response ON response.answers = own.id
  ARRAY JOIN minutes AS claimed_minute
  ARRAY JOIN keys AS key
)"""
"""One row per activity and claim: alive where it counts now, dead wherever a version of it once counted."""

SCRUB: Final = f"""
INSERT INTO versions
SELECT * REPLACE ('' AS text, '' AS url, '' AS actor_handle, '' AS actor_name, [] AS mentions,
  {{{{stamp:UInt64}}}} AS heard)
FROM versions AS source
WHERE id_hash IN {_part(SEVERAL)}
  AND (source.text != '' OR source.url != '' OR source.actor_handle != '' OR source.actor_name != '')
  AND (id_hash, id) IN (
    SELECT id_hash, id FROM versions WHERE id_hash IN {_part(SEVERAL)}
    GROUP BY id_hash, id HAVING argMax(removal, (version_order, heard)) = 1
  )"""
"""Blank what a deleted or undone activity said; merges then drop the old rows from disk. Takes several versions."""

_COUNTS: Final = ", ".join(f"countIf(alive AND ({condition})) AS {name}" for name, condition in COUNTERS.items())
_SUMS: Final = ", ".join(f"sum(source.{name}) AS {name}" for name in COUNTERS)
_COUNTERS: Final = ", ".join(COUNTERS)

RECOMPUTE_MINUTES: Final = f"""
INSERT INTO minutes (minute, {_DIMENSIONS}, computed, {_COUNTERS}, people_state, first_response_state)
SELECT minute, {_DIMENSIONS}, {{{{stamp:UInt64}}}}, {_COUNTS},
  uniqExactStateIf(actor_hash, alive AND direction = 'inbound'),
  quantilesExactInclusiveStateIf(0.5, 0.9)(assumeNotNull(first_response_seconds),
    alive AND first_response_seconds IS NOT NULL)
FROM activities FINAL
WHERE minute IN (SELECT toDateTime(value, 'UTC') FROM {{scratch}} WHERE part = {MINUTES})
GROUP BY minute, {_DIMENSIONS}"""

_HOURS: Final = f"(SELECT DISTINCT toStartOfHour(toDateTime(value, 'UTC')) FROM {{scratch}} WHERE part = {MINUTES})"

RECOMPUTE_HOURS: Final = f"""
INSERT INTO hours (hour, {_DIMENSIONS}, computed, {_COUNTERS}, people_state, first_response_state)
SELECT toStartOfHour(minute) AS hour, {_DIMENSIONS}, {{{{stamp:UInt64}}}}, {_SUMS},
  uniqExactMergeState(source.people_state), quantilesExactInclusiveMergeState(0.5, 0.9)(source.first_response_state)
FROM minutes AS source FINAL
WHERE toStartOfHour(minute) IN {_HOURS}
GROUP BY hour, {_DIMENSIONS}"""

_SETS: Final = ", ".join(f"({', '.join(('hour', *names))})" for names in GROUPINGS)

RECOMPUTE_CELLS: Final = f"""
INSERT INTO cells (grain, grouping, start, {_DIMENSIONS}, computed, {_COUNTERS}, people, first_response)
SELECT 'hour', toUInt16(grouping({_DIMENSIONS})), hour, {_DIMENSIONS}, {{{{stamp:UInt64}}}}, {_SUMS},
  uniqExactMerge(source.people_state), quantilesExactInclusiveMerge(0.5, 0.9)(source.first_response_state)
FROM hours AS source FINAL
WHERE hour IN {_HOURS}
GROUP BY GROUPING SETS ({_SETS})"""
