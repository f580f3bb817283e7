"""`-o s3://… --pack webdataset`: a pack is one object, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import obstore
import pytest

from pyfetch.http import s3_uploads
from pyfetch.storage.objects import obstore_client
from tests.support.buckets import BucketOfTests, Trouble, may_use_buckets
from tests.support.command import Command, InstalledCommand
from tests.support.packs import WEBDATASET, bodies
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.waiting import until

pytestmark = pytest.mark.slow  # servers of objects take seconds to start

LARGE = bytes(range(256)) * 70_000
"""More than what is put in one request."""


@pytest.fixture(params=["bucket", "strict_bucket"])
def place(request: pytest.FixtureRequest, pyfetch: Command) -> BucketOfTests:
    may_use_buckets(pyfetch)
    found = request.getfixturevalue(request.param)
    assert isinstance(found, BucketOfTests)
    return found


@pytest.fixture
def troubled(strict_bucket: BucketOfTests, trouble: Trouble, pyfetch: Command) -> BucketOfTests:
    """A bucket behind trouble."""
    may_use_buckets(pyfetch)
    return BucketOfTests(strict_bucket.prefix, trouble.port)


def fetched(place: BucketOfTests, directory: Path) -> dict[str, bytes]:
    """The bodies of all packs of the bucket."""
    directory.mkdir()
    for name, content in place.objects().items():
        (directory / name).write_bytes(content)
    return bodies(directory)


def test_packs_become_objects_and_a_rerun_fetches_what_is_missing(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests
) -> None:
    server.pages = {f"/{number}.x": Page(bytes([number]) * 3000) for number in range(20)}
    server.pages["/large.x"] = Page(bytes(range(256)) * 80_000)
    urls = [server.url + path for path in server.pages]
    arguments = place.arguments(*WEBDATASET, "--pack-count", "15", *urls, f"{server.url}/no")
    ended = pyfetch(*arguments)
    assert ended.status == 1, ended.err
    expected = {server.url + path: page.body for path, page in server.pages.items()}
    assert fetched(place, pyfetch.directory / "first") == expected
    assert sorted(place.objects()) == ["000000.json", "000000.tar", "000001.json", "000001.tar"]
    assert f"{place.address}/000000.tar/" in ended.out
    failed = [json.loads(place.read(f"00000{number}.json"))["failed"] for number in range(2)]
    assert [one["url"] for some in failed for one in some] == [f"{server.url}/no"]
    assert place.uploads() == []
    types = {name: place.attributes(name)["Content-Type"] for name in place.objects()}
    assert {types["000000.tar"], types["000001.tar"]} == {"application/x-tar"}
    assert types["000000.json"] == "application/json"
    server.pages["/no"] = Page(b"there now")
    ended = pyfetch(*arguments)
    assert ended.status == 0, ended.err
    assert [row[0] for row in ended.rows] == ["304"] * 21 + ["200"]
    expected[f"{server.url}/no"] = b"there now"
    assert fetched(place, pyfetch.directory / "second") == expected


def test_an_object_of_somebody_else_is_never_replaced(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests
) -> None:
    server.pages = {"/a": Page(b"a"), "/b": Page(b"b")}
    place.write("000000.tar", b"mine")
    assert pyfetch(*place.arguments(*WEBDATASET, f"{server.url}/a")).status == 0
    assert place.read("000000.tar") == b"mine"
    assert "000001.tar" in place.objects()
    # Nor one that appears while the pack is filled.

    def appears(handler: Handler) -> None:
        place.write("000002.tar", b"mine")
        handler.answer(200, b"c")

    server.routes["/c"] = appears
    urls = [f"{server.url}/b", f"{server.url}/c"]
    ended = pyfetch(*place.arguments(*WEBDATASET, "-w", "1", *urls))
    assert ended.status == 3
    assert f"{place.address}/000002.tar has appeared" in " ".join(ended.err.split())
    assert place.read("000002.tar") == b"mine"


def test_what_others_put_beside_a_pack_is_never_replaced(
    pyfetch: Command,
    server: LoopbackServer,
    troubled: BucketOfTests,
    strict_bucket: BucketOfTests,
    trouble: Trouble,
) -> None:
    """Whether it appears while the pack is filled, or just before a request, the first or not."""
    theirs = b'{"of": "another program"}'
    server.pages = {"/0": Page(b"0"), "/a": Page(b"a"), "/b": Page(b"b")}
    urls = [server.url + path for path in server.pages]

    def appears(handler: Handler) -> None:
        strict_bucket.write("000000.json", theirs)
        handler.answer(200, b"a")

    def appears_before(name: str, number: int) -> Callable[[str, str], None]:
        """Just before this of the requests that put it."""
        is_it, left = puts(name), [strict_bucket.write] + [lambda *_: None] * (number - 1)
        return lambda *asked: left.pop()(name, theirs) if left and is_it(*asked) else None

    server.routes["/a"] = appears
    ended = pyfetch(*troubled.arguments(*WEBDATASET, "-w", "1", *urls[:2]))
    assert ended.status == 3, ended.err
    assert f"{troubled.address}/000000.json has appeared" in " ".join(ended.err.split())
    assert strict_bucket.objects() == {"000000.json": theirs}
    obstore.delete(strict_bucket.client, "000000.json")
    del server.routes["/a"]
    trouble.plan = appears_before("000001.json", 1)
    arguments = troubled.arguments(*WEBDATASET, "-w", "1", "--pack-count", "1", *urls)
    ended = pyfetch(*arguments)
    assert ended.status == 3, ended.err
    assert strict_bucket.read("000001.json") == theirs
    trouble.plan = lambda _method, _target: None
    obstore.delete(strict_bucket.client, "000001.json")
    assert pyfetch(*arguments).status == 0
    # The second request adds a failure that came when the pack was sealed.
    server.pages["/c"] = Page(b"c")

    def fails_late(handler: Handler) -> None:
        until(lambda: "000002.tar" in strict_bucket.list(), "the pack is sealed")
        handler.answer(404, b"")

    server.routes["/late"] = fails_late
    trouble.plan = appears_before("000002.json", 2)
    ended = pyfetch(*arguments, f"{server.url}/c", f"{server.url}/late")
    assert ended.status == 3, ended.err
    assert strict_bucket.read("000002.json") == theirs
    urls.append(f"{server.url}/c")
    expected = dict(zip(urls, [b"0", b"a", b"b", b"c"], strict=True))
    obstore.delete(strict_bucket.client, "000002.json")
    assert fetched(strict_bucket, pyfetch.directory / "all") == expected


def puts(name: str) -> Callable[[str, str], bool]:
    """Whether a request puts this object, or a part of it."""
    return lambda method, target: method == "PUT" and f"/{name}" in target


@pytest.mark.parametrize("what", [503, "drop", "lose"])
@pytest.mark.parametrize(
    ("body", "name"),
    [(b"small", "000000.tar"), (b"small", "000000.json"), (LARGE, "000000.tar")],
    ids=["small", "beside", "large"],
)
def test_trouble_that_passes_is_waited_for(
    pyfetch: Command,
    server: LoopbackServer,
    troubled: BucketOfTests,
    trouble: Trouble,
    what: str | int,
    body: bytes,
    name: str,
) -> None:
    """A pack, or a part of one, whose answer was lost is known as ours."""
    server.pages = {"/x": Page(body)}
    left, wrong = [what, what], puts(name)
    trouble.plan = lambda *asked: left.pop() if left and wrong(*asked) else None
    ended = pyfetch(*troubled.arguments(*WEBDATASET, f"{server.url}/x"))
    assert ended.status == 0, ended.err
    assert not left
    assert fetched(troubled, pyfetch.directory / "all") == {f"{server.url}/x": body}
    assert sorted(troubled.objects()) == ["000000.json", "000000.tar"]
    assert troubled.uploads() == []


@pytest.mark.parametrize("body", [b"small", LARGE], ids=["small", "large"])
def test_a_full_bucket_stops_the_run_and_a_rerun_puts_the_pack_without_fetching(
    pyfetch: Command,
    server: LoopbackServer,
    troubled: BucketOfTests,
    trouble: Trouble,
    monkeypatch: pytest.MonkeyPatch,
    body: bytes,
) -> None:
    monkeypatch.setattr(s3_uploads, "_TRIES", 2)
    retries = {"max_retries": 1, "retry_timeout": timedelta(seconds=1)}
    monkeypatch.setattr(obstore_client, "_RETRIES", retries)
    server.pages = {"/x": Page(body)}
    arguments = troubled.arguments(*WEBDATASET, "--if-exists", "skip", f"{server.url}/x")
    is_pack = puts("000000.tar")
    trouble.plan = lambda *asked: 507 if is_pack(*asked) else None
    ended = pyfetch(*arguments)
    assert ended.status == 3, ended.err
    said = " ".join(ended.err.split())
    assert f"cannot write {troubled.address}/000000.tar: HTTP 507 InsufficientStorage" in said
    assert "the bucket is full: make room" in said
    assert "000000.tar" not in troubled.objects()
    trouble.plan = lambda _method, _target: None
    again = pyfetch(*arguments)
    assert again.status == 0, again.err
    assert fetched(troubled, pyfetch.directory / "all") == {f"{server.url}/x": body}
    assert len(server.asked) == 1


def test_a_pack_that_is_there_when_its_run_is_killed_is_sealed(
    pyfetch: Command,
    forked: InstalledCommand,
    server: LoopbackServer,
    troubled: BucketOfTests,
    trouble: Trouble,
) -> None:
    """The run has not seen the answer. Nothing is appended to what has its name already."""
    server.pages = {"/a": Page(b"a"), "/b": Page(b"b")}
    urls = [f"{server.url}/a", f"{server.url}/b"]
    is_pack = puts("000000.tar")
    trouble.plan = lambda *asked: "hold" if is_pack(*asked) else None
    run = forked.start(*troubled.arguments(*WEBDATASET, urls[0]))
    assert trouble.holds.wait(30)
    run.kill()
    run.communicate()
    trouble.plan = lambda _method, _target: None
    sealed = troubled.read("000000.tar")
    ended = pyfetch(*troubled.arguments(*WEBDATASET, *urls))
    assert ended.status == 0, ended.err
    assert [row[0] for row in ended.rows] == ["304", "200"]
    assert troubled.read("000000.tar") == sealed
    expected = dict(zip(urls, [b"a", b"b"], strict=True))
    assert fetched(troubled, pyfetch.directory / "all") == expected
    assert not list((pyfetch.directory / "state").rglob("*.tar"))


def test_a_stopped_run_goes_on_in_the_pack_that_it_has_left_here(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests
) -> None:
    server.pages = {"/a": Page(b"a"), "/c": Page(b"c")}
    urls = [f"{server.url}/{name}" for name in "abc"]
    arguments = place.arguments(*WEBDATASET, "-w", "1", *urls)
    assert pyfetch(*arguments, "--fail-fast").status == 1
    assert place.objects() == {}
    server.pages["/b"] = Page(b"b")
    ended = pyfetch(*arguments)
    assert [row[0] for row in ended.rows] == ["304", "200", "200"]
    assert fetched(place, pyfetch.directory / "all") == {url: url[-1].encode() for url in urls}


def test_tasks_get_copies_of_members_in_a_bucket(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests
) -> None:
    server.pages = {"/a.txt": Page(b"small"), "/b.txt": Page(b"other")}
    urls = [server.url + path for path in server.pages]
    arguments = place.arguments(*WEBDATASET, "--format", "jsonl", *urls)
    assert pyfetch(*arguments).status == 0
    (pyfetch.directory / "read.py").write_text(
        "def text(path, result):\n    return [path.name, path.read_text()]\n"
    )
    ended = pyfetch(*arguments, "--map", "read.py:text")
    assert ended.status == 0, ended.err
    assert [one["value"] for one in ended.results] == [["a.txt", "small"], ["b.txt", "other"]]


@pytest.mark.parametrize(
    ("place", "engine"), [("bucket", "threads"), ("strict_bucket", "curl")], indirect=["place"]
)
def test_processes_fill_packs_of_their_own_and_compute_with_what_is_in_them(
    forked: InstalledCommand, server: LoopbackServer, place: BucketOfTests, engine: str
) -> None:
    server.pages = {f"/{number}.txt": Page(b"%d" % number * 3000) for number in range(40)}
    urls = [server.url + path for path in server.pages]
    arguments = place.arguments(
        *WEBDATASET, "--pack-count", "15", "--processes", "2", "--engine", engine, "--exec",
        "sh -c 'cat \"$1\" >> read' sh {path}", "--format", "jsonl", *urls,
    )  # fmt: skip
    ended = forked(*arguments)
    assert ended.status == 0, ended.err
    expected = {server.url + path: page.body for path, page in server.pages.items()}
    assert fetched(place, forked.directory / "all") == expected
    read = (forked.directory / "read").read_bytes()
    assert len(read) == sum(map(len, expected.values()))
    state = forked.directory / "state"
    assert not [file for file in state.rglob("*") if file.suffix in (".tar", ".txt")]
    again = forked(*arguments)
    assert again.status == 0, again.err
    assert {one["status"] for one in again.results} == {304}
    assert "computed 0 (40 known from before)" in again.err
