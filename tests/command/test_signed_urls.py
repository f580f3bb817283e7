"""URLs that are signed anew each time lead to the same files."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable

import pytest

from tests.support.command import Command
from tests.support.half_fetched import BODY, ETAG, HALF, OLD, OTHER, cut, in_turn, parts_in, ranges
from tests.support.server import Handler, LoopbackServer, Page, redirect

SIGNED: dict[str, Callable[[int], str]] = {
    "amazon": lambda day: f"X-Amz-Date={day}&X-Amz-Expires=60&X-Amz-Signature={day:064x}",
    "google": lambda day: f"X-Goog-Date={day}&X-Goog-Signature={day:0128x}",
    "cloudfront": lambda day: f"Expires={day}&Signature=s{day}~&Key-Pair-Id=K",
    "azure": lambda day: f"sp=r&st={day}&se={day + 1}&sv=2022&sr=b&sig=s{day}%2B%3D",
    "ignored": lambda day: f"session={day}&utm_source=mail{day}",
}
IGNORED = ("--ignore-query", "session", "--ignore-query", "utm_*")


def files(pyfetch: Command) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in pyfetch.directory.iterdir() if file.is_file()}


def listed(server: LoopbackServer, day: int) -> list[str]:
    return [f"{server.url}/{name}?v=1&{query(day)}" for name, query in SIGNED.items()]


def test_a_list_that_is_signed_anew_goes_on_refreshes_and_skips(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """The part goes on, the file keeps its name, and its validators are good."""
    pages = {f"/{name}": Page(BODY, etag=ETAG) for name in SIGNED}
    server.routes |= {
        path: in_turn(cut(ETag=ETAG), lambda h, page=page: h.page(page))  # type: ignore[misc]
        for path, page in pages.items()
    }
    expected = dict.fromkeys(SIGNED, BODY)
    assert pyfetch("--retries", "0", *IGNORED, *listed(server, 1)).status == 1
    assert pyfetch("--retries", "0", *IGNORED, *listed(server, 2)).status == 0
    assert ranges(server)[len(SIGNED) :] == [f"bytes={HALF}-"] * len(SIGNED)
    assert files(pyfetch) == expected
    rows = pyfetch(*IGNORED, *listed(server, 3)).rows
    assert [row[0] for row in rows] == ["304"] * len(SIGNED)
    server.asked.clear()
    assert pyfetch("--if-exists", "skip", *IGNORED, *listed(server, 4)).status == 0
    assert server.asked == []
    assert files(pyfetch) == expected
    assert parts_in(pyfetch) == []


def test_a_file_is_refreshed_by_its_date_alone_though_its_url_is_signed_anew(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """The identity of the URL that answered is the same."""
    server.pages["/x"] = Page(BODY, etag=None)
    for day, status in ((1, "200"), (2, "304")):
        url = f"{server.url}/x?{SIGNED['amazon'](day)}"
        assert pyfetch(url).rows[0][0] == status


def test_different_urls_of_one_identity_in_one_list_have_files_of_their_own(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """And each finds its own again, when all are signed anew in the same order."""

    def by_query(handler: Handler) -> None:
        body = b"one" if "first" in handler.path else b"two"
        if handler.headers.get("If-None-Match") == f'"{body.decode()}"':
            handler.head(304, ETag=f'"{body.decode()}"')
        else:
            handler.answer(200, body, ETag=f'"{body.decode()}"')

    server.routes["/x"] = by_query
    for outcome, day in (("fetched", 1), ("unchanged", 2)):
        urls = [
            f"{server.url}/x?session=first{day}",
            f"{server.url}/x?session=second{day}",
            f"{server.url}/x?session=first{day}",
            f"{server.url}/x",
        ]
        results = pyfetch(*IGNORED, "--format", "jsonl", *urls).results
        paths = [result["path"] for result in results]
        assert [result["outcome"] for result in results] == [
            outcome, outcome, "unchanged", outcome,
        ]  # fmt: skip
        assert paths[0] == paths[2] == "x"
        assert len(set(paths)) == 3
    found = files(pyfetch)
    assert [found[path] for path in paths] == [b"one", b"two", b"one", b"two"]
    assert len(found) == 3


def test_duplicates_are_the_same_urls_not_those_that_are_signed_in_another_way(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """`--skip-duplicates` drops no URL that could be another file."""
    server.pages["/x"] = Page(b"content")
    urls = [f"{server.url}/x?{SIGNED['google'](day)}" for day in (1, 2, 1)]
    assert len(pyfetch("--skip-duplicates", stdin="\n".join(urls)).rows) == 2


def test_the_plan_shows_the_names_that_a_run_gives_to_signed_urls(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """Also of those that differ in nothing but their signatures."""
    server.pages["/x"] = Page(b"content")
    urls = [f"{server.url}/x?session={number}" for number in (1, 2)]
    planned = [row[2] for row in pyfetch("--plan", *IGNORED, *urls).rows]
    assert [row[3] for row in pyfetch(*IGNORED, *urls).rows] == planned
    again = [f"{server.url}/x?session={number}" for number in (3, 4)]
    assert [row[2] for row in pyfetch("--plan", *IGNORED, *again).rows] == planned


@pytest.mark.parametrize("signature", ["X-Amz-Signature={}", "token={}&expires={}"])
def test_a_redirect_to_a_link_that_is_signed_anew_goes_on_and_is_unchanged(
    pyfetch: Command, server: LoopbackServer, other: LoopbackServer, signature: str
) -> None:
    """Whatever the query: origin, path, ETag and total are the same."""
    count = itertools.count(1)

    def portal(handler: Handler) -> None:
        number = next(count)
        redirect(handler, f"{other.url}/bucket/x?{signature.format(number, number)}")

    server.routes["/x"] = portal
    page = Page(BODY, etag=ETAG)
    other.routes["/bucket/x"] = in_turn(cut(ETag=ETAG), lambda h: h.page(page))
    assert pyfetch(f"{server.url}/x").status == 0
    assert files(pyfetch) == {"x": BODY}
    assert other.sent == len(BODY)
    assert pyfetch(f"{server.url}/x").rows[0][0] == "304"
    page.body, page.etag = OTHER, '"v2"'
    assert pyfetch(f"{server.url}/x").rows[0][0] == "200"
    assert files(pyfetch) == {"x": OTHER}


def test_a_signed_redirect_to_another_version_or_by_date_alone_starts_again(
    pyfetch: Command, server: LoopbackServer, other: LoopbackServer
) -> None:
    """A date is too weak a validator for a URL that has another query."""
    count = itertools.count(1)
    for name, fields in (("etag", {"ETag": ETAG}), ("date", {"Last_Modified": OLD})):
        server.routes[f"/{name}"] = lambda h: redirect(h, f"{other.url}{h.path}?t={next(count)}")
        page = Page(OTHER, etag='"v2"' if name == "etag" else None)
        other.routes[f"/{name}"] = in_turn(
            cut(BODY, HALF, **fields),
            lambda h, page=page: h.page(page),  # type: ignore[misc]
        )
    urls = [f"{server.url}/{name}" for name in ("etag", "date")]
    assert pyfetch(*urls).status == 0
    assert files(pyfetch) == {"etag": OTHER, "date": OTHER}


def test_no_signature_is_kept_in_the_state(pyfetch: Command, server: LoopbackServer) -> None:
    """Neither that of the list's URL nor that of a redirect."""
    secret = os.urandom(16).hex()
    server.routes["/x"] = lambda h: redirect(h, f"/y?X-Goog-Signature={secret}")
    server.pages["/y"] = Page(b"content")
    assert pyfetch(f"{server.url}/x?X-Amz-Signature={secret}").status == 0
    kept = (pyfetch.directory / ".pyfetch" / "state.sqlite3").read_bytes()
    assert b"/x" in kept
    assert secret.encode() not in kept
