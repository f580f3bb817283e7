"""To wait for what can only be asked for."""

from __future__ import annotations

import time
from collections.abc import Callable

LONGEST_WAIT = 20.0
"""Seconds after which what a test waits for will not come."""


def until(holds: Callable[[], bool], what: str = "it") -> None:
    """Wait until something holds."""
    end = time.monotonic() + LONGEST_WAIT
    while not holds():
        assert time.monotonic() < end, f"not within {LONGEST_WAIT:g} s: {what}"
        time.sleep(0.005)
