"""10,000 URLs of a host that drops packets amid 10,000 of a healthy one, which also run alone.

Run by hand: `python -m tools.benchmarks.dead`. Both are on the loopback.
"""

from __future__ import annotations

import multiprocessing
import subprocess
import tempfile
import time

from tests.support.unreachable import dropping_packets
from tools.benchmarks.memory import COMMAND, serve

NUMBER = 10_000


def main() -> None:
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    url = ours.recv()
    healthy = [f"{url}/1k?{n}" for n in range(NUMBER)]
    with dropping_packets() as dead:
        mixed = [each for n, url in enumerate(healthy) for each in (f"{dead}/{n}", url)]
        for name, lines in (("alone", healthy), ("amid dead ones", mixed)):
            last, whole, memory = measured(lines)
            print(f"{name}: the last healthy one after {last:.1f} s, all after {whole:.1f} s")
            print(memory)
    ours.send("over")
    server.join(5)


def measured(lines: list[str]) -> tuple[float, float, str]:
    """When the last URL that came did, when all were done, and what was said."""
    began = time.monotonic()
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("\n".join(lines))
        file.flush()
        command = subprocess.Popen(
            [COMMAND, "--discard", "--connect-timeout", "2", "--unordered", file.name],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return watched(command, began)


def watched(command: subprocess.Popen[str], began: float) -> tuple[float, float, str]:
    assert command.stdout
    assert command.stderr
    last, came = 0.0, 0
    for line in command.stdout:
        if line.startswith("200\t"):
            last, came = time.monotonic() - began, came + 1
    said = command.stderr.read()
    command.wait()
    assert came == NUMBER
    return last, time.monotonic() - began, said


if __name__ == "__main__":
    main()
