"""The HTTP surface of the metrics service."""
