"""The engine of the integration tests: one process opens one folder."""

from tests.integration.metrics.conftest import address, engine_folder, store

__all__ = ["address", "engine_folder", "store"]
