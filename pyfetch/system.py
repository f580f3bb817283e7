"""What the operating system gives a process: descriptors and threads."""

import contextlib
import errno
import os
import resource
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from pyfetch.value import Value

STOPPING_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
"""Signals that ask a run to stop."""

_FOR_A_WORKER = 3
"""Descriptors that a worker may need at once: a connection, a part, and one for other files."""
_RESERVED = 10
"""Descriptors for the state, lists, reports and temporary databases."""
_NO_MORE = frozenset({errno.EMFILE, errno.ENFILE})

_at_end: list[Callable[[], None]] = []
"""What `_call_all` calls, in the order in which it was registered."""
_is_registered = False


class OutOfThreadsError(Exception):
    """The system refuses to start another thread."""


class DescriptorBudget(Value):
    """How the descriptors that this process may have are divided."""

    workers: int
    """Transfers at once."""
    idle_connections: int
    """Connections that are kept open though no request uses them."""


def descriptor_budget(workers: int, idle_connections: int) -> DescriptorBudget:
    """The wanted numbers of workers and idle connections, or less if there are few descriptors."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit == resource.RLIM_INFINITY:
        return DescriptorBudget(workers, idle_connections)
    free = max(0, limit - _open_descriptors() - _RESERVED)
    workers = max(1, min(workers, free // (_FOR_A_WORKER + 1)))
    idle = max(1, min(idle_connections, free - _FOR_A_WORKER * workers))
    return DescriptorBudget(workers, idle)


def _open_descriptors() -> int:
    for directory in (Path("/proc/self/fd"), Path("/dev/fd")):
        with contextlib.suppress(OSError):
            return sum(1 for _ in directory.iterdir())
    return 8  # a guess, on a system that does not say


def is_out_of_resources(error: BaseException) -> bool:
    """Whether this error means that the machine has no descriptor, thread or memory left.

    Such an error says nothing about a server or a file: with fewer transfers at once, it would not
    occur. The errors that caused it are examined, too.
    """
    seen: set[int] = set()
    pending = [error]
    while pending:
        cause = pending.pop()
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        if isinstance(cause, OutOfThreadsError | MemoryError):
            return True
        if isinstance(cause, OSError):
            if cause.errno in _NO_MORE:
                return True
            # The C library has many names for it where it cannot open a socket or a file.
            if type(cause).__name__ == "gaierror" and has_no_descriptor():
                return True
        pending += [each for each in cause.args if isinstance(each, BaseException)]
        pending += [each for each in (cause.__cause__, cause.__context__) if each is not None]
    return False


def has_no_descriptor() -> bool:
    """Whether the process may open no more files now."""
    try:
        descriptor = os.open("/dev/null", os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        return error.errno in _NO_MORE
    os.close(descriptor)
    return False


def leave_signals_to_main() -> None:
    """Block stopping signals in this thread, so that the main thread gets them.

    Python runs signal handlers in the main thread only. If the system delivered a Ctrl-C to another
    thread of a program that uses the library, the main thread would go on waiting.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING_SIGNALS)


def daemon(target: Callable[[], None], name: str) -> threading.Thread:
    """A thread, not yet started, that does not keep the process from ending."""

    def run() -> None:
        leave_signals_to_main()
        target()

    return threading.Thread(target=run, name=f"pyfetch-{name}", daemon=True)


@contextlib.contextmanager
def before_threads_are_joined(call: Callable[[], None]) -> Iterator[None]:
    """If the program ends within this context, call `call` before Python joins its threads.

    A program may end while it still has a generator with results to come. `concurrent.futures`
    would then wait until the workers are done, and functions registered with `atexit` are only
    called after that: there is no public way to learn earlier that the program ends. So this uses
    `threading._register_atexit`, as `concurrent.futures` does. The function that was registered
    last is called first.
    """
    global _is_registered
    if not _is_registered:
        _is_registered = True
        with contextlib.suppress(RuntimeError):  # the program is ending already
            threading._register_atexit(_call_all)  # type: ignore[attr-defined]  # noqa: SLF001
    _at_end.append(call)
    try:
        yield
    finally:
        _at_end.remove(call)


def _call_all() -> None:
    for call in _at_end:
        call()
