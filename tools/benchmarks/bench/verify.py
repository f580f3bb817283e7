"""Whether all bytes arrived: without that a time is no figure."""

from __future__ import annotations

import filecmp
import tarfile
from collections import Counter
from hashlib import sha256
from pathlib import Path

from tools.benchmarks.bench.job import Job
from tools.benchmarks.bench.peers import Delivery

COMPARED = 16
"""Files of a run whose content is compared, from the first to the last."""


def lacking(delivery: Delivery, job: Job, root: Path, saved: Path, said: Path) -> str | None:
    """What did not arrive as the server has it, or None.

    `saved` is the directory that the program was run in, `said` its standard output.
    """
    if delivery is Delivery.FILES:
        return lacking_files(job, root, saved)
    if delivery is Delivery.PACKS:
        return lacking_members(job, root, saved)
    if delivery is Delivery.LINES:
        return lacking_lines(job, said)
    if delivery is Delivery.VALUES:
        return lacking_values(job, root, said)
    return None


def lacking_files(job: Job, root: Path, saved: Path) -> str | None:
    sizes = {path.name: path.stat().st_size for path in saved.iterdir() if path.is_file()}
    expected = {document.name: document.size for document in job.documents}
    if wrong := sum(sizes.get(name) != size for name, size in expected.items()):
        return f"{wrong} of {len(expected)} files missing or of a wrong size"
    if extra := len(sizes.keys() - expected.keys()):
        return f"{extra} files that nobody asked for"
    for document in job.documents[:: max(1, len(job.documents) // COMPARED)]:
        if not filecmp.cmp(root / document.path, saved / document.name, shallow=False):
            return f"{document.name} has a wrong content"
    return None


def lacking_members(job: Job, root: Path, saved: Path) -> str | None:
    came: dict[str, bytes] = {}
    for pack in saved.glob("*.tar"):
        with tarfile.open(pack) as tar:
            for member in tar:
                content = tar.extractfile(member)
                if content and not member.name.endswith(".json"):
                    came[member.name] = content.read()
    expected = {document.name: root / document.path for document in job.documents}
    if wrong := sum(came.get(name) != path.read_bytes() for name, path in expected.items()):
        return f"{wrong} of {len(expected)} members missing or wrong"
    if extra := len(came.keys() - expected.keys()):
        return f"{extra} members that nobody asked for"
    return None


def lacking_lines(job: Job, said: Path) -> str | None:
    expected = Counter(
        f"200\t{document.size}\t{url}"
        for document, url in zip(job.documents, job.urls, strict=True)
    )
    with said.open(errors="replace") as lines:
        came = Counter("\t".join(line.rstrip("\n").split("\t")[:3]) for line in lines)
    if wrong := (expected - came).total():
        return f"{wrong} of {len(job.urls)} URLs without their bytes"
    if extra := (came - expected).total():
        return f"{extra} results that nobody asked for"
    return None


def lacking_values(job: Job, root: Path, said: Path) -> str | None:
    expected = Counter(
        f"{document.name} {sha256((root / document.path).read_bytes()).hexdigest()}"
        for document in job.documents
    )
    with said.open(errors="replace") as lines:
        came = Counter(line.rstrip("\n").rpartition("\t")[2] for line in lines)
    if wrong := (expected - came).total():
        return f"{wrong} of {len(job.documents)} values missing or wrong"
    if extra := (came - expected).total():
        return f"{extra} values that nobody asked for"
    return None
