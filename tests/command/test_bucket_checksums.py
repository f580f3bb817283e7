"""What is sent to a bucket has checksums: a body that is damaged on its way never stays there."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import pytest

from pyfetch.http import s3_uploads
from tests.support.buckets import OF_OBSTORE, BucketOfTests, Trouble, may_use_buckets
from tests.support.command import Command
from tests.support.server import LoopbackServer, Page

pytestmark = pytest.mark.slow

SMALL, LARGE = b"small", bytes(range(256)) * 70_000
CLIENTS = pytest.mark.parametrize("options", [(), OF_OBSTORE], ids=["ours", "obstore"])


def puts_of(trouble: Trouble, name: str) -> list[dict[str, str]]:
    """The header fields of each PUT of this object, or of a part of it."""
    return [
        head
        for (method, target), head in zip(trouble.asked, trouble.heads, strict=True)
        if method == "PUT" and target.partition("?")[0].endswith(f"/{name}")
    ]


def damages(times: int) -> Callable[[str, str], str | None]:
    """Damages so many bodies of each of the two objects on their way, or of their parts."""
    left = {"small": times, "large": times}

    def plan(method: str, target: str) -> str | None:
        name = target.partition("?")[0].rpartition("/")[2]
        if method != "PUT" or not left.get(name):
            return None
        left[name] -= 1
        return "damage"

    return plan


def urls_of(server: LoopbackServer) -> list[str]:
    return [f"{server.url}{path}" for path in server.pages]


@CLIENTS
def test_each_body_and_each_part_is_sent_with_its_checksum(
    pyfetch: Command,
    server: LoopbackServer,
    place: BucketOfTests,
    trouble: Trouble,
    options: tuple[str, ...],
) -> None:
    """The server checks them: those of a small body, and of each part of a large one."""
    server.pages = {"/small": Page(SMALL), "/large": Page(LARGE)}
    ended = pyfetch(*place.arguments(*options, *urls_of(server)))
    assert ended.status == 0, ended.err
    (small,), parts = puts_of(trouble, "small"), puts_of(trouble, "large")
    digest = base64.b64encode(hashlib.sha256(SMALL).digest()).decode()
    assert small["x-amz-checksum-sha256"] == digest
    assert len(parts) >= 2
    for part in parts:
        signed = part["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
        assert {"content-md5", "x-amz-checksum-sha256"} & set(part) & set(signed.split(";"))
    assert bool(options) or "content-md5" in small, "not all servers know the other one"
    assert place.objects() == {"small": SMALL, "large": LARGE}


@CLIENTS
def test_a_body_that_is_damaged_on_its_way_is_sent_again(
    pyfetch: Command,
    server: LoopbackServer,
    place: BucketOfTests,
    trouble: Trouble,
    options: tuple[str, ...],
) -> None:
    """Also twice in a row, where the client would not try again by itself."""
    server.pages = {"/small": Page(SMALL), "/large": Page(LARGE)}
    trouble.plan = damages(2)
    ended = pyfetch(*place.arguments(*options, *urls_of(server)))
    assert ended.status == 0, ended.err + ended.out
    assert place.objects() == {"small": SMALL, "large": LARGE}
    assert len(server.asked) == 2, "no body is fetched again"


@CLIENTS
def test_a_body_that_is_damaged_each_time_fails_and_is_not_there(
    pyfetch: Command,
    server: LoopbackServer,
    place: BucketOfTests,
    trouble: Trouble,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
) -> None:
    """It says which object and why; another object is none the worse; a rerun finishes it."""
    monkeypatch.setattr(s3_uploads, "_TRIES", 3)
    server.pages = {"/small": Page(SMALL), "/large": Page(LARGE), "/y": Page(b"y")}
    trouble.plan = damages(99)
    ended = pyfetch(*place.arguments(*options, "--format", "jsonl", *urls_of(server)))
    assert ended.status == 1, ended.err
    assert [result["outcome"] for result in ended.results] == ["failed", "failed", "fetched"]
    for name, result in zip(("small", "large"), ended.results, strict=False):
        assert f"cannot write {place.address}/{name}" in result["detail"]
        assert "BadDigest" in result["detail"]
    assert place.objects() == {"y": b"y"}
    trouble.plan = damages(0)
    assert pyfetch(*place.arguments(*options, *urls_of(server))).status == 0
    assert place.objects() == {"small": SMALL, "large": LARGE, "y": b"y"}


def test_rclone_checks_what_it_gets(
    pyfetch: Command, server: LoopbackServer, bucket: BucketOfTests
) -> None:
    """A server that knows none but the oldest of the checksums keeps no damaged body either."""
    may_use_buckets(pyfetch)
    server.pages = {"/small": Page(SMALL), "/large": Page(LARGE)}
    with Trouble(bucket.port) as proxy:
        proxy.checks = False
        proxy.plan = damages(1)
        bucket.port = proxy.port
        ended = pyfetch(*bucket.arguments(*urls_of(server)))
        assert ended.status == 0, ended.err + ended.out
        assert len(puts_of(proxy, "small")) >= 2
        assert len(puts_of(proxy, "large")) >= 4, "rclone has forgotten the whole upload"
        bucket.port = proxy.behind
    assert bucket.objects() == {"small": SMALL, "large": LARGE}
