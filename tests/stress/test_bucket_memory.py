"""The memory of a run into a bucket does not grow with its objects."""

from __future__ import annotations

import pytest

from tests.support.buckets import BucketOfTests, may_use_buckets
from tests.support.command import Command, InstalledCommand
from tests.support.server import Handler, LoopbackServer

pytestmark = pytest.mark.slow

SIZE = 1_000_000_000
PIECE = bytes(range(256)) * 4096


def endless(handler: Handler) -> None:
    handler.head(200, Content_Length=str(SIZE), ETag='"one"')
    left = SIZE
    while left:
        piece = PIECE[:left]
        handler.wfile.write(piece)
        left -= len(piece)


def test_an_object_of_a_gigabyte_takes_little_memory(
    pyfetch: Command, installed: InstalledCommand, server: LoopbackServer, bucket: BucketOfTests
) -> None:
    may_use_buckets(pyfetch)
    server.routes["/large"] = endless
    arguments = bucket.arguments("-q", f"{server.url}/large")
    ended, peak = installed.peak_memory(*arguments)
    assert ended.status == 0, ended.err
    assert peak < 120 * 1024
    assert bucket.size("large") == SIZE
