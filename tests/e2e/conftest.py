"""Fixtures that start the whole embedded system."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.e2e.system import System

ACME = """
organisation:
  accounts:
    - {channel: web, id: acme, handle: acme, department: support, name: Acme}
    - {channel: web, id: acme-sales, handle: acme_sales, department: sales, name: Acme Sales}
"""


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Callable[..., System]]:
    """Return a function that makes an installation; whatever still runs at the end is killed."""
    made: list[System] = []

    def make(configuration: str = ACME, **extra: str) -> System:
        system = System(tmp_path / f"home{len(made)}", configuration, extra)
        made.append(system)
        return system

    yield make
    for system in made:
        if system.process is not None and system.process.poll() is None:
            system.kill_tree()
