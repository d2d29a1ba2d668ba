import pytest

from deploy.embedded.core.broker_memory import FEW_UNREAD, MemoryLimit, Verdict


@pytest.mark.parametrize(
    ("held_mib", "unread", "lived_seconds", "verdict"),
    [
        (100, 1 << 62, 0, Verdict.FINE),
        (101, 0, 60, Verdict.REPLACE),
        (101, FEW_UNREAD, 60, Verdict.REPLACE),
        (101, FEW_UNREAD + 1, 60, Verdict.WAIT),  # a fresh one would be as great at once
        (101, 0, 59, Verdict.WAIT),  # never in a circle
    ],
)
def test_a_broker_over_its_limit_is_replaced_once_little_is_unread(
    held_mib: float, unread: int, lived_seconds: float, verdict: Verdict
) -> None:
    assert MemoryLimit(100, 60).verdict(held_mib, unread, lived_seconds) is verdict
