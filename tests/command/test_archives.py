"""`--pack warc`: web archives of what went over the connection, as other tools read them."""

from __future__ import annotations

import gzip
import json
import sys
from collections import Counter
from pathlib import Path

import pytest

from tests.support.archives import Record, archives, by_url, check, records, refers_to
from tests.support.cases import cases
from tests.support.certificates import server_with_tls
from tests.support.command import Command, Ended
from tests.support.proxies import HTTPProxy
from tests.support.server import Handler, LoopbackServer, Page, redirect

BODY = b"<html>hello</html>"


def crawl(pyfetch: Command, *arguments: str) -> Ended:
    return pyfetch("-o", "crawl", "--pack", "warc", "--format", "jsonl", *arguments)


def found(pyfetch: Command) -> list[Record]:
    """All records that are sealed."""
    return records(*archives(pyfetch.directory / "crawl"))


def test_each_exchange_is_two_records(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages = {"/a": Page(BODY), "/b": Page(b"other")}
    ended = crawl(pyfetch, f"{server.url}/a", f"{server.url}/b")
    assert ended.status == 0, ended.err
    (file,) = archives(pyfetch.directory / "crawl")
    assert file.name == "crawl-00000.warc.gz"
    check(file)
    info, *others = found(pyfetch)
    assert (info.kind, info.fields["WARC-Filename"]) == ("warcinfo", file.name)
    assert sorted(by_url(others, "response")) == [
        (f"{server.url}/a", "response", BODY), (f"{server.url}/b", "response", b"other"),
    ]  # fmt: skip
    asked = {one.path: one.headers for one in server.asked}
    for record in others:
        if record.kind == "request":
            path = record.url.removeprefix(server.url)
            first, *lines = record.head.splitlines()
            assert first == f"GET {path} HTTP/1.1"
            assert dict(line.split(": ", 1) for line in lines) == asked[path]
    assert [one["path"] for one in ended.results] == [
        f"crawl/{file.name}/a",
        f"crawl/{file.name}/b",
    ]


def test_redirects_and_errors_are_records_too(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages = {"/a": Page(BODY)}
    server.routes["/from"] = lambda handler: handler.answer(301, b"moved", Location="/a")
    server.routes["/broken"] = lambda handler: handler.answer(500, b"broken")
    urls = [f"{server.url}/{name}" for name in ("from", "broken", "missing")]
    assert crawl(pyfetch, *urls, "--retries", "1").status == 1
    responses = Counter(
        (record.url.removeprefix(server.url), record.head.split()[1], record.body)
        for record in found(pyfetch)
        if record.kind == "response"
    )
    assert responses == {
        ("/from", "301", b"moved"): 1,
        ("/a", "200", BODY): 1,
        ("/broken", "500", b"broken"): 2,
        ("/missing", "404", b"there is no such page\n"): 1,
    }


def test_a_redirect_to_another_host_is_kept(pyfetch: Command, server: LoopbackServer) -> None:
    """The scheduler decides when the other one is asked: between the two is another attempt."""
    server.pages = {"/a": Page(BODY)}
    other = f"http://localhost:{server.server_port}"
    server.routes["/from"] = lambda handler: redirect(handler, f"{server.url}/a")
    assert crawl(pyfetch, f"{other}/from").status == 0
    assert [record.url for record in found(pyfetch) if record.kind == "response"] == [
        f"{other}/from", f"{server.url}/a",
    ]  # fmt: skip


def test_a_run_of_failures_alone_leaves_an_archive(
    pyfetch: Command, server: LoopbackServer
) -> None:
    assert crawl(pyfetch, f"{server.url}/missing").status == 1
    assert [record.kind for record in found(pyfetch)] == ["warcinfo", "response", "request"]


def test_the_head_is_as_it_came_and_the_body_as_it_was_coded(
    pyfetch: Command, server: LoopbackServer
) -> None:
    coded = gzip.compress(BODY)

    def answer(handler: Handler) -> None:
        handler.wfile.write(
            b"HTTP/1.1 200 Fine\r\nX-oDD:   kept \r\nContent-Encoding: gzip\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        handler.wfile.write(b"%x\r\n%b\r\n0\r\nX-Trailer: 1\r\n\r\n" % (len(coded), coded))

    server.routes["/a"] = answer
    assert crawl(pyfetch, f"{server.url}/a", "-H", "Accept-Encoding: gzip").status == 0
    (response,) = [record for record in found(pyfetch) if record.kind == "response"]
    assert response.body == coded
    # As `warcio` writes what it has read: readers must not look for chunks.
    assert response.head.splitlines() == [
        "HTTP/1.1 200 Fine", "X-oDD: kept", "Content-Encoding: gzip",
        "X-Orig-Transfer-Encoding: chunked",
    ]  # fmt: skip


def test_a_body_that_is_coded_unasked_is_kept_so_and_nothing_is_advised(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """`--compressed`, which would decode it, is refused here."""
    coded = gzip.compress(BODY)
    server.routes["/a"] = lambda handler: handler.answer(200, coded, Content_Encoding="gzip")
    ended = crawl(pyfetch, f"{server.url}/a")
    assert ended.status == 0
    assert "--compressed" not in ended.err
    (response,) = [record for record in found(pyfetch) if record.kind == "response"]
    assert response.body == coded


def test_a_body_that_came_before_is_only_referred_to(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """In the same run, and in later ones: also if the earlier record is gone from the state."""
    server.pages = {"/a": Page(BODY), "/b": Page(BODY), "/empty": Page(b""), "/void": Page(b"")}
    urls = [f"{server.url}{path}" for path in server.pages]
    assert crawl(pyfetch, *urls, "-w", "1").status == 0
    first, again = (record for record in found(pyfetch) if record.url_path in ("/a", "/b"))
    assert (first.kind, first.body) == ("response", BODY)
    refers_to(again, first)
    for number in (1, 2):  # the second time, the state knows no record of `/a` with a body
        server.pages["/a"] = Page(BODY, etag=f'"{number}"')
        ended = crawl(pyfetch, f"{server.url}/a")
        assert [one["outcome"] for one in ended.results] == ["fetched"]
        assert [one["change"] for one in ended.results] == ["same"]
        _, later, _ = records(archives(pyfetch.directory / "crawl")[number])
        refers_to(later, first)


def test_what_was_removed_is_not_referred_to(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages = {"/a": Page(BODY), "/b": Page(BODY)}
    assert crawl(pyfetch, f"{server.url}/a").status == 0
    archives(pyfetch.directory / "crawl")[0].unlink()
    assert crawl(pyfetch, f"{server.url}/b").status == 0
    assert [record.kind for record in found(pyfetch)] == ["warcinfo", "response", "request"]


def test_what_refers_to_something_that_was_removed_is_fetched_again(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """It is there itself, but its body is not."""
    server.pages = {"/a": Page(BODY), "/b": Page(BODY)}
    urls = [f"{server.url}/a", f"{server.url}/b"]
    arguments = ("-w", "1", "--pack-count", "1", *urls)
    assert crawl(pyfetch, *arguments).status == 0
    (archives(pyfetch.directory / "crawl")[0]).unlink()
    verified = pyfetch("--verify", "-o", "crawl", "--pack", "warc")
    assert [row[0] for row in verified.rows] == ["missing", "missing"]
    again = crawl(pyfetch, *arguments)
    assert [result["outcome"] for result in again.results] == ["fetched", "fetched"]
    assert [record.body for record in found(pyfetch) if record.kind == "response"] == [BODY]
    ended = pyfetch("--verify", "-o", "crawl", "--pack", "warc")
    assert [row[0] for row in ended.rows] == ["ok", "ok"]


def test_a_rerun_adds_what_has_changed(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages = {"/a": Page(BODY), "/b": Page(b"one")}
    server.routes["/from"] = lambda handler: redirect(handler, "/a")
    urls = [f"{server.url}/{name}" for name in ("a", "b", "from")]
    assert crawl(pyfetch, *urls).status == 0
    (file,) = archives(pyfetch.directory / "crawl")
    before = file.read_bytes()
    ended = crawl(pyfetch, *urls)
    assert [one["outcome"] for one in ended.results] == ["unchanged"] * 3
    assert archives(pyfetch.directory / "crawl") == [file], "redirects alone are not worth one"
    server.pages["/b"] = Page(b"two")
    ended = crawl(pyfetch, *urls)
    assert [one["outcome"] for one in ended.results] == ["unchanged", "fetched", "unchanged"]
    kept, new = archives(pyfetch.directory / "crawl")
    assert kept.read_bytes() == before
    bodies = {one.url_path: one.body for one in records(new) if one.kind == "response"}
    assert bodies.pop("/from", b"") == b""  # it may have been asked for before
    assert bodies == {"/b": b"two"}


def test_nothing_that_was_cut_off_goes_on(pyfetch: Command, server: LoopbackServer) -> None:
    """The rest of a body would be no exchange."""
    body = b"b" * 3_000_000

    def cut(handler: Handler) -> None:
        handler.head(200, Content_Length=str(len(body)), ETag='"1"', Accept_Ranges="bytes")
        handler.send(body[:2_000_000])
        handler.cut()

    server.routes["/a"] = cut
    assert crawl(pyfetch, f"{server.url}/a", "--retries", "0").status == 1
    assert not list((pyfetch.directory / "crawl").rglob("*.part"))
    del server.routes["/a"]
    server.pages["/a"] = Page(body, etag='"1"')
    assert crawl(pyfetch, f"{server.url}/a").status == 0
    assert not [asked for asked in server.asked if "Range" in asked.headers]
    (response,) = [record for record in found(pyfetch) if record.kind == "response"]
    assert response.body == body


def test_secrets_are_not_archived(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages = {"/a": Page(BODY)}
    url = server.url.replace("://", "://me:hidden@")
    ended = crawl(pyfetch, f"{url}/a", "-H", "X-Key: hidden", "-H", "Cookie: c=hidden")
    assert ended.status == 0
    assert server.asked[0].headers["X-Key"] == "hidden"
    (file,) = archives(pyfetch.directory / "crawl")
    assert b"hidden" not in gzip.decompress(file.read_bytes())
    assert "X-Key: ***" in next(one.head for one in found(pyfetch) if one.kind == "request")


def test_urls_are_whole_so_that_a_replay_finds_them(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """A redirect may lead to a presigned link. All other output masks what signs that."""
    server.pages = {"/a": Page(BODY)}
    signed = "/a?X-Amz-Signature=0123&X-Amz-Expires=60"
    server.routes["/from"] = lambda handler: redirect(handler, signed)
    ended = crawl(pyfetch, f"{server.url}/from", "-vv")
    assert ended.status == 0
    assert f"{server.url}{signed}" in {record.url for record in found(pyfetch)}
    assert "0123" not in ended.out + ended.err


def test_behind_a_proxy_it_is_the_exchange_with_the_host(
    pyfetch: Command, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """Nothing is kept of the tunnel, and what the proxy has connected to is not known."""
    trust = tmp_path_factory.mktemp("trust")
    with server_with_tls(pyfetch, trust, "example.test") as server, HTTPProxy() as proxy:
        server.pages = {"/a": Page(BODY)}
        url = f"https://example.test:{server.server_port}"
        ended = crawl(pyfetch, f"{url}/a", f"{url}/missing", "--proxy", proxy.url)
        assert ended.status == 1
    there = found(pyfetch)[1:]
    assert [record.kind for record in there] == ["response", "request"] * 2
    assert {record.head.splitlines()[0] for record in there} == {
        "HTTP/1.1 200 OK", "HTTP/1.1 404 Not Found", "GET /a HTTP/1.1", "GET /missing HTTP/1.1",
    }  # fmt: skip
    assert not [record for record in there if "WARC-IP-Address" in record.fields]


@pytest.mark.slow  # it starts interpreters
def test_a_task_gets_the_body_also_of_what_only_refers_to_one(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages = {"/a.html": Page(BODY), "/b.html": Page(BODY)}
    (pyfetch.directory / "named.py").write_text(
        "def body(path, result):\n    return [path.name, path.read_text()]\n"
    )
    urls = [f"{server.url}{path}" for path in server.pages]
    ended = crawl(pyfetch, *urls, "--map", "named.py:body", "-w", "1")
    assert ended.status == 0, ended.err
    assert [one["value"] for one in ended.results] == [
        ["a.html", BODY.decode()], ["b.html", BODY.decode()],
    ]  # fmt: skip


@cases(
    ("arguments", "said"),
    [
        (["--compressed"], "--pack warc keeps bodies as they come"),
        (["--engine", "curl", "--http", "2"], "--pack warc keeps messages of HTTP/1.1"),
        (["--pack-order", "input"], "--pack warc keeps answers in the order in which they came"),
        (["--discard"], "--discard saves nothing"),
    ],
)
def test_what_makes_no_sense_is_said_before_anything_is_fetched(
    pyfetch: Command, server: LoopbackServer, arguments: list[str], said: str
) -> None:
    ended = crawl(pyfetch, f"{server.url}/a", *arguments)
    assert ended.status == 2
    assert said in " ".join(ended.err.split())
    assert not server.asked


def test_without_the_extra_it_says_what_to_install(
    pyfetch: Command, server: LoopbackServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "warcio", None)
    for module in [name for name in sys.modules if "storage.packs.warc" in name]:
        monkeypatch.delitem(sys.modules, module)
    for module in [name for name in sys.modules if name.startswith("warcio.")]:
        monkeypatch.setitem(sys.modules, module, None)
    ended = crawl(pyfetch, f"{server.url}/a")
    assert ended.status == 2
    assert "pip install 'pyfetch-batch[warc]'" in ended.err
    assert not server.asked


def test_archives_are_called_as_their_directory(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages = {"/a": Page(BODY)}
    place = pyfetch.directory / "some where" / "é 1"
    for given in (str(place), f"{place}/"):
        assert pyfetch("-o", given, "--pack", "warc", f"{server.url}/a").status == 0
    assert [path.name for path in archives(place)] == ["é-1-00000.warc.gz"]


@pytest.mark.slow
def test_processes_fill_archives_of_their_own(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages = {f"/{number}": Page(b"%d" % (number // 2)) for number in range(40)}
    urls = [f"{server.url}{path}" for path in server.pages]
    assert crawl(pyfetch, *urls, "--processes", "2").status == 0
    there = found(pyfetch)
    assert Counter(record.kind for record in there)["request"] == 40
    responses = [record for record in there if record.kind in ("response", "revisit")]
    assert sorted(record.url for record in responses) == sorted(urls)
    check(*archives(pyfetch.directory / "crawl"))
    bodies = {record.url: record.body for record in responses if record.kind == "response"}
    for record in responses:
        of = record.fields.get("WARC-Refers-To-Target-URI", record.url)
        assert bodies[of] == server.pages[record.url_path].body


def _sizes(directory: Path) -> list[int]:
    return [path.stat().st_size for path in archives(directory)]


def test_archives_are_filled_up_to_a_size(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages = {f"/{number}": Page(b"%d" % number * 100) for number in range(30)}
    urls = [f"{server.url}{path}" for path in server.pages]
    assert crawl(pyfetch, *urls, "--pack-size", "5000").status == 0
    sizes = _sizes(pyfetch.directory / "crawl")
    assert len(sizes) > 3
    assert max(sizes) <= 5000
    for file in archives(pyfetch.directory / "crawl"):
        assert records(file)[0].kind == "warcinfo"
    assert len([one for one in found(pyfetch) if one.kind == "response"]) == 30


def test_each_body_is_verified(pyfetch: Command, server: LoopbackServer) -> None:
    """Also one that an earlier record has."""
    server.pages = {"/a": Page(BODY), "/b": Page(BODY), "/c": Page(b"c" * 50_000)}
    assert crawl(pyfetch, "-w", "1", *[server.url + path for path in server.pages]).status == 0
    ended = pyfetch("--verify", "-o", "crawl", "--pack", "warc")
    assert ended.status == 0, ended.out
    assert [row[0] for row in ended.rows if row[0] != "unknown"] == ["ok"] * 3
    (file,) = archives(pyfetch.directory / "crawl")
    damaged = bytearray(file.read_bytes())
    damaged[-700] ^= 1
    file.write_bytes(damaged)
    assert pyfetch("--verify", "-o", "crawl", "--pack", "warc").status == 1


def test_after_a_loss_of_power_what_was_written_last_is_looked_at(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """The state may know a record of which the disk has zeros."""
    server.pages = {"/a": Page(BODY), "/b": Page(BODY), "/c": Page(b"c" * 9000)}
    urls = [f"{server.url}/{name}" for name in "abcd"]
    assert crawl(pyfetch, *urls, "-w", "1", "--fail-fast").status == 1
    packs = pyfetch.directory / "crawl" / ".pyfetch" / "packs"
    (file,) = packs.glob("*.warc.gz")
    content = file.read_bytes()
    file.write_bytes(content[:-1000] + bytes(1000))  # the error, and a part of what is before
    numbers = json.loads((packs / "numbers.json").read_text())
    (packs / "numbers.json").write_text(json.dumps(numbers | {"boot": "another"}))
    server.pages["/d"] = Page(b"d")
    ended = crawl(pyfetch, *urls)
    assert [one["outcome"] for one in ended.results] == ["unchanged", "unchanged"] + ["fetched"] * 2
    there = [one for one in found(pyfetch) if one.kind in ("response", "revisit")]
    assert Counter(one.url for one in there if "200 OK" in one.head) == Counter(urls)
    refers_to(there[1], there[0])


def test_a_long_name_of_a_directory_is_cut_for_the_names_of_its_archives(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages = {"/a": Page(BODY)}
    directory = "ü" * 127
    ended = pyfetch("-o", directory, "--pack", "warc", f"{server.url}/a")
    assert ended.status == 0, ended.err
    (file,) = archives(pyfetch.directory / directory)
    assert file.name == f"{'ü' * 100}-00000.warc.gz"
