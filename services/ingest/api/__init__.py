"""The HTTP face of ingest: activities, webhooks, sources."""
