"""What tests measure: memory, bytes on disk."""

from __future__ import annotations

import contextlib
from pathlib import Path

PEAK_MEMORY = """
def peak_memory():
    # Of this program alone: `ru_maxrss` counts what was there before it began, too.
    for line in open("/proc/self/status"):
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
"""
"""For a program that a test runs: the most memory that it had so far, in KiB."""


def bytes_in(directory: Path, pattern: str) -> int:
    """How many bytes these files have. One that a run has just given its name has none here."""
    total = 0
    for file in directory.glob(pattern):
        with contextlib.suppress(FileNotFoundError):
            total += file.stat().st_size
    return total
