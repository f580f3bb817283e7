"""Makes the documents that the server has, once, and says what room they take."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
import zlib
from collections.abc import Iterable
from pathlib import Path

from tools.benchmarks.bench.job import Document
from tools.benchmarks.bench.workloads import MB, Workload

LINKED = 20 * MB
"""Documents from this size on are one file under many names where they are in one directory
and of one size: what a server reads from memory need not be there eight times."""
MEMORY = Path("/dev/shm")  # noqa: S108 — a directory of our own is made in it


class NoRoomError(Exception):
    """A disk is too small; the text says which, and how much it takes."""


def room_to_serve(workloads: Iterable[Workload]) -> int:
    """Bytes that the server's files need."""
    sizes = {source(each): each.size for workload in workloads for each in workload.documents}
    return sum(sizes.values())


def room_to_save(workloads: Iterable[Workload]) -> int:
    """Bytes that a run leaves until it is cleared, with something for small files' blocks."""
    return max(each.size + 4096 * len(each.documents) for each in workloads) + 50 * MB


def place_to_serve(needed: int, otherwise: Path) -> Path:
    """A new directory, in memory if there is ample room."""
    in_memory = MEMORY.is_dir() and os.access(MEMORY, os.W_OK)
    if in_memory and shutil.disk_usage(MEMORY).free > 2 * needed:
        return Path(tempfile.mkdtemp(prefix="pyfetch-bench-", dir=MEMORY))
    return Path(tempfile.mkdtemp(prefix="served-", dir=otherwise))


def claim(directory: Path, needed: int) -> None:
    """Raise `NoRoomError` if there is less than what is needed."""
    free = shutil.disk_usage(directory).free
    if free < needed:
        raise NoRoomError(
            f"{directory} has {free / MB:,.0f} MB free, and {needed / MB:,.0f} MB are needed "
            "(TMPDIR=… names another place)"
        )


def make(root: Path, documents: Iterable[Document]) -> None:
    """Make what is not there yet."""
    for document in documents:
        path = root / document.path
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            first = root / source(document)
            if not first.exists():
                fill(first, document.size)
            if path != first:
                path.hardlink_to(first)


def source(document: Document) -> str:
    if document.size < LINKED:
        return document.path
    directory = document.path.rpartition("/")[0]
    return f"{directory}/of-{document.size}-bytes"


def fill(path: Path, size: int) -> None:
    """Bytes that do not compress, that differ from file to file and are the same in every run."""
    block = random.Random(zlib.crc32(path.name.encode())).randbytes(min(size, MB))
    with path.open("wb") as file:
        while size > 0:
            file.write(block[:size])
            size -= len(block)
