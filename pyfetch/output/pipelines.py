"""The programs of a pipeline behind this one: whether they show on the terminal what they read.

Only Linux tells. A pipeline is one group of processes, which is all that is looked at.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from typing import TextIO

_STDIN, _STDOUT = 0, 1


def is_shown_on(terminal: TextIO, out: TextIO) -> bool:
    """Whether what is written to `out`, a pipe, gets to this terminal, as with `| cat`."""
    try:
        pipe, shown = _place("self", out.fileno()), _place("self", terminal.fileno())
        streams = [*_streams_of_group()] if pipe.startswith("pipe:") else []
    except OSError:
        return False
    reached = new = {pipe}
    while new:
        new = {written for read, written in streams if read in new} - reached
        reached = reached | new
    return shown in reached


def _streams_of_group() -> Iterator[tuple[str, str]]:
    """Where each process of this group reads from, and writes to. Raises `OSError`."""
    group = os.getpgrp()
    for name in os.listdir("/proc"):  # noqa: PTH208 - there are many
        if name.isdecimal():
            with contextlib.suppress(OSError):  # it has ended, or is somebody else's
                if os.getpgid(int(name)) == group:
                    yield _place(name, _STDIN), _place(name, _STDOUT)


def _place(process: str, descriptor: int) -> str:
    return os.readlink(f"/proc/{process}/fd/{descriptor}")  # noqa: PTH115
