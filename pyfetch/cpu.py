"""The CPUs of this process: the command keeps its threads on one, as only one computes at a time.

The interpreter's lock lets only one thread at a time run Python. A thread that wakes up on another
CPU finds cold caches, and a lock that is not free yet. Work without the lock (reading and hashing
a large body, a TLS handshake) is faster on several CPUs: it is wrapped in `anywhere`.
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator

_allowed: set[int] = set()
"""The CPUs that this process could use before `pin`; empty if it is not pinned."""
_home: set[int] = set()
"""The one CPU that `pin` chose."""
_claims: list[object] = []
"""Sockets whose names are claims; they stay open as long as this process runs."""
_MOST_SEEDS = 1024


def pin(seed: int) -> None:
    """Run this thread, and those that it starts from now on, on one CPU.

    `seed` chooses the CPU: processes with consecutive seeds get different ones. Does nothing if
    the interpreter has no lock, or if the system has no such call (macOS) or refuses it. Call it
    in processes of the command only: threads of other programs are not ours to move.
    """
    if not _has_interpreter_lock() or not hasattr(os, "sched_setaffinity"):
        return
    with contextlib.suppress(OSError):
        allowed = os.sched_getaffinity(0)
        home = {sorted(allowed)[seed % len(allowed)]}
        os.sched_setaffinity(0, home)
        _allowed.update(allowed)
        _home.update(home)


def claimed_seed() -> int:
    """The lowest seed that no other process of this user and machine has claimed.

    So processes that know nothing of each other are pinned to different CPUs. It is free again when
    this process ends: the system forgets the name of its socket (`man 7 unix`, abstract names).
    """
    import socket

    for seed in range(_MOST_SEEDS):
        claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        try:
            claim.bind(f"\0pyfetch-cpu-{os.getuid()}-{seed}")
        except OSError:
            claim.close()
            continue
        _claims.append(claim)
        return seed
    return os.getpid()


@contextlib.contextmanager
def anywhere() -> Iterator[None]:
    """Let this thread run on every CPU: for work that does not need the interpreter's lock."""
    _move(_allowed)
    try:
        yield
    finally:
        _move(_home)


def leave_home() -> None:
    """Let this thread run on every CPU from now on."""
    _move(_allowed)


def available() -> int:
    """How many CPUs this process may use."""
    if _allowed:
        return len(_allowed)
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _move(cpus: set[int]) -> None:
    if cpus:
        with contextlib.suppress(OSError):  # the CPU may no longer be allowed for this process
            os.sched_setaffinity(0, cpus)


def _has_interpreter_lock() -> bool:
    is_enabled = getattr(sys, "_is_gil_enabled", None)  # from CPython 3.13 on
    return is_enabled is None or is_enabled()
