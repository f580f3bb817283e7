"""Progress for programs, and what a summary says of files that were there before."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.command import Command, Ended, InstalledCommand
from tests.support.documents import PAGES
from tests.support.half_fetched import ETAG, GOOD_REST, cut
from tests.support.server import Handler, LoopbackServer, Page


def lines(ended: Ended) -> list[dict[str, Any]]:
    return [json.loads(line) for line in ended.err.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("processes", ["1", "2"])
def test_json_progress_comes_each_second_and_at_the_end(
    forked: InstalledCommand, server: LoopbackServer, processes: str
) -> None:
    def slow(handler: Handler) -> None:
        handler.head(200, Content_Length="1300")
        for _ in range(13):
            handler.send(bytes(100))
            handler.wfile.flush()
            handler.server.over.wait(0.1)

    server.routes["/slow"] = slow
    server.pages["/a"] = Page(b"x" * 10)
    urls = [f"{server.url}/{name}" for name in ("slow", "a", "missing")]
    ended = forked(*urls, "--progress", "json", "--processes", processes)
    *before, last = lines(ended)
    first = next(line for line in before if line["finished"] == 2)
    assert (first["event"], first["total"], first["failed"]) == ("progress", 3, 1)
    assert first["total_is_exact"]
    assert first["running"] == 1
    assert 0 < first["received"] < 1310
    assert first["rate"] > 0
    assert first["left"] > 0
    one = {"number": 1, "starting": 0, "idle": 0}  # another one would have nothing to do
    assert first["processes"] == (None if processes == "1" else one)
    assert (last["event"], last["finished"], last["running"]) == ("end", 3, 0)
    assert last["outcomes"] == {"fetched": 2, "failed": 1}
    assert last["changes"] == {"new": 2}
    assert last["reasons"] == {"404": 1}
    assert last["size"] == 1310
    assert "pyfetch: fetched" not in ended.err
    assert [row[0] for row in ended.rows] == ["200", "200", "404"]


@pytest.mark.slow
def test_json_progress_tells_who_waits(forked: InstalledCommand, server: LoopbackServer) -> None:
    server.routes["/busy"] = lambda handler: handler.answer(429, Retry_After="60")
    urls = [f"{server.url}/busy?{number}" for number in range(3)]
    with forked.start(*urls, "--progress", "json", "-w", "1", "--discard") as running:
        assert running.stderr
        first = json.loads(running.stderr.readline())
        running.kill()
    (paused,) = first["paused"]
    assert paused["origin"] == server.url
    assert paused["reason"] == "429"
    assert paused["urls"] == 2
    assert 0 < paused["seconds"] <= 60
    assert first["retries"] == 1
    assert 0 < first["retry_in"][0] <= first["retry_in"][1] <= 61


def test_a_page_explains_each_key(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages["/a"] = Page(b"x")
    (last,) = lines(pyfetch(f"{server.url}/a", "--discard", "--progress", "json"))
    page = (PAGES / "results.md").read_text()
    assert all(f"`{key}`" in page for key in last)


def test_bars_that_cannot_be_drawn_are_a_usage_error(pyfetch: Command) -> None:
    ended = pyfetch("http://127.0.0.1:1/", "--progress", "bar")
    assert ended.status == 2
    assert "--progress bar needs a terminal" in ended.err


def test_rows_may_be_those_of_failures_in_any_format(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages["/a"] = Page(b"x")
    urls = [f"{server.url}/a", f"{server.url}/missing"]
    ended = pyfetch(*urls, "--discard", "--rows", "failures")
    assert ended.rows == [["404", "-", urls[1], "-", "http", "404 Not Found"]]
    ended = pyfetch(*urls, "--discard", "--rows", "none", "--format", "jsonl")
    assert ended.out == ""


def test_new_changed_and_unchanged_files_are_told_apart(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """In the table, in JSON, and in the summary."""
    server.pages |= {"/a": Page(b"a"), "/b": Page(b"b"), "/c": Page(b"c", modified=None, etag=None)}
    urls = [f"{server.url}/{name}" for name in "abcd"]
    first = pyfetch(*urls[:3], "--format", "jsonl")
    assert [result["change"] for result in first.results] == ["new"] * 3
    assert "pyfetch: fetched 3; " in first.err
    server.pages |= {"/b": Page(b"other"), "/d": Page(b"d")}
    second = pyfetch(*urls, "--format", "jsonl")
    assert [result["change"] for result in second.results] == [None, "changed", "same", "new"]
    assert "fetched 3 (1 new, 1 changed, 1 the same as before), unchanged 1; 7 B in " in second.err
    server.pages["/b"] = Page(b"third")
    third = pyfetch(*urls, "--format", "table").out
    assert " unchanged: a\n" in third
    assert " changed: b\n" in third


def test_a_part_that_is_kept_is_told_and_so_is_where_it_goes_on(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/x"] = cut(ETag=ETAG)
    first = pyfetch(f"{server.url}/x", "--retries", "0", "--format", "jsonl")
    assert first.results[0]["kept"] == 100_000
    assert "1 part kept, 100.0 kB: run the same command again\n" in first.err
    server.routes["/x"] = GOOD_REST
    second = pyfetch(f"{server.url}/x", "--format", "jsonl")
    assert second.results[0]["resumed"] == 100_000
    assert second.results[0]["kept"] == 0
    assert "fetched 1; 300.0 kB (100.0 kB of them from before) in " in second.err
