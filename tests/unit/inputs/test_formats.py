"""Lists of every format → entries."""

from __future__ import annotations

import gzip
import io
import json
import logging
import os
import random
import tempfile
import threading
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pyfetch.api import entries_from_items
from pyfetch.checksum import Checksum
from pyfetch.errors import UsageError
from pyfetch.inputs import InputFormat, Sources
from pyfetch.inputs.columns import Columns
from pyfetch.inputs.detect import detect
from pyfetch.inputs.formats.aria2 import read_aria2
from pyfetch.inputs.formats.checksums import read_checksums
from pyfetch.inputs.formats.delimited import read_csv, read_tsv
from pyfetch.inputs.formats.json_array import read_json_array
from pyfetch.inputs.formats.json_lines import json_line, read_json_lines, record_from_json
from pyfetch.inputs.formats.metalink import read_metalink
from pyfetch.inputs.formats.plain import read_plain
from pyfetch.inputs.formats.sitemap import read_sitemap
from pyfetch.inputs.record import Record
from pyfetch.inputs.stream import Content
from pyfetch.models import Entry, Failure, Outcome, Result, Target
from pyfetch.urls import parse_url
from tests.support.cases import cases
from tests.support.lists import EACH, FORMATS, HOSTILE, Folder, Hostile, long_list, reading
from tests.support.measuring import MIB, kept_blocks, peak_of, takes_linear_time

SHA256 = "a" * 64
SHA512 = "b" * 128
MD5 = "c" * 32
LONGEST = 5.0


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def wanted(entry: Entry) -> Target:
    assert isinstance(entry, Target), entry
    return entry


def refused(entry: Entry, text: str = "") -> Result:
    assert isinstance(entry, Result), entry
    assert entry.outcome is Outcome.FAILED
    assert text in str(entry.detail)
    return entry


def urls(entries: list[Entry]) -> list[str]:
    return [wanted(entry).url.text for entry in entries]


# Plain lines


def test_words_after_a_url_say_more_of_it(folder: Folder) -> None:
    assert folder.one(
        f"http://h/a out='new name.txt' sha256={SHA256} header='X-Key: a b' header=X-B:c"
        " referer=http://r/"
    ) == Target(
        1,
        parse_url("http://h/a"),
        checksum=Checksum("sha256", SHA256),
        out="new name.txt",
        headers=(("X-Key", "a b"), ("X-B", "c"), ("Referer", "http://r/")),
    )


def test_urls_after_tabs_are_mirrors(folder: Folder) -> None:
    entry = wanted(folder.one("http://h/a\thttps://i/a\t http://j/a\tout=b"))
    assert [mirror.text for mirror in entry.mirrors] == ["https://i/a", "http://j/a"]
    assert entry.out == "b"


def test_a_url_after_a_space_is_no_mirror(folder: Folder) -> None:
    refused(folder.one("http://h/a http://h/b?c=d"), "mirrors follow after a tab")


def test_a_mirror_that_is_none_makes_the_line_bad(folder: Folder) -> None:
    first, second = folder.read("http://h/a\tftp://h/a\nhttp://h/a\thttp://h:x/\n")
    assert refused(first, "line 1, mirror 1: ftp").error is Failure.UNSUPPORTED_SCHEME
    refused(second, "mirror 1: no URL")


def test_a_url_may_have_quotes_and_is_never_unquoted(folder: Folder) -> None:
    entry = wanted(folder.one("""http://h/'a"b out=x"""))
    assert (entry.url.text, entry.out) == ("""http://h/'a"b""", "x")


@cases(
    "words",
    ["b", "x=y", "out", "OUT=x", "=x", "# comment", "#", "size=3", "'out =x'", "out='x", "out=x\\"],
)
def test_what_is_no_known_word_is_refused_with_help(folder: Folder, words: str) -> None:
    bad, good = folder.read(f"http://h/a {words}\nhttp://h/b")
    failed = refused(bad, "in a URL a space is %20")
    assert failed.url == "http://h/a"
    assert "out" in str(failed.detail)
    assert urls([good]) == ["http://h/b"]


@cases("key", ["out", "dir", "referer", "checksum", "sha256"])
def test_a_word_may_not_be_doubled(folder: Folder, key: str) -> None:
    value = {"checksum": f"sha256:{SHA256}", "sha256": SHA256}.get(key, "x")
    refused(folder.one(f"http://h/a {key}={value} {key}={value}"), f"{key} is given twice")


def test_a_directory_goes_before_the_name(folder: Folder) -> None:
    entries = folder.read("http://h/a dir=d\nhttp://h/a dir=d/ out=e/f\nhttp://h/a out=g/\n")
    assert [wanted(entry).out for entry in entries] == ["d/", "d/e/f", "g/"]


@cases(
    "word",
    [f"sha256={SHA256}", f"checksum=sha-256={SHA256}", f"checksum=sha256:{SHA256.upper()}"],
)
def test_a_checksum_may_be_written_in_three_ways(folder: Folder, word: str) -> None:
    assert wanted(folder.one(f"http://h/a {word}")).checksum == Checksum("sha256", SHA256)


@cases("word", ["sha256=abc", "checksum=sha256", "checksum=crc32=1234", f"md5={SHA256}"])
def test_a_checksum_that_is_none_is_refused(folder: Folder, word: str) -> None:
    refused(folder.one(f"http://h/a {word}"), "no checksum")


def test_a_checksum_of_word_and_fragment_must_agree(folder: Folder) -> None:
    url = f"http://h/a#sha256={SHA256}"
    entries = folder.read(f"{url} sha256={SHA256}\n{url} sha256={'0' * 64}\n{url} sha512={SHA512}")
    assert wanted(entries[0]).checksum == Checksum("sha256", SHA256)
    refused(entries[1], "differ")
    assert wanted(entries[2]).checksum == Checksum("sha512", SHA512)


@cases("out", ["''", "' '", "/a", "C:\\\\x", "'\\x'", "..", "a/../b", "'a\\..\\b'", "../x", "a\0b"])
@cases("key", ["out", "dir"])
def test_a_place_outside_the_output_directory_is_refused(
    folder: Folder, key: str, out: str
) -> None:
    refused(folder.one(f"http://h/a {key}={out}"), key)


@cases("out", ["..a", "a..b/c", "c:d", "a/./b", "ü"])
def test_another_place_is_kept_as_it_is(folder: Folder, out: str) -> None:
    assert wanted(folder.one(f"http://h/a out={out}")).out == out


