"""All that runs stand on: a server with its files, scratch space, and lists of what to fetch."""

from __future__ import annotations

import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tools.benchmarks.bench import files
from tools.benchmarks.bench.delay import delayed
from tools.benchmarks.bench.job import Job
from tools.benchmarks.bench.measure import Run, measured
from tools.benchmarks.bench.nginx import Nginx, serving
from tools.benchmarks.bench.peers import Program
from tools.benchmarks.bench.rounds import LEAST_LIMIT, in_turn
from tools.benchmarks.bench.table import Outcome
from tools.benchmarks.bench.workloads import Workload

Progress = Callable[[Program, Run], None]
WARM_UP = 10
"""The warm-up of each program is one of so many parts of the list."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A server that is up."""

    root: Path
    """What it has."""
    scratch: Path
    """Where programs save; on a real disk."""
    server: Nginx

    def outcome(self, workload: Workload, scheme: str, rounds: int, progress: Progress) -> Outcome:
        """Warm up, then let all programs of the workload take turns."""
        with self.ports(workload) as ports:
            job = self.job(workload, scheme, ports)

            def run(program: Program, limit: float) -> Run:
                result = measured(program, job, self.root, self.scratch, limit)
                progress(program, result)
                return result

            try:
                self.warm_up(workload.programs, job)
                runs = in_turn(workload.programs, rounds * workload.repeated, run, workload.budget)
            finally:
                shutil.rmtree(job.lists.parent)
        return Outcome(workload, scheme, runs)

    @contextmanager
    def ports(self, workload: Workload) -> Iterator[dict[str, int]]:
        """By the scheme; those of the delaying proxy if the workload is far away."""
        with ExitStack() as stack:
            ports = [self.server.http, self.server.https, self.server.http2]
            if workload.latency:
                ports = stack.enter_context(delayed(workload.latency, ports))
            yield dict(zip(("http", "https", "http2"), ports, strict=True))

    def job(self, workload: Workload, scheme: str, ports: dict[str, int]) -> Job:
        in_urls = "http" if scheme == "http" else "https"
        urls = tuple(
            f"{in_urls}://{workload.address(index)}:{ports[scheme]}/{document.path}"
            + (f"?{document.query}" if document.query else "")
            for index, document in enumerate(workload.documents)
        )
        lists = Path(tempfile.mkdtemp(prefix="lists-", dir=self.scratch), "all")
        authority = self.server.authority if in_urls == "https" else None
        job = Job(workload.documents, urls, workload.workers, authority, lists)
        job.write_lists()
        return job

    def warm_up(self, programs: Sequence[Program], job: Job) -> None:
        """Programs and files come into memory, bytecode is written. What fails will fail again."""
        part = -(-len(job.urls) // WARM_UP)
        short = replace(
            job,
            documents=job.documents[:part],
            urls=job.urls[:part],
            lists=job.lists.with_name("part"),
        )
        short.write_lists()
        for program in programs:
            measured(program, short, self.root, self.scratch, LEAST_LIMIT)


@contextmanager
def staged(workloads: Sequence[Workload]) -> Iterator[Stage]:
    """Make the files of these workloads and serve them while this is entered.

    Raises `files.NoRoomError` and `nginx.CannotServeError`.
    """
    addresses = {workload.address(n) for workload in workloads for n in range(workload.hosts)}
    with tempfile.TemporaryDirectory(
        prefix="pyfetch-bench-", ignore_cleanup_errors=True
    ) as directory:
        scratch = Path(directory)
        served, saved = files.room_to_serve(workloads), files.room_to_save(workloads)
        root = files.place_to_serve(served, scratch)
        try:
            files.claim(scratch, saved + (served if scratch in root.parents else 0))
            for workload in workloads:
                files.make(root, workload.documents)
            with serving(root, scratch, ["127.0.0.1", *sorted(addresses)]) as server:
                yield Stage(root, scratch, server)
        finally:
            shutil.rmtree(root, ignore_errors=True)


def has_addresses(workload: Workload) -> bool:
    """Whether the hosts of the workload are addresses of this machine; of Linux they are."""
    if not workload.hosts:
        return True
    with socket.socket() as probe:
        try:
            probe.bind((workload.address(workload.hosts - 1), 0))
        except OSError:
            return False
    return True
