"""What a server of buckets does wrong: each run ends as it is promised, and a rerun goes on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from tests.support.buckets import BucketOfTests, Trouble, may_use_buckets
from tests.support.command import Command, InstalledCommand
from tests.support.server import LoopbackServer, Page

SMALL, LARGE = b"small", bytes(range(256)) * 70_000


def on(number: int, what: str | int, *, part: str = "/x") -> Callable[[str, str], str | int | None]:
    """Trouble with this PUT of an object, counted from 1."""
    seen = 0

    def plan(method: str, target: str) -> str | int | None:
        nonlocal seen
        path = target.partition("?")[0]
        seen += method == "PUT" and path.endswith(part)
        return what if method == "PUT" and path.endswith(part) and seen <= number else None

    return plan


pytestmark = pytest.mark.slow


@pytest.mark.parametrize("what", [500, 503, "drop", "lose"])
@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
def test_trouble_that_passes_is_waited_for(
    pyfetch: Command,
    server: LoopbackServer,
    place: BucketOfTests,
    trouble: Trouble,
    what: str | int,
    body: bytes,
) -> None:
    server.pages = {"/x": Page(body)}
    trouble.plan = on(2, what)
    ended = pyfetch(*place.arguments("--format", "jsonl", f"{server.url}/x"))
    assert ended.status == 0, ended.err
    assert ended.results[0]["outcome"] == "fetched"
    assert place.objects() == {"x": body}
    puts = [target for method, target in trouble.asked if method == "PUT" and "/x" in target]
    assert len(puts) > 2


def test_a_put_whose_answer_was_lost_is_known_by_its_etag(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests, trouble: Trouble
) -> None:
    server.pages = {"/x": Page(SMALL)}
    trouble.plan = on(1, "lose")
    ended = pyfetch(*place.arguments("--if-exists", "fail", f"{server.url}/x"))
    assert ended.status == 0, ended.out
    assert place.objects() == {"x": SMALL}


@pytest.mark.parametrize("body", [SMALL, LARGE], ids=["small", "large"])
def test_a_bucket_that_is_full_stops_the_run_and_a_rerun_finishes_it(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests, trouble: Trouble, body: bytes
) -> None:
    server.pages = {"/x": Page(body), "/y": Page(b"y")}
    trouble.plan = on(99, 403)
    ended = pyfetch(*place.arguments(f"{server.url}/x"))
    assert ended.status == 3
    assert f"cannot write {place.address}/x" in ended.err
    assert "AccessDenied" in ended.err
    assert place.objects() == {}
    trouble.plan = lambda _method, _target: None
    assert pyfetch(*place.arguments(f"{server.url}/x", f"{server.url}/y")).status == 0
    assert place.objects() == {"x": body, "y": b"y"}


def test_a_large_body_whose_upload_failed_is_not_fetched_again(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests, trouble: Trouble
) -> None:
    server.pages = {"/x": Page(LARGE)}
    trouble.plan = on(99, 403)
    assert pyfetch(*place.arguments(f"{server.url}/x")).status == 3
    trouble.plan = lambda _method, _target: None
    before = server.sent
    assert pyfetch(*place.arguments(f"{server.url}/x")).status == 0
    assert server.sent - before <= 1, "of a part that is whole, a byte is asked for again"
    assert place.objects() == {"x": LARGE}


def test_a_wrong_body_never_reaches_the_bucket(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests, trouble: Trouble
) -> None:
    def cut(handler: object) -> None:
        handler.head(200, Content_Length=str(len(LARGE)))  # type: ignore[attr-defined]
        handler.send(LARGE[:-1])  # type: ignore[attr-defined]
        handler.cut()  # type: ignore[attr-defined]

    server.routes["/cut"] = cut
    server.pages = {"/x": Page(LARGE)}
    wrong = "sha256=" + "0" * 64
    listed = f"{server.url}/x\n  checksum=sha-256={wrong.partition('=')[2]}\n{server.url}/cut\n"
    ended = pyfetch(*place.arguments("--retries", "0", "-"), stdin=listed)
    assert ended.status == 1
    assert place.list() == []
    assert place.uploads() == [], "what was put ahead is removed"
    completed = [
        target for method, target in trouble.asked if method == "POST" and "uploadId" in target
    ]
    assert completed == []


def test_an_upload_that_was_cut_off_goes_on_where_it_was(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests, trouble: Trouble
) -> None:
    server.pages = {"/x": Page(LARGE * 2)}  # five parts

    def refuses(method: str, target: str) -> int | None:
        return 403 if method == "PUT" and "partNumber=5" in target else None

    trouble.plan = refuses
    assert pyfetch(*place.arguments(f"{server.url}/x")).status == 3
    assert place.objects() == {}
    trouble.plan = lambda _method, _target: None
    trouble.asked.clear()
    ended = pyfetch(*place.arguments(f"{server.url}/x"))
    assert ended.status == 0, ended.err
    assert place.objects() == {"x": LARGE * 2}
    put = [target for method, target in trouble.asked if "partNumber=" in target]
    assert len(put) <= 1, put
    assert not list((pyfetch.directory / "state").rglob("uploads"))


def test_parts_of_a_body_that_has_changed_since_are_put_again(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests, trouble: Trouble
) -> None:
    """The upload may go on, as it has the same size: each part that is another one is replaced."""
    old = LARGE * 2  # five parts
    new = old[:10_000_000] + b"changed" + old[10_000_007:]
    server.pages = {"/x": Page(old)}
    trouble.plan = lambda _, target: 403 if "partNumber=5" in target else None
    assert pyfetch(*place.arguments(f"{server.url}/x")).status == 3
    server.pages = {"/x": Page(new)}
    trouble.plan = lambda _method, _target: None
    ended = pyfetch(*place.arguments(f"{server.url}/x"))
    assert ended.status == 0, ended.err
    assert place.objects() == {"x": new}
    assert place.uploads() == []


def test_cleanup_ends_uploads_and_removes_backups(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests, trouble: Trouble
) -> None:
    server.pages = {"/x": Page(LARGE), "/y": Page(b"y")}
    place.write("y", b"mine")
    trouble.plan = lambda _, target: 403 if "partNumber=3" in target else None
    assert pyfetch(*place.arguments(f"{server.url}/y", "--retries", "0")).status == 0
    assert pyfetch(*place.arguments(f"{server.url}/x")).status == 3
    assert place.list() == ["y", "y.~1~"]
    assert len(place.uploads()) == 1
    ended = pyfetch(*place.arguments("--cleanup"))
    assert ended.status == 0, ended.err
    assert f"{place.address}/x (an upload)" in ended.out
    assert f"{place.address}/y.~1~" in ended.out
    assert place.uploads() == []
    assert place.list() == ["y"]
    assert [file.name for file in (pyfetch.directory / "state").rglob("*.*") if file.is_file()] == [
        "state.sqlite3"
    ]


def begins(method: str, target: str) -> bool:
    """Whether this request begins an upload of `x`."""
    return method == "POST" and target.endswith("/x?uploads=")


@pytest.fixture
def cut_off(
    pyfetch: Command,
    forked: InstalledCommand,
    server: LoopbackServer,
    place: BucketOfTests,
    trouble: Trouble,
) -> list[str]:
    """Uploads of others to the key of an upload that was begun by a run that was killed then.

    The server has begun that one, and the run has not seen the answer.
    """
    server.pages = {"/x": Page(LARGE)}
    place.begin_upload("x")
    trouble.plan = lambda method, target: "hold" if begins(method, target) else None
    run = forked.start(*place.arguments(f"{server.url}/x"))
    assert trouble.holds.wait(30)
    run.kill()
    run.communicate()
    trouble.plan = lambda _method, _target: None
    place.begin_upload("x", b"a part of theirs")
    key = f"{place.prefix}/x"
    assert place.uploads() == [key] * 3
    return [key] * 2


def test_an_upload_that_was_begun_by_a_run_that_was_killed_at_once_is_ended_by_the_next(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests, cut_off: list[str]
) -> None:
    ended = pyfetch(*place.arguments(f"{server.url}/x"))
    assert ended.status == 0, ended.err
    assert place.objects() == {"x": LARGE}
    assert place.uploads() == cut_off, "those of others stay"
    assert not list((pyfetch.directory / "state").rglob("uploads"))


def test_an_upload_that_a_busy_server_begins_for_a_run_that_is_gone_is_ended_too(
    pyfetch: Command,
    forked: InstalledCommand,
    server: LoopbackServer,
    place: BucketOfTests,
    trouble: Trouble,
) -> None:
    server.pages = {"/x": Page(LARGE)}
    asked, is_free = threading.Event(), threading.Event()

    def is_busy(method: str, target: str) -> str | None:
        if "partNumber=1&" in target:
            is_free.set()
            until = time.monotonic() + 30
            while len(place.uploads()) < 2 and time.monotonic() < until:
                time.sleep(0.01)
        elif begins(method, target) and not asked.is_set():
            asked.set()
            assert is_free.wait(30)
            return "lose"  # nobody is there any more
        return None

    trouble.plan = is_busy
    run = forked.start(*place.arguments(f"{server.url}/x"))
    assert asked.wait(30)
    run.kill()
    run.communicate()
    assert place.uploads() == []
    assert pyfetch(*place.arguments(f"{server.url}/x")).status == 0
    assert is_free.is_set()
    assert place.objects() == {"x": LARGE}
    assert place.uploads() == []


def test_cleanup_ends_such_an_upload_too(
    pyfetch: Command, place: BucketOfTests, cut_off: list[str]
) -> None:
    ended = pyfetch(*place.arguments("--cleanup"))
    assert ended.status == 0, ended.err
    assert f"{place.address}/x (an upload)" in ended.out
    assert "2 uploads stay that others have begun" in ended.err
    assert place.uploads() == cut_off
    assert not list((pyfetch.directory / "state").rglob("uploads"))
    assert "removed 0 files" in pyfetch(*place.arguments("--cleanup")).err


def test_an_upload_is_ended_also_where_the_body_is_small_by_now(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests, cut_off: list[str]
) -> None:
    server.pages = {"/x": Page(SMALL)}
    assert pyfetch(*place.arguments(f"{server.url}/x")).status == 0
    assert place.objects() == {"x": SMALL}
    assert place.uploads() == cut_off


def test_of_an_upload_that_was_begun_twice_since_an_answer_was_lost_nothing_stays(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests, trouble: Trouble
) -> None:
    server.pages = {"/x": Page(LARGE)}
    lost: list[str] = []

    def loses(method: str, target: str) -> str | None:
        if not begins(method, target) or lost:
            return None
        lost.append(target)
        return "lose"

    trouble.plan = loses
    assert pyfetch(*place.arguments(f"{server.url}/x")).status == 0
    assert lost
    assert place.objects() == {"x": LARGE}
    assert place.uploads() == []


def test_uploads_of_others_are_told_of_and_stay(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests
) -> None:
    server.pages = {"/y": Page(b"y")}
    assert pyfetch(*place.arguments(f"{server.url}/y")).status == 0
    place.begin_upload("theirs")
    ended = pyfetch(*place.arguments("--cleanup"))
    assert "1 upload stays that others have begun" in ended.err
    assert place.uploads() == [f"{place.prefix}/theirs"]


def test_cleanup_needs_no_list_of_uploads(
    pyfetch: Command, server: LoopbackServer, bucket: BucketOfTests
) -> None:
    """rclone has none, and other servers do not let everybody see it."""
    may_use_buckets(pyfetch)
    server.pages = {"/y": Page(b"y")}
    assert pyfetch(*bucket.arguments(f"{server.url}/y")).status == 0
    ended = pyfetch(*bucket.arguments("--cleanup"))
    assert ended.status == 0, ended.err
    assert bucket.objects() == {"y": b"y"}