@cases(
    "name",
    [
        "Host", "content-length", "Transfer-Encoding", "Connection", "Keep-Alive", "TE", "Trailer",
        "Upgrade", "Expect", "Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since",
        "If-Unmodified-Since", "Accept-Encoding", "Proxy-Authorization", "proxy-x",
    ],
)  # fmt: skip
def test_a_header_that_changes_what_is_asked_is_refused(folder: Folder, name: str) -> None:
    failed = refused(folder.one(f"http://h/a header='{name}: s3cret'"), "a list may not set")
    assert "s3cret" not in str(failed)


@cases(
    "line",
    [
        "http://h/a header=s3cret", "http://h/a header='A: s3cret\x01'", "http://h/a s3cret",
        "http://h/a header='A: s3cret", "http://h/a header=A: s3cret==", "http://h/a x=s3cret",
        "http://h/a out=/s3cret", "http://h/a sha256=s3cret", "http://h/a header='A: s3cret' \xff",
        "http://h/a size=s3cret", "http://h/a referer=é-s3cret",
    ],
)  # fmt: skip
def test_no_failure_shows_more_of_a_line_than_its_url(folder: Folder, line: str) -> None:
    failed = refused(folder.one(line.encode("latin-1")))
    assert "s3cret" not in str(failed)
    assert failed.url == "http://h/a"


def test_a_line_is_given_back_as_it_was(folder: Folder) -> None:
    assert folder.rendered("http://h/a  out='b' \nhttp://h/a c\n") == [
        "http://h/a  out='b' ",
        "http://h/a c",
    ]


# aria2


def test_an_aria2_file_is_read(folder: Folder, caplog: pytest.LogCaptureFixture) -> None:
    content = (
        "# list\nhttp://h/a\thttp://i/a\n  out=a b's.txt\n\tdir=d\n  header=X-A: b\n"
        f"# between\n  header=X-C: d\n  checksum=sha-256={SHA256}\n  referer=http://r/\n"
        "  split=5\n\nhttp://h/b\n  split=6\n"
    )
    with caplog.at_level(logging.WARNING, "pyfetch.inputs"):
        first, second = folder.read(content)
    assert first == Target(
        1,
        parse_url("http://h/a"),
        checksum=Checksum("sha256", SHA256),
        mirrors=(parse_url("http://i/a"),),
        headers=(("X-A", "b"), ("X-C", "d"), ("Referer", "http://r/")),
        out="d/a b's.txt",
    )
    assert second == Target(2, parse_url("http://h/b"))
    assert caplog.messages == ["the aria2 option split is ignored"]


def test_a_bad_option_costs_its_record_only(folder: Folder) -> None:
    content = "http://h/a\n  nonsense\n  out=x\nhttp://h/b\n out=/x\nhttp://h/c\n"
    first, second, third = folder.read(content, "list.aria2")
    assert refused(first, "line 1: no option of the form name=value (on line 2)").url
    refused(second, "line 4: out must be")
    assert urls([third]) == ["http://h/c"]


def test_an_aria2_option_without_a_uri_is_refused(folder: Folder) -> None:
    first, second = folder.read(" out=x\nhttp://h/a", "list.aria2")
    refused(first, "line 1: an option without a URI above it")
    assert urls([second]) == ["http://h/a"]


def test_long_and_undecodable_lines_of_an_aria2_file_cost_one_record(folder: Folder) -> None:
    content = b"http://h/a\n out=" + b"x" * 70_000 + b"\nhttp://h/b\n out=\xff\nhttp://h/c\n"
    first, second, third = folder.read(content, "list.aria2")
    refused(first, "longer than 65536 bytes (on line 2)")
    refused(second, "not UTF-8 (on line 4)")
    assert urls([third]) == ["http://h/c"]


def test_an_aria2_option_may_not_be_doubled(folder: Folder) -> None:
    refused(folder.one("http://h/a\n out=b\n out=c\n"), "out is given twice (on line 3)")


def test_an_aria2_record_without_end_is_refused(folder: Folder) -> None:
    options = f" header=A: {'x' * 60_000}\n" * 20
    bad, good = folder.read(f"http://h/a\n{options}http://h/b\n")
    refused(bad, "more than 1048576 bytes of options")
    assert urls([good]) == ["http://h/b"]


# CSV and TSV


def test_a_csv_file_is_read(folder: Folder) -> None:
    content = (
        "\ufeffName,URL,out,SHA256,Size,header,note,mirrors\r\n"
        f'x,http://h/a http://i/a,a.txt,{SHA256},12,"A: b\nC: d","two\nlines",http://j/a\r\n'
        "\r\ny,http://h/b,,,,,,\r\nz,http://h/c\r\n"
    )
    first, second, third = folder.read(content)
    assert first == Target(
        1,
        parse_url("http://h/a"),
        checksum=Checksum("sha256", SHA256),
        size=12,
        mirrors=(parse_url("http://i/a"), parse_url("http://j/a")),
        headers=(("A", "b"), ("C", "d")),
        out="a.txt",
        input={"Name": "x", "note": "two\nlines"},
    )
    assert second == Target(2, parse_url("http://h/b"), input={"Name": "y", "note": ""})
    assert wanted(third).input == {"Name": "z"}


def test_a_tsv_file_is_read(folder: Folder) -> None:
    entry = folder.one("url\tout\nhttp://h/a,b\tc\n")
    assert entry == Target(1, parse_url("http://h/a,b"), out="c")


def test_a_table_without_other_columns_has_no_input(folder: Folder) -> None:
    assert wanted(folder.one("url,out\nhttp://h/a,b\n")).input is None


@cases(
    ("row", "reason"),
    [
        (b"http://h/x,a,b,c", "4 fields where there are 2 columns"),
        (b"http://h/x,\xff", "not UTF-8"),
        (b'http://h/x,"a"b', "no row"),
        (b",a", "no URL"),
        (b'"' + b"x" * 140_000 + b'",a', "no row: field larger"),
        (b"http://h/x,/a", "out must be"),
        (b"x" * (MIB + 1), "longer than"),
    ],
)
def test_a_bad_row_costs_nothing_else(folder: Folder, row: bytes, reason: str) -> None:
    content = b"url,out\nhttp://h/a,\n" + row + b"\nhttp://h/b,\n"
    first, bad, last = folder.read(content)
    assert urls([first, last]) == ["http://h/a", "http://h/b"]
    refused(bad, f"line 3: {reason}")


