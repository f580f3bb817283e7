"""What is fetched: how many documents of which size, by how many workers, from where."""

from __future__ import annotations

import functools
import math
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from tools.benchmarks.bench.job import Document
from tools.benchmarks.bench.peers import (
    BY_HTTP_2,
    COMPUTING,
    DISCARDING,
    NOT_HASHING,
    OF_PACKS,
    SAVING,
    STARTING,
    VERSIONS,
    Program,
)

KB, MB = 1_000, 1_000_000
SCHEMES = ("http", "https")

Documents = Callable[[], tuple[Document, ...]]
"""Makes them when they are first asked for: those of all workloads take a fifth of a second."""


@dataclass(frozen=True, slots=True)
class Workload:
    """A table, or one for each scheme."""

    name: str
    """As it is called in --workload, where what is before a `-` will do."""
    title: str
    made: Documents
    workers: int
    programs: tuple[Program, ...] = SAVING
    schemes: tuple[str, ...] = SCHEMES
    latency: float = 0.0
    """Seconds that pass, beyond the loopback's, before the server hears what it is asked."""
    hosts: int = 0
    """Over how many addresses the URLs are spread; 0: all are those of one."""
    repeated: int = 1
    """Rounds for each that was asked for: what takes a moment is measured often."""
    budget: float = math.inf
    """Seconds after which no further round begins."""
    by_bytes: bool = False
    """Whether its rate is in MB/s rather than in files."""

    @property
    def documents(self) -> tuple[Document, ...]:
        return self.made()

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(document.size for document in self.documents)

    def address(self, index: int) -> str:
        """Of the host that has this document."""
        return f"127.0.1.{index % self.hosts}" if self.hosts else "127.0.0.1"


def nothing() -> tuple[Document, ...]:
    return ()


def alike(directory: str, number: int, size: int) -> Documents:
    @functools.cache
    def made() -> tuple[Document, ...]:
        return tuple(Document(f"{directory}/{directory}-{n:05}.bin", size) for n in range(number))

    return made


def mixed(number: int, least: int = KB, most: int = 50 * MB) -> Documents:
    """Sizes log-normal about 200 KB, the same in every run."""

    @functools.cache
    def made() -> tuple[Document, ...]:
        chance = random.Random(500)
        sizes = (int(chance.lognormvariate(math.log(200 * KB), 2.0)) for _ in range(number))
        return tuple(
            Document(f"mixed/mixed-{n:05}.bin", min(max(size, least), most))
            for n, size in enumerate(sizes)
        )

    return made


def one_as_many(number: int) -> Documents:
    @functools.cache
    def made() -> tuple[Document, ...]:
        return tuple(Document("scale/1k.bin", KB, str(n)) for n in range(number))

    return made


SMALL = Workload("small-8", "small: 5,000 x 3 KB, 8 workers", alike("small", 5_000, 3 * KB), 8)
LARGE = Workload(
    "large", "large: 8 x 200 MB, 8 workers", alike("large", 8, 200 * MB), 8, NOT_HASHING,
    by_bytes=True,
)  # fmt: skip

FULL = (
    SMALL,
    replace(SMALL, name="small-32", title="small: 5,000 x 3 KB, 32 workers", workers=32),
    Workload(
        "far", "far: 2,000 x 3 KB behind 50 ms, 64 workers",
        alike("far", 2_000, 3 * KB), 64, latency=0.05,
    ),
    replace(
        SMALL, name="small-20000", title="small: 20,000 x 3 KB, 8 workers",
        made=alike("more", 20_000, 3 * KB),
    ),
    replace(
        SMALL, name="small-20000-32", title="small: 20,000 x 3 KB, 32 workers", workers=32,
        made=alike("more", 20_000, 3 * KB),
    ),
    Workload(
        "http2", "HTTP/2: 2,000 x 3 KB behind 50 ms, 64 workers, 6 connections",
        alike("far", 2_000, 3 * KB), 64, BY_HTTP_2, schemes=("http2",), latency=0.05,
    ),
    LARGE,
    Workload(
        "mixed", "mixed: 500 files of 1 KB to 50 MB, 8 workers", mixed(500), 8, by_bytes=True
    ),
    Workload(
        "many", "many hosts: 2,000 x 3 KB from 200 hosts (127.0.1.0 to 127.0.1.199), 32 workers",
        alike("many", 2_000, 3 * KB), 32, hosts=200,
    ),
    Workload(
        "scale-10000", "scale: 10,000 x 1 KB, 8 workers, nothing kept",
        one_as_many(10_000), 8, DISCARDING,
    ),
    Workload(
        "scale-100000", "scale: 100,000 x 1 KB, 8 workers, nothing kept",
        one_as_many(100_000), 8, DISCARDING,
    ),
    Workload(
        "compute", "compute: 2,000 x 3 KB, 8 workers, then 20 ms of CPU for each",
        alike("compute", 2_000, 3 * KB), 8, COMPUTING, schemes=("http",),
    ),
    Workload(
        "packs", "packs: 10,000 x 3 KB, 8 workers", alike("packs", 10_000, 3 * KB), 8, OF_PACKS,
        schemes=("http",),
    ),
    Workload("start", "start: one URL of 3 KB", alike("start", 1, 3 * KB), 1, STARTING, repeated=4),
    Workload(
        "version", "start: --version", nothing, 1, VERSIONS, schemes=("none",), repeated=4
    ),
)  # fmt: skip

QUICK = (
    replace(
        SMALL,
        title="small, quick: 500 x 3 KB, 8 workers",
        made=alike("small", 500, 3 * KB),
        schemes=("http",),
        budget=15.0,
    ),
    replace(
        LARGE,
        title="large, quick: 8 x 25 MB, 8 workers",
        made=alike("large", 8, 25 * MB),
        schemes=("http",),
        budget=15.0,
    ),
)


def chosen(workloads: Sequence[Workload], names: Sequence[str]) -> list[Workload]:
    """Those that the names mean; all if there are none. Raises `ValueError` for one unknown."""
    for name in names:
        if not any(name in names_of(workload) for workload in workloads):
            known = ", ".join(workload.name for workload in workloads)
            raise ValueError(f"there is no workload {name} (there are {known})")
    return [each for each in workloads if not names or names_of(each) & set(names)]


def names_of(workload: Workload) -> set[str]:
    return {workload.name, workload.name.partition("-")[0]}
