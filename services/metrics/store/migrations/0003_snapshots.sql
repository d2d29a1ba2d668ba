-- Every counter of a post as a tool showed it at a time; of equal times the greatest value stays. See docs/adr/0016.
CREATE TABLE IF NOT EXISTS snapshots (
  id_hash UInt64,
  id String,
  counter LowCardinality(String),
  observed_at DateTime64(6, 'UTC'),
  value UInt64
) ENGINE = ReplacingMergeTree(value)
ORDER BY (id_hash, id, counter, observed_at)
SETTINGS index_granularity = 1024;
