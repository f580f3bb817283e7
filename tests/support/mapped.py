"""Functions for files, for processes to compute with. Loads nothing that takes time to load."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from pyfetch.models import Result


def text(path: Path, _: Result) -> str:
    """What the file says."""
    return path.read_text()


def does(path: Path, result: Result) -> Any:
    """What the file says that it does: the name of a function here."""
    return globals()[path.read_text()](path, result)


def ends_itself(*_: object) -> None:
    sys.stderr.write("about to end\n")
    sys.stderr.flush()
    os._exit(3)


def is_killed(*_: object) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def forks_and_ends(path: Path, _: Result) -> None:
    """Leaves behind what has the same descriptors."""
    fork = multiprocessing.get_context("fork")
    child = fork.Process(target=time.sleep, args=[60])
    child.start()
    path.write_text(str(child.pid))
    os._exit(0)


def starts_and_waits(path: Path, _: Result) -> None:
    """Writes the numbers of its process and of one that it has started into its file."""
    child = subprocess.Popen(["sleep", "60"])
    new = path.with_suffix(".new")
    new.write_text(f"{os.getpid()} {child.pid}")
    new.replace(path)
    while True:  # without a moment for other threads
        sum(range(10**9))


def hangs(*_: object) -> None:
    threading.Event().wait()


def prints_without_end(*_: object) -> None:
    while True:
        os.write(1, b"x" * 65536)


def prints_much(_: Path, __: Result) -> int:
    """100 MB, half of it to standard error."""
    for _megabyte in range(50):
        sys.stdout.write("o" * 1_000_000)
        sys.stderr.write("e" * 1_000_000)
    sys.stdout.write(" the end")
    return 1


def fails(path: Path, _: Result) -> None:
    raise ValueError(f"no thumbnail of {path.name}")


def exits(*_: object) -> None:
    sys.exit("I leave")


def process(*_: object) -> int:
    """The number of the process that it runs in."""
    return os.getpid()


def ignored_signals(*_: object) -> list[int]:
    ends = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    return [number for number in ends if signal.getsignal(number) is signal.SIG_IGN]


def naps(*_: object) -> None:
    time.sleep(0.05)
