"""`--compressed`: bodies are asked for in a coding, and saved as what they decode to."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import brotli
import pytest

from pyfetch.http.content_coding import zstd_module
from tests.support.command import Command, InstalledCommand
from tests.support.server import Handler, LoopbackServer, Page

CONTENT = b"".join(b"line %d of a text that compresses well\n" % n for n in range(20_000))
SHA256 = hashlib.sha256(CONTENT).hexdigest()
MIB = 1024 * 1024
ENCODERS: dict[str, Callable[[bytes], bytes]] = {
    "gzip": lambda data: gzip.compress(data, 1),
    "deflate": zlib.compress,
    "br": lambda data: brotli.compress(data, quality=1),
    "zstd": lambda data: bytes(zstd_module().compress(data)),
}


def coded(
    handler: Handler, content: bytes, etag: str = '"v1"', codings: str = "gzip", **headers: str
) -> None:
    """As servers do it: in the first of these codings that is asked for, with an ETag of its own,
    and 304 for that."""
    asked = handler.headers.get("Accept-Encoding", "")
    coding = next((one for one in codings.split() if one in asked), None)
    tag = f'"{etag.strip(chr(34))}-{coding}"' if coding else etag
    if handler.headers.get("If-None-Match") == tag:
        handler.head(304, ETag=tag)
        return
    body = ENCODERS[coding](content) if coding else content
    more = {"Content_Encoding": coding} if coding else {}
    handler.answer(200, body, ETag=tag, Vary="Accept-Encoding", **more, **headers)


def in_state(pyfetch: Command) -> list[str]:
    """What is kept below `.pyfetch`, but for the state itself."""
    found = (pyfetch.directory / ".pyfetch").rglob("*")
    return [one.name for one in found if one.is_file() and "sqlite3" not in one.name]


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "none"])
def test_what_a_body_decodes_to_is_saved(
    pyfetch: Command, server: LoopbackServer, coding: str
) -> None:
    server.routes["/x.txt"] = lambda h: coded(h, CONTENT, codings=coding)
    (result,) = pyfetch("--compressed", "--format", "jsonl", f"{server.url}/x.txt").results
    assert server.asked[0].headers["Accept-Encoding"] == "gzip, deflate, br, zstd"
    assert (pyfetch.directory / "x.txt").read_bytes() == CONTENT
    assert (result["size"], result["sha256"]) == (len(CONTENT), SHA256)
    if coding == "none":
        assert (result["content_encoding"], result["coded_size"]) == (None, None)
    else:
        assert result["content_encoding"] == coding
        assert 0 < result["coded_size"] < len(CONTENT) / 5
    assert pyfetch("--verify").status == 0


def test_a_body_of_unknown_length_and_one_that_comes_in_many_pieces_are_decoded(
    pyfetch: Command, server: LoopbackServer
) -> None:
    body = gzip.compress(CONTENT)

    def in_chunks(handler: Handler) -> None:
        handler.head(200, Content_Encoding="x-gzip", Transfer_Encoding="chunked")
        for start in range(0, len(body), 4000):
            piece = body[start : start + 4000]
            handler.send(b"%x\r\n%s\r\n" % (len(piece), piece))
        handler.send(b"0\r\n\r\n")

    server.routes["/x"] = in_chunks
    assert pyfetch("--compressed", f"{server.url}/x").status == 0
    assert (pyfetch.directory / "x").read_bytes() == CONTENT


def test_a_body_that_is_coded_unasked_is_decoded_too_and_two_codings_are_the_most(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """The header of the user is what is asked for."""
    twice = brotli.compress(gzip.compress(CONTENT), quality=1)
    server.routes["/2"] = lambda h: h.answer(200, twice, Content_Encoding="gzip, br")
    server.routes["/3"] = lambda h: h.answer(200, twice, Content_Encoding="gzip, gzip, br")
    server.routes["/odd"] = lambda h: h.answer(200, twice, Content_Encoding="pack200-gzip")
    urls = [f"{server.url}/{name}" for name in ("2", "3", "odd")]
    ended = pyfetch("--compressed", "-H", "Accept-Encoding: identity", "--format", "tsv", *urls)
    assert {asked.headers["Accept-Encoding"] for asked in server.asked} == {"identity"}
    assert (pyfetch.directory / "2").read_bytes() == CONTENT
    assert [row[4] for row in ended.rows] == ["-", "wrong-content", "wrong-content"]
    assert "without --compressed" in ended.rows[2][5]
    assert not (pyfetch.directory / "3").exists()
    assert "Content-Encoding" not in "\n".join(ended.err.splitlines()[-1:])


@pytest.mark.parametrize(
    ("harm", "error"),
    [
        (lambda body: body[: len(body) // 2], "truncated"),
        (lambda body: body[:-3], "truncated"),
        (lambda body: body + b"garbage", "wrong-content"),
        (lambda body: body[:500] + b"damage" + body[506:], "wrong-content"),
        (lambda _: b"no gzip at all", "wrong-content"),
    ],
)
def test_of_a_coded_body_that_is_cut_or_damaged_nothing_is_saved(
    pyfetch: Command, server: LoopbackServer, harm: Callable[[bytes], bytes], error: str
) -> None:
    """Though its length is as it was announced. What is cut is asked for again, from its start."""
    body = harm(gzip.compress(CONTENT))
    server.routes["/x"] = lambda h: h.answer(200, body, Content_Encoding="gzip", ETag='"v1"')
    ended = pyfetch("--compressed", "--retries", "1", "--format", "jsonl", f"{server.url}/x")
    (result,) = ended.results
    assert (result["error"], result["kept"]) == (error, 0)
    assert result["attempts"] == (2 if error == "truncated" else 1)
    assert not any("Range" in asked.headers for asked in server.asked)
    assert not (pyfetch.directory / "x").exists()
    assert in_state(pyfetch) == []


def test_a_coded_body_whose_connection_breaks_begins_anew(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """A range of it would be one of the coded bytes."""
    body = gzip.compress(CONTENT)

    def cut_once(handler: Handler) -> None:
        headers = {"Content_Encoding": "gzip", "ETag": '"v1"'}
        if len(server.asked) == 1:
            handler.head(200, Content_Length=str(len(body)), **headers)
            handler.send(body[:-100])
            handler.cut()
        else:
            handler.answer(200, body, **headers)

    server.routes["/x"] = cut_once
    (result,) = pyfetch("--compressed", "--format", "jsonl", f"{server.url}/x").results
    assert (result["outcome"], result["attempts"], result["resumed"]) == ("fetched", 2, 0)
    assert "Range" not in server.asked[1].headers
    assert (pyfetch.directory / "x").read_bytes() == CONTENT


def test_a_part_that_is_not_coded_goes_on_and_is_asked_for_without_a_coding(
    pyfetch: Command, server: LoopbackServer
) -> None:
    page = Page(CONTENT)

    def cut_once(handler: Handler) -> None:
        if len(server.asked) == 1:
            handler.head(200, Content_Length=str(len(CONTENT)), ETag=str(page.etag))
            handler.send(CONTENT[:50_000])
            handler.cut()
        else:
            handler.page(page)

    server.routes["/x"] = cut_once
    pyfetch("--retries", "0", f"{server.url}/x")
    (result,) = pyfetch("--compressed", "--format", "jsonl", f"{server.url}/x").results
    assert result["resumed"] == 50_000
    assert server.asked[1].headers["Accept-Encoding"] == "identity"
    assert (pyfetch.directory / "x").read_bytes() == CONTENT


def test_a_part_of_coded_bytes_does_not_go_on_once_they_are_to_be_decoded(
    pyfetch: Command, server: LoopbackServer
) -> None:
    body = gzip.compress(CONTENT)

    def cut_once(handler: Handler) -> None:
        headers = {"Content_Encoding": "gzip", "ETag": '"v1"', "Content_Length": str(len(body))}
        handler.head(200, **headers)
        handler.send(body if len(server.asked) > 1 else body[:20_000])
        handler.cut()

    server.routes["/x"] = cut_once
    (cut,) = pyfetch("--retries", "0", "--format", "jsonl", f"{server.url}/x").results
    assert cut["kept"] == 20_000
    assert pyfetch("--compressed", f"{server.url}/x").status == 0
    assert "Range" not in server.asked[1].headers
    assert (pyfetch.directory / "x").read_bytes() == CONTENT
    assert in_state(pyfetch) == []


def test_a_range_that_nobody_asked_for_is_never_decoded(
    pyfetch: Command, server: LoopbackServer
) -> None:
    body = gzip.compress(CONTENT)
    whole = f"bytes 0-{len(body) - 1}/{len(body)}"
    server.routes["/x"] = lambda h: h.answer(
        206, body, Content_Encoding="gzip", Content_Range=whole
    )
    ended = pyfetch("--compressed", f"{server.url}/x")
    assert ended.rows[0][4] == "wrong-content"
    assert not (pyfetch.directory / "x").exists()


def test_a_file_that_was_decoded_is_unchanged_until_its_coded_version_changes(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """It is known by the ETag of what was coded."""
    server.routes["/x"] = lambda h: coded(h, CONTENT)
    run = ("--compressed", "--format", "jsonl", f"{server.url}/x")
    assert pyfetch(*run).results[0]["etag"] == '"v1-gzip"'
    (second,) = pyfetch(*run).results
    assert (second["outcome"], second["status"]) == ("unchanged", 304)
    assert (second["size"], second["sha256"]) == (len(CONTENT), SHA256)
    server.routes["/x"] = lambda h: coded(h, b"new", etag='"v2"')
    (third,) = pyfetch(*run).results
    assert (third["outcome"], third["change"]) == ("fetched", "changed")
    assert (pyfetch.directory / "x").read_bytes() == b"new"


def test_a_file_that_was_saved_coded_is_fetched_anew_once_it_is_to_be_decoded(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """Else the user whom the warning has told of the option would keep what is coded."""
    body = gzip.compress(CONTENT)

    def always_coded(handler: Handler) -> None:
        if handler.headers.get("If-None-Match") == '"v1"':
            handler.head(304, ETag='"v1"')
        else:
            handler.answer(200, body, Content_Encoding="gzip", ETag='"v1"')

    server.routes["/x"] = always_coded
    first = pyfetch(f"{server.url}/x")
    assert "--compressed decodes them" in first.err
    assert (pyfetch.directory / "x").read_bytes() == body
    for outcome in ("fetched", "unchanged"):
        (result,) = pyfetch("--compressed", "--format", "jsonl", f"{server.url}/x").results
        assert result["outcome"] == outcome
        assert (pyfetch.directory / "x").read_bytes() == CONTENT
    (result,) = pyfetch("--format", "jsonl", f"{server.url}/x").results
    assert (result["outcome"], result["size"]) == ("unchanged", len(CONTENT))


def test_a_demanded_checksum_and_size_are_of_what_is_saved(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/x"] = lambda h: coded(h, CONTENT)
    line = f'{{"url": "{server.url}/x", "sha256": "%s", "size": %d, "out": "%s"}}\n'
    wrong = hashlib.sha256(gzip.compress(CONTENT)).hexdigest()
    lines = line % (SHA256, len(CONTENT), "a") + line % (wrong, len(CONTENT), "b")
    lines += line % (SHA256, 5, "c")
    ended = pyfetch("--compressed", "--input-format", "jsonl", "-", stdin=lines)
    assert [row[4] for row in ended.rows] == ["-", "checksum", "wrong-content"]
    assert (pyfetch.directory / "a").read_bytes() == CONTENT
    assert pyfetch("--compressed", "--input-format", "jsonl", "-", stdin=lines).rows[0][0] == "-"


def test_the_length_of_a_coded_body_is_not_expected_from_another_mirror(
    pyfetch: Command, server: LoopbackServer, other: LoopbackServer
) -> None:
    server.routes["/x"] = lambda h: h.answer(200, b"damaged", Content_Encoding="gzip")
    other.pages["/x"] = Page(CONTENT)
    line = f'{{"url": "{server.url}/x", "mirrors": ["{other.url}/x"]}}\n'
    ended = pyfetch("--compressed", "--input-format", "jsonl", "-", stdin=line)
    assert ended.rows[0][:2] == ["200", str(len(CONTENT))]


@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_bounds_of_size_are_of_what_is_saved(
    pyfetch: Command, server: LoopbackServer, coding: str
) -> None:
    """Neither one that the coded bytes would meet nor one that they alone would break."""
    server.routes["/x"] = lambda h: coded(h, CONTENT, codings=coding)
    limit = len(CONTENT) - 1
    assert pyfetch("--compressed", "--max-size", f"{limit}", f"{server.url}/x").rows[0][4] == (
        "too-large"
    )
    assert in_state(pyfetch) == []
    enough = ("--min-size", f"{len(CONTENT)}", "--max-size", f"{len(CONTENT)}")
    assert pyfetch("--compressed", *enough, f"{server.url}/x").status == 0


def test_names_by_servers_and_by_media_type_are_those_of_the_decoded_file(
    pyfetch: Command, server: LoopbackServer
) -> None:
    headers = {"Content_Type": "text/css", "Content_Disposition": 'attachment; filename="b.css"'}
    server.routes["/a"] = lambda h: coded(h, CONTENT, **headers)
    for option in (("--content-disposition",), ("--name", "{stem}.{type_ext}")):
        for outcome in ("fetched", "unchanged"):
            ended = pyfetch(
                "--compressed", "-o", option[0][2:6], *option, "--format", "jsonl",
                f"{server.url}/a",
            )  # fmt: skip
            (result,) = ended.results
            assert result["outcome"] == outcome
            assert Path(pyfetch.directory, result["path"]).read_bytes() == CONTENT
    assert (pyfetch.directory / "cont" / "b.css").exists()


def test_a_body_of_an_error_is_not_decoded_and_an_empty_one_is_empty(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/gone"] = lambda h: h.answer(404, b"no gzip", Content_Encoding="gzip")
    server.routes["/empty"] = lambda h: h.answer(200, b"", Content_Encoding="gzip")
    ended = pyfetch("--compressed", f"{server.url}/gone", f"{server.url}/empty")
    assert [row[:2] for row in ended.rows] == [["404", "-"], ["200", "0"]]


@pytest.mark.parametrize("processes", ["1", "2"])
def test_a_function_gets_the_decoded_file_and_processes_decode(
    request: pytest.FixtureRequest, server: LoopbackServer, processes: str
) -> None:
    run: Any = request.getfixturevalue("forked" if processes == "2" else "pyfetch")
    for number in range(4):
        server.routes[f"/{number}"] = lambda h: coded(h, CONTENT)
    urls = [f"{server.url}/{number}" for number in range(4)]
    ended = run("--compressed", "--format", "jsonl", "--processes", processes, *urls)
    assert {(one["size"], one["sha256"]) for one in ended.results} == {(len(CONTENT), SHA256)}
    if processes == "1":
        (run.directory / "length.py").write_text(
            "def length(path, result): return path.stat().st_size\n"
        )
        ended = run("--compressed", "--map", "length.py:length", "--format", "jsonl", urls[0])
        assert ended.results[0]["value"] == len(CONTENT)


def test_discarded_bodies_are_decoded_and_counted(pyfetch: Command, server: LoopbackServer) -> None:
    server.routes["/x"] = lambda h: coded(h, CONTENT)
    (result,) = pyfetch("--compressed", "--discard", "--format", "jsonl", f"{server.url}/x").results
    assert (result["size"], result["sha256"]) == (len(CONTENT), SHA256)


@pytest.mark.slow
def test_the_summary_says_the_rate_of_what_came_over_the_network(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """Not of what it became: that is what is saved."""
    zeros = gzip.compress(bytes(200 * MIB), 1)
    server.routes["/x"] = lambda h: h.answer(200, zeros, Content_Encoding="gzip")
    line = pyfetch("--compressed", "--discard", "--no-hash", f"{server.url}/x").err.splitlines()[-1]
    assert "209.7 MB in" in line or "200" in line
    rate, unit = line.rsplit(", ", 1)[1].removesuffix("/s").split()
    assert unit in ("kB", "MB", "KiB", "MiB")
    assert float(rate) < 100 or unit in ("kB", "KiB")


@pytest.mark.slow
@pytest.mark.parametrize("coding", ["gzip", "br", "zstd"])
def test_a_bomb_ends_as_too_large_in_flat_memory(
    installed: InstalledCommand, server: LoopbackServer, coding: str
) -> None:
    bomb = ENCODERS[coding](bytes(200 * MIB))
    server.routes["/bomb"] = lambda h: h.answer(200, bomb, Content_Encoding=coding)
    small = ENCODERS[coding](b"x")
    server.routes["/small"] = lambda h: h.answer(200, small, Content_Encoding=coding)
    _, usual = installed.peak_memory("--compressed", "-o", "a", f"{server.url}/small")
    ended, peak = installed.peak_memory(
        "--compressed", "--max-size", "150M", "-o", "b", f"{server.url}/bomb"
    )
    assert ended.rows[0][4] == "too-large"
    assert peak - usual < 16 * 1024
    assert not (installed.directory / "b" / "bomb").exists()


@pytest.mark.slow
def test_what_decodes_is_loaded_only_where_it_is_asked_for(installed: InstalledCommand) -> None:
    """Not at the start of a run without the option."""
    code = (
        "import sys, pyfetch; list(pyfetch.fetch_all(['http://127.0.0.1:9/'], retries=0));"
        "print('pyfetch.http.content_coding' in sys.modules)"
    )
    program = installed.program(code, stdout=-1)
    assert program.communicate(timeout=60)[0] == b"False\n"
