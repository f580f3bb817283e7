"""What the operating system gives a process: descriptors, temporary databases, threads."""

from __future__ import annotations

import contextlib
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import sqlite3

# Python runs handlers in the main thread only. In a program that uses the library, a Ctrl-C
# that the system delivers to another thread would not wake the main thread from its wait.
_FOR_MAIN = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_UNLIMITED = 1024

_at_end: list[Callable[[], None]] = []
"""What `_end_all` calls, in the order in which it was registered."""
_is_registered = False


def descriptors() -> int:
    """How many files and connections this process may have open at once."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _UNLIMITED if limit == resource.RLIM_INFINITY else limit


def leave_signals_to_main() -> None:
    """Block, in this thread, the signals for which the main thread has handlers."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _FOR_MAIN)


def daemon(target: Callable[[], None], name: str) -> threading.Thread:
    """A thread, not yet started, that nobody waits for when the process ends."""

    def run() -> None:
        leave_signals_to_main()
        target()

    return threading.Thread(target=run, name=f"pyfetch-{name}", daemon=True)


def temporary_database(*tables: str) -> sqlite3.Connection:
    """A private SQLite database with these tables (`name (columns)`), gone when it is closed.

    It is in memory as long as it is small, else in a temporary file. One transaction is open from
    the start; any thread may use it, one at a time.
    """
    import sqlite3  # most runs need none, and to load it takes milliseconds

    database = sqlite3.connect("", isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA journal_mode = OFF")
    for table in tables:
        database.execute(f"CREATE TABLE {table} WITHOUT ROWID")
    database.execute("BEGIN")
    return database


@contextlib.contextmanager
def before_threads_are_joined(call: Callable[[], None]) -> Iterator[None]:
    """If the program ends within, call this before Python waits for its threads to end.

    A program may end while it holds a generator that it has not used up. Nothing public comes
    before `concurrent.futures` waits for its workers, which would go on until then.
    """
    global _is_registered
    if not _is_registered:
        _is_registered = True
        with contextlib.suppress(RuntimeError):  # the program is ending already
            threading._register_atexit(_end_all)  # type: ignore[attr-defined]  # noqa: SLF001
    _at_end.append(call)
    try:
        yield
    finally:
        _at_end.remove(call)


def _end_all() -> None:
    for call in _at_end:
        call()
