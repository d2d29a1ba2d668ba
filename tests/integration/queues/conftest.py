from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.queues.system import System, running


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    with running(tmp_path) as started:
        yield started
