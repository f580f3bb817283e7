"""To wait for what can only be asked for, and to judge how long something took."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable

LONGEST_WAIT = 60.0
"""Seconds after which what a test waits for will not come."""
STOP = 2.0
"""Seconds within which a run ends that is told to, as the README promises."""


def until(holds: Callable[[], bool], what: str = "it") -> None:
    """Wait until something holds."""
    end = time.monotonic() + LONGEST_WAIT
    while not holds():
        assert time.monotonic() < end, f"not within {LONGEST_WAIT:g} s: {what}"
        time.sleep(0.005)


def within(bound: float, seconds: float) -> bool:
    """Whether this took less than so many seconds, or would have on a machine with nothing to do.

    Only where it took longer is it measured how busy the machine is now.
    """
    return seconds < bound or seconds < bound * slowness()


def slowness() -> float:
    """How many times its CPU time a piece of work takes on this machine now; at least 1."""
    began = time.monotonic()
    process = subprocess.Popen([sys.executable, "-I", "-S", "-c", "sum(range(4_000_000))"])
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return max(1.0, (time.monotonic() - began) / (used.ru_utime + used.ru_stime))
