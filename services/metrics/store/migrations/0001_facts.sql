-- Every version heard of every activity. The key keeps every claim (id, version, bucket, dimensions) ever made, so that
-- whatever bucket a version once put its activity into can be found and emptied again. See docs/adr/0004.
CREATE TABLE IF NOT EXISTS versions (
  id_hash UInt64,
  id String,
  version_order UInt64,
  heard UInt64,
  removal UInt8,
  kind LowCardinality(String),
  verb LowCardinality(String),
  direction LowCardinality(String),
  minute DateTime('UTC'),
  occurred_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
  received_at DateTime64(6, 'UTC') CODEC(Delta, ZSTD),
  version UInt64,
  object_id String CODEC(ZSTD),
  channel LowCardinality(String),
  channel_class LowCardinality(String),
  surface LowCardinality(String),
  source LowCardinality(String),
  actor_hash UInt64,
  actor_id String CODEC(ZSTD),
  actor_handle String CODEC(ZSTD),
  actor_name String CODEC(ZSTD),
  actor_followers Nullable(UInt64),
  text String CODEC(ZSTD),
  language LowCardinality(String),
  url String CODEC(ZSTD),
  conversation_id String CODEC(ZSTD),
  in_reply_to String CODEC(ZSTD),
  parent_hash UInt64,
  quotes String CODEC(ZSTD),
  mentions Array(String) CODEC(ZSTD),
  account LowCardinality(String),
  owner_department LowCardinality(String),
  department LowCardinality(String),
  department_label LowCardinality(String),
  department_probability Float32,
  intent LowCardinality(String),
  intent_probability Float32,
  sentiment LowCardinality(String),
  sentiment_probability Float32,
  unsure UInt8,
  model LowCardinality(String)
) ENGINE = ReplacingMergeTree(heard)
PRIMARY KEY id_hash
ORDER BY (id_hash, id, version_order, minute, department, owner_department, channel, surface, account, intent, sentiment)
SETTINGS index_granularity = 1024, min_age_to_force_merge_seconds = 86400;

-- From a post to our replies to it, so that either side can be found when the other arrives.
CREATE TABLE IF NOT EXISTS replies (
  parent_hash UInt64,
  child_hash UInt64
) ENGINE = ReplacingMergeTree
ORDER BY (parent_hash, child_hash)
SETTINGS index_granularity = 1024;

CREATE MATERIALIZED VIEW IF NOT EXISTS replies_feed TO replies AS
SELECT parent_hash, id_hash AS child_hash FROM versions WHERE kind = 'response';

-- One alive row per activity: where it counts now. A row with alive = 0 stands wherever it once counted.
CREATE TABLE IF NOT EXISTS activities (
  minute DateTime('UTC'),
  id_hash UInt64,
  id String,
  department LowCardinality(String),
  owner_department LowCardinality(String),
  channel LowCardinality(String),
  channel_class LowCardinality(String),
  surface LowCardinality(String),
  account LowCardinality(String),
  intent LowCardinality(String),
  sentiment LowCardinality(String),
  resolved UInt64,
  alive UInt8,
  kind LowCardinality(String),
  direction LowCardinality(String),
  occurred_at DateTime64(6, 'UTC'),
  actor_hash UInt64,
  conversation_id String CODEC(ZSTD),
  in_reply_to String CODEC(ZSTD),
  answered_at Nullable(DateTime64(6, 'UTC')),
  first_response_seconds Nullable(Float64)
) ENGINE = ReplacingMergeTree(resolved)
PRIMARY KEY (minute, id_hash)
ORDER BY (minute, id_hash, id, department, owner_department, channel, channel_class, surface, account, intent, sentiment);

CREATE TABLE IF NOT EXISTS minutes (
  minute DateTime('UTC'),
  department LowCardinality(String),
  owner_department LowCardinality(String),
  channel LowCardinality(String),
  channel_class LowCardinality(String),
  surface LowCardinality(String),
  account LowCardinality(String),
  intent LowCardinality(String),
  sentiment LowCardinality(String),
  computed UInt64,
  push UInt64,
  responses UInt64,
  own_replies UInt64,
  replies UInt64,
  mentions UInt64,
  quotes UInt64,
  announces UInt64,
  likes UInt64,
  follows UInt64,
  inbound_posts UInt64,
  answered UInt64,
  negative UInt64,
  neutral UInt64,
  positive UInt64,
  misrouted UInt64,
  ambient_posts UInt64,
  outbound_reactions UInt64,
  people_state AggregateFunction(uniqExact, UInt64),
  first_response_state AggregateFunction(quantilesExactInclusive(0.5, 0.9), Float64)
) ENGINE = ReplacingMergeTree(computed)
PRIMARY KEY (toStartOfHour(minute), minute)
ORDER BY (toStartOfHour(minute), minute, department, owner_department, channel, channel_class, surface, account, intent,
          sentiment);

CREATE TABLE IF NOT EXISTS hours (
  hour DateTime('UTC'),
  department LowCardinality(String),
  owner_department LowCardinality(String),
  channel LowCardinality(String),
  channel_class LowCardinality(String),
  surface LowCardinality(String),
  account LowCardinality(String),
  intent LowCardinality(String),
  sentiment LowCardinality(String),
  computed UInt64,
  push UInt64,
  responses UInt64,
  own_replies UInt64,
  replies UInt64,
  mentions UInt64,
  quotes UInt64,
  announces UInt64,
  likes UInt64,
  follows UInt64,
  inbound_posts UInt64,
  answered UInt64,
  negative UInt64,
  neutral UInt64,
  positive UInt64,
  misrouted UInt64,
  ambient_posts UInt64,
  outbound_reactions UInt64,
  people_state AggregateFunction(uniqExact, UInt64),
  first_response_state AggregateFunction(quantilesExactInclusive(0.5, 0.9), Float64)
) ENGINE = ReplacingMergeTree(computed)
PRIMARY KEY hour
ORDER BY (hour, department, owner_department, channel, channel_class, surface, account, intent, sentiment);

CREATE TABLE IF NOT EXISTS rejections (
  received_at DateTime64(6, 'UTC'),
  digest UInt64,
  reason LowCardinality(String),
  field String,
  detail String CODEC(ZSTD),
  origin String CODEC(ZSTD),
  excerpt String CODEC(ZSTD)
) ENGINE = ReplacingMergeTree
ORDER BY (received_at, digest);
