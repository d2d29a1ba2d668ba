"""When a child is started again, and how that is told."""

import pytest

from deploy.embedded.core.restarts import RestartPolicy, RestartRecord, exit_in_words

POLICY = RestartPolicy()


def ended(record: RestartRecord, *, lived_seconds: float, times: int = 1, exit_code: int = 1) -> RestartRecord:
    for _ in range(times):
        record = record.after_exit(exit_code, lived_seconds, POLICY)
    return record


def test_the_pause_doubles_from_a_fifth_of_a_second_up_to_ten() -> None:
    pauses = []
    record = RestartRecord()
    for _ in range(8):
        record = ended(record, lived_seconds=1)
        pauses.append(POLICY.delay_seconds(record.in_a_row))
    assert pauses == pytest.approx([0.2, 0.4, 0.8, 1.6, 3.2, 6.4, 10, 10])


def test_a_child_that_lived_half_a_minute_starts_again_at_once() -> None:
    record = ended(RestartRecord(), lived_seconds=1, times=6)
    record = ended(record, lived_seconds=30)
    assert record.in_a_row == 1
    assert record.restarts == 7
    assert POLICY.delay_seconds(record.in_a_row) == 0.2


def test_a_hundred_thousand_ends_in_a_row_still_give_a_bounded_pause() -> None:
    assert POLICY.delay_seconds(100_000) == 10


def test_restarts_are_told_with_their_number_and_the_last_exit() -> None:
    assert RestartRecord().told() is None
    assert ended(RestartRecord(), lived_seconds=1).told() == "restarted once, last exit 1"
    killed = ended(RestartRecord(), lived_seconds=1, times=2, exit_code=-9)
    assert killed.told() == "restarted 2 times, last exit -9 (SIGKILL)"


def test_an_exit_that_is_no_signal_of_this_machine_is_told_all_the_same() -> None:
    assert exit_in_words(-250) == "-250 (unknown signal)"
    assert exit_in_words(None) == "before it was up"
