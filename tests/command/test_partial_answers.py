"""A part of a file never becomes the file, whatever the server calls its answer."""

from __future__ import annotations

import hashlib
import os

import pytest

from tests.support.command import Command
from tests.support.half_fetched import (
    BODY,
    ETAG,
    GOOD_REST,
    HALF,
    OLD,
    OTHER,
    REST,
    Route,
    check_all_are,
    cut,
    in_turn,
    parts_in,
    ranges,
    rest,
    urls_of,
    whole,
)  # fmt: skip
from tests.support.server import Handler, LoopbackServer

ALL = f"bytes 0-{len(BODY) - 1}/{len(BODY)}"


def slice_(status: int, content_range: str, body: bytes, **headers: str) -> Route:
    return lambda h: h.answer(status, body, Content_Range=content_range, **headers)


SLICES: list[Route] = [
    slice_(200, REST, BODY[HALF:], ETag=ETAG),
    slice_(203, REST, BODY[HALF:], ETag=ETAG),
    slice_(200, f"bytes 0-{HALF - 1}/{len(BODY)}", BODY[:HALF]),
    slice_(206, f"bytes 0-{HALF - 1}/{len(BODY)}", BODY[:HALF]),
    slice_(200, f"bytes={HALF}-{len(BODY) - 1}/*", BODY[HALF:]),
    slice_(206, ALL, BODY[:HALF]),
]


