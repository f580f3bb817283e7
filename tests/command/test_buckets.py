"""`-o s3://bucket/prefix`: bodies become objects, whole or not at all, and a rerun goes on."""

from __future__ import annotations

import gzip
import hashlib
import json
import sys
import threading
import time
from pathlib import Path
from typing import Any

import obstore
import pytest

from pyfetch import FetchError, fetch, fetch_all
from pyfetch.http import s3_objects
from tests.support.buckets import KEY_ID, BucketOfTests, Trouble, may_use_buckets
from tests.support.command import Command, Ended, InstalledCommand
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.waiting import until

pytestmark = pytest.mark.slow  # servers of objects take seconds to start

STRICT_TOO = ["bucket", "strict_bucket"]
"""A server without conditions, and one with them, which takes longer to start."""


@pytest.fixture(params=STRICT_TOO)
def place(request: pytest.FixtureRequest) -> BucketOfTests:
    found = request.getfixturevalue(request.param)
    assert isinstance(found, BucketOfTests)
    return found


@pytest.fixture(autouse=True)
def with_credentials(pyfetch: Command) -> None:
    may_use_buckets(pyfetch)


def save(pyfetch: Command, place: BucketOfTests, *arguments: str) -> Ended:
    return pyfetch(*place.arguments(*arguments))


def test_bodies_become_objects_below_the_prefix(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests
) -> None:
    server.pages = {
        "/a.txt": Page(b"small"),
        "/empty": Page(b""),
        "/middle": Page(b"m" * 2_000_000),
        "/large": Page(bytes(range(256)) * 80_000),
    }
    names = {"a.txt", "empty", "middle", "large"}
    ended = save(pyfetch, place, *(f"{server.url}/{name}" for name in sorted(names)))
    assert ended.status == 0, ended.err
    assert place.objects() == {name: server.pages[f"/{name}"].body for name in names}
    assert {row[3] for row in ended.rows} == {f"{place.address}/{name}" for name in names}
    # Nothing of ours stays in the bucket, and the summary says where the state is.
    assert not [key for key in place.list() if key.startswith(".pyfetch/")]
    assert str(pyfetch.directory / "state" / "pyfetch") in ended.err.replace("\n", " ")


@pytest.mark.parametrize("size", [1, 17_000_000], ids=["small", "large"])
def test_an_object_has_type_coding_time_and_digest_of_its_body(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests, size: int
) -> None:
    """Of a large one, the digest is not known yet when its upload begins."""
    server.routes["/x"] = lambda h: h.answer(
        200,
        b"x" * size,
        Content_Type="text/csv; charset=utf-8",
        Content_Encoding="gzip",
        ETag='"1"',
        Last_Modified="Mon, 01 Jan 2024 10:00:00 GMT",
    )
    assert save(pyfetch, place, f"{server.url}/x", "-H", "Accept-Encoding: gzip").status == 0
    attributes = place.attributes("x")
    assert attributes["Content-Type"] == "text/csv; charset=utf-8"
    assert attributes["Content-Encoding"] == "gzip"
    assert attributes["mtime"] == "1704103200"  # as rclone has it
    assert attributes["lastmodified"] == "2024-01-01T10:00:00Z"
    digest = hashlib.sha256(b"x" * size).hexdigest()
    assert attributes.get("sha256") == (digest if size == 1 else None)
    assert server.url not in str(attributes)


def test_a_rerun_asks_whether_each_object_is_as_it_was(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests
) -> None:
    server.pages = {
        "/same": Page(b"same"),
        "/other": Page(b"one"),
        "/large": Page(b"l" * 20_000_000),
    }
    urls = [f"{server.url}{path}" for path in server.pages]
    assert save(pyfetch, place, *urls).status == 0
    server.pages["/other"] = Page(b"two")
    server.asked.clear()
    ended = save(pyfetch, place, *urls)
    assert [row[0] for row in ended.rows] == ["304", "200", "304"]
    assert all("If-None-Match" in asked.headers for asked in server.asked)
    assert place.read("other") == b"two"
    assert not [key for key in place.list() if "~" in key], "our own object needs no backup"


