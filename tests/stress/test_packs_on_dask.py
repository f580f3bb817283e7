"""Packs of a bucket that the workers of a cluster fill, some of which are killed."""

from __future__ import annotations

import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.archives import records
from tests.support.buckets import BucketOfTests, may_use_buckets
from tests.support.command import LONGEST, Command, InstalledCommand
from tests.support.dask_commands import DaskCommands, dask_commands
from tests.support.packs import WEBDATASET, bodies
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.waiting import until

pytestmark = pytest.mark.slow

LARGE = bytes(range(256)) * 12_000
"""More than what is kept in memory, and than what is sent at once."""


@pytest.fixture
def bucket(bucket: BucketOfTests, pyfetch: Command) -> BucketOfTests:
    """One that commands and workers of this test may use."""
    may_use_buckets(pyfetch)
    return bucket


@pytest.fixture
def dask(
    bucket: BucketOfTests,
    pyfetch: Command,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[DaskCommands]:
    """Two workers with the credentials of the bucket."""
    assert bucket
    for name, value in pyfetch.environment.items():
        if name.startswith("AWS_"):
            monkeypatch.setenv(name, value)
    with dask_commands(tmp_path_factory.mktemp("dask")) as cluster:
        yield cluster


def objects_in(bucket: BucketOfTests, directory: Path) -> Path:
    """The objects as files of a new directory."""
    directory.mkdir()
    for name, content in bucket.objects().items():
        (directory / name).write_bytes(content)
    return directory


def left_on_workers(dask: DaskCommands) -> list[Path]:
    return list(dask.file.parent.rglob("pyfetch-*"))


def test_a_web_archive_in_a_bucket_is_filled_by_the_workers_of_a_cluster(
    forked: InstalledCommand, server: LoopbackServer, bucket: BucketOfTests, dask: DaskCommands
) -> None:
    """With the other engine."""
    server.pages = {f"/{number}": Page(b"%d " % (number // 2) * 99) for number in range(20)}
    urls = [server.url + path for path in server.pages]
    arguments = ("--pack", "warc", "--cluster", dask.address, "--engine", "curl", *urls)
    ended = forked(*bucket.arguments(*arguments))
    assert ended.status == 0, ended.err
    archives = objects_in(bucket, forked.directory / "all").glob("*.warc.gz")
    found = [one for one in records(*archives) if one.kind in ("response", "revisit")]
    assert Counter(record.url for record in found) == Counter(urls)
    for record in found:
        if record.kind == "response":
            assert record.body == server.pages[record.url_path].body


@pytest.mark.parametrize("victim", ["worker", "command"])
def test_what_is_killed_loses_nothing_that_was_packed_and_reported(
    forked: InstalledCommand,
    server: LoopbackServer,
    bucket: BucketOfTests,
    dask: DaskCommands,
    victim: str,
) -> None:
    """At the end each body is there once, and what was reported is not fetched again."""

    def slowly(handler: Handler) -> None:
        time.sleep(0.02)
        handler.page(server.pages[handler.path])

    for number in range(100):
        server.pages[f"/{number}.x"] = Page(b"%d " % number * 999)
        server.routes[f"/{number}.x"] = slowly
    urls = [server.url + path for path in server.pages]
    arguments = bucket.arguments(
        *WEBDATASET, "--cluster", dask.address, "-w", "2", "--pack-count", "40", "--unordered",
        "--if-exists", "skip", *urls,
    )  # fmt: skip
    with forked.start(*arguments, bufsize=0) as running:
        reported = killed_in_the_middle(running, dask, server, victim)
        out, err = running.communicate(timeout=LONGEST)
    if victim == "command":
        until(lambda: not dask.members(), "the members have ended")
        server.asked.clear()
        ended = forked(*arguments)
        assert ended.status == 0, ended.err
        again = {server.url + path for path in server.paths()}
        assert not again & reported, "what was reported was packed, and recorded"
    else:
        assert running.returncode == 0, err
        assert len(reported) + len(out.splitlines()) == len(urls)
    expected = {server.url + path: page.body for path, page in server.pages.items()}
    assert bodies(objects_in(bucket, forked.directory / "all")) == expected
    assert not list((forked.directory / "state").rglob("*.tar"))


def killed_in_the_middle(
    running: subprocess.Popen[bytes], dask: DaskCommands, server: LoopbackServer, victim: str
) -> set[str]:
    """Kill something once half of all was asked for. Returns the URLs of the rows before that."""
    assert running.stdout
    rows = [running.stdout.readline() for _ in range(45)]
    time.sleep(random.Random(victim).uniform(0, 0.1))
    if victim == "command":
        time.sleep(0.1)  # the state is written within a twentieth of a second
        running.kill()
    else:
        dask.workers[0].kill()
    assert len(server.asked) < len(server.pages)
    return {row.split(b"\t")[2].decode() for row in rows}


def test_tasks_of_a_cluster_read_what_is_in_an_open_pack_here_or_elsewhere(
    forked: InstalledCommand, server: LoopbackServer, bucket: BucketOfTests, dask: DaskCommands
) -> None:
    server.pages = {f"/{name}.x": Page(name.encode() * 5) for name in "abcd"}
    server.pages["/large.x"] = Page(LARGE)
    urls = [server.url + path for path in server.pages]
    arguments = bucket.arguments(*WEBDATASET, "--cluster", dask.address, "--format", "jsonl")
    # A run that is stopped leaves the pack open, where the command runs.
    server.routes["/stall"] = Handler.stall
    with forked.start(*arguments, *urls[::4], f"{server.url}/stall", bufsize=0) as running:
        assert running.stdout
        for _ in urls[::4]:
            running.stdout.readline()
        running.send_signal(signal.SIGINT)
        _, err = running.communicate(timeout=LONGEST)
        assert running.returncode == 130, err
    assert bucket.objects() == {}
    (forked.directory / "sizes.py").write_text(
        "def size(path, result):\n    return [path.name, len(path.read_bytes())]\n"
    )
    computes = ("--map", "sizes.py:size", "--pack-list", "list.tsv")
    ended = forked(*arguments, *computes, *urls)
    assert ended.status == 0, ended.err
    values = [[f"{name}.x", 5] for name in "abcd"] + [["large.x", len(LARGE)]]
    assert [one["value"] for one in ended.results] == values
    assert [one["status"] for one in ended.results] == [304, 200, 200, 200, 304]
    expected = {server.url + path: page.body for path, page in server.pages.items()}
    assert bodies(objects_in(bucket, forked.directory / "all")) == expected
    rows = [line.split("\t") for line in (forked.directory / "list.tsv").read_text().splitlines()]
    assert len(rows) == 1 + len(urls)
    for url, pack, _, offset, size, _ in rows[1:]:
        assert bucket.read(pack)[int(offset) :][: int(size)] == expected[url]
    assert not left_on_workers(dask)
