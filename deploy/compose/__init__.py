"""The distributed setting: one-shot programs of docker-compose.yml, and the probe of its health checks."""