def test_an_object_of_somebody_else_is_kept_as_a_backup(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests
) -> None:
    server.pages = {"/x": Page(b"new")}
    place.write("x", b"mine")
    ended = save(pyfetch, place, f"{server.url}/x")
    assert ended.status == 0
    assert place.objects() == {"x": b"new", "x.~1~": b"mine"}
    assert f"kept as {place.address}/x.~1~" in " ".join(ended.err.split())
    # So is one that somebody has changed since.
    place.write("x", b"mine, too")
    assert save(pyfetch, place, f"{server.url}/x").status == 0
    assert place.objects() == {
        "x": b"new",
        "x.~1~": b"mine",
        "x.~2~": b"mine, too",
    }


def test_an_object_with_the_same_bytes_stays(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests
) -> None:
    server.pages = {"/x": Page(b"same")}
    place.write("x", b"same")
    ended = save(pyfetch, place, "--format", "jsonl", f"{server.url}/x")
    assert ended.results[0]["outcome"] == "unchanged"
    assert place.objects() == {"x": b"same"}


def test_without_its_state_a_run_knows_its_own_objects(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests
) -> None:
    server.pages = {"/x": Page(b"one")}
    assert save(pyfetch, place, f"{server.url}/x").status == 0
    server.pages = {"/x": Page(b"two")}
    pyfetch.environment["XDG_STATE_HOME"] = str(pyfetch.directory / "of another machine")
    assert save(pyfetch, place, f"{server.url}/x").status == 0
    assert place.objects() == {"x": b"two"}


@pytest.mark.parametrize(
    ("action", "status", "objects"),
    [
        ("skip", 0, {"x": b"mine"}),
        ("fail", 1, {"x": b"mine"}),
        ("replace", 0, {"x": b"new"}),
        ("rename", 0, {"x": b"mine", "x-1": b"new"}),
    ],
)
def test_if_exists_means_for_objects_what_it_means_for_files(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests,
    action: str, status: int, objects: dict[str, bytes],
) -> None:  # fmt: skip
    server.pages = {"/x": Page(b"new")}
    place.write("x", b"mine")
    ended = save(pyfetch, place, "--if-exists", action, f"{server.url}/x")
    assert ended.status == status, ended.err
    assert place.objects() == objects
    assert len(server.asked) == (action in {"replace", "rename"})


def test_a_plan_looks_at_the_bucket_and_writes_nothing(
    pyfetch: Command, server: LoopbackServer, bucket: BucketOfTests
) -> None:
    server.pages = {"/x": Page(b"x"), "/y": Page(b"y")}
    assert save(pyfetch, bucket, f"{server.url}/x").status == 0
    before = bucket.list()
    ended = save(pyfetch, bucket, "--plan", f"{server.url}/x", f"{server.url}/y")
    assert [row[0] for row in ended.rows][:2] == ["refresh", "fetch"], ended.out
    assert bucket.list() == before


@pytest.mark.parametrize(("kind", "obeys"), [("bucket", False), ("strict_bucket", True)])
def test_a_new_object_costs_one_request_and_where_there_are_no_conditions_a_look_ahead(
    pyfetch: Command, server: LoopbackServer, request: pytest.FixtureRequest,
    kind: str, obeys: bool,
) -> None:  # fmt: skip
    place = request.getfixturevalue(kind)
    with Trouble(place.port) as proxy:

        def a_look() -> bool:
            return any(method == "HEAD" and "/x" in target for method, target in proxy.asked)

        def page(handler: Handler) -> None:
            if not obeys:
                until(a_look, "a look that does not wait for the body")
            handler.answer(200, b"x")

        server.routes["/x"] = page
        place.port = proxy.port
        assert save(pyfetch, place, f"{server.url}/x").status == 0
        asked = [method for method, target in proxy.asked if target.endswith("/x")]
    assert asked == (["PUT"] if obeys else ["HEAD", "PUT"])
    place.port = proxy.behind
    assert place.objects() == {"x": b"x"}


@pytest.mark.parametrize("engine", ["threads", "curl"])
def test_as_many_objects_are_put_at_once_as_there_are_workers(
    pyfetch: Command, server: LoopbackServer, bucket: BucketOfTests, engine: str
) -> None:
    if engine == "curl":
        pytest.importorskip("pycurl")
    server.pages = {f"/{number}": Page(b"x") for number in range(8)}
    with Trouble(bucket.port) as proxy:
        together = threading.Barrier(8)

        def all_are_there(method: str, target: str) -> None:
            if method == "PUT" and target.rpartition("/")[2].isdigit():
                together.wait(30)

        proxy.plan = all_are_there
        bucket.port = proxy.port
        urls = [f"{server.url}/{number}" for number in range(8)]
        ended = save(pyfetch, bucket, "--engine", engine, "--workers", "8", *urls)
        bucket.port = proxy.behind
    assert ended.status == 0, ended.err
    assert not together.broken
    assert set(bucket.objects()) == {str(number) for number in range(8)}


