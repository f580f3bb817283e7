"""Killed again and again on its way into a bucket: every object is whole at each moment."""

from __future__ import annotations

import hashlib
import random
import threading

import obstore
import pytest

from tests.support.buckets import BucketOfTests, may_use_buckets
from tests.support.command import Command, InstalledCommand
from tests.support.killing import killed_after
from tests.support.server import LoopbackServer, Page

pytestmark = pytest.mark.slow

SEED = 20261126


def published(server: LoopbackServer, objects: int) -> None:
    """Bodies that stay in memory, that become parts, and, three of them, that are put in parts."""
    randomness = random.Random(SEED)
    for number in range(objects):
        if number % (objects // 3) == objects // 6:
            size = randomness.randrange(17_000_000, 20_000_000)
        elif number % 20 == 7:
            size = randomness.randrange(1_100_000, 3_000_000)
        else:
            size = randomness.randrange(40_000)
        server.pages[f"/object-{number:03}"] = Page(randomness.randbytes(size))


class Watcher(threading.Thread):
    """Reads each new version of each object in the bucket, and notes those that are not whole."""

    def __init__(self, bucket: BucketOfTests, server: LoopbackServer, every: float) -> None:
        """`every`: seconds between two looks."""
        super().__init__(daemon=True)
        self._every = every
        self._bucket = bucket
        self._right = {
            path[1:]: hashlib.sha256(page.body).digest() for path, page in server.pages.items()
        }
        self._seen: set[tuple[str, object]] = set()
        self.wrong: list[str] = []
        self.ended = threading.Event()

    @property
    def looked(self) -> int:
        return len(self._seen)

    def run(self) -> None:
        while not self.ended.wait(self._every):
            self.look()

    def look(self) -> None:
        for chunk in obstore.list(self._bucket.client):
            for one in chunk:
                key, version = one["path"], (one["path"], one["last_modified"])
                if key.startswith(".pyfetch/") or version in self._seen:
                    continue
                self._seen.add(version)
                body = self._bucket.read(key)
                if self._right.get(key) != hashlib.sha256(body).digest():
                    self.wrong.append(f"{key}: {len(body)} bytes")


# The second server obeys conditions, and takes ten times as long for each request.
@pytest.mark.parametrize(
    ("kind", "objects", "kills"), [("bucket", 300, 40), ("strict_bucket", 120, 40)]
)
def test_a_run_into_a_bucket_that_is_killed_again_and_again_gets_there(
    pyfetch: Command,
    installed: InstalledCommand,
    server: LoopbackServer,
    request: pytest.FixtureRequest,
    capsys: pytest.CaptureFixture[str],
    kind: str,
    objects: int,
    kills: int,
) -> None:
    bucket: BucketOfTests = request.getfixturevalue(kind)
    may_use_buckets(pyfetch)
    published(server, objects)
    (pyfetch.directory / "urls.txt").write_text(
        "".join(f"{server.url}{path}\n" for path in server.pages)
    )
    arguments = bucket.arguments("urls.txt", "--workers", "8")
    randomness = random.Random(SEED)
    watcher = Watcher(bucket, server, 0.1 if kind == "bucket" else 1.0)
    watcher.start()
    killed = 0
    for _ in range(kills):
        # Killed by what it has asked for, not by the clock, and it gets no more than that: it is
        # in mid-run on any machine, however late its kill is. All of them get fewer than there are.
        asked = len(server.asked) + randomness.randrange(1, 3 * objects // (2 * kills))
        with server.holding_after(asked):
            run = installed.start(*arguments, "--if-exists", "skip")
            killed += killed_after(run, server, asked, randomness=randomness, longest=0.1)
    sent = server.sent
    ended = pyfetch(*arguments)
    watcher.ended.set()
    watcher.join()
    watcher.look()
    assert ended.status == 0, ended.err
    assert watcher.wrong == []
    assert watcher.looked >= objects
    assert bucket.objects() == {path[1:]: page.body for path, page in server.pages.items()}
    assert killed == kills, "a run has ended by itself: what it has said is above"
    state = pyfetch.directory / "state"
    assert list(state.rglob("*.part")) == []
    assert list(state.rglob("uploads")) == []
    if kind == "strict_bucket":  # the other server does not say
        assert bucket.uploads() == []
    size = sum(len(page.body) for page in server.pages.values())
    with capsys.disabled():
        print(
            f"\n{killed} of {kills} kills in mid-run: {size:,} bytes in {objects} objects,"
            f" {server.sent - size:,} bytes sent again, {server.sent - sent:,} sent in the last run"
        )
