"""What is sent to a bucket has checksums: a body that is damaged on its way never stays there."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterator

import pytest

from pyfetch.http import s3_uploads
from tests.support.buckets import BucketOfTests, BucketServer, Trouble, may_use_buckets
from tests.support.command import Command
from tests.support.server import LoopbackServer, Page

pytestmark = pytest.mark.slow

SMALL, LARGE = b"small", bytes(range(256)) * 70_000
OF_OBSTORE = ("--store-option", "allow_invalid_certificates=true")
"""With this option, `obstore` makes all requests."""
CLIENTS = pytest.mark.parametrize("options", [(), OF_OBSTORE], ids=["ours", "obstore"])
BODIES = pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])


@pytest.fixture
def trouble(moto: BucketServer) -> Iterator[Trouble]:
    with Trouble(moto.port) as proxy:
        yield proxy


@pytest.fixture
def place(moto: BucketServer, trouble: Trouble, pyfetch: Command) -> BucketOfTests:
    may_use_buckets(pyfetch)
    found = moto.bucket()
    found.port = trouble.port
    return found


def puts_of(trouble: Trouble, name: str) -> list[dict[str, str]]:
    """The header fields of each PUT of this object, or of a part of it."""
    return [
        head
        for (method, target), head in zip(trouble.asked, trouble.heads, strict=True)
        if method == "PUT" and target.partition("?")[0].endswith(f"/{name}")
    ]


def damaged(times: int) -> Callable[[str, str], str | None]:
    """Damages so many bodies of an object `x` on their way, or of its parts."""
    left = times

    def plan(method: str, target: str) -> str | None:
        nonlocal left
        if method == "PUT" and target.partition("?")[0].endswith("/x") and left > 0:
            left -= 1
            return "damage"
        return None

    return plan


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
    ended = pyfetch(*place.arguments(*options, f"{server.url}/small", f"{server.url}/large"))
    assert ended.status == 0, ended.err
    (small,), parts = puts_of(trouble, "small"), puts_of(trouble, "large")
    digest = base64.b64encode(hashlib.sha256(SMALL).digest()).decode()
    assert small["x-amz-checksum-sha256"] == digest
    assert len(parts) >= 2
    for part in parts:
        assert {"content-md5", "x-amz-checksum-sha256"} & set(part)
        signed = part["authorization"].partition("SignedHeaders=")[2].partition(",")[0]
        assert {"content-md5", "x-amz-content-sha256"} <= {*signed.split(";"), "content-md5"}
    if not options:
        assert "content-md5" in small, "not all servers know the other one"
    assert place.objects() == {"small": SMALL, "large": LARGE}


@CLIENTS
@BODIES
def test_a_body_that_is_damaged_on_its_way_is_sent_again(
    pyfetch: Command,
    server: LoopbackServer,
    place: BucketOfTests,
    trouble: Trouble,
    options: tuple[str, ...],
    body: bytes,
) -> None:
    """Also twice in a row, where the client would not try again by itself."""
    server.pages = {"/x": Page(body)}
    trouble.plan = damaged(2)
    ended = pyfetch(*place.arguments(*options, f"{server.url}/x"))
    assert ended.status == 0, ended.err + ended.out
    assert place.objects() == {"x": body}
    assert len(server.asked) == 1, "the body is fetched once"


@CLIENTS
@BODIES
def test_a_body_that_is_damaged_each_time_fails_and_is_not_there(
    pyfetch: Command,
    server: LoopbackServer,
    place: BucketOfTests,
    trouble: Trouble,
    monkeypatch: pytest.MonkeyPatch,
    options: tuple[str, ...],
    body: bytes,
) -> None:
    """It says which object and why; another object is none the worse; a rerun finishes it."""
    monkeypatch.setattr(s3_uploads, "_TRIES", 3)
    server.pages = {"/x": Page(body), "/y": Page(b"y")}
    urls = [f"{server.url}/{name}" for name in "xy"]
    trouble.plan = damaged(99)
    ended = pyfetch(*place.arguments(*options, "--format", "jsonl", *urls))
    assert ended.status == 1, ended.err
    assert [result["outcome"] for result in ended.results] == ["failed", "fetched"]
    detail = ended.results[0]["detail"]
    assert f"cannot write {place.address}/x" in detail
    assert "BadDigest" in detail
    assert place.objects() == {"y": b"y"}
    trouble.plan = damaged(0)
    assert pyfetch(*place.arguments(*options, *urls)).status == 0
    assert place.objects() == {"x": body, "y": b"y"}


@BODIES
def test_rclone_checks_what_it_gets(
    pyfetch: Command, server: LoopbackServer, bucket: BucketOfTests, body: bytes
) -> None:
    """A server that knows none but the oldest of the checksums keeps no damaged body either."""
    may_use_buckets(pyfetch)
    server.pages = {"/x": Page(body)}
    with Trouble(bucket.port) as proxy:
        proxy.checks = False
        proxy.plan = damaged(1)
        bucket.port = proxy.port
        ended = pyfetch(*bucket.arguments(f"{server.url}/x"))
        assert ended.status == 0, ended.err + ended.out
        assert len(puts_of(proxy, "x")) >= 2
        bucket.port = proxy.behind
    assert bucket.objects() == {"x": body}
