"""What the engine waits for, on one queue, and the thread that reads its input into it."""

from __future__ import annotations

import queue
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass

from pyfetch.fetch import Attempt
from pyfetch.model import Entry, Result, Target
from pyfetch.threads import daemon
from pyfetch.window import Window


@dataclass(frozen=True, slots=True)
class InputEnded:
    """There is nothing more to read, or it cannot be read."""

    error: Exception | None = None


class Stop:
    """Somebody said stop."""


Event = Target | Result | InputEnded | Stop | Future[Attempt]
Wait = Callable[["queue.SimpleQueue[Event]", float | None], Event | None]


def wait_in_real_time(events: queue.SimpleQueue[Event], seconds: float | None) -> Event | None:
    """The next event, or None if none came within so many seconds."""
    try:
        return events.get(timeout=seconds)
    except queue.Empty:
        return None


def start_reader(
    entries: Iterable[Entry], window: Window, put: Callable[[Entry | InputEnded], None]
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
