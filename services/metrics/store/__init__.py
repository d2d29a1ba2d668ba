"""The one door to ClickHouse, embedded (chDB) or a server."""
