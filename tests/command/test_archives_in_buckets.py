"""`-o s3://… --pack warc`: an archive is one object."""

from __future__ import annotations

import pytest

from tests.support.archives import records, refers_to
from tests.support.buckets import BucketOfTests, may_use_buckets
from tests.support.command import Command
from tests.support.server import LoopbackServer, Page

pytestmark = pytest.mark.slow  # servers of objects take seconds to start

BODY = b"<html>hello</html>"


def test_a_prefix_without_room_for_an_archive_is_refused_before_anything_is_fetched(
    pyfetch: Command, server: LoopbackServer, bucket: BucketOfTests
) -> None:
    may_use_buckets(pyfetch)
    server.pages = {"/a.html": Page(BODY)}
    long = f"{bucket.address}/{'/'.join(['d' * 190] * 5)}"
    arguments = ("-o", long, "--store-option", bucket.endpoint, f"{server.url}/a.html")
    ended = pyfetch("--pack", "warc", *arguments)
    assert ended.status == 2
    assert "-00000.warc.gz would have" in " ".join(ended.err.split())
    assert not server.asked
    assert pyfetch("--pack", "webdataset", *arguments).status == 0


def test_archives_become_objects_of_a_bucket(
    pyfetch: Command, server: LoopbackServer, bucket: BucketOfTests
) -> None:
    """Bodies that earlier ones have are referred to, and tasks get them from there."""
    may_use_buckets(pyfetch)
    server.pages = {"/a.html": Page(BODY), "/b.html": Page(BODY)}
    (pyfetch.directory / "read.py").write_text(
        "def text(path, result):\n    return [path.name, path.read_text()]\n"
    )
    arguments = bucket.arguments("--pack", "warc", "--format", "jsonl")
    urls = [f"{server.url}{path}" for path in server.pages]
    assert pyfetch(*arguments, urls[0]).status == 0
    assert pyfetch(*arguments, *urls).status == 0
    ended = pyfetch(*arguments, *urls, "--map", "read.py:text")
    assert [one["value"] for one in ended.results] == [
        ["a.html", BODY.decode()], ["b.html", BODY.decode()],
    ]  # fmt: skip
    stem = bucket.address.rpartition("/")[2]
    there = {name: content for name, content in bucket.objects().items() if ".warc" in name}
    assert sorted(there) == [f"{stem}-0000{number}.warc.gz" for number in range(2)]
    for name, content in there.items():
        (pyfetch.directory / name).write_bytes(content)
    first, second = (records(pyfetch.directory / name) for name in sorted(there))
    assert [record.kind for record in first] == ["warcinfo", "response", "request"]
    refers_to(second[1], first[1])
