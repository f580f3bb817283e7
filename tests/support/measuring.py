"""What tests measure: memory, bytes on disk, how time grows with size."""

from __future__ import annotations

import contextlib
import gc
import sys
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

from pyfetch.inputs import Sources

MIB = 1024 * 1024

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


def kept_blocks(sources: Sources) -> int:
    """How many blocks of memory 4,000 entries of 15,000 have left behind that were taken."""
    used = []
    gc.collect()  # what others have left behind might go meanwhile
    entries = iter(sources)
    for number in range(1, 12_001):
        next(entries)
        if number % 100 == 0 and number > 4_000:
            used.append(sys.getallocatedblocks())
    assert sum(1 for _ in entries) == 3_000
    # Elements of one block, 64 KiB, are held at once: those of some 2,000 records.
    return min(used[-40:]) - min(used[:40])


def peak_of(sources: Sources) -> tuple[int, int]:
    """How many entries there are, and the most bytes that were held at once."""
    tracemalloc.start()
    try:
        number = sum(1 for _ in sources)
        return number, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


NO_TIME = 0.02
"""Seconds that nobody notices."""


def takes_linear_time(work: Callable[[int], object], size: int) -> bool:
    """Whether work of this size takes no time, or about eight times what an eighth of it takes.

    Quadratic work takes 64 times as long, which no machine is too slow or too busy to tell: what
    counts is the CPU time of this thread. Of three tries one is enough.
    """
    for _ in range(3):
        whole = _seconds(work, size)
        if whole < NO_TIME or whole < 3 * 8 * _seconds(work, size // 8):
            return True
    return False


def _seconds(work: Callable[[int], object], size: int) -> float:
    began = time.thread_time()
    work(size)
    return time.thread_time() - began
