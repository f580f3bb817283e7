"""What `--pack warc` writes is replayed by pywb, byte by byte."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from tests.support.archives import PYWB, Replay, archives, check_by_command
from tests.support.command import Command
from tests.support.server import Handler, LoopbackServer, Page, redirect

pytestmark = pytest.mark.slow

PAGE = b"<html><a href='/b'>b</a></html>"
LARGE = bytes(range(256)) * 12_000


def chunked(handler: Handler) -> None:
    handler.head(200, Transfer_Encoding="chunked", Content_Type="text/plain")
    handler.send(b"7\r\n5\r\nhell\r\n1\r\no\r\n0\r\n\r\n")  # its content looks like chunks


def test_pywb_replays_what_was_archived(
    pyfetch: Command, server: LoopbackServer, tmp_path: Path
) -> None:
    if not (PYWB / "wayback").exists():
        pytest.skip("there is no pywb (make .venv-pywb/ready)")
    coded = gzip.compress(PAGE)
    server.pages = {"/a.html": Page(PAGE), "/same.html": Page(PAGE), "/large": Page(LARGE)}
    server.routes |= {
        "/chunked": chunked,
        "/coded": lambda h: h.answer(200, coded, Content_Encoding="gzip", Content_Type="text/html"),
        "/from": lambda h: redirect(h, "/a.html"),
    }
    names = ("a.html", "same.html", "large", "chunked", "coded", "from", "missing")
    urls = {name: f"{server.url}/{name}" for name in names}
    arguments = ["-o", "crawl", "--pack", "warc", "-H", "Accept-Encoding: gzip", *urls.values()]
    assert pyfetch(*arguments).status == 1
    server.pages["/large"] = Page(LARGE[:-1])
    assert pyfetch(*arguments).status == 1
    files = archives(pyfetch.directory / "crawl")
    assert len(files) == 2
    check_by_command(*files)
    place = tmp_path / "pywb"
    place.mkdir()
    with Replay(place, *files) as replay:
        found = {name: replay.get(url) for name, url in urls.items()}
    bodies = {
        "a.html": PAGE, "same.html": PAGE, "coded": PAGE, "chunked": b"5\r\nhello",
        "large": LARGE[:-1],
    }  # fmt: skip
    assert {name: found[name][2] for name in bodies} == bodies
    assert {found[name][0] for name in bodies} == {200}
    assert (found["from"][0], found["missing"][0]) == (302, 404)
    assert found["missing"][2] == b"there is no such page\n"
