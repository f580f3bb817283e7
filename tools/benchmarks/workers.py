"""`--workers auto` beside fixed numbers: 2,000 files from a server that answers after 50 ms.

Run by hand: `python -m tools.benchmarks.workers`. The server is real, on the loopback, in a
process of its own. All numbers take turns, for several rounds; medians count.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import statistics
import subprocess
import sysconfig
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

COMMAND = str(Path(sysconfig.get_path("scripts"), "pyfetch"))
FILES = 2000
LATENCY = 0.05
BODY = bytes(3000)
ROUNDS = 3
NUMBERS = ["1", "2", "4", "8", "16", "32", "64", "128"]


def main() -> None:
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    port = ours.recv()
    with tempfile.TemporaryDirectory() as scratch:
        urls = Path(scratch, "urls.txt")
        urls.write_text("".join(f"http://127.0.0.1:{port}/{n}\n" for n in range(FILES)))
        took: dict[str, list[float]] = {number: [] for number in [*NUMBERS, "auto"]}
        for turn in range(ROUNDS):
            for number, times in took.items():
                if turn == 0 or number not in ("1", "2"):  # they take minutes and vary little
                    seconds, said = fetched(urls, number)
                    times.append(seconds)
                    print(f"{number:>5} {seconds:6.1f} s {said}", flush=True)
    ours.send("over")
    server.join(5)
    medians = {number: statistics.median(times) for number, times in took.items()}
    best = min(NUMBERS, key=medians.__getitem__)
    print(f"\nbest: {best}, {medians[best]:.1f} s; auto: {medians['auto']:.1f} s")
    print(f"auto takes {medians['auto'] / medians[best]:.2f} times the best")


def fetched(urls: Path, number: str) -> tuple[float, str]:
    """Seconds that it took, and what it said of the number of workers."""
    began = time.monotonic()
    ended = subprocess.run(
        [COMMAND, str(urls), "--discard", "--workers", number],
        capture_output=True, check=True, text=True,
    )  # fmt: skip
    seconds = time.monotonic() - began
    assert ended.stdout.count(f"200\t{len(BODY)}\t") == FILES
    return seconds, ended.stderr.splitlines()[-1] if number == "auto" else ""


def serve(pipe: Connection) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
        try:
            while True:
                await reader.readuntil(b"\r\n\r\n")
                await asyncio.sleep(LATENCY)
                writer.write(head + BODY)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def run() -> None:
        server = await asyncio.start_server(answer, "127.0.0.1", 0, backlog=256)
        pipe.send(server.sockets[0].getsockname()[1])
        await asyncio.get_running_loop().run_in_executor(None, pipe.recv)
        server.close()

    asyncio.run(run())


if __name__ == "__main__":
    main()
