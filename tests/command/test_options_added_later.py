"""An option that is added later counts for what is there already."""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Callable

import pytest

from tests.support.command import Command
from tests.support.server import Handler, LoopbackServer, Page

BODY = b"content"


def typed(
    media_type: str | None, *, in_304: str | None = None, **more: str
) -> Callable[[Handler], None]:
    """A page with this type, which a 304 does not repeat unless told to."""

    def route(handler: Handler) -> None:
        if handler.headers.get("If-None-Match") == '"v1"':
            handler.head(304, ETag='"v1"', **({"Content_Type": in_304} if in_304 else {}))
            return
        fields = {"Content_Type": media_type} if media_type else {}
        handler.answer(200, BODY, ETag='"v1"', **fields, **more)

    return route


def statuses(server: LoopbackServer) -> list[bool]:
    """Of each request, whether it had a condition."""
    return ["If-None-Match" in asked.headers for asked in server.asked]


@pytest.fixture
def there(pyfetch: Command, server: LoopbackServer) -> str:
    """The URL of a page whose file is there, fetched without any option."""
    server.routes["/x"] = typed("text/html; charset=utf-8")
    url = f"{server.url}/x"
    assert pyfetch(url).status == 0
    server.asked.clear()
    return url


@pytest.mark.parametrize(
    ("options", "error"),
    [
        (["--expect-type", "image/*"], "wrong-content"),
        (["--min-size", "8"], "wrong-content"),
        (["--max-size", "6"], "too-large"),
    ],
)
def test_a_file_that_is_not_as_expected_is_not_called_unchanged(
    pyfetch: Command, there: str, options: list[str], error: str
) -> None:
    """The result is the same as if the option had been there from the start."""
    for _ in range(2):
        assert pyfetch(*options, there).rows[0][4] == error
    assert (pyfetch.directory / "x").read_bytes() == BODY
    assert pyfetch(there).rows[0][0] == "304"


@pytest.mark.parametrize("options", [["--expect-type", "text/*"], ["--min-size", "7"]])
def test_a_file_that_is_as_expected_stays_unchanged(
    pyfetch: Command, server: LoopbackServer, there: str, options: list[str]
) -> None:
    """By what is known from when it was fetched: a 304 says no type."""
    assert pyfetch(*options, there).rows[0][0] == "304"
    assert statuses(server) == [True]


def test_a_size_that_the_list_says_since_is_checked(
    pyfetch: Command, server: LoopbackServer, there: str
) -> None:
    """A file of another size is asked for anew."""
    for size, error in ((7, None), (8, "wrong-content")):
        (result,) = pyfetch(
            "--format", "jsonl", "--input-format", "csv", stdin=f"url,size\n{there},{size}\n"
        ).results
        assert result["error"] == error
    assert statuses(server) == [True, False]


def test_a_file_whose_type_is_not_known_is_fetched_anew_once(
    pyfetch: Command, server: LoopbackServer, there: str
) -> None:
    """As one that an earlier version has noted."""
    database = sqlite3.connect(pyfetch.directory / ".pyfetch" / "state.sqlite3")
    with database:
        database.execute("UPDATE file SET media_type = NULL")
    database.close()
    found = [pyfetch("--expect-type", "text/html", there).rows[0][0] for _ in range(2)]
    assert found == ["200", "304"]
    assert statuses(server) == [True, False, True]


def test_a_type_that_a_304_says_counts_where_none_is_known(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """A page that has no type has none that is expected."""
    for name, in_304, error in (("said", "a/b", "-"), ("none", None, "wrong-content")):
        server.routes[f"/{name}"] = typed(None, in_304=in_304)
        assert pyfetch(f"{server.url}/{name}").status == 0
        assert pyfetch("--expect-type", "a/b", f"{server.url}/{name}").rows[0][4] == error


def test_a_checksum_that_is_demanded_since_is_checked(
    pyfetch: Command, server: LoopbackServer, there: str
) -> None:
    """Without a request, if the file has it."""
    for body, status, error in ((BODY, "-", "-"), (b"other", "200", "checksum")):
        row = pyfetch(f"{there}#sha256={hashlib.sha256(body).hexdigest()}").rows[0]
        assert (row[0], row[4]) == (status, error)
    assert statuses(server) == [False]


def test_a_checksum_does_not_make_up_for_a_type_that_is_known_to_be_another(
    pyfetch: Command, there: str
) -> None:
    """As it would not if the file were fetched now."""
    url = f"{there}#sha256={hashlib.sha256(BODY).hexdigest()}"
    assert pyfetch("--expect-type", "text/html", url).status == 0
    assert pyfetch("--expect-type", "a/b", url).rows[0][4] == "wrong-content"


def test_content_disposition_given_later_gives_the_file_its_name(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """Fetched once more, to the name that the server gave; a file without one stays."""
    named = "attachment; filename=report.pdf"
    server.routes |= {
        "/x": typed("a/b", Content_Disposition=named),
        "/y": typed("a/b"),
        "/same": typed("a/b", Content_Disposition="inline; filename=same"),
    }
    urls = [f"{server.url}{path}" for path in server.routes]
    assert [row[3] for row in pyfetch(*urls).rows] == ["x", "y", "same"]
    for expected in (["200", "304", "304"], ["304", "304", "304"]):
        rows = pyfetch("--content-disposition", *urls).rows
        assert [row[3] for row in rows] == ["report.pdf", "y", "same"]
        assert [row[0] for row in rows] == expected


def test_without_state_the_304_says_name_and_type(pyfetch: Command, server: LoopbackServer) -> None:
    """Or the file is fetched once more, since nothing else is known of it."""
    server.pages["/x"] = Page(BODY)
    url = f"{server.url}/x"
    pyfetch("--no-state", url)
    assert pyfetch("--no-state", "--content-disposition", url).rows[0][0] == "304"
    assert pyfetch("--no-state", "--expect-type", "a/b", url).rows[0][4] == "wrong-content"
    assert pyfetch("--no-state", "--min-size", "8", url).rows[0][4] == "wrong-content"
    assert (pyfetch.directory / "x").read_bytes() == BODY
