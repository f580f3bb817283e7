"""In a process that another one has started: ends it as soon as that one has ended."""

from __future__ import annotations

import fcntl
import os
import signal
import sys
import threading

_PR_SET_PDEATHSIG = 1


def end_with_parent(life_number: int) -> None:
    """End this process with the one that has started it, however busy it is.

    If it has a session of its own, what it has started ends, too. `life_number`: a descriptor to
    which nothing is ever written; its end is that of the other process. Call it once.
    """
    leads = os.getpgrp() == os.getpid()
    # Code may keep the interpreter's lock for long, so Linux is asked to do it: it sends the signal
    # when the other end of the pipe is closed.
    if sys.platform == "linux":
        fcntl.fcntl(life_number, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(life_number, fcntl.F_SETOWN, -os.getpgrp() if leads else os.getpid())
        flags = fcntl.fcntl(life_number, fcntl.F_GETFL)
        fcntl.fcntl(life_number, fcntl.F_SETFL, flags | os.O_ASYNC)
    # A process that the program has forked may have that end of the pipe, too. This signal comes
    # first: were it SIGKILL, nobody would be left to end what this process has started.
    if leads:
        signal.signal(signal.SIGHUP, lambda *_: _end(leads))
    _ask_for_signal(signal.SIGHUP if leads else signal.SIGKILL)

    def wait() -> None:
        os.read(life_number, 1)
        _end(leads)

    threading.Thread(target=wait, daemon=True).start()


def _end(leads: bool) -> None:
    kill = os.killpg if leads else os.kill
    kill(os.getpid(), signal.SIGKILL)


def _ask_for_signal(number: int) -> None:
    """Let the system send this process a signal when the thread that has started it ends.

    Only Linux can do that (`man 2 prctl`, PR_SET_PDEATHSIG). Exits if it is too late already.
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, number)
    if os.getppid() != parent:
        sys.exit()
