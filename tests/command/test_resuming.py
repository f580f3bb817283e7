"""Half-fetched files go on, if and only if the server still has the same thing."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from email.utils import formatdate
from pathlib import Path
from time import time

import pytest

from tests.support.command import Command, InstalledCommand
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
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.waiting import until


def test_the_next_try_asks_for_the_rest_and_goes_on(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/x"] = in_turn(cut(ETag=ETAG), GOOD_REST)
    (result,) = pyfetch("--format", "jsonl", f"{server.url}/x").results
    assert (result["outcome"], result["status"], result["attempts"]) == ("fetched", 206, 2)
    assert result["size"] == len(BODY)
    assert result["sha256"] == hashlib.sha256(BODY).hexdigest()
    assert (pyfetch.directory / "x").read_bytes() == BODY
    assert server.asked[1].headers["Range"] == f"bytes={HALF}-"
    assert server.asked[1].headers["If-Range"] == ETAG
    assert server.sent == len(BODY)
    assert parts_in(pyfetch) == []


@pytest.mark.parametrize("state", [[], ["--no-state"]])
def test_a_rerun_asks_for_the_rest_and_goes_on(
    pyfetch: Command, server: LoopbackServer, state: list[str]
) -> None:
    server.routes["/x"] = in_turn(cut(ETag=ETAG), GOOD_REST)
    assert pyfetch("--retries", "0", *state, f"{server.url}/x").rows[0][4] == "truncated"
    assert not (pyfetch.directory / "x").exists()
    assert parts_in(pyfetch) == [".json", ".part"]
    assert pyfetch(*state, f"{server.url}/x").status == 0
    assert (pyfetch.directory / "x").read_bytes() == BODY
    assert server.sent == len(BODY)


def test_a_killed_run_leaves_a_part_with_all_that_is_known_of_it(
    pyfetch: Command, forked: InstalledCommand, server: LoopbackServer
) -> None:
    def stall(handler: Handler) -> None:
        handler.head(200, Content_Length=str(len(BODY)), ETag=ETAG)
        handler.send(BODY[:1000])
        handler.stall()

    server.routes["/x"] = stall
    run = forked.start(f"{server.url}/x")
    parts = pyfetch.directory / ".pyfetch" / "parts"
    # The very moment that there is a byte of the part.
    until(lambda: any(part.stat().st_size for part in parts.glob("*.part")), "a part")
    run.kill()
    run.communicate()
    (note,) = parts.glob("*.json")
    known = json.loads(note.read_bytes())
    assert (known["url"], known["validator"]) == (f"{server.url}/x", ETAG)
    assert (known["total"], int(known["durable"])) == (len(BODY), 0)
    del server.routes["/x"]
    server.pages["/x"] = Page(BODY, etag=ETAG)
    assert pyfetch(f"{server.url}/x").status == 0
    assert ranges(server)[1:] == ["bytes=1000-"]
    assert (pyfetch.directory / "x").read_bytes() == BODY


def test_what_was_received_is_durable_when_a_run_ends_in_order(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/x"] = cut(ETag=ETAG)
    assert pyfetch("--retries", "0", f"{server.url}/x").status == 1
    (note,) = (pyfetch.directory / ".pyfetch" / "parts").glob("*.json")
    assert int(json.loads(note.read_bytes())["durable"]) == HALF


LIES: list[Route] = [
    rest(f"bytes {HALF - 1}-{len(BODY) - 1}/{len(BODY)}", BODY[HALF - 1 :], ETag=ETAG),
    rest(f"bytes {HALF + 1}-{len(BODY) - 1}/{len(BODY)}", BODY[HALF + 1 :], ETag=ETAG),
    rest(f"bytes 0-{len(BODY) - 1}/{len(BODY)}", BODY, ETag=ETAG),
    rest(f"bytes {HALF}-{len(BODY)}/{len(BODY) + 1}", OTHER[HALF:] + b"x", ETag=ETAG),
    rest(f"bytes {HALF}-{len(BODY) - 2}/{len(BODY)}", BODY[HALF:-1], ETag=ETAG),
    rest(f"bytes {HALF}-{len(BODY) - 1}/*", BODY[HALF:], ETag=ETAG),
    rest(REST, OTHER[HALF:], ETag='"v2"'),
    rest(f"bytes={HALF}-{len(BODY) - 1}/{len(BODY)}", BODY[HALF:], ETag=ETAG),
    rest("bytes 5-1/6", b"", ETag=ETAG),
    rest(None, BODY[HALF:], ETag=ETAG),
    rest(None, b"--b\r\n\r\nx", ETag=ETAG, Content_Type="multipart/byteranges; boundary=b"),
    lambda h: h.answer(416, b"no", Content_Range=f"bytes */{HALF}"),
]


def test_an_answer_that_is_not_the_rest_starts_again_from_nothing(
    pyfetch: Command, server: LoopbackServer
) -> None:
    for number, lie in enumerate(LIES):
        server.routes[f"/{number}"] = in_turn(cut(ETag=ETAG), lie, whole(OTHER, ETag='"v2"'))
    ended = pyfetch("--retries", "1", *urls_of(server))
    assert ended.status == 0, ended.out
    check_all_are(OTHER, pyfetch, server)
    for number in range(len(LIES)):
        asked = [a.headers.get("Range") for a in server.asked if a.path == f"/{number}"]
        assert asked == [None, f"bytes={HALF}-", None]


def test_a_200_starts_again_in_the_same_try(pyfetch: Command, server: LoopbackServer) -> None:
    server.routes["/x"] = in_turn(cut(ETag=ETAG), whole(OTHER, ETag='"v2"'))
    assert pyfetch("--retries", "1", f"{server.url}/x").status == 0
    assert (pyfetch.directory / "x").read_bytes() == OTHER
    assert len(server.asked) == 2


def test_a_206_with_a_shorter_body_is_truncated_and_goes_on_from_there(
    pyfetch: Command, server: LoopbackServer
) -> None:
    last_range = f"bytes {2 * HALF}-{len(BODY) - 1}/{len(BODY)}"
    server.routes["/x"] = in_turn(
        cut(ETag=ETAG),
        rest(REST, BODY[HALF : 2 * HALF], ETag=ETAG),
        rest(last_range, BODY[2 * HALF :], ETag=ETAG),
    )
    (result,) = pyfetch("--format", "jsonl", f"{server.url}/x").results
    assert (result["outcome"], result["attempts"]) == ("fetched", 3)
    assert (pyfetch.directory / "x").read_bytes() == BODY


def test_a_206_with_a_longer_body_ends_there_and_starts_again(
    pyfetch: Command, server: LoopbackServer
) -> None:

    def endless(handler: Handler) -> None:
        handler.head(206, Content_Range=REST, ETag=ETAG, Connection="close")
        while True:
            handler.send(BODY)

    longer = rest(REST, BODY[HALF:] + b"more", ETag=ETAG)
    for number, wrong in enumerate((longer, endless)):
        server.routes[f"/{number}"] = in_turn(cut(ETag=ETAG), wrong, whole(OTHER))
    assert pyfetch("--retries", "2", *urls_of(server)).status == 0
    check_all_are(OTHER, pyfetch, server)


@pytest.mark.parametrize("status", [400, 412, 501])
def test_a_server_that_does_not_like_ranges_is_asked_for_the_whole(
    pyfetch: Command, server: LoopbackServer, status: int
) -> None:
    def picky(handler: Handler) -> None:
        if "Range" in handler.headers:
            handler.answer(status)
        else:
            whole(OTHER, ETag='"v2"')(handler)

    server.routes["/x"] = in_turn(cut(ETag=ETAG), picky)
    assert pyfetch(f"{server.url}/x").status == 0
    assert (pyfetch.directory / "x").read_bytes() == OTHER


def test_a_redirect_that_leads_elsewhere_never_mixes_two(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes |= {
        "/latest": lambda h: h.answer(302, b"", Location="/v1"),
        "/v1": cut(BODY, ETag=ETAG),
    }
    assert pyfetch("--retries", "0", f"{server.url}/latest").status == 1
    server.pages["/v2"] = Page(OTHER, etag=ETAG)
    server.routes["/latest"] = lambda h: h.answer(302, b"", Location="/v2")
    assert pyfetch(f"{server.url}/latest").status == 0
    assert (pyfetch.directory / "latest").read_bytes() == OTHER


def test_what_was_continued_keeps_its_validators_and_its_time(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/x"] = in_turn(cut(ETag=ETAG, Last_Modified=OLD), GOOD_REST)
    assert pyfetch(f"{server.url}/x").status == 0
    assert (pyfetch.directory / "x").stat().st_mtime == 1_700_000_000
    pyfetch(f"{server.url}/x")
    asked = server.asked[2].headers
    assert (asked["If-None-Match"], asked["If-Modified-Since"]) == (ETAG, OLD)


@pytest.mark.parametrize("policy", ["refresh", "replace"])
def test_a_part_that_has_its_final_name_already_is_not_written_to(
    pyfetch: Command, forked: InstalledCommand, server: LoopbackServer, policy: str
) -> None:
    # As a kill leaves it between the two steps of a commit that must not replace.
    server.routes["/x"] = cut(ETag=ETAG)
    pyfetch("--retries", "0", f"{server.url}/x")
    (part,) = (pyfetch.directory / ".pyfetch" / "parts").glob("*.part")
    part.write_bytes(BODY)
    final = pyfetch.directory / "x"
    final.hardlink_to(part)

    def stall(handler: Handler) -> None:
        handler.head(200, Content_Length=str(len(OTHER)), ETag='"v2"')
        handler.send(OTHER[:1000])
        handler.stall()

    server.routes["/x"] = stall
    asked = len(server.asked)
    run = forked.start("--if-exists", policy, f"{server.url}/x")
    parts = pyfetch.directory / ".pyfetch" / "parts"
    until(
        lambda: (
            len(server.asked) > asked
            and any(part.stat().st_size == 1000 for part in parts.glob("*.part"))
        ),
        "a part",
    )
    assert final.read_bytes() == BODY
    run.kill()
    run.communicate()
    assert final.read_bytes() == BODY


def test_a_body_without_a_strong_validator_is_never_continued(
    pyfetch: Command, server: LoopbackServer
) -> None:
    def date(seconds: float) -> str:
        return formatdate(time() + seconds, usegmt=True)

    weak: list[dict[str, str]] = [
        {},
        {"ETag": 'W/"weak"', "Last_Modified": OLD},
        {"ETag": "unquoted"},
        {"Last_Modified": date(-5)},
        {"Last_Modified": date(86400)},
        {"Last_Modified": "yesterday"},
    ]
    for number, headers in enumerate(weak):
        server.routes[f"/{number}"] = in_turn(cut(BODY, HALF, **headers), whole(OTHER))
    assert pyfetch(*(f"{server.url}/{number}" for number in range(len(weak)))).status == 0
    assert ranges(server) == [None] * 2 * len(weak)
    for number, headers in enumerate(weak):
        assert (pyfetch.directory / str(number)).read_bytes() == OTHER, headers


def test_a_body_without_a_total_is_never_continued(
    pyfetch: Command, server: LoopbackServer
) -> None:
    def chunked(handler: Handler) -> None:
        handler.head(200, Transfer_Encoding="chunked", ETag=ETAG)
        handler.send(b"%x\r\n%b" % (len(BODY), BODY[:HALF]))
        handler.cut()

    server.routes["/x"] = in_turn(chunked, whole(OTHER))
    assert pyfetch(f"{server.url}/x").status == 0
    assert ranges(server) == [None, None]


def test_a_last_modified_that_is_old_enough_is_a_validator(
    pyfetch: Command, server: LoopbackServer
) -> None:
    good = rest(REST, BODY[HALF:], Last_Modified=OLD)
    server.routes["/x"] = in_turn(cut(Last_Modified=OLD), good)
    assert pyfetch(f"{server.url}/x").status == 0
    assert server.asked[1].headers["If-Range"] == OLD
    assert (pyfetch.directory / "x").read_bytes() == BODY


def test_an_etag_that_changes_on_each_answer_never_mixes_two(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/x"] = in_turn(
        cut(BODY, ETag='"1"'), cut(OTHER, ETag='"2"'), cut(BODY, ETag='"3"'), whole(OTHER)
    )
    assert pyfetch(f"{server.url}/x").status == 0
    assert (pyfetch.directory / "x").read_bytes() == OTHER
    assert [asked.headers.get("If-Range") for asked in server.asked] == [None, '"1"', '"2"', '"3"']


def altered(note: Path, **changes: object) -> None:
    note.write_text(json.dumps(json.loads(note.read_bytes()) | changes))


def endless_number(part: Path, note: Path) -> None:
    altered(note, durable="endless")
    note.write_text(note.read_text().replace('"endless"', "1e999"))


def fifo(part: Path, note: Path) -> None:
    note.unlink()
    os.mkfifo(note)


DAMAGES: dict[str, Callable[[Path, Path], object]] = {
    "longer": lambda part, note: part.write_bytes(BODY + b"more"),
    "empty": lambda part, note: part.write_bytes(b""),
    "no note": lambda part, note: note.unlink(),
    "torn note": lambda part, note: note.write_bytes(note.read_bytes()[:40]),
    "wrong types": lambda part, note: altered(note, total="many"),
    "endless number": endless_number,
    "no validator": lambda part, note: altered(note, validator="a\r\nb: €"),
    "deep note": lambda part, note: note.write_text("[" * 100_000),
    "fifo": fifo,
    # Another run of the system, and no byte that is known to have reached the disk.
    "loss of power": lambda part, note: altered(note, boot="another", durable="0" * 20),
}


def test_a_part_that_is_not_what_its_note_says_is_not_continued(
    pyfetch: Command, server: LoopbackServer
) -> None:
    urls = [f"{server.url}/{number}" for number in range(len(DAMAGES))]
    for number in range(len(DAMAGES)):
        server.routes[f"/{number}"] = in_turn(cut(ETag=ETAG), whole(OTHER))
    assert pyfetch("--retries", "0", *urls).status == 1
    notes = list((pyfetch.directory / ".pyfetch" / "parts").glob("*.json"))
    by_url = {json.loads(note.read_bytes())["url"]: note for note in notes}
    for url, damage in zip(urls, DAMAGES.values(), strict=True):
        damage(by_url[url].with_suffix(".part"), by_url[url])
    assert pyfetch(*urls).status == 0
    assert ranges(server) == [None] * 2 * len(DAMAGES)
    for number, name in enumerate(DAMAGES):
        assert (pyfetch.directory / str(number)).read_bytes() == OTHER, name
    assert parts_in(pyfetch) == []


def test_a_part_with_all_of_its_bytes_is_asked_whether_it_still_is_the_same(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/x"] = cut(ETag=ETAG)
    pyfetch("--retries", "0", f"{server.url}/x")
    (part,) = (pyfetch.directory / ".pyfetch" / "parts").glob("*.part")
    part.write_bytes(BODY)  # as when it is killed just before the last step
    del server.routes["/x"]
    server.pages["/x"] = Page(BODY, etag=ETAG)
    assert pyfetch(f"{server.url}/x").status == 0
    assert ranges(server)[1:] == [f"bytes={len(BODY) - 1}-"]
    assert (pyfetch.directory / "x").read_bytes() == BODY


def test_what_was_made_durable_goes_on_in_another_run_of_the_system(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/x"] = cut(ETag=ETAG)
    pyfetch("--retries", "0", f"{server.url}/x")
    (note,) = (pyfetch.directory / ".pyfetch" / "parts").glob("*.json")
    known = json.loads(note.read_bytes())
    note.write_text(json.dumps(known | {"boot": "another", "durable": f"{1000:020}"}))
    del server.routes["/x"]
    server.pages["/x"] = Page(BODY, etag=ETAG)
    assert pyfetch(f"{server.url}/x").status == 0
    assert ranges(server)[1:] == ["bytes=1000-"]
    assert (pyfetch.directory / "x").read_bytes() == BODY


def test_a_part_of_another_url_is_not_continued(pyfetch: Command, server: LoopbackServer) -> None:
    server.routes |= {"/a/x": cut(ETag=ETAG), "/b/x": whole(OTHER, ETag=ETAG)}
    pyfetch("--no-state", "--retries", "0", f"{server.url}/a/x")
    assert parts_in(pyfetch) == [".json", ".part"]
    assert pyfetch("--no-state", f"{server.url}/b/x").status == 0
    assert ranges(server) == [None, None]
    assert (pyfetch.directory / "x").read_bytes() == OTHER


def test_an_error_status_keeps_the_part_unless_the_page_is_gone(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/x"] = in_turn(cut(ETag=ETAG), lambda h: h.answer(503), GOOD_REST)
    assert pyfetch(f"{server.url}/x").status == 0
    assert server.sent == len(BODY)
    server.routes["/y"] = in_turn(cut(ETag=ETAG), lambda h: h.answer(404))
    assert pyfetch(f"{server.url}/y").status == 1
    assert parts_in(pyfetch) == []


def test_an_interrupted_update_goes_on_and_the_older_file_stays_until_then(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages["/x"] = Page(OTHER, etag='"v0"', modified=None)
    pyfetch(f"{server.url}/x")
    server.routes["/x"] = in_turn(cut(ETag=ETAG), GOOD_REST)
    pyfetch("--retries", "0", f"{server.url}/x")
    assert (pyfetch.directory / "x").read_bytes() == OTHER
    assert pyfetch(f"{server.url}/x").status == 0
    assert (pyfetch.directory / "x").read_bytes() == BODY
    assert server.asked[2].headers["If-None-Match"] == '"v0"'
    assert server.asked[2].headers["If-Range"] == ETAG


def test_max_size_counts_what_was_there_already(pyfetch: Command, server: LoopbackServer) -> None:
    server.routes["/x"] = in_turn(cut(ETag=ETAG), GOOD_REST)
    pyfetch("--retries", "0", f"{server.url}/x")
    assert pyfetch("--max-size", "250000", f"{server.url}/x").rows[0][4] == "too-large"
    assert not Path(pyfetch.directory, "x").exists()


def test_no_state_leaves_nothing_behind_but_files(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages["/x"] = Page(BODY)
    pyfetch("--no-state", "-o", "data", f"{server.url}/x")
    assert [path.name for path in (pyfetch.directory / "data").iterdir()] == ["x"]
