"""Web archives, however often their runs are killed: what is sealed is right, and all is there."""

from __future__ import annotations

import random
from collections import Counter
from pathlib import Path

import pytest

from tests.support.archives import Record, archives, records
from tests.support.command import Command, InstalledCommand
from tests.support.killing import killed_after
from tests.support.server import Handler, LoopbackServer, Page, redirect

pytestmark = pytest.mark.slow

KILLS = 40
OBJECTS = 300
MOST_ASKED = 24
"""Answers that a run gets before it is killed."""
SEED = 20261127


def slowly(handler: Handler) -> None:
    """So that a run records something before it is killed."""
    handler.server.over.wait(0.01)
    handler.page(handler.server.pages[handler.path.partition("?")[0]])


def publish(server: LoopbackServer, randomness: random.Random) -> list[str]:
    """URLs of small and large bodies, of bodies that others have, too, and of redirects."""
    for number in range(OBJECTS):
        path = f"/{number:03}"
        if number % 9 == 4:
            server.pages[path] = Page(server.pages[f"/{number - 3:03}"].body)
        else:
            size = 1_300_000 if number % 30 == 7 else randomness.randrange(30_000)
            server.pages[path] = Page(randomness.randbytes(size))
        server.routes[path] = slowly
    for number in range(0, OBJECTS, 10):
        server.routes[f"/to/{number:03}"] = lambda h, path=f"/{number:03}?by": redirect(h, path)  # type: ignore[misc]
    return [server.url + path for path in server.routes]


def test_runs_that_are_killed_again_and_again_fill_archives_that_are_right(
    pyfetch: Command,
    forked: InstalledCommand,
    server: LoopbackServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """At the end each body is there once for its URL, and what a record refers to is there."""
    randomness = random.Random(SEED)
    urls = publish(server, randomness)
    (pyfetch.directory / "urls.txt").write_text("".join(f"{url}\n" for url in urls))
    crawl = pyfetch.directory / "crawl"
    arguments = ("urls.txt", "-o", "crawl", "--pack", "warc", "--pack-count", "20")
    seen: dict[Path, bytes] = {}
    killed = 0
    for number in range(KILLS):
        asked = len(server.asked) + randomness.randrange(1, MOST_ASKED)
        run = forked.start(
            *arguments, "--if-exists", "skip", "--processes", str(1 + number % 2),
            "--engine", ("threads", "curl")[number // 2 % 2],
        )  # fmt: skip
        killed += killed_after(run, server, asked, randomness=randomness, longest=0.05)
        for file in archives(crawl):
            content = file.read_bytes()
            if file not in seen:
                records(file)
            assert seen.setdefault(file, content) == content, f"{file.name} was changed"
    assert killed >= KILLS * 3 // 4, "it was caught too late too often"
    assert seen, "no run has come so far that it sealed one"
    ended = pyfetch(*arguments)
    assert ended.status == 0, ended.err
    assert all(file.read_bytes() == content for file, content in seen.items())
    assert_all_is_there(records(*archives(crawl)), server)
    assert not list((crawl / ".pyfetch").rglob("*.warc.gz"))
    with capsys.disabled():
        size = sum(len(page.body) for page in server.pages.values())
        print(
            f"\n{killed} kills in mid-run: {size:,} bytes in {len(urls)} members of"
            f" {len(archives(crawl))} archives, {server.sent - size:,} bytes sent again"
        )


def assert_all_is_there(found: list[Record], server: LoopbackServer) -> None:
    contents = [
        record
        for record in found
        if record.kind in ("response", "revisit") and " 200 " in record.head.splitlines()[0]
    ]
    wanted = [server.url + path for path in server.pages]
    wanted += [f"{server.url}/{path[4:]}?by" for path in server.routes if path.startswith("/to/")]
    assert Counter(record.url for record in contents) == Counter(wanted)
    bodies = {
        (record.url, record.fields["WARC-Date"]): record.body
        for record in contents
        if record.kind == "response"
    }
    for record in contents:
        of = record.fields if record.kind == "revisit" else {}
        key = (
            of.get("WARC-Refers-To-Target-URI", record.url),
            of.get("WARC-Refers-To-Date", record.fields["WARC-Date"]),
        )
        path = record.url_path.partition("?")[0]
        assert bodies[key] == server.pages[path].body