def test_a_slice_is_asked_for_as_a_whole_in_the_same_try(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """As the first answer, and as the answer to the range of a part."""
    for number, wrong in enumerate(SLICES):
        server.routes[f"/first{number}"] = in_turn(wrong, whole())
        server.routes[f"/resumed{number}"] = in_turn(cut(ETag=ETAG), wrong, whole())
    urls = urls_of(server)
    results = pyfetch("--retries", "1", "--format", "jsonl", *urls).results
    assert [result["attempts"] for result in results] == [1, 2] * len(SLICES)
    check_all_are(BODY, pyfetch, server)


def test_a_server_that_has_only_slices_is_asked_twice(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """Then the URL fails, and nothing is there under its name."""
    for number, wrong in enumerate(SLICES):
        server.routes[f"/{number}"] = wrong
    urls = urls_of(server)
    for options in ([], ["--discard"]):
        server.asked.clear()
        results = pyfetch("--format", "jsonl", *options, *urls).results
        assert {result["error"] for result in results} == {"wrong-content"}
        assert len(server.asked) == 2 * len(SLICES)
    assert "bytes 0-99999/300000" in results[2]["detail"]
    assert not any((pyfetch.directory / path[1:]).exists() for path in server.routes)


def test_all_bytes_are_the_file_whatever_the_status_is_called(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """A range of all that there is, other units, and what is off by one in a 200."""
    server.routes |= {
        "/206": slice_(206, ALL, BODY),
        "/200": slice_(200, ALL, BODY),
        "/off-by-one": slice_(200, f"bytes 0-{len(BODY)}/{len(BODY)}", BODY),
        "/items": slice_(200, "items 20-39/1000", BODY),
        "/unknown": slice_(203, "bytes 0-1/*", BODY),
    }
    for path in server.routes:
        assert pyfetch(f"{server.url}{path}").rows[0][4] == "-", path
        assert (pyfetch.directory / path[1:]).read_bytes() == BODY
    assert len(server.asked) == len(server.routes)


FIRST = {"ETag": ETAG, "Last_Modified": OLD, "Content_Type": "a/b", "Content_Encoding": "br"}
CONTRADICTIONS: list[dict[str, str]] = [
    {},
    {"ETag": 'W/"v1"'},
    {"ETag": ETAG, "Last_Modified": "Tue, 14 Nov 2023 22:13:21 GMT"},
    {"ETag": ETAG, "Content_Type": "a/c"},
    {"ETag": ETAG, "Content_Encoding": "gzip"},
    {"ETag": ETAG, "Content_Encoding": "identity"},
]


def test_two_versions_are_never_mixed_by_servers_that_ignore_if_range(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """A 206 that does not repeat the ETag, or contradicts anything else, starts again."""
    for number, fields in enumerate(CONTRADICTIONS):
        other = rest(REST, OTHER[HALF:], **fields)
        server.routes[f"/{number}"] = in_turn(cut(BODY, HALF, **FIRST), other, whole(OTHER))
    urls = urls_of(server)
    assert pyfetch("--retries", "1", *urls).status == 0
    check_all_are(OTHER, pyfetch, server)


def test_a_demanded_checksum_does_not_make_up_for_a_contradiction(
    pyfetch: Command, server: LoopbackServer, checksum: str
) -> None:
    """It replaces a validator that is missing, not one that says otherwise."""
    server.routes["/x"] = in_turn(cut(ETag=ETAG), rest(REST, BODY[HALF:]), whole())
    server.routes["/y"] = in_turn(
        cut(Content_Type="a/b"), rest(REST, BODY[HALF:], Content_Type="text/html"), whole()
    )
    urls = [f"{server.url}{path}#{checksum}" for path in server.routes]
    assert pyfetch("--retries", "1", *urls).status == 0
    assert ranges(server).count(None) == 4


@pytest.fixture
def checksum() -> str:
    return f"sha256={hashlib.sha256(BODY).hexdigest()}"


WITHOUT_STRONG: list[dict[str, str]] = [
    {},
    {"ETag": 'W/"weak"'},
    {"ETag": "unquoted"},
    {"ETag": f'"{"long" * 3000}"'},
]


def test_with_a_demanded_checksum_a_part_goes_on_without_a_strong_validator(
    pyfetch: Command, server: LoopbackServer, checksum: str
) -> None:
    """Nothing but the range is sent: `If-Range` may hold no weak validator."""
    for number, fields in enumerate(WITHOUT_STRONG):
        server.routes[f"/{number}"] = in_turn(
            cut(BODY, HALF, **fields), rest(REST, BODY[HALF:], **fields)
        )
    urls = [f"{server.url}{path}#{checksum}" for path in server.routes]
    assert pyfetch("--retries", "0", *urls).status == 1
    server.asked.clear()
    assert pyfetch("--retries", "0", *urls).status == 0
    assert ranges(server) == [f"bytes={HALF}-"] * len(WITHOUT_STRONG)
    assert not any("If-Range" in asked.headers for asked in server.asked)
    check_all_are(BODY, pyfetch, server)


def test_without_a_total_too_the_checksum_decides(
    pyfetch: Command, server: LoopbackServer, checksum: str
) -> None:
    """A chunked body that was cut goes on, where the list demands a checksum."""

    def chunked(handler: Handler) -> None:
        handler.head(200, Transfer_Encoding="chunked")
        handler.send(b"%x\r\n%b" % (len(BODY), BODY[:HALF]))
        handler.cut()

    def from_range(handler: Handler) -> None:
        start = int(handler.headers["Range"][6:-1])
        handler.answer(206, BODY[start:], Content_Range=REST.replace(str(HALF), str(start)))

    server.routes["/x"] = in_turn(chunked, from_range)
    assert pyfetch(f"{server.url}/x#{checksum}").status == 0
    assert (pyfetch.directory / "x").read_bytes() == BODY
    assert len(server.asked) == 2


def test_a_part_whose_checksum_is_wrong_in_the_end_starts_once_from_nothing(
    pyfetch: Command, server: LoopbackServer, checksum: str
) -> None:
    """In the same try; a whole body with a wrong checksum is a failure."""
    server.routes["/x"] = in_turn(cut(OTHER), rest(REST, BODY[HALF:]), whole())
    server.routes["/strong"] = in_turn(cut(OTHER, ETag=ETAG), GOOD_REST, whole())
    server.routes["/never"] = in_turn(cut(OTHER), rest(REST, BODY[HALF:]), whole(OTHER))
    urls = [f"{server.url}{path}#{checksum}" for path in server.routes]
    results = pyfetch("--format", "jsonl", *urls).results
    assert [(r["error"], r["attempts"]) for r in results] == [(None, 2), (None, 2), ("checksum", 2)]
    assert (pyfetch.directory / "x").read_bytes() == BODY
    assert len(server.asked) == 9
    assert parts_in(pyfetch) == []


def test_without_the_demand_a_part_that_has_no_validator_is_not_continued(
    pyfetch: Command, server: LoopbackServer, checksum: str
) -> None:
    """The checksum may have gone from the list since."""
    server.routes["/x"] = in_turn(cut(), whole(OTHER))
    assert pyfetch("--retries", "0", f"{server.url}/x#{checksum}").status == 1
    assert pyfetch(f"{server.url}/x").status == 0
    assert ranges(server) == [None, None]
    assert (pyfetch.directory / "x").read_bytes() == OTHER


REFUSALS = [400, 403, 405, 409, 412, 416, 417, 431, 501]


def refusing(status: int, field: str, body: bytes = OTHER) -> Route:
    """A server that answers this field with this status, and all else with the whole."""

    def route(handler: Handler) -> None:
        if field in handler.headers:
            handler.answer(status, b"no")
        else:
            whole(body, ETag='"v2"')(handler)

    return route


@pytest.mark.parametrize("field", ["Range", "If-None-Match"])
def test_a_refused_range_or_condition_is_left_out_in_the_same_try(
    pyfetch: Command, server: LoopbackServer, field: str
) -> None:
    """So what a plain GET brings is there after one run."""
    for status in REFUSALS:
        first = cut(ETag=ETAG) if field == "Range" else whole(ETag=ETAG)
        server.routes[f"/{status}"] = in_turn(first, refusing(status, field))
    urls = urls_of(server)
    pyfetch("--retries", "0", *urls)
    results = pyfetch("--retries", "0", "--format", "jsonl", *urls).results
    assert {(r["outcome"], r["status"], r["attempts"]) for r in results} == {("fetched", 200, 1)}
    check_all_are(OTHER, pyfetch, server)


def test_a_500_is_tried_again_with_the_range_and_then_without(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """A passing 500 costs no byte, and one that the range causes ends in the file."""
    server.routes["/passing"] = in_turn(cut(ETag=ETAG), lambda h: h.answer(500), GOOD_REST)
    server.routes["/caused"] = in_turn(cut(ETag=ETAG), refusing(500, "Range"))
    for path, found, asked in (("/passing", BODY, 3), ("/caused", OTHER, 4)):
        server.asked.clear()
        (result,) = pyfetch("--format", "jsonl", f"{server.url}{path}").results
        assert (result["outcome"], result["attempts"], len(server.asked)) == ("fetched", 3, asked)
        assert (pyfetch.directory / path[1:]).read_bytes() == found


@pytest.mark.parametrize("options", [["--retries", "0"], ["--retry-status=-500"]])
def test_a_500_that_is_not_tried_again_counts_at_once(
    pyfetch: Command, server: LoopbackServer, options: list[str]
) -> None:
    """Else a server that fails by the range would do so in every run."""
    server.routes["/x"] = in_turn(cut(ETag=ETAG), refusing(500, "Range"))
    assert pyfetch("--retries", "0", f"{server.url}/x").status == 1
    assert pyfetch(*options, f"{server.url}/x").status == 0
    assert (pyfetch.directory / "x").read_bytes() == OTHER


def test_a_digest_log_in_keeps_the_range(pyfetch: Command, server: LoopbackServer) -> None:
    """The 401 that begins it says nothing about the range."""

    def protected(handler: Handler) -> None:
        if "Authorization" in handler.headers:
            GOOD_REST(handler)
        else:
            handler.answer(401, WWW_Authenticate='Digest realm="r", nonce="n", qop="auth"')

    server.routes["/x"] = in_turn(cut(ETag=ETAG), protected)
    url = f"{server.url}/x".replace("://", "://me:pw@")
    assert pyfetch("--retries", "0", url).status == 1
    assert pyfetch("--retries", "0", url).status == 0
    assert (pyfetch.directory / "x").read_bytes() == BODY
    assert server.sent == len(BODY)
    assert set(ranges(server)[1:]) == {f"bytes={HALF}-"}


def test_push_back_and_a_log_in_keep_the_range_and_the_part(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """Nothing says that the range is to blame."""
    statuses = [401, 408, 504, 520]
    for status in statuses:
        server.routes[f"/{status}"] = in_turn(cut(ETag=ETAG), refusing(status, "Range"), GOOD_REST)
    urls = urls_of(server)
    assert [pyfetch("--retries", "0", *urls).status for _ in range(3)] == [1, 1, 0]
    check_all_are(BODY, pyfetch, server)
    assert server.sent == len(statuses) * (len(BODY) + len(b"no"))


def test_a_part_goes_only_when_a_200_begins(pyfetch: Command, server: LoopbackServer) -> None:
    """Neither a refusal of the plain request nor a log-in page costs what is there."""
    server.routes["/x"] = in_turn(
        cut(ETag=ETAG, Content_Type="a/b"),
        lambda h: h.answer(403),
        lambda h: h.answer(403),
        lambda h: h.answer(200, b"<h1>who are you?</h1>", Content_Type="text/html"),
        GOOD_REST,
    )
    url = f"{server.url}/x"
    found = [pyfetch("--retries", "0", "--expect-type", "a/b", url).rows[0][4] for _ in range(4)]
    assert found == ["truncated", "http", "wrong-content", "-"]
    assert ranges(server) == [None, "bytes=100000-", None, "bytes=100000-", "bytes=100000-"]
    assert (pyfetch.directory / "x").read_bytes() == BODY


def test_a_validator_of_more_than_8_kib_is_never_sent_back(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """Neither for a part nor for a file: servers refuse requests as long as that."""
    etag = f'"{os.urandom(5000).hex()}"'
    server.routes["/x"] = in_turn(cut(ETag=etag), whole(ETag=etag))
    assert pyfetch(f"{server.url}/x").status == 0
    assert pyfetch(f"{server.url}/x").status == 0
    sent = [max(map(len, asked.headers.values())) for asked in server.asked]
    assert len(sent) == 3
    assert max(sent) < 1000
