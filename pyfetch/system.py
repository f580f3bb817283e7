"""Threads, their signals and their end, and how many files this process may have open."""

from __future__ import annotations

import contextlib
import resource
import signal
import threading
from collections.abc import Callable, Iterator

# Python runs handlers in the main thread only. In a program that uses the library, a Ctrl-C
# that the system delivers to another thread would not wake the main thread from its wait.
_FOR_MAIN = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

_at_end: list[Callable[[], None]] = []
"""What `_end_all` calls, in the order in which it was registered."""
_is_registered = False


def descriptors() -> int:
    """How many files and connections this process may have open at once."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1024 if limit == resource.RLIM_INFINITY else limit


def leave_signals_to_main() -> None:
    """Block, in this thread, the signals that the main thread has handlers for."""
    signal.pthread_sigmask(signal.SIG_BLOCK, _FOR_MAIN)


def daemon(target: Callable[[], None], name: str) -> threading.Thread:
    """A thread, not yet started, that Python does not wait for when the process ends."""

    def run() -> None:
        leave_signals_to_main()
        target()

    return threading.Thread(target=run, name=f"pyfetch-{name}", daemon=True)


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
