"""`-o s3://… --pack webdataset`: a pack is one object, whole or not at all."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.buckets import BucketOfTests, may_use_buckets
from tests.support.command import Command, InstalledCommand
from tests.support.packs import WEBDATASET, bodies
from tests.support.server import Handler, LoopbackServer, Page

pytestmark = pytest.mark.slow  # servers of objects take seconds to start


@pytest.fixture(params=["bucket", "strict_bucket"])
def place(request: pytest.FixtureRequest, pyfetch: Command) -> BucketOfTests:
    may_use_buckets(pyfetch)
    found = request.getfixturevalue(request.param)
    assert isinstance(found, BucketOfTests)
    return found


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
