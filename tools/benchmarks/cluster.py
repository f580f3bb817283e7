"""What a run on a Dask cluster costs, and what more worker processes bring.

Run by hand: `python -m tools.benchmarks.cluster [--urls N] [--keep] [--only cost|speedup]`.
Scheduler and workers are commands, as on a real cluster; nginx is on the loopback. What counts is
CPU, which depends less on what else this machine does, and memory while the run goes on; of the
speed-up it is time, which needs a machine with nothing else to do.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sysconfig
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tools.benchmarks.bench.delay import delayed
from tools.benchmarks.bench.nginx import serving

SCRIPTS = Path(sysconfig.get_path("scripts"))
TICKS = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
LATENCY = 0.05
TRANSFERS = 32
"""Transfers at once of each worker process."""
PER_PROCESS = 6_000
"""URLs of the speed-up for each worker process: ten seconds."""
ROUNDS = 3
NOT_CONFIGURED = {"PYFETCH_NO_CONFIG": "1"}
QUIET = {"DASK_LOGGING__DISTRIBUTED": "error"}


@dataclass(slots=True)
class Watched:
    """A process, and what it has taken since this was made."""

    pid: int
    began: float = 0.0
    memory: list[int] = field(default_factory=list)
    """Bytes, at the moments at which it was looked at."""

    def __post_init__(self) -> None:
        self.began = self.total()

    def total(self) -> float:
        """Seconds of CPU, with children that have ended."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:15])) / TICKS

    @property
    def cpu(self) -> float:
        return self.total() - self.began

    def own_cpu(self) -> float:
        """The same without children."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return sum(map(int, fields[11:13])) / TICKS

    def look(self) -> None:
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        self.memory.append(pages * PAGE)


@dataclass(slots=True)
class Cluster:
    """A scheduler and workers of one thread each."""

    file: Path
    scheduler: Watched
    workers: list[Watched]


@contextmanager
def cluster(scratch: Path, number: int) -> Iterator[Cluster]:
    file = scratch / f"scheduler-{number}.json"
    file.unlink(missing_ok=True)
    started: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str) -> int:
        process = subprocess.Popen(
            [SCRIPTS / "dask", *arguments, "--scheduler-file", file, "--no-dashboard"],
            cwd=scratch, env=os.environ | QUIET, stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        started.append(process)
        return process.pid

    try:
        scheduler = start("scheduler", "--host", "127.0.0.1", "--port", "0")
        workers = [
            start("worker", "--nthreads", "1", "--no-nanny", "--host", "127.0.0.1")
            for _ in range(number)
        ]
        time.sleep(1)
        has_come(file, number)
        yield Cluster(file, Watched(scheduler), [Watched(pid) for pid in workers])
    finally:
        for process in started:
            process.kill()
            process.wait()


def has_come(file: Path, number: int) -> None:
    """Wait until so many workers are there."""
    from distributed import Client

    until = time.monotonic() + 60
    while not file.exists() and time.monotonic() < until:
        time.sleep(0.1)
    with Client(scheduler_file=str(file), set_as_default=False) as client:
        client.wait_for_workers(number, timeout=60)


@dataclass(frozen=True, slots=True)
class Took:
    """A run on a cluster."""

    seconds: float
    """Between the first result and the last: without what starts."""
    cpu: dict[str, float]
    """Seconds of CPU between these two, of the command, the scheduler, and so on."""
    memory: dict[str, list[int]]


def run(urls: Path, number: int, on: Cluster, *more: str) -> Took:
    """Fetch all of them."""
    command = subprocess.Popen(
        [SCRIPTS / "pyfetch", urls, "--cluster-file", on.file, *more],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        env=os.environ | NOT_CONFIGURED,
    )  # fmt: skip
    assert command.stdout
    lines = iter(command.stdout)
    assert next(lines).startswith(b"200\t")
    began = time.monotonic()
    ours = Watched(command.pid)
    relays = [Watched(worker.pid) for worker in on.workers]
    before = {worker.pid: worker.own_cpu() for worker in relays}
    members = [Watched(pid) for worker in relays for pid in children_of(worker.pid)]
    scheduler = Watched(on.scheduler.pid)
    step = max(1, number // 20)
    taken = {}
    for count, line in enumerate(lines, start=2):
        assert line.startswith(b"200\t"), line
        if count % step == 0:
            for each in (ours, scheduler):
                each.look()
        if count == number - step // 2:  # while all of them are there
            seconds = time.monotonic() - began
            share = (number - 1) / (count - 1)
            taken = {
                "command": ours.cpu * share,
                "scheduler": scheduler.cpu * share,
                "Dask workers": sum(each.own_cpu() - before[each.pid] for each in relays) * share,
                "processes": sum(each.cpu for each in members) * share,
            }
    assert command.wait() == 0
    command.stdout.close()
    assert count == number
    return Took(seconds * share, taken, {"command": ours.memory, "scheduler": scheduler.memory})


def children_of(pid: int) -> list[int]:
    return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())) or [
        int(child)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]


def listed(file: Path, port: int, number: int) -> Path:
    with file.open("w") as lines:
        for each in range(number):
            lines.write(f"http://127.0.0.1:{port}/1k?{each}\n")
    return file


def cost(scratch: Path, port: int, number: int, *, keep: bool) -> None:
    """Two worker processes fetch small files as fast as they can."""
    urls, data = listed(scratch / "urls", port, number), scratch / "data"
    kept = ("--output-dir", str(data), "--name", "{index}") if keep else ("--discard",)
    with cluster(scratch, 2) as on:
        took = run(urls, number, on, *kept)
    how = "kept" if keep else "nothing kept"
    print(f"{number} URLs of 1 kB, {how}, two worker processes, {took.seconds:.0f} s:")
    for name, seconds in took.cpu.items():
        print(f"  CPU of {name}: {1e6 * seconds / number:.0f} µs a URL")
    for name, sizes in took.memory.items():
        shown = ", ".join(f"{size / 1e6:.0f}" for size in sizes[:: max(1, len(sizes) // 8)])
        print(f"  memory of {name}, in MB, while it went on: {shown}", flush=True)
    if keep:
        state = (data / ".pyfetch" / "state.sqlite3").stat().st_size
        print(f"  state: {state / number:.0f} bytes a URL")


def speedup(scratch: Path, port: int) -> None:
    """The same behind 50 ms: what four worker processes bring."""
    rates: dict[int, list[float]] = {1: [], 4: []}
    with delayed(LATENCY, [port]) as (slow,):
        for _ in range(ROUNDS):
            for number, seen in rates.items():
                total = PER_PROCESS * number
                urls = listed(scratch / "urls", slow, total)
                with cluster(scratch, number) as on:
                    took = run(urls, total, on, "--discard", "--workers", str(TRANSFERS))
                seen.append(total / took.seconds)
                used = sum(took.cpu.values()) / took.seconds
                print(
                    f"{number} x {TRANSFERS} transfers behind 50 ms: {seen[-1]:.0f} URLs/s"
                    f" (the cluster kept {used:.1f} CPUs busy)",
                    flush=True,
                )
    one, four = (statistics.median(rates[number]) for number in (1, 4))
    print(f"four bring {four / one:.2f} times one")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tools.benchmarks.cluster")
    parser.add_argument("--urls", type=int, default=50_000, metavar="N", help="of the cost")
    parser.add_argument("--keep", action="store_true", help="keep the files, and the state")
    parser.add_argument("--only", choices=["cost", "speedup"], help="default: both")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as directory:
        scratch = Path(directory)
        served = scratch / "served"
        served.mkdir()
        (served / "1k").write_bytes(os.urandom(1000))
        with serving(served, scratch, ["127.0.0.1"]) as nginx:
            if options.only != "speedup":
                cost(scratch, nginx.http, options.urls, keep=options.keep)
            if options.only != "cost":
                speedup(scratch, nginx.http)


if __name__ == "__main__":
    main()
