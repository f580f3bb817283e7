"""Objects are created and replaced on conditions: what others write meanwhile stays."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.buckets import OF_OBSTORE, BucketOfTests, Trouble
from tests.support.command import Command
from tests.support.server import LoopbackServer, Page

pytestmark = pytest.mark.slow

LARGE = bytes(range(256)) * 70_000
LARGER = LARGE[::-1]


def once(
    does: Callable[[], str | int | None], matches: Callable[[str, str], bool]
) -> Callable[[str, str], str | int | None]:
    """Trouble with the first request that matches."""
    has_been = False

    def plan(method: str, target: str) -> str | int | None:
        nonlocal has_been
        if has_been or not matches(method, target):
            return None
        has_been = True
        return does()

    return plan


def puts_x(method: str, target: str) -> bool:
    return method == "PUT" and target.endswith("/x")


def completes_x(method: str, target: str) -> bool:
    return method == "POST" and "/x?uploadId=" in target


WAYS = pytest.mark.parametrize(
    ("options", "bodies", "matches"),
    [
        ((), (b"one", b"two"), puts_x),
        (OF_OBSTORE, (b"one", b"two"), puts_x),
        ((), (LARGE, LARGER), completes_x),
    ],
    ids=["small", "small-obstore", "large"],
)


@WAYS
def test_an_object_that_others_change_in_between_is_not_overwritten(
    pyfetch: Command,
    server: LoopbackServer,
    place: BucketOfTests,
    strict_bucket: BucketOfTests,
    trouble: Trouble,
    options: tuple[str, ...],
    bodies: tuple[bytes, bytes],
    matches: Callable[[str, str], bool],
) -> None:
    """Theirs comes after pyfetch has looked, just before its own request: it becomes a backup."""
    server.pages = {"/x": Page(bodies[0])}
    arguments = place.arguments(*options, f"{server.url}/x")
    assert pyfetch(*arguments).status == 0
    server.pages = {"/x": Page(bodies[1])}

    def changes() -> int | None:
        strict_bucket.write("x", b"theirs")
        # Of uploads, moto obeys `If-None-Match` alone.
        return 412 if completes_x(*trouble.asked[-1]) and "if-match" in trouble.heads[-1] else None

    trouble.plan = once(changes, matches)
    ended = pyfetch(*arguments)
    assert ended.status == 0, ended.err
    assert strict_bucket.objects() == {"x": bodies[1], "x.~1~": b"theirs"}


@WAYS
def test_an_object_that_others_create_in_between_is_not_overwritten(
    pyfetch: Command,
    server: LoopbackServer,
    place: BucketOfTests,
    strict_bucket: BucketOfTests,
    trouble: Trouble,
    options: tuple[str, ...],
    bodies: tuple[bytes, bytes],
    matches: Callable[[str, str], bool],
) -> None:
    """With `--if-exists fail`, the URL fails, and what is there stays."""
    server.pages = {"/x": Page(bodies[0])}
    trouble.plan = once(lambda: strict_bucket.write("x", b"theirs"), matches)
    ended = pyfetch(*place.arguments(*options, "--if-exists", "fail", f"{server.url}/x"))
    assert ended.status == 1, ended.err
    assert "exists already" in ended.out
    assert strict_bucket.objects() == {"x": b"theirs"}
    assert strict_bucket.uploads() == []


@pytest.mark.parametrize("options", [(), OF_OBSTORE], ids=["ours", "obstore"])
def test_a_large_body_overwrites_nothing_that_was_there_before(
    pyfetch: Command,
    server: LoopbackServer,
    place: BucketOfTests,
    strict_bucket: BucketOfTests,
    options: tuple[str, ...],
) -> None:
    """`obstore` knows no conditions for it, so it is looked for just before."""
    server.pages = {"/x": Page(LARGE)}
    strict_bucket.write("x", b"theirs")
    ended = pyfetch(*place.arguments(*options, "--if-exists", "rename", f"{server.url}/x"))
    assert ended.status == 0, ended.err
    assert strict_bucket.objects() == {"x": b"theirs", "x-1": LARGE}
    assert pyfetch(*place.arguments(*options, "--state-dir", "b", f"{server.url}/x")).status == 0
    assert strict_bucket.objects() == {"x": LARGE, "x.~1~": b"theirs", "x-1": LARGE}


@WAYS
@pytest.mark.parametrize("is_new", [True, False], ids=["new", "update"])
def test_a_request_whose_answer_was_lost_has_made_our_object(
    pyfetch: Command,
    server: LoopbackServer,
    place: BucketOfTests,
    strict_bucket: BucketOfTests,
    trouble: Trouble,
    options: tuple[str, ...],
    bodies: tuple[bytes, bytes],
    matches: Callable[[str, str], bool],
    is_new: bool,
) -> None:
    """The second request finds that the condition does not hold any more: no failure, no backup."""
    arguments = place.arguments(*options, "--format", "jsonl", f"{server.url}/x")
    if not is_new:
        server.pages = {"/x": Page(bodies[0])}
        assert pyfetch(*arguments).status == 0
    server.pages = {"/x": Page(bodies[1])}
    trouble.plan = once(lambda: "lose", matches)
    ended = pyfetch(*arguments)
    assert ended.status == 0, ended.err
    assert ended.results[0]["outcome"] == "fetched"
    assert strict_bucket.objects() == {"x": bodies[1]}
    assert strict_bucket.uploads() == []


def test_a_completion_that_is_refused_as_the_first_one_has_made_the_object_is_known_by_its_token(
    pyfetch: Command,
    server: LoopbackServer,
    place: BucketOfTests,
    strict_bucket: BucketOfTests,
    trouble: Trouble,
) -> None:
    """Some servers look at the condition first, and only then whether there is such an upload."""
    server.pages = {"/x": Page(LARGE)}
    answers: list[str | int] = ["lose", 412]
    trouble.plan = lambda *asked: answers.pop(0) if completes_x(*asked) and answers else None
    ended = pyfetch(*place.arguments("--if-exists", "fail", f"{server.url}/x"))
    assert ended.status == 0, ended.out
    assert not answers
    assert len([asked for asked in trouble.asked if completes_x(*asked)]) == 2
    begun = [
        target
        for method, target in trouble.asked
        if target.endswith("/x?uploads=") and method == "POST"
    ]
    assert len(begun) == 1, "nothing is put twice"
    assert strict_bucket.objects() == {"x": LARGE}


def test_the_backup_of_an_object_is_told_of_also_if_an_answer_was_lost(
    pyfetch: Command,
    server: LoopbackServer,
    place: BucketOfTests,
    strict_bucket: BucketOfTests,
    trouble: Trouble,
) -> None:
    server.pages = {"/x": Page(b"new")}
    strict_bucket.write("x", b"theirs")
    trouble.plan = once(
        lambda: "lose", lambda *asked: puts_x(*asked) and "if-match" in trouble.heads[-1]
    )
    ended = pyfetch(*place.arguments(f"{server.url}/x"))
    assert ended.status == 0, ended.err
    assert f"kept as {place.address}/x.~1~" in " ".join(ended.err.split())
    assert strict_bucket.objects() == {"x": b"new", "x.~1~": b"theirs"}


def test_an_upload_that_somebody_ends_begins_anew(
    pyfetch: Command,
    server: LoopbackServer,
    place: BucketOfTests,
    strict_bucket: BucketOfTests,
    trouble: Trouble,
) -> None:
    """In the same run, and the body is not fetched again."""
    server.pages = {"/x": Page(LARGE)}
    begun: list[str] = []

    def ends_the_first(_method: str, target: str) -> int | None:
        upload = target.partition("uploadId=")[2]
        if not upload:
            return None
        if not begun:
            begun.append(upload)
            strict_bucket.end_uploads()
        return 404 if upload in begun else None  # moto says 500 of such a part

    trouble.plan = ends_the_first
    ended = pyfetch(*place.arguments(f"{server.url}/x"))
    assert ended.status == 0, ended.err
    assert len(server.asked) == 1
    assert strict_bucket.objects() == {"x": LARGE}
    assert strict_bucket.uploads() == []
