"""The metrics service: facts and aggregates in ClickHouse, and the numbers over HTTP."""
