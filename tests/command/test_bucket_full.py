"""A bucket that is full: the run stops and says so, nothing wrong is there, a rerun goes on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from pyfetch.http import s3_uploads
from pyfetch.storage.objects import obstore_client
from tests.support.buckets import BucketServer, SmallServer, Trouble, may_use_buckets
from tests.support.command import Command
from tests.support.server import LoopbackServer, Page

pytestmark = pytest.mark.slow

LARGE = bytes(range(256)) * 70_000


@pytest.fixture(autouse=True)
def with_little_patience(pyfetch: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else it is tried for a minute."""
    may_use_buckets(pyfetch)
    monkeypatch.setattr(s3_uploads, "_TRIES", 2)
    retries = {"max_retries": 2, "retry_timeout": timedelta(seconds=1)}
    monkeypatch.setattr(obstore_client, "_RETRIES", retries)


@pytest.fixture
def small_server(tmp_path: Path) -> Iterator[SmallServer]:
    """rclone on a file system of 64 MiB."""
    if not SmallServer.can_be():
        pytest.skip("this machine lets us mount no file system of our own")
    place = tmp_path / "small"
    place.mkdir()
    with SmallServer(place, 64 * 1024 * 1024) as running:
        yield running


@pytest.mark.parametrize(
    "pages",
    [
        {f"/{number}": Page(os.urandom(200_000)) for number in range(20)},
        {"/large": Page(LARGE), "/y": Page(b"y")},
    ],
    ids=["small", "large"],
)
def test_a_disk_of_the_server_that_gets_full_stops_the_run_and_a_rerun_goes_on(
    pyfetch: Command, server: LoopbackServer, small_server: SmallServer, pages: dict[str, Page]
) -> None:
    """What came there before the disk was full is whole, and it is all that is there."""
    bodies = {path[1:]: page.body for path, page in pages.items()}
    ballast = small_server.place / "ballast"
    ballast.write_bytes(bytes(62 * 1024 * 1024))
    place, server.pages = small_server.bucket(), pages
    arguments = place.arguments("-w", "1", *(f"{server.url}{path}" for path in pages))
    ended = pyfetch(*arguments)
    assert ended.status == 3, ended.err
    said = " ".join(ended.err.split())
    assert f"cannot write {place.address}/" in said
    assert "HTTP 500" in said, "rclone says no more of it"
    assert "run the same command again to go on" in said
    there = place.objects()
    assert len(there) < len(bodies)
    assert there.items() <= bodies.items()
    ballast.unlink()
    before = len(server.asked)
    again = pyfetch(*arguments, "--if-exists", "skip")
    assert again.status == 0, again.err
    assert place.objects() == bodies
    assert len(server.asked) - before == len(bodies) - len(there), "the others are not asked for"


@pytest.mark.parametrize("body", [b"small", LARGE], ids=["small", "large"])
def test_a_server_that_says_it_is_full_is_quoted(
    pyfetch: Command, server: LoopbackServer, moto: BucketServer, body: bytes
) -> None:
    """MinIO answers 507; a rerun finishes the job once there is room."""
    place, server.pages = moto.bucket(), {"/x": Page(body)}
    with Trouble(moto.port) as trouble:
        place.port = trouble.port
        trouble.plan = lambda method, target: 507 if method == "PUT" and "/x" in target else None
        ended = pyfetch(*place.arguments(f"{server.url}/x"))
        assert ended.status == 3, ended.err
        said = " ".join(ended.err.split())
        assert f"cannot write {place.address}/x: HTTP 507 InsufficientStorage" in said
        assert "the bucket is full: make room, and run the same command again to go on" in said
        assert place.objects() == {}
        trouble.plan = lambda _method, _target: None
        assert pyfetch(*place.arguments(f"{server.url}/x")).status == 0
        assert place.objects() == {"x": body}