@pytest.mark.slow
def test_a_quote_that_is_never_closed_costs_one_row(folder: Folder) -> None:
    rows = "".join(f"http://h/{number},\n" for number in range(10_000))
    bad, *rest = folder.read(f'url,out\nhttp://h/x,"a\n{rows}')
    refused(bad, "line 2: no row")
    assert urls(rest) == [f"http://h/{number}" for number in range(10_000)]


@pytest.mark.slow
def test_quotes_that_are_never_closed_take_no_more_than_linear_time(folder: Folder) -> None:
    entries = folder.read("url,out\n" + 'x,"\n' * 10_000)
    assert len(entries) >= 5_000


@cases("header", ["a,b,c", '"url', "http://h/a"])
def test_a_table_without_a_url_column_is_a_usage_error(folder: Folder, header: str) -> None:
    sources = folder.sources(header + "\nhttp://h/a,b,c\n", input_format=InputFormat.CSV)
    with pytest.raises(UsageError, match=r"cannot use .*list"):
        list(sources)


def test_the_columns_that_were_found_are_named(folder: Folder) -> None:
    with pytest.raises(
        UsageError, match=r"it has no column 'url', but only: a, b \(name .* --url-column NAME\)$"
    ):
        folder.read("a,b\nc,d\n", "links.csv")


def test_a_column_may_not_be_doubled(folder: Folder) -> None:
    with pytest.raises(UsageError, match="two of its columns"):
        folder.read("url,out,OUT\n")


# JSON Lines


def test_json_lines_are_read(folder: Folder) -> None:
    said = {
        "url": ["http://h/a", "http://i/a"],
        "mirrors": "http://j/a",
        "urls": ["http://k/a"],
        "out": "a",
        "dir": "d",
        "checksum": f"sha-256={SHA256}",
        "md5": MD5,
        "headers": {"A": "b"},
        "header": ["C: d"],
        "referer": "http://r/",
        "size": 7,
        "note": {"x": [1, None]},
    }
    entry = wanted(folder.one(json.dumps(said) + "\n\n"))
    assert [url.text for url in entry.mirrors] == ["http://i/a", "http://j/a", "http://k/a"]
    assert (entry.out, entry.size) == ("d/a", 7)
    assert entry.checksum == Checksum("sha256", SHA256)
    assert sorted(entry.headers) == [("A", "b"), ("C", "d"), ("Referer", "http://r/")]
    assert entry.input == {"note": {"x": [1, None]}}


def test_a_json_string_is_a_url(folder: Folder) -> None:
    assert folder.one('"http://h/a"\n') == Target(1, parse_url("http://h/a"))


def test_a_result_of_pyfetch_can_be_read_again(folder: Folder) -> None:
    line = '{"index":1,"url":"http://h/a","status":404,"size":null,"path":null,"sha256":null}'
    entry = wanted(folder.one(line))
    assert (entry.checksum, entry.size) == (None, None)
    assert entry.input == {"index": 1, "status": 404, "path": None}


@cases(
    "line",
    [
        "[]", "7", "null", "{", "{}", '{"url":7}', '{"url":null}', '{"url":[]}', '{"url":[7]}',
        '{"url":"http://h/a","out":7}', '{"url":"http://h/a","size":-1}', '{"url":""}',
        '{"url":"http://h/a","size":true}', '{"url":"http://h/a","size":1.5}',
        '{"url":"http://h/a","size":' + "9" * 4000 + "}", "[" * 100_000, "9" * 5000,
        '{"url":"http://h/a","headers":7}', '{"url":"http://h/a","headers":{"A:B":"c"}}',
        '{"url":"http://h/a","headers":{"A":1}}', '{"url":"http://h/a","header":"A: b\\nC: d"}',
        '{"url":"http://h/a","x":' + "[" * 500 + "]" * 500 + "}", '{"url":"http://\\ud800/"}',
        '{"url":"http://h/a","sha256":["x"]}', '"' + "x" * (MIB + 1) + '"', "http://h/a",
    ],
)  # fmt: skip
def test_json_that_is_no_record_is_refused(folder: Folder, line: str) -> None:
    bad, good = folder.read(f'{line}\n{{"url":"http://h/b"}}\n', input_format=InputFormat.JSONL)
    assert str(refused(bad).detail).startswith("line 1: ")
    assert urls([good]) == ["http://h/b"]


def test_a_failed_record_keeps_what_the_list_says_of_it(folder: Folder) -> None:
    first, second = folder.read('{"url":"ftp://h/a","id":1}\n{"url":"http://h/","out":"","id":2}')
    assert (refused(first).input, refused(second).input) == ({"id": 1}, {"id": 2})


def test_items_may_be_mappings() -> None:
    entries = list(entries_from_items([{"url": "http://h/a", "out": "b"}, {"id": 1}, "http://h/c"]))
    assert entries[0] == Target(1, parse_url("http://h/a"), out="b")
    assert refused(entries[1], "item 2: no URL").input == {"id": 1}
    assert entries[2] == Target(3, parse_url("http://h/c"))


def test_a_text_item_is_a_url_and_no_line() -> None:
    (entry,) = entries_from_items(["http://h/a out=b"])
    refused(entry, "item 1: no URL: ' '")


def test_a_size_of_any_number_is_no_exception() -> None:
    (entry,) = entries_from_items([{"url": "http://h/a", "size": 10**5000}])
    refused(entry, "size")


# Sitemaps and metalinks

SITEMAP = """<?xml version="1.0" encoding="UTF-8"?>
<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:i="http://i/">
  <url>
    <loc> http://h/a?b=1&amp;c=2 </loc><lastmod>2024-01-01</lastmod>
    <i:image><i:loc>http://h/no</i:loc></i:image>
  </url>
  <url><loc><![CDATA[http://h/b]]></loc></url>
</urlset>
"""


def test_a_sitemap_is_read(folder: Folder) -> None:
    assert folder.read(SITEMAP) == [
        Target(1, parse_url("http://h/a?b=1&c=2"), input={"lastmod": "2024-01-01"}),
        Target(2, parse_url("http://h/b")),
    ]


def test_a_sitemap_index_is_read(folder: Folder) -> None:
    content = "<sitemapindex><sitemap><loc>http://h/a.xml.gz</loc></sitemap></sitemapindex>"
    assert urls(folder.read(content)) == ["http://h/a.xml.gz"]


