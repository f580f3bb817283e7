"""Every kind of list, read by the command: the same files come, whatever the list is written in."""

from __future__ import annotations

import gzip
import hashlib

import pytest

from tests.support.command import Command
from tests.support.server import LoopbackServer, Page

BODY = b"the file"
SHA256 = hashlib.sha256(BODY).hexdigest()

LISTS: dict[str, str] = {
    "lines": "{a} out=one/a.txt sha256={sha256}\n{b} header='X-Key: k' referer=http://r/\n",
    "aria2": "{a}\n  out=one/a.txt\n  checksum=sha-256={sha256}\n{b}\n header=X-Key: k\n"
    " referer=http://r/\n",
    "csv": 'url,out,sha256,header,referer,note\n{a},one/a.txt,{sha256},,,"first, of two"\n'
    "{b},,,X-Key: k,http://r/,second\n",
    "tsv": "url\tout\tsha256\theader\treferer\tnote\n{a}\tone/a.txt\t{sha256}\t\t\tfirst, of two\n"
    "{b}\t\t\tX-Key: k\thttp://r/\tsecond\n",
    "jsonl": '{{"url": "{a}", "out": "one/a.txt", "sha256": "{sha256}", "note": "first, of two"}}\n'
    '{{"url": "{b}", "headers": {{"X-Key": "k"}}, "referer": "http://r/", "note": "second"}}\n',
    "metalink": "<?xml version='1.0'?><metalink xmlns='urn:ietf:params:xml:ns:metalink'>"
    "<file name='one/a.txt'><size>8</size><hash type='sha-256'>{sha256}</hash>"
    "<url priority='2'>{none}</url><url priority='1'>{a}</url></file>"
    "<file name='b.txt'><url>{b}</url></file></metalink>",
    "sitemap": "<?xml version='1.0'?><urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9'>"
    "<url><loc>{a}</loc><lastmod>2026-01-01</lastmod></url><url><loc>{b}</loc></url></urlset>",
}


@pytest.fixture
def list_in(server: LoopbackServer) -> dict[str, bytes]:
    """By format, a list of two files of the server."""
    server.pages |= {"/a.txt": Page(BODY), "/b.txt": Page(b"another")}
    urls = {"a": f"{server.url}/a.txt", "b": f"{server.url}/b.txt", "none": f"{server.url}/none"}
    return {form: text.format(sha256=SHA256, **urls).encode() for form, text in LISTS.items()}


@pytest.mark.parametrize("form", LISTS)
def test_a_list_is_known_by_what_is_in_it(
    pyfetch: Command, server: LoopbackServer, list_in: dict[str, bytes], form: str
) -> None:
    # From a pipe: it has no name; and compressed, whatever the name says.
    piped = pyfetch("-o", "data", "--format", "jsonl", stdin=list_in[form])
    (pyfetch.directory / "list.txt").write_bytes(gzip.compress(list_in[form]))
    packed = pyfetch("-o", "again", "--format", "jsonl", "list.txt")
    for ended, place in ((piped, "data"), (packed, "again")):
        assert ended.status == 0, ended.out
        first = "a.txt" if form == "sitemap" else "one/a.txt"
        assert [result["path"] for result in ended.results] == [
            f"{place}/{first}", f"{place}/b.txt",
        ]  # fmt: skip
        assert (pyfetch.directory / place / first).read_bytes() == BODY
        if form in ("csv", "tsv", "jsonl"):
            assert [result["input"] for result in ended.results] == [
                {"note": "first, of two"}, {"note": "second"},
            ]  # fmt: skip
    if form not in ("metalink", "sitemap"):
        fields = [asked.headers for asked in server.asked if asked.path == "/b.txt"]
        assert {(field["X-Key"], field["Referer"]) for field in fields} == {("k", "http://r/")}
        others = [asked.headers for asked in server.asked if asked.path == "/a.txt"]
        assert not any("X-Key" in field or "Referer" in field for field in others)


def test_a_checksum_of_the_list_is_demanded(
    pyfetch: Command, server: LoopbackServer, list_in: dict[str, bytes]
) -> None:
    server.pages["/a.txt"] = Page(b"another!")
    for form in ("lines", "aria2", "csv", "jsonl"):
        ended = pyfetch("-o", form, stdin=list_in[form])
        assert [row[4] for row in ended.rows] == ["checksum", "-"], form
        assert not (pyfetch.directory / form / "one" / "a.txt").exists()


def test_input_format_overrides_what_content_and_name_suggest(
    pyfetch: Command, server: LoopbackServer, list_in: dict[str, bytes]
) -> None:
    (pyfetch.directory / "list.csv").write_bytes(list_in["aria2"])
    ended = pyfetch("--input-format", "aria2", "list.csv")
    assert (ended.status, len(ended.rows)) == (0, 2)
    ended = pyfetch("--input-format", "lines", "list.csv")
    assert [row[4] for row in ended.rows].count("invalid-url") == 4  # the indented lines


@pytest.mark.parametrize(
    ("form", "bad", "number"),
    [
        ("lines", b"http://h/ out=../x", 2),
        ("csv", b"http://h/,../x,,,,", 2),
        ("tsv", b"http://h/\t../x", 2),
        ("jsonl", b'{"url": "http://h/", "out": "/etc/passwd"}', 2),
        ("jsonl", b"{nothing", 2),
        ("aria2", b"http://h/\n  out=/x", 2),
    ],
)
def test_a_bad_record_is_one_failed_result_with_its_line_number(
    pyfetch: Command, list_in: dict[str, bytes], form: str, bad: bytes, number: int
) -> None:
    first, rest = list_in[form].split(b"\n", 1)
    if form in ("csv", "tsv"):
        content = first + b"\n" + bad + b"\n" + rest
    else:
        before = b"" if form == "jsonl" else b"# a comment"
        content = before + b"\n" + bad + b"\n" + list_in[form]
    (pyfetch.directory / "list").write_bytes(content)
    ended = pyfetch("--input-format", form, "--format", "jsonl", "list")
    failed, *others = ended.results
    assert (failed["error"], len(others)) == ("invalid-url", 2)
    assert failed["detail"].startswith(f"line {number}: ")
    assert {result["error"] for result in others} == {None}


def test_skip_duplicates_drops_what_was_there_before(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages["/x"] = Page(b"x")
    url = f"{server.url}/x"
    lines = f"{url}\n{url} out=y\n{url}#part\n{url}\n"
    ended = pyfetch("--skip-duplicates", stdin=lines)
    assert [row[3] for row in ended.rows] == ["x", "y"]
    assert "2 duplicates dropped" in ended.err
    assert len(pyfetch(stdin=lines).rows) == 4


def test_what_failed_can_be_tried_again_whatever_the_list_was_written_in(
    pyfetch: Command, server: LoopbackServer, list_in: dict[str, bytes]
) -> None:
    pages, server.pages = server.pages, {}
    for form in ("csv", "jsonl", "aria2", "metalink"):
        ended = pyfetch("--failed-to", "left", "-o", form, stdin=list_in[form])
        assert ended.status == 1
        server.pages = pages
        assert pyfetch("-o", form, "left").status == 0
        assert (pyfetch.directory / form / "one" / "a.txt").read_bytes() == BODY
        server.pages = {}