def test_an_object_that_comes_while_its_body_is_fetched_is_kept(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(s3_objects, "FRESH", 0.05)

    def page(handler: Handler) -> None:
        place.write("x", b"theirs")
        time.sleep(0.1)  # what was seen before does not count any more
        handler.answer(200, b"x")

    server.routes["/x"] = page
    assert save(pyfetch, place, f"{server.url}/x").status == 0
    assert place.objects() == {"x": b"x", "x.~1~": b"theirs"}


LONG = "/".join(["d" * 197] * 5)
"""A path that leaves little room in a key."""
HOSTILE = [
    "/..%2F..%2Fetc",
    "/%2e%2e/x",
    "/a%00b",
    "/.pyfetch/lease",
    "/a%5Cb",
    "/%F0%9F%98%80",
    "/a%0Ab?q=%2e",
]


def test_hostile_names_stay_below_the_prefix(
    pyfetch: Command, server: LoopbackServer, bucket: BucketOfTests
) -> None:
    for path in HOSTILE:
        server.routes[path.partition("?")[0]] = lambda h: h.answer(200, b"hostile")
    lines = [f"{server.url}{path}" for path in HOSTILE]
    lines += [
        json.dumps({"url": f"{server.url}/x", "out": out})
        for out in ("../x", "/etc/x", "a/../../x")
    ]
    for line in lines:
        save(pyfetch, bucket, "--name", "{dir}/{name}", line) if "{" not in line else pyfetch(
            *bucket.arguments("-"), stdin=line
        )
    keys = bucket.list()
    assert keys
    for key in keys:
        parts = key.split("/")
        assert not {"", ".", "..", ".pyfetch"} & set(parts)
        assert key.isprintable()


def test_a_key_that_no_server_takes_is_a_failure_of_its_url(
    pyfetch: Command, server: LoopbackServer, bucket: BucketOfTests
) -> None:
    server.pages = {"/x": Page(b"x"), "/y": Page(b"y")}
    deep = f"{LONG}/{LONG}"
    listed = f'{{"url": "{server.url}/x", "out": "{deep}/x"}}\n{{"url": "{server.url}/y"}}\n'
    ended = pyfetch(*bucket.arguments("--format", "jsonl", "-"), stdin=listed)
    assert ended.status == 1
    assert "the most is 1024" in ended.results[0]["detail"]
    assert bucket.objects() == {"y": b"y"}
    assert [asked.path for asked in server.asked] == ["/y"]


def test_what_cannot_be_used_is_said_before_anything_is_fetched(
    pyfetch: Command, server: LoopbackServer, bucket: BucketOfTests
) -> None:
    url = f"{server.url}/x"
    for arguments, said in (
        (["-o", "s3://", url], "names no bucket"),
        (["-o", "ftp://host/x", url], "must be a directory"),
        (["-o", "s3://b/../x", url], "odd component"),
        (["-o", f"s3://b/{LONG}/{'x' * 25}", url], f"{LONG}/{'x' * 25} is too long: the key of"),
        (["-o", "s3://b", "--store-option", "colour=blue", url], "colour"),
        (["-o", "s3://b", "--store-option", "colour", url], "KEY=VALUE"),
        (
            ["-o", "s3://b", "--store-option", "endpoint=localhost:9000", url],
            "endpoint=https://HOST:PORT",
        ),
        (["-o", "data", "--state-dir", "x", url], "--state-dir is for a bucket"),
        (["-o", bucket.address, "--verify"], "is not there, where the state of its runs would be"),
        (["-o", bucket.address, "--cleanup"], "is not there, where the state of its runs would be"),
        # As with an empty variable in its place: it would allow all buckets.
        (["--allow-store", "s3:///", url], "must be the address of a bucket"),
        (["--allow-store", "s3:///lists/", url], "must be the address of a bucket"),
    ):
        ended = pyfetch(*arguments)
        assert ended.status == 2, arguments
        assert said in " ".join(ended.err.split())
    assert not server.asked


def test_without_the_extra_it_says_what_to_install(
    pyfetch: Command, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where files go into a bucket, packs do, and where the list is in one."""
    monkeypatch.setitem(sys.modules, "obstore", None)
    url = f"{server.url}/x"
    for arguments in (
        ("-o", "s3://b/p", url),
        ("-o", "s3://b/p", "--pack", "webdataset", url),
        ("-o", "data", "s3://b/list.txt"),
    ):
        ended = pyfetch(*arguments)
        assert ended.status == 2, ended.err
        assert "pip install 'pyfetch-batch[cloud]'" in ended.err
    assert not server.asked


def test_a_bucket_that_is_missing_or_closed_stops_the_run(
    pyfetch: Command, server: LoopbackServer, bucket: BucketOfTests
) -> None:
    server.pages = {"/x": Page(b"x")}
    ended = pyfetch(
        "-o", "s3://no-such-bucket/p", "--store-option", bucket.endpoint, f"{server.url}/x"
    )
    assert ended.status == 3
    assert "s3://no-such-bucket/ does not exist" in ended.err
    pyfetch.environment["AWS_SECRET_ACCESS_KEY"] = "wrong-but-secret"  # noqa: S105
    ended = save(pyfetch, bucket, f"{server.url}/x")
    assert ended.status == 3
    assert "access denied" in ended.err
    assert not server.asked


def test_a_file_url_is_a_directory(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages = {"/x": Page(b"x")}
    ended = pyfetch("-o", f"file://{pyfetch.directory}/some%20where", f"{server.url}/x")
    assert ended.status == 0
    assert (pyfetch.directory / "some where" / "x").read_bytes() == b"x"


def test_the_keys_of_a_profile_are_found_as_other_tools_find_them(
    pyfetch: Command, server: LoopbackServer, bucket: BucketOfTests
) -> None:
    server.pages = {"/x": Page(b"x")}
    file = pyfetch.directory / "credentials"
    environment = pyfetch.environment
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY")
    lines = (f"{name.lower()} = {environment.pop(name)}\n" for name in names)
    file.write_text(f"[work]\n{''.join(lines)}")
    environment |= {"AWS_SHARED_CREDENTIALS_FILE": str(file), "AWS_PROFILE": "work"}
    assert save(pyfetch, bucket, f"{server.url}/x").status == 0
    assert bucket.objects() == {"x": b"x"}


def test_a_list_may_be_an_object(
    pyfetch: Command, server: LoopbackServer, bucket: BucketOfTests
) -> None:
    server.pages = {"/x": Page(b"x"), "/y": Page(b"y")}
    bucket.write("list.csv.gz", gzip.compress(f"url\n{server.url}/x\n{server.url}/y\n".encode()))
    ended = pyfetch(
        f"{bucket.address}/list.csv.gz", "--store-option", bucket.endpoint, "-o", "data"
    )
    assert ended.status == 0, ended.err
    assert (pyfetch.directory / "data" / "y").read_bytes() == b"y"
    ended = pyfetch(f"{bucket.address}/none.txt", "--store-option", bucket.endpoint, "-o", "data")
    assert ended.status == 2
    assert "there is no such object" in ended.err


def test_a_list_names_objects_only_where_it_is_allowed(
    pyfetch: Command, bucket: BucketOfTests
) -> None:
    bucket.write("sub/one", b"one")
    bucket.write("submarine", b"other")
    names = ("sub/one", "submarine", "sub/../submarine")
    listed = "".join(f"{bucket.address}/{name}\n" for name in names)
    arguments = ("-", "-o", "data", "--format", "jsonl", "--store-option", bucket.endpoint)
    refused = pyfetch(*arguments, stdin=listed)
    assert [one["outcome"] for one in refused.results] == ["failed"] * 3
    assert all("only below --allow-store" in one["detail"] for one in refused.results)
    ended = pyfetch(*arguments, "--allow-store", f"{bucket.address}/sub/", stdin=listed)
    assert [one["outcome"] for one in ended.results] == ["fetched", "failed", "failed"], ended.out
    assert "only below --allow-store" in ended.results[1]["detail"]
    assert (pyfetch.directory / "data" / "one").read_bytes() == b"one"
    assert KEY_ID not in ended.out + ended.err
    again = pyfetch(*arguments, "--allow-store", f"{bucket.address}/sub/", stdin=listed)
    assert again.results[0]["outcome"] == "unchanged", "another signature is the same URL"
    ended = pyfetch(*arguments, "--allow-store", "s3://b/", "--public-only", stdin=listed)
    assert ended.status == 2
    assert "--public-only" in ended.err


def test_processes_share_the_work_of_a_bucket(
    pyfetch: Command, server: LoopbackServer, place: BucketOfTests
) -> None:
    server.pages = {f"/{number}": Page(b"%d" % number * 1000) for number in range(60)}
    server.pages["/large"] = Page(bytes(range(256)) * 70_000)
    urls = [f"{server.url}{path}" for path in server.pages]
    ended = save(pyfetch, place, "--processes", "2", "--workers", "8", *urls)
    assert ended.status == 0, ended.err
    assert place.objects() == {path[1:]: page.body for path, page in server.pages.items()}
    ended = save(pyfetch, place, "--processes", "2", *urls)
    assert {row[0] for row in ended.rows} == {"304"}


def test_members_of_a_cluster_need_no_shared_directory_for_a_bucket(
    installed: InstalledCommand, pyfetch: Command, server: LoopbackServer, bucket: BucketOfTests
) -> None:
    server.pages = {f"/{number}": Page(b"%d" % number * 1000) for number in range(20)}
    urls = [f"{server.url}{path}" for path in server.pages]
    ended = installed(*bucket.arguments("--cluster", "local:2", *urls))
    assert ended.status == 0, ended.err
    assert bucket.objects() == {path[1:]: page.body for path, page in server.pages.items()}


def test_a_task_gets_a_copy_that_is_gone_afterwards(
    pyfetch: Command, server: LoopbackServer, bucket: BucketOfTests
) -> None:
    (pyfetch.directory / "own.py").write_text(
        "def size(path, result):\n    print(path)\n    return [path.name, len(path.read_bytes())]\n"
    )
    server.pages = {"/a.txt": Page(b"a" * 10), "/b.txt": Page(b"b" * 2_000_000)}
    urls = [f"{server.url}{path}" for path in server.pages]
    arguments = ("--map", "own.py:size", "--cpus", "1", "--format", "jsonl", *urls)
    ended = save(pyfetch, bucket, *arguments)
    assert ended.status == 0, ended.err
    assert [one["value"] for one in ended.results] == [["a.txt", 10], ["b.txt", 2_000_000]]
    assert [one["path"] for one in ended.results] == [
        f"{bucket.address}/{name}" for name in ("a.txt", "b.txt")
    ]
    # What was computed is remembered; another function gets the object itself.
    again = save(pyfetch, bucket, *arguments)
    assert [one["value"] for one in again.results] == [["a.txt", 10], ["b.txt", 2_000_000]]
    assert "computed 0" in again.err or "known" in again.err
    ended = save(pyfetch, bucket, "--exec", "cat {path}", "--cpus", "1", *urls)
    assert ended.status == 0, ended.err
    left = [file.name for file in (pyfetch.directory / "state").rglob("*") if file.is_file()]
    assert left == ["state.sqlite3"], left
    assert bucket.objects() == {path[1:]: page.body for path, page in server.pages.items()}


def test_libcurl_saves_into_a_bucket_too(
    pyfetch: Command, server: LoopbackServer, bucket: BucketOfTests
) -> None:
    server.pages = {f"/{number}": Page(b"%d" % number * 1000) for number in range(40)}
    server.pages["/large"] = Page(bytes(range(256)) * 70_000)
    urls = [f"{server.url}{path}" for path in server.pages]
    ended = save(pyfetch, bucket, "--engine", "curl", *urls)
    assert ended.status == 0, ended.err
    assert bucket.objects() == {path[1:]: page.body for path, page in server.pages.items()}
    ended = save(pyfetch, bucket, "--engine", "curl", *urls)
    assert {row[0] for row in ended.rows} == {"304"}


def test_verify_reads_each_object(
    pyfetch: Command, server: LoopbackServer, bucket: BucketOfTests
) -> None:
    server.pages = {f"/{name}": Page(name.encode()) for name in ("same", "other", "gone")}
    urls = [f"{server.url}{path}" for path in server.pages]
    assert save(pyfetch, bucket, "--checksums", "SUMS", *urls).status == 0
    assert save(pyfetch, bucket, "--verify").status == 0
    bucket.write("other", b"OTHER")
    bucket.write("unknown", b"unknown")
    obstore.delete(bucket.client, "gone")
    ended = save(pyfetch, bucket, "--verify")
    assert ended.status == 1
    found = {row[-2].rpartition("/")[2]: row[0] for row in ended.rows}
    assert found == {"gone": "missing", "other": "changed", "same": "ok", "unknown": "unknown"}
    assert save(pyfetch, bucket, "--verify", "SUMS").status == 1
    assert b"same" in (pyfetch.directory / "SUMS").read_bytes()


def test_prune_moves_objects_that_the_list_no_longer_names(
    pyfetch: Command, server: LoopbackServer, bucket: BucketOfTests
) -> None:
    names = ("stays", "goes", "changed")
    server.pages = {f"/{name}": Page(name.encode()) for name in names}
    bucket.write("theirs", b"theirs")
    assert save(pyfetch, bucket, *(f"{server.url}/{name}" for name in names)).status == 0
    bucket.write("changed", b"by somebody")
    ended = save(pyfetch, bucket, "--plan", "--prune", f"{server.url}/stays")
    assert [row[0] for row in ended.rows] == ["refresh", "prune"]
    ended = save(pyfetch, bucket, "--prune", "--yes", f"{server.url}/stays")
    assert ended.status == 0, ended.err
    assert bucket.objects() == {"stays": b"stays", "changed": b"by somebody", "theirs": b"theirs"}
    assert bucket.read(".pyfetch/pruned/goes") == b"goes"
    assert "1 file moved" in ended.err


def test_prune_leaves_an_object_for_which_there_is_no_key(
    pyfetch: Command, server: LoopbackServer, bucket: BucketOfTests
) -> None:
    """That of the place where it would move to would be too long; the others move."""
    server.pages = {f"/{name}": Page(name.encode()) for name in ("stays", "long", "goes")}
    name = "/".join(["d" * 190] * 5) + "/" + "x" * 40
    entries = [{"url": f"{server.url}/long", "out": name}, {"url": f"{server.url}/goes"}]
    listed = "".join(f"{json.dumps(entry)}\n" for entry in entries)
    assert pyfetch(*bucket.arguments("-"), stdin=listed).status == 0
    ended = save(pyfetch, bucket, "--prune", "--yes", f"{server.url}/stays")
    assert ended.status == 0, ended.err
    assert bucket.objects() == {"stays": b"stays", name: b"long"}
    assert "1 file could not be moved" in ended.err
    assert bucket.read(".pyfetch/pruned/goes") == b"goes"


@pytest.fixture
def endpoint(pyfetch: Command, bucket: BucketOfTests, monkeypatch: pytest.MonkeyPatch) -> str:
    """That of the bucket, which this process may use, too."""
    for name, value in pyfetch.environment.items():
        if name.startswith("AWS_") or name == "XDG_STATE_HOME":
            monkeypatch.setenv(name, value)
    return bucket.endpoint.partition("=")[2]


def test_the_library_fetches_objects_where_it_is_allowed(
    bucket: BucketOfTests, endpoint: str, tmp_path: Path
) -> None:
    """As a URL, and as a mapping with a mirror; what is not allowed says so."""
    bucket.write("sub/one", b"one")
    bucket.write("sub/two", b"two")
    bucket.write("other", b"other")
    items: list[str | dict[str, Any]] = [
        f"{bucket.address}/sub/one",
        {"url": f"{bucket.address}/sub/gone", "mirrors": [f"{bucket.address}/sub/two"]},
        f"{bucket.address}/other",
    ]
    where: dict[str, Any] = {"output_dir": tmp_path, "store_option": {"endpoint": endpoint}}
    results = [*fetch_all(items, allow_store=f"{bucket.address}/sub/", **where)]
    assert [result.outcome for result in results] == ["fetched", "fetched", "failed"]
    assert [result.read_bytes() for result in results[:2]] == [b"one", b"two"]
    for refused in (results[2], *fetch_all(items, **where)):
        assert "only below --allow-store" in str(refused.detail)


def test_the_library_saves_into_a_bucket(
    server: LoopbackServer, bucket: BucketOfTests, endpoint: str
) -> None:
    server.pages = {"/x": Page(b"x")}
    result = fetch(
        f"{server.url}/x", output_dir=bucket.address, store_option={"endpoint": endpoint}
    )
    assert result.file == f"{bucket.address}/x"
    assert bucket.objects() == {"x": b"x"}
    with pytest.raises(FetchError, match="from its bucket"):
        result.read_bytes()
    gone = fetch(f"{server.url}/x", output_dir="memory://tests/x")
    assert gone.file == "memory://tests/x/x"
