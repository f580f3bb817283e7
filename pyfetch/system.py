"""What this process may have open, and threads that leave its signals to the main thread."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable

# Python runs handlers in the main thread only. In a program that uses the library, a Ctrl-C
# that the system delivers to another one would not wake the main thread from its wait.
_FOR_MAIN = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]


def descriptors() -> int:
    """How many files and connections this process may have open at once."""
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return 1024
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return 1024 if limit == resource.RLIM_INFINITY else limit


def leave_signals_to_main() -> None:
    """Block, in this thread, what the main thread has handlers for."""
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_BLOCK, _FOR_MAIN)


def daemon(target: Callable[[], None], name: str) -> threading.Thread:
    """A thread, not yet started, that nobody waits for when the process ends."""

    def run() -> None:
        leave_signals_to_main()
        target()

    return threading.Thread(target=run, name=f"pyfetch-{name}", daemon=True)
