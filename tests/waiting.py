"""Waiting for something to become true, with a deadline and the last reason why it was not."""

import time
from collections.abc import Callable
from typing import TypeVar

Value = TypeVar("Value")


def eventually(check: Callable[[], Value], *, within_seconds: float, every_seconds: float = 0.05) -> Value:
    """Return the first truthy result of `check`; AssertionError and OSError count as "not yet"."""
    deadline = time.monotonic() + within_seconds
    last: object = None
    while True:
        try:
            if result := check():
                return result
            last = result
        except (AssertionError, OSError) as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not true within {within_seconds} s; last: {last!r}")
        time.sleep(every_seconds)
