"""What an engine is told, and the thread that reads its input and tells it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from pyfetch.engine.mailbox import Mailbox
from pyfetch.engine.read_ahead import ReadAhead
from pyfetch.models import Entry, Result, Target
from pyfetch.system import daemon


class InputEnded(NamedTuple):
    """There is nothing more to read, or it cannot be read."""

    error: Exception | None = None


class Stop:
    """Somebody said stop."""


class Final(NamedTuple):
    """A target is done."""

    result: Result


class Changed:
    """Something is due at another time, or a worker has become free."""


class Broken(NamedTuple):
    """A worker met what ends the run, or a defect."""

    error: BaseException


Event = Target | Result | InputEnded | Stop | Final | Changed | Broken
Wait = Callable[[Mailbox[Event], float | None], list[Event]]


def wait_in_real_time(inbox: Mailbox[Event], seconds: float | None) -> list[Event]:
    """What has come, or nothing if nothing came within so many seconds."""
    return inbox.take(seconds)


def start_reader(
    entries: Iterable[Entry], window: ReadAhead, put: Callable[[Entry | InputEnded], None]
) -> None:
    """Read entries in a thread of their own, as far ahead as the window lets it."""

    def read() -> None:
        error = None
        try:
            source = iter(entries)
            while window.acquire():
                entry = next(source, None)
                if entry is None:
                    break
                put(entry)
        except Exception as caught:  # it is raised where the results are read
            error = caught
        put(InputEnded(error))

    # A daemon: it may be waiting for a line that never comes.
    daemon(read, "reader").start()
