"""A rerun over a list whose files are all there and known: memory, and time for each name.

Run by hand: `python -m tools.benchmarks.names [NUMBER…]`. No server is asked: `--if-exists skip`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tempfile
import time
from pathlib import Path

from pyfetch.facts import FileFacts
from pyfetch.storage.state import State

COMMAND = str(Path(sysconfig.get_path("scripts"), "pyfetch"))
URL = "http://127.0.0.1:9/files/some-file-{}.bin"


def main(numbers: list[int]) -> None:
    print(f"{'names':>9} {'peak memory':>12} {'seconds':>8} {'a name':>10} {'state':>9}")
    for number in numbers:
        with tempfile.TemporaryDirectory() as directory:
            make(Path(directory), number)
            print(measured(Path(directory), number), flush=True)


def make(directory: Path, number: int) -> None:
    """Files, and a state that knows them."""
    (directory / ".pyfetch").mkdir()
    state = State(directory / ".pyfetch" / "state.sqlite3")
    with (directory.parent / f"{directory.name}.txt").open("w") as urls:
        for index in range(number):
            url, name = URL.format(index), f"some-file-{index}.bin"
            urls.write(url + "\n")
            state.claim(name, url, lambda: True)
            os.close(os.open(directory / name, os.O_CREAT | os.O_WRONLY))
            state.record(name, 200, FileFacts(0, 0, '"an-etag"', "a date", "0" * 64))
    state.commit()
    state.close()


def measured(directory: Path, number: int) -> str:
    urls = directory.parent / f"{directory.name}.txt"
    began = time.monotonic()
    command = subprocess.Popen(
        [COMMAND, "--if-exists", "skip", "-o", str(directory), str(urls)],
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert command.stdout
    lines = sum(1 for line in command.stdout if line.endswith(b"\t-\n"))
    _, status, usage = os.wait4(command.pid, 0)
    took = time.monotonic() - began
    urls.unlink()
    assert (status, lines) == (0, number)
    size = (directory / ".pyfetch" / "state.sqlite3").stat().st_size / 1e6
    peak = usage.ru_maxrss / 1024
    each = took / number * 1e6
    return f"{number:>9} {peak:>9.1f} MB {took:>8.1f} {each:>7.0f} µs {size:>6.0f} MB"


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [10_000, 1_000_000])
