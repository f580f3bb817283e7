"""Peak memory and time of the whole command as its list grows, piped in, with `--discard`.

Run by hand: `python -m tools.benchmarks.memory [NUMBER…]`. The server answers from a process
of its own on the loopback.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import sysconfig
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import IO

from tests.support.server import LoopbackServer, Page

COMMAND = str(Path(sysconfig.get_path("scripts"), "pyfetch"))


def main(numbers: list[int]) -> None:
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    url = ours.recv()
    print(f"{'URLs':>9} {'peak memory':>12} {'seconds':>8} {'URLs/s':>7} {'first result':>13}")
    try:
        for number in numbers:
            print(measured(url, number), flush=True)
    finally:
        ours.send("over")
        server.join(5)


def serve(pipe: Connection) -> None:
    with LoopbackServer() as server:
        server.pages["/1k"] = Page(bytes(1024))
        server.remember = False
        pipe.send(server.url)
        pipe.recv()


def measured(url: str, number: int) -> str:
    began = time.monotonic()
    command = subprocess.Popen(
        [COMMAND, "--discard"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert command.stdin
    assert command.stdout
    writer = multiprocessing.get_context("fork").Process(
        target=write_list, args=(command.stdin, url, number)
    )
    writer.start()
    command.stdin.close()
    first = None
    lines = 0
    for line in command.stdout:
        first = first or time.monotonic() - began
        assert line.startswith(b"200\t1024\t")
        lines += 1
    writer.join()
    _, status, usage = os.wait4(command.pid, 0)
    assert (status, lines) == (0, number)
    took = time.monotonic() - began
    peak = usage.ru_maxrss / 1024
    return f"{number:>9} {peak:>9.1f} MB {took:>8.1f} {number / took:>7.0f} {first:>11.2f} s"


def write_list(stream: IO[bytes], url: str, number: int) -> None:
    for index in range(number):
        stream.write(f"{url}/1k?{index}\n".encode())
    stream.close()


if __name__ == "__main__":
    main([int(argument) for argument in sys.argv[1:]] or [10_000, 100_000])