def test_an_entry_with_two_locs_is_refused(folder: Folder) -> None:
    url = "<loc>http://h/</loc>"
    refused(folder.one(f"<urlset><url>{url}{url}</url></urlset>"), "more than one loc")


def test_an_entry_without_loc_is_refused_and_the_rest_goes_on(folder: Folder) -> None:
    first, second, third = folder.read(
        "<urlset>\n<url/>\n<url><loc>bad</loc></url><url><loc>http://h/</loc></url></urlset>"
    )
    refused(first, "line 2: no URL")
    refused(second, "line 3: no URL")
    assert urls([third]) == ["http://h/"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        ("<url><loc>http://h/b</url>", "no well-formed XML (mismatched tag)"),
        ("", "no well-formed XML"),
        ("<url>&secret;</url>", "no well-formed XML (undefined entity)"),
        ("<url>" + "x" * (2 * MIB), "one record is longer than"),
        ("<url>" + "<a>" * (MIB // 2), "one record is longer than"),
        ("<!--" + "x" * (2 * MIB), "one record is longer than"),
        ("".join(f"<x{number}/>" for number in range(2000)), "more than 1000 different names"),
        ("<url>" + "<a/>" * 20_000, "more than 10000 elements in one"),
    ],
    ids=lambda value: value[:20],
)
def test_where_xml_is_broken_one_failure_says_so(folder: Folder, tail: str, reason: str) -> None:
    first, last = folder.read(f"<urlset><url><loc>http://h/a</loc></url>\n{tail}")
    assert urls([first]) == ["http://h/a"]
    failed = refused(last, f"line 2: the rest of it cannot be read: {reason}")
    assert "secret" not in str(failed)


@cases(
    "declaration",
    [
        '<!DOCTYPE urlset [<!ENTITY a "aaaa">]>',
        '<!DOCTYPE urlset SYSTEM "file:///etc/passwd">',
        '<!DOCTYPE urlset [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
    ],
)
def test_a_document_type_is_refused(folder: Folder, declaration: str) -> None:
    entry = folder.one(f"{declaration}<urlset><url><loc>http://h/&a;</loc></url></urlset>")
    refused(entry, "it has a document type")


def test_another_root_is_refused(folder: Folder) -> None:
    refused(folder.one("<rss><a/></rss>"), "its root element is not <sitemapindex> or <urlset>")


@cases(
    "page",
    ["<!doctype html>\n<title>x", "<html><body/></html>", "\n<!-- a --><HTML lang=en>\n<br>"],
)
def test_a_page_in_place_of_a_list_is_called_one(folder: Folder, page: str) -> None:
    """Such as one to log in, which a script has saved as its list."""
    with pytest.raises(UsageError, match="a page of HTML, not a list of URLs"):
        folder.read(page)


def test_an_unknown_encoding_is_refused(folder: Folder) -> None:
    refused(folder.one('<?xml version="1.0" encoding="x-y"?><urlset/>'), "cannot be read")


METALINK = f"""<?xml version="1.0"?>
<metalink xmlns="urn:ietf:params:xml:ns:metalink">
  <file name="d/a.iso">
    <size>14</size>
    <hash type="md5">{MD5}</hash><hash type="sha-256">{SHA256}</hash><hash type="x">1</hash>
    <pieces length="1" type="sha-512"><hash>{SHA512}</hash></pieces>
    <metaurl mediatype="torrent">http://h/a.torrent</metaurl>
    <url>http://last/</url><url priority="7">http://b/</url><url priority="1">http://a/</url>
    <url priority="7">http://c/</url><url priority="1">ftp://a/</url>
  </file>
  <file name="b"><hash type="sha-1">0</hash></file>
  <file name="../c"><url>http://h/c</url></file>
</metalink>
"""


def test_a_metalink_is_read(folder: Folder) -> None:
    first, second, third = folder.read(METALINK)
    assert first == Target(
        1,
        parse_url("http://a/"),
        checksum=Checksum("sha256", SHA256),
        size=14,
        mirrors=(parse_url("http://b/"), parse_url("http://c/"), parse_url("http://last/")),
        out="d/a.iso",
    )
    refused(second, "line 11: ")
    refused(third, "line 12: out leads out")


def test_a_metalink_file_without_url_is_refused(folder: Folder) -> None:
    refused(folder.one('<metalink><file name="a"/></metalink>'), "no URL")


def test_an_older_metalink_is_refused(folder: Folder) -> None:
    refused(folder.one("<metalink><files><file/></files></metalink>"), "Metalink 3")


# Detection


@cases(
    ("beginning", "name", "found"),
    [
        (b"", "list", "lines"),
        (b"", "a.csv", "csv"),
        (b"", "a.tsv", "tsv"),
        (b"", "a.jsonl", "jsonl"),
        (b"", "a.NDJSON.gz", "jsonl"),
        (b"", "a.aria2", "aria2"),
        (b"", "a.meta4", "metalink"),
        (b"", "a.metalink", "metalink"),
        (b"", "a.xml.gz", "sitemap"),
        (b"", "csv", "lines"),
        (b"http://h/a,b\n", "a.csv", "lines"),
        (b"# url,out\n", "a.csv", "lines"),
        (b"http://h/url\turl\n", "-", "lines"),
        (b"example.com/x\n", "-", "lines"),
        (b"http://h/a\n", "a.aria2", "aria2"),
        (b"http://h/a\n  out=b\n", "-", "aria2"),
        (b"# x\n\nhttp://h/a\n\tout=b\n", "-", "aria2"),
        (b"http://h/a\n", "-", "lines"),
        (b"http://h/a\n  http://h/b?c=d\n", "-", "lines"),
        (b"http://h/a\nhttp://h/b\n out=c\n", "-", "lines"),
        (b"url,out\n", "-", "csv"),
        (b"\xef\xbb\xbfURL,out\r\n", "-", "csv"),
        (b'"out","url"\n', "-", "csv"),
        (b"out\tUrl\n", "a.csv", "tsv"),
        (b"url\n", "-", "tsv"),
        (b"url\n", "a.csv", "csv"),
        (b"uri,out\n", "-", "lines"),
        (b'{"url":"http://h"}\n', "-", "jsonl"),
        (b'  {"url"', "a.txt", "jsonl"),
        (b'"http://h/a"\n', "-", "jsonl"),
        (b"<urlset>", "-", "sitemap"),
        (b"\xef\xbb\xbf \n<?xml version='1.0'?><!-- <metalink> --><s:urlset>", "-", "sitemap"),
        (b"<?xml version='1.0'?>\n<m:metalink xmlns:m='x'>", "-", "metalink"),
        (b"<metalink/>", "a.xml", "metalink"),
        (b"<html>", "-", "sitemap"),
    ],
)
def test_the_format_is_found(beginning: bytes, name: str, found: str) -> None:
    assert detect(beginning, name) == found


@cases(
    ("beginning", "name", "column", "found"),
    [
        (b"id,link\n", "-", "link", "csv"),
        (b"id;link\n", "-", "link", "csv"),
        (b"id\tlink\n", "-", "link", "tsv"),
        (b"link\n", "a.csv", "link", "csv"),
        (b"link\n", "-", "link", "tsv"),
        (b'"id","link"\n', "-", "link", "csv"),
        (b'"id","other"\n', "a.csv", "link", "csv"),
        (b"id,url\n", "-", "link", "csv"),
        (b"id\turl\n", "-", "link", "tsv"),
        (b"a,http://h/a\n", "-", "2", "csv"),
        (b"http://h/a\tx\n", "-", "1", "tsv"),
        (b"http://h/a,x\n", "-", "1", "csv"),
        (b"http://h/a\n", "-", "1", "tsv"),
        (b"http://h/a\n", "-", "link", "csv"),
        (b'{"link":', "-", "link", "jsonl"),
        (b'[{"link":', "-", "link", "json"),
        (b"<urlset>", "-", "link", "sitemap"),
    ],
)
def test_the_format_is_found_by_the_column_of_the_urls(
    beginning: bytes, name: str, column: str, found: str
) -> None:
    assert detect(beginning, name, Columns(column)) == found


def test_a_chosen_format_is_not_asked_about(folder: Folder) -> None:
    bad, good = folder.read("{}\nhttp://h/a", "a.csv", input_format=InputFormat.LINES)
    refused(bad)
    assert urls([good]) == ["http://h/a"]


def test_the_root_may_come_in_a_later_block(folder: Folder) -> None:
    content = f"<?xml version='1.0'?><!--{'x' * 200_000}-->" + METALINK.partition("?>")[2]
    assert wanted(folder.read(content)[0]).url.text == "http://a/"


def test_a_hostile_beginning_is_scanned_in_linear_time() -> None:
    assert detect(b"<!--x-->" * 8000 + b"<!--", "-") == "sitemap"


# Compression


@cases("chosen", FORMATS)
@cases("compress", [bytes, gzip.compress])
def test_each_format_is_found_and_read_compressed_or_not(
    folder: Folder, chosen: InputFormat, compress: Any
) -> None:
    content = compress(EACH[chosen].encode())
    assert urls(folder.read(content)) == ["http://h/a", "http://h/b"]
    assert urls(folder.read(content, input_format=chosen)) == ["http://h/a", "http://h/b"]


def test_gzip_may_have_several_members_and_zeros_at_its_end(folder: Folder) -> None:
    members = [
        gzip.compress(b"http://h/a\nhttp://", mtime=0),
        gzip.compress(b""),
        gzip.compress(b"h/b\n"),
    ]
    assert urls(folder.read(b"".join(members) + b"\0" * 512)) == ["http://h/a", "http://h/b"]


@cases("chosen", FORMATS)
def test_gzip_that_is_cut_off_is_one_failure_after_what_came(
    folder: Folder, chosen: InputFormat
) -> None:
    content = gzip.compress(EACH[chosen].encode())
    entries = folder.read(content[:-9], input_format=chosen)
    refused(entries[-1], "the rest of it cannot be read: its gzip data are cut off")
    assert len(urls(entries[:-1])) in (0, 1, 2)


def test_a_line_that_gzip_cuts_is_not_taken_for_whole(folder: Folder) -> None:
    packer = zlib.compressobj(1, wbits=31)
    content = packer.compress(b"http://h/a\nhttp://h/b") + packer.flush(zlib.Z_SYNC_FLUSH)
    first, last = folder.read(content)
    assert urls([first]) == ["http://h/a"]
    refused(last, "line 2: the rest of it cannot be read")


@cases("content", [b"\x1f\x8bxxxxxxxxxx", gzip.compress(b"http://h/\n", mtime=0) + b"xx"])
def test_damaged_gzip_is_one_failure(folder: Folder, content: bytes) -> None:
    refused(folder.read(content)[-1], "its gzip data are damaged")


def test_gzip_that_is_damaged_in_the_middle_is_one_failure(folder: Folder) -> None:
    # What damaged data turn into is a matter of chance, and may be a thousand times as long.
    noise = random.Random(1).randbytes(100_000)
    content = bytearray(gzip.compress(noise.hex("\n", 32).encode(), mtime=0))
    content[len(content) // 2 :] = b"\xff" * (len(content) // 2)
    refused(folder.read(bytes(content))[-1], "the rest of it cannot be read: its gzip data are")


# Blocks


class Dripping(io.RawIOBase):
    """A stream that gives one byte at a time."""

    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def read(self, size: int = -1) -> bytes:
        return self._content.read(min(size, 1))


READERS = {
    InputFormat.LINES: read_plain,
    InputFormat.ARIA2: read_aria2,
    InputFormat.CSV: read_csv,
    InputFormat.TSV: read_tsv,
    InputFormat.JSONL: read_json_lines,
    InputFormat.JSON: read_json_array,
    InputFormat.CHECKSUMS: read_checksums,
    InputFormat.SITEMAP: read_sitemap,
    InputFormat.METALINK: read_metalink,
}


@cases("chosen", FORMATS)
@cases("compress", [bytes, gzip.compress])
def test_blocks_may_end_anywhere(chosen: InputFormat, compress: Any) -> None:
    counts: list[int] = []
    content = compress(EACH[chosen].encode())
    dripping = Content(Dripping(content), "list", counts.append)
    found = [found.record for found in READERS[chosen](dripping)]
    assert [record.urls for record in found if isinstance(record, Record)] == [
        ("a",) if chosen is InputFormat.CHECKSUMS else ("http://h/a",),
        ("b",) if chosen is InputFormat.CHECKSUMS else ("http://h/b",),
    ]
    assert sum(counts) == len(content)


def test_what_stands_where_is_said_for_each_format(folder: Folder) -> None:
    content = 'url,n\n\nhttp://h/a,"\n\n"\nbad,\n'
    _, bad = folder.read(content)
    refused(bad, "line 6: no URL")
    _, bad = folder.read('\n{"url":"http://h/"}\n\n"bad"\n')
    refused(bad, "line 4: no URL")
    _, bad = folder.read("http://h/a\n out=b\n\nbad\n")
    refused(bad, "line 4: no URL")


# Memory


@pytest.mark.slow
@pytest.mark.parametrize("chosen", [InputFormat.LINES, InputFormat.SITEMAP])
def test_entries_that_were_taken_are_not_kept(folder: Folder, chosen: InputFormat) -> None:
    """Nor anything else of their records, which would take a block of memory each, or more.

    With the tests of stress are all formats.
    """
    assert kept_blocks(folder.sources(long_list(chosen, 15_000))) < 2_000


@pytest.mark.slow
@pytest.mark.parametrize("chosen", FORMATS)
def test_a_gzip_bomb_stays_small(folder: Folder, chosen: InputFormat) -> None:
    packer = zlib.compressobj(1, wbits=31)
    block = b"x" * MIB
    start = EACH[chosen].encode()[:30]
    parts = [packer.compress(start), *(packer.compress(block) for _ in range(14)), packer.flush()]
    number, peak = peak_of(folder.sources(b"".join(parts), input_format=chosen))
    assert 1 <= number <= 3
    assert peak < 12 * MIB


# Laziness


@cases("chosen", [InputFormat.LINES, InputFormat.JSONL, InputFormat.CSV])
@cases("forced", [True, False])
def test_a_record_of_an_open_pipe_comes_at_once(chosen: InputFormat, forced: bool) -> None:
    readable, writable = os.pipe()
    try:
        entries = iter(
            Sources(["-"], readable, input_format=chosen if forced else InputFormat.AUTO)
        )
        os.write(writable, EACH[chosen].encode())
        got: list[str] = []
        reader = threading.Thread(target=lambda: got.extend(str(next(entries).url) for _ in "ab"))
        reader.start()
        reader.join(LONGEST)
        assert got == ["http://h/a", "http://h/b"]
    finally:
        os.close(writable)
        reader.join()
        os.close(readable)


# Duplicates


def test_duplicates_are_dropped_before_they_are_counted(folder: Folder) -> None:
    content = (
        "http://h/a\nhttp://u:p@h/a#x\nhttp://h/a out=b\nhttp://h/b\nhttp://h/a out=b\nbad\nbad x"
    )
    sources = folder.sources(content, skip_duplicates=True)
    entries = list(sources)
    assert [(entry.index, str(entry.url)) for entry in entries] == [
        (1, "http://h/a"), (2, "http://h/a"), (3, "http://h/b"), (4, "bad"), (5, "bad"),
    ]  # fmt: skip
    assert sources.duplicates == 2


def test_duplicates_stay_unless_they_are_to_be_dropped(folder: Folder) -> None:
    sources = folder.sources("http://h/a\nhttp://h/a\n")
    assert (len(list(sources)), sources.duplicates) == (2, 0)


def test_what_is_no_url_is_no_duplicate(folder: Folder) -> None:
    assert len(folder.read("http://[\nhttp://[\n", skip_duplicates=True)) == 2


def test_duplicates_are_found_across_sources(folder: Folder) -> None:
    (folder.path / "a").write_text("http://h/a\n")
    sources = Sources([str(folder.path / "a"), "http://h/a"], skip_duplicates=True)
    assert (len(list(sources)), sources.duplicates) == (1, 1)


def test_a_list_with_duplicates_may_be_left_early(folder: Folder) -> None:
    entries = folder.sources("http://h/a\nhttp://h/b\n", skip_duplicates=True).__iter__()
    assert next(entries).index == 1
    entries.close()  # type: ignore[attr-defined]


# Lines to try again


def same(entries: list[Entry]) -> list[object]:
    """What does not say where the entries stand."""
    return [
        entry._replace(detail=str(entry.detail).rpartition(": ")[2])
        if isinstance(entry, Result)
        else entry
        for entry in entries
    ]


AGAIN = {
    "a bad first line": b"{oops\nhttp://h/a\n",
    "XML as a first line": b"<rss>\nhttp://h/a out=b\n",
    "a first line like a mark of UTF-16": b"http://h/ \xff\n\xff\xfe\nhttp://h/a\n",
    "lines with blanks before them": b"http://h/a\n  x=1\n out=b\n",
    "a table": b'url,out,note\nhttp://h/a,b,"x\ny"\nhttp://h/c,/bad,z\nhttp://h/d\n',
    "a table with semicolons": b"\n url;out\r\nhttp://h/a,1;b\r\n",
    "a table of one column": b'url\n"http://h/a,b"\nhttp://h/c d\n',
    "JSON Lines": b'{"url":"http://h/a","x":{"y":[1]}}\n{"url":7}\nno\n"http://h/b"\n',
    "a JSON array": b'[{"url":"http://h/a","header":"A: b"},7,{"url":"h","n":1},\n"http://h/b"]',
    "checksums": f"{SHA256}  a b#c\n{MD5} */abs\nno\n".encode(),
    "aria2": b"http://h/a\thttp://i/a\n  out=x y\nhttp://h/b\n nonsense\n",
    "a sitemap that names options": b"<urlset><url><loc>http://h/a</loc><out>../x</out><url>u</url>"
    b"<invalid-record>z</invalid-record></url></urlset>",
    "UTF-16": "http://h/ü out=ö\r\nno url\r\n".encode("utf-16"),
}


@cases("content", AGAIN.values())
def test_what_is_written_back_is_read_as_the_same(folder: Folder, content: bytes) -> None:
    """Whatever the list's first line, encoding or format is, and twice over."""
    entries = folder.read(content)
    assert same(folder.again(content)) == same(entries)
    assert len(entries) > 0


def test_a_quote_left_open_joins_no_rows_that_are_written_back(folder: Folder) -> None:
    """The row with the quote stays one bad record, and those after it stay what they were."""
    content = b'url,out\nhttp://h/a,"x\nhttp://h/c,z"q\nhttp://h/b,y\n'
    entries, again = folder.read(content), folder.again(content)
    assert [type(entry) for entry in again] == [Result, Target, Target]
    assert again[1:] == entries[1:]


def test_a_format_that_was_chosen_is_declared_where_it_would_not_be_found(folder: Folder) -> None:
    """What is read as plain lines only because the user said so is so read again."""
    content, options = "url,out\nhttp://h/a\n", {"input_format": InputFormat.LINES}
    entries = same(folder.read(content, **options))
    sources = folder.sources(content, keep_lines=True, **options)
    lines = [sources.line_of(entry.index) for entry in sources]
    before = sources.before_lines(lines[0], "failed.csv")
    assert before == b"# pyfetch: lines\n"
    again = before + b"\n".join(lines)
    assert same(folder.read(again, "failed.csv")) == entries
    assert same(folder.read(again, input_format=InputFormat.ARIA2)) == entries


def test_records_of_several_lists_become_json(folder: Folder) -> None:
    """No line of one list becomes an option of another's URL."""
    (folder.path / "a").write_text("http://h/a\n")
    (folder.path / "b").write_text("http://h/b\n out=chosen\n")
    sources = Sources([str(folder.path / name) for name in "ab"], keep_lines=True)
    lines = [sources.line_of(entry.index) for entry in sources]
    again = folder.read(sources.before_lines(lines[0], "f") + b"\n".join(lines))
    assert [getattr(entry, "out", "bad") for entry in again] == [None, "chosen"]
    assert [json.loads(line)["url"] for line in lines] == ["http://h/a", "http://h/b"]


@cases("argument", ["http://h/a\nhttp://h/b", "http://h/a out=b", "http://h/a b"])
def test_an_argument_that_is_no_line_stays_one_record(folder: Folder, argument: str) -> None:
    sources = Sources(["http://h/x", argument], keep_lines=True)
    entries = list(sources)
    lines = [sources.line_of(entry.index) for entry in entries]
    again = folder.read(sources.before_lines(lines[0], "f") + b"\n".join(lines))
    assert [str(entry.url) for entry in again] == ["http://h/x", argument]
    assert [type(entry) for entry in again] == [Target, Result]


names = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\n"), min_size=1)
records = st.builds(
    Record,
    st.lists(st.from_regex(r"http://h/[a-z'\"=$;]{0,9}", fullmatch=True), min_size=1).map(tuple),
    out=st.none() | names.filter(lambda n: n.strip() != "" and n[0] not in "/\\" and ".." not in n),
    checksum=st.none() | st.sampled_from([Checksum("sha256", SHA256), Checksum("md5", MD5)]),
    headers=st.lists(
        st.tuples(
            st.sampled_from(["X-A", "Cookie", "Referer"]),
            st.text(st.characters(min_codepoint=32, max_codepoint=126)).map(str.strip),
        )
    ).map(tuple),
    size=st.none() | st.integers(0, 10**17),
    input=st.none()
    | st.dictionaries(
        st.sampled_from(["note", "out", "url", "headers", "invalid-record", "passed-through"]),
        st.text(max_size=3) | st.none() | st.lists(st.integers(), max_size=2),
        min_size=1,
    ),
)


@given(records)
def test_any_record_as_a_line_of_json_is_read_as_the_same(record: Record) -> None:
    assert record_from_json(json_line(record)) == record


@given(records, st.sampled_from(["image_url", "a.b", "note", "url", "urls", "2"]))
def test_it_is_read_as_the_same_with_the_url_under_another_key(record: Record, name: str) -> None:
    """So the command that was given the list can be given what failed of it."""
    columns = Columns(name)
    assert record_from_json(json_line(record, columns=columns), columns) == record


# Encodings, arrays, checksums, other separators


@cases("chosen", [form for form in FORMATS if form is not InputFormat.CHECKSUMS])
def test_a_list_may_be_utf_16(folder: Folder, chosen: InputFormat) -> None:
    """As Windows writes it: a byte order mark says so, whatever the format is."""
    for encoding in ("utf-8-sig", "utf-16", "utf-16-be", "utf-16-le"):
        mark = "\ufeff" if encoding.endswith("e") else ""
        content = (mark + EACH[chosen].replace("/b", "/ü")).encode(encoding)
        assert urls(folder.read(content)) == ["http://h/a", "http://h/ü"], encoding


def test_xml_in_utf_16_may_say_so(folder: Folder) -> None:
    content = "<?xml version='1.0' encoding='UTF-16'?>" + EACH[InputFormat.SITEMAP]
    assert urls(folder.read(content.encode("utf-16"))) == ["http://h/a", "http://h/b"]


def test_utf_16_costs_the_lines_that_it_damages_only(folder: Folder) -> None:
    content = "\ufeffhttp://h/\ud800\nhttp://h/b\n".encode("utf-16-le", "surrogatepass") + b"x"
    half, good, cut = folder.read(content)
    refused(half, "not UTF-8")
    assert urls([good]) == ["http://h/b"]
    refused(cut, "cut off within a character")


@cases(
    "content",
    [
        '["http://h/a", "http://h/b"]',
        '\n [{"url": "http://h/a", "x": ["]", {"y": "\\"]"}]},\n {"url": "http://h/b"}\n]\n',
        '["http://h/a",]\n["http://h/b"]',
        '\ufeff[ ]["http://h/a"] [{"urls":["http://h/b"]}]',
    ],
)
def test_a_json_array_is_read_element_by_element(folder: Folder, content: str) -> None:
    assert urls(folder.read(content)) == ["http://h/a", "http://h/b"]


def test_what_is_wrong_in_a_json_array_costs_its_element(folder: Folder) -> None:
    content = '["http://h/a",\n7, nothing,,\n"' + "x" * (MIB + 9) + '",\n"http://h/b", {"url":'
    entries = folder.read(content)
    assert urls([entries[0], entries[5]]) == ["http://h/a", "http://h/b"]
    said = ["line 2: neither", "line 2: no JSON", "line 2: nothing stands", "line 3: longer"]
    for entry, text in zip(entries[1:5], said, strict=True):
        refused(entry, text)
    refused(entries[6], "the JSON array has no end")


@cases("content", ['["http://h/a"] x', "{}"])
def test_what_is_no_json_array_is_said_where_it_begins(folder: Folder, content: str) -> None:
    *_, last = folder.read(content, input_format=InputFormat.JSON)
    refused(last, "it is no JSON array")


def test_checksums_and_names_are_a_list_with_a_base(folder: Folder) -> None:
    content = (
        f"{SHA256}  a b.iso\n{MD5} *./d/c#?.bin\n# comment\n\nSHA512 (e:f) = {SHA512}\n"
        f"\\{SHA256}  new\\nline\n{SHA256}  ../up\n{SHA256}  \xfc\nno\n"
    )
    entries = folder.read(content.encode("latin-1"), base="https://h/pub/SHA256SUMS")
    assert urls(entries[:4]) == [
        "https://h/pub/a%20b.iso", "https://h/pub/d/c%23%3F.bin", "https://h/pub/e%3Af",
        "https://h/pub/new%0Aline",
    ]  # fmt: skip
    assert [wanted(entry).out for entry in entries[:4]] == [
        "a b.iso",
        "d/c#?.bin",
        "e:f",
        "new\nline",
    ]
    assert wanted(entries[1]).checksum == Checksum("md5", MD5)
    assert wanted(entries[2]).checksum == Checksum("sha512", SHA512)
    for entry, text in zip(entries[4:], ["leads out", "not UTF-8", "no checksum"], strict=True):
        refused(entry, text)


def test_checksums_without_a_base_are_a_usage_error(folder: Folder) -> None:
    path = folder.path / "SHA256SUMS"
    path.write_text(f"{SHA256}  a\n")
    with pytest.raises(UsageError, match="--base URL"):
        list(Sources([str(path)]))


@cases("base", ["https://h/d/", "https://h/d/list.html", "https://h/d/?x"])
def test_relative_urls_of_any_list_are_resolved_with_the_base(folder: Folder, base: str) -> None:
    for content in ("a/b.zip\n", "url,out\na/b.zip,\n", '{"url":"a/b.zip"}\n'):
        assert urls(folder.read(content, base=base)) == ["https://h/d/a/b.zip"]
    assert urls(folder.read("http://other/x\n", base=base)) == ["http://other/x"]


@cases("base", ["h", "ftp://h/", "http://u:s3cret@h:x/"])
def test_a_base_that_is_no_url_is_a_usage_error(base: str) -> None:
    with pytest.raises(UsageError, match="the base") as caught:
        Sources([], base=base)
    assert "s3cret" not in str(caught.value)


@cases("options", [{}, {"input_format": InputFormat.CSV}])
def test_a_csv_file_may_have_semicolons(folder: Folder, options: dict[str, Any]) -> None:
    """As spreadsheets write it where the comma is the decimal point."""
    content = '\ufeffName;URL;out\r\n"a;b";http://h/a,b;"c;d"\r\n'
    entry = wanted(folder.one(content, **options))
    assert (entry.url.text, entry.out, entry.input) == ("http://h/a,b", "c;d", {"Name": "a;b"})


def test_a_name_after_a_tab_is_answered_by_how_to_write_it(folder: Folder) -> None:
    failed = refused(folder.one("http://h/a\tb c.zip"), "out=NAME")
    assert str(failed.detail).count(". ") == 0
    assert len(str(failed.detail)) < 100


@cases("line", ["example.org/a.zip", "www.example.org", "localhost/x", "127.0.0.1:80/x"])
def test_a_url_without_a_scheme_is_answered_by_one_with_it(folder: Folder, line: str) -> None:
    refused(folder.one(line), f"https://{line}")
    with pytest.raises(UsageError, match=f"https://{line}"):
        Sources([line])


def test_a_user_and_password_that_pass_for_a_host_are_refused(folder: Folder) -> None:
    """The first half of the password would be looked up, and the rest kept as a path."""
    for url in ("http://me:1/s3cret@host/", "http://me:?s3cret@h.org/", "http://me:1#s3cret@h/"):
        failed = refused(folder.one(url), "%2F")
        assert "s3cret" not in f"{failed.url} {failed.detail}"
    for url in (
        "http://localhost:4873/@types/node",
        "http://cdn:80/vue@3.1/x",
        "http://h.org:1/a@b",
    ):
        assert urls([folder.one(url)]) == [url]


# Time


@pytest.mark.slow
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_content_takes_more_than_linear_time(folder: Folder, content: Hostile) -> None:
    """8 KiB of anything; 64 KiB, which is what a line may have, are with the tests of stress."""
    for chosen in InputFormat:
        assert takes_linear_time(reading(folder, content, chosen), 8 * 1024), chosen


# Anything

pieces = st.one_of(
    st.binary(max_size=20),
    st.text(max_size=20).map(lambda text: text.encode(errors="surrogatepass")),
    st.sampled_from(
        [
            b"\n", b"\r\n", b"\r", b"http://h/", b"\t", b" ", b" out=", b"'", b'"', b",", b"url",
            b"url,out\n", b"url\tout\n", b"{", b"}", b'{"url":', b'"http://h/"', b"[", b":",
            b"<", b">", b"/", b"<urlset>", b"<url>", b"<loc>", b"</loc>", b"</url>", b"</urlset>",
            b"<metalink>", b"<file name='a'>", b"<url priority='1'>", b"</file>", b"</metalink>",
            b"<!DOCTYPE a [", b"<!--", b"-->", b"&amp;", b"&a;", b"<![CDATA[", b"\x1f\x8b",
            gzip.compress(b"http://h/\n", mtime=0), b"\xef\xbb\xbf", b"\xff\xfe", b"\0",
            b"x" * 70_000,
            b"null", b"sha256=", b" header=A: b", b"1e999", b"NaN", b'"size":', b"-1", b"\n ",
        ]
    ),
)  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("chosen", list(InputFormat))
def test_any_bytes_are_entries_counted_from_1(chosen: InputFormat) -> None:
    @given(st.lists(pieces, max_size=30).map(b"".join), st.booleans())
    def read(content: bytes, compressed: bool) -> None:
        with tempfile.TemporaryFile() as stdin:
            stdin.write(gzip.compress(content, 1, mtime=0) if compressed else content)
            stdin.seek(0)
            sources = Sources(
                ["-"], stdin.fileno(), input_format=chosen, keep_lines=True, skip_duplicates=True
            )
            entries = list(or_usage_error(iter(sources)))
        assert [entry.index for entry in entries] == list(range(1, len(entries) + 1))
        for entry in entries:
            assert isinstance(entry, Target) or str(entry.detail).startswith("line ")
            assert b"\n" not in sources.line_of(entry.index)

    read()


def or_usage_error(entries: Iterator[Entry]) -> Iterator[Entry]:
    """Entries up to where a table turns out to have no column of URLs."""
    try:
        yield from entries
    except UsageError as error:
        assert "cannot use standard input" in str(error)  # noqa: PT017 (both are right)
