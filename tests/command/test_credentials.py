"""Who may ask: users, passwords and keys go to whom they were meant for, and are never shown."""

from __future__ import annotations

import base64
import os
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import responses

from pyfetch import fetch_all
from pyfetch.text import masked
from pyfetch.urls import masked_url
from tests.support.certificates import server_with_tls
from tests.support.command import Command, InstalledCommand
from tests.support.measuring import bytes_in
from tests.support.proxies import HTTPProxy
from tests.support.server import Handler, LoopbackServer, Page, basic, redirect
from tests.support.terminal import Terminal
from tests.support.waiting import until

SECRET = "s3cret"  # noqa: S105 - it is what is looked for
KEYS = {"Authorization": "Bearer 1", "Cookie": "a=1", "X-Api-Key": "1", "x-TOKEN": "1"}
HARMLESS = {"Accept": "text/x", "User-Agent": "me", "Referer": "http://from.test/"}


def as_user(url: str, userinfo: str) -> str:
    return url.replace("://", f"://{userinfo}@")


def authorizations(server: LoopbackServer) -> list[str | None]:
    return [asked.headers.get("Authorization") for asked in server.asked]


def options(headers: dict[str, str]) -> list[str]:
    return [argument for name, value in headers.items() for argument in ("-H", f"{name}: {value}")]


@pytest.fixture
def netrc(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes a netrc file with this text, somewhere out of the way."""

    def made(text: str | bytes, name: str = "netrc") -> Path:
        file = tmp_path_factory.mktemp("netrc") / name
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return file

    return made


@pytest.fixture
def elsewhere() -> Iterator[LoopbackServer]:
    """Another host."""
    with LoopbackServer("127.0.0.2") as running:
        yield running


@pytest.fixture
def tls_server(
    pyfetch: Command, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LoopbackServer]:
    with server_with_tls(pyfetch, tmp_path_factory.mktemp("trust"), "127.0.0.1") as running:
        yield running


class TestNetrc:
    def test_the_file_of_the_option_goes_before_that_of_netrc_and_that_before_the_one_at_home(
        self, pyfetch: Command, server: LoopbackServer, netrc: Callable[..., Path]
    ) -> None:
        server.pages["/x"] = Page(b"x")
        texts = [f"machine 127.0.0.1 login me password {place}\n" for place in ("1", "2", "3")]
        at_home = netrc(texts[0], ".netrc")
        pyfetch.environment["HOME"] = str(at_home.parent)
        pyfetch("--discard", f"{server.url}/x")
        pyfetch.environment["NETRC"] = str(netrc(texts[1]))
        pyfetch("--discard", f"{server.url}/x")
        by_option = ("--netrc-file", str(netrc(texts[2])))
        pyfetch("--discard", *by_option, f"{server.url}/x")
        pyfetch("--discard", "--no-netrc", f"{server.url}/x")
        expected = [basic("me", "1"), basic("me", "2"), basic("me", "3"), None]
        assert authorizations(server) == expected

    def test_its_default_is_for_hosts_that_it_does_not_name(
        self,
        pyfetch: Command,
        server: LoopbackServer,
        elsewhere: LoopbackServer,
        netrc: Callable[..., Path],
    ) -> None:
        text = "machine 127.0.0.1 login a password 1\ndefault login b password pässword\n"
        urls = (f"{server.url}/x", f"http://127.0.0.2:{elsewhere.server_port}/x")
        pyfetch("--netrc-file", str(netrc(text)), *urls)
        assert authorizations(server) == [basic("a", "1")]
        assert authorizations(elsewhere) == [basic("b", "pässword")]

    @pytest.mark.parametrize(
        "content",
        [
            b"machine 127.0.0.1 login me passwrod s3cret\n",
            b"machine 127.0.0.1 login me password \xff s3cret\n",
            None,
        ],
    )
    def test_a_file_of_the_option_that_cannot_be_used_ends_with_2_and_is_not_shown(
        self,
        pyfetch: Command,
        server: LoopbackServer,
        netrc: Callable[..., Path],
        content: bytes | None,
    ) -> None:
        file = netrc(content or b"")
        if content is None:
            file.unlink()
        ended = pyfetch("--netrc-file", str(file), f"{server.url}/x")
        assert (ended.status, ended.out, server.asked) == (2, "", [])
        assert len(ended.err.splitlines()) == 1
        assert str(file) in ended.err
        assert SECRET not in ended.err

    def test_a_bad_file_at_home_is_a_warning_and_not_used(
        self, pyfetch: Command, server: LoopbackServer, netrc: Callable[..., Path]
    ) -> None:
        server.pages["/x"] = Page(b"x")
        good = "machine 127.0.0.1 login me password s3cret\n"
        file = netrc(good + "machine 127.0.0.1 passwrod s3cret\n", ".netrc")
        pyfetch.environment["HOME"] = str(file.parent)
        ended = pyfetch(f"{server.url}/x")
        assert ended.status == 0
        warning, summary = ended.err.splitlines()
        assert warning.startswith(f"pyfetch: {file} is not used: line ")
        assert "fetched 1" in summary
        assert SECRET not in ended.err
        assert authorizations(server) == [None]

    @responses.activate
    def test_a_redirect_gets_an_entry_of_its_own_over_https_at_port_443_and_if_it_is_named(
        self, netrc: Callable[..., Path]
    ) -> None:
        text = "machine start.test login a password 1\nmachine login.test login b password 2\n"
        file = netrc(text + "default login c password 3\n")
        expected = {
            "https://login.test/1": basic("b", "2"),
            "https://login.test:443/2": basic("b", "2"),
            "http://login.test/3": None,
            "https://login.test:8443/4": None,
            "http://login.test:443/5": None,
            "https://unnamed.test/6": None,
            "https://start.test/7": basic("a", "1"),
        }
        responses.get("https://start.test/back", status=302, headers={"Location": "/home"})
        for number, url in enumerate(expected):
            start = f"https://start.test/start{number}"
            responses.get(start, status=302, headers={"Location": url})
            responses.get(url, body=b"x")
        starts = [f"https://start.test/start{number}" for number in range(len(expected))]
        results = list(fetch_all(starts, discard=True, workers=1, netrc_file=file))
        assert [result.final_url for result in results] == list(expected)
        found = {call.request.url: call.request.headers.get("Authorization")
                 for call in responses.calls}  # fmt: skip
        assert {url: found.pop(url) for url in expected} == expected
        assert set(found.values()) == {basic("a", "1")}


class TestOfAURL:
    @pytest.mark.parametrize(
        ("userinfo", "expected"),
        [
            ("me:secret", basic("me", "secret")),
            ("m%40e:se%3Ac%2Fr%25et", basic("m@e", "se:c/r%et")),
            ("me:se:c@ret", basic("me", "se:c@ret")),
            ("m%C3%A4:%E2%82%AC", basic("mä", "€")),
            ("mä:€", basic("mä", "€")),
            ("me", basic("me", "")),
        ],
    )
    def test_they_are_sent_decoded_and_kept_on_redirects_within_the_origin(
        self, pyfetch: Command, server: LoopbackServer, userinfo: str, expected: str
    ) -> None:
        server.routes["/x"] = partial(redirect, to=f"{server.url}/y")
        server.routes["/y"] = partial(redirect, to="/z")
        server.pages["/z"] = Page(b"z")
        ended = pyfetch(stdin=as_user(f"{server.url}/x", userinfo))
        assert ended.status == 0
        assert authorizations(server) == [expected] * 3

    def test_the_url_goes_before_a_header_and_that_before_the_netrc_file(
        self, pyfetch: Command, server: LoopbackServer, netrc: Callable[..., Path]
    ) -> None:
        file = netrc("machine 127.0.0.1 login me password 1\n")
        arguments = ("-w", "1", "--netrc-file", str(file), "-H", "authorization: Bearer 2")
        pyfetch(*arguments, f"{server.url}/x", as_user(f"{server.url}/y", "me:3"))
        found = [
            {name.lower(): value for name, value in asked.headers.items()}["authorization"]
            for asked in server.asked
        ]
        assert found == ["Bearer 2", basic("me", "3")]


class TestRedirects:
    def test_no_key_goes_to_another_port_host_or_scheme_nor_back_again(
        self,
        pyfetch: Command,
        server: LoopbackServer,
        other: LoopbackServer,
        elsewhere: LoopbackServer,
        tls_server: LoopbackServer,
    ) -> None:
        secure = f"https://127.0.0.1:{tls_server.server_port}"
        far = f"http://127.0.0.2:{elsewhere.server_port}"
        ways = {
            "/port": (server, f"{other.url}/end"),
            "/host": (server, f"{far}/end"),
            "/up": (server, f"{secure}/end"),
            "/back": (server, f"{other.url}/back"),
            "/down": (tls_server, f"{server.url}/end"),
        }
        for path, (start, to) in ways.items():
            start.routes[path] = partial(redirect, to=to)
        other.routes["/back"] = partial(redirect, to=f"{server.url}/home")
        server.routes["/home"] = partial(redirect, to="/rest")
        server.pages["/rest"] = Page(b"rest")
        for end in (server, other, elsewhere, tls_server):
            end.pages["/end"] = Page(b"end")
        urls = [
            (secure if start is tls_server else server.url) + path
            for path, (start, _) in ways.items()
        ]
        urls += [as_user(url, "me:secret") + "?by-url" for url in urls]
        given = options(KEYS | HARMLESS)
        ended = pyfetch("-w", "1", "--discard", *given, stdin="\n".join(urls))
        assert ended.status == 0
        everything = [a for s in (server, other, elsewhere, tls_server) for a in s.asked]
        assert len(everything) == 24
        for asked in everything:
            assert HARMLESS.items() <= asked.headers.items()
            first = asked.path.partition("?")[0] in ways and "Authorization" in asked.headers
            leaked = {name.lower() for name in KEYS} & {name.lower() for name in asked.headers}
            assert len(leaked) == (len(KEYS) if first else 0), asked
        assert len([asked for asked in everything if "Authorization" in asked.headers]) == 10

    def test_keys_of_the_list_itself_stay_with_their_origin_as_well(
        self, pyfetch: Command, server: LoopbackServer, other: LoopbackServer
    ) -> None:
        server.routes["/a"] = partial(redirect, to="/b")
        server.routes["/b"] = partial(redirect, to=f"{other.url}/c")
        pyfetch(stdin=f"{server.url}/a header='X-Key: 1' referer=http://from.test/")
        assert [asked.headers.get("X-Key") for asked in server.asked] == ["1", "1"]
        (asked,) = other.asked
        assert "X-Key" not in asked.headers
        assert asked.headers["Referer"] == "http://from.test/"


def test_proxy_authorization_is_no_header_for_servers_and_is_not_shown(
    pyfetch: Command, server: LoopbackServer
) -> None:
    ended = pyfetch("-H", f"proxy-AUTHORIZATION: Basic {SECRET}", f"{server.url}/x")
    assert (ended.status, ended.out, server.asked) == (2, "", [])
    assert "--proxy" in ended.err
    assert SECRET not in ended.err


BAD_URLS = [
    f"https://me:{SECRET} {SECRET}@h/",
    f"https://me:{SECRET}/{SECRET}@h/",
    f"https://me:{SECRET}?{SECRET}@h/",
    f"https://me:{SECRET}#{SECRET}@h/",
    f"https://me:{SECRET}\\{SECRET}@h/",
    f"https://me:{SECRET}@h:99999/",
    f"https://me:{SECRET}@/x",
    f"https://me:{SECRET}@[::1/",
    f"http://me:{SECRET}\u2100@h/",
    f"ftp://me:{SECRET}@h/",
    f"ftp://me:{SECRET}/{SECRET}@h/",
    f"https:///me:{SECRET}@h/",
]
"""That cannot be fetched, each with a password or more."""


@pytest.mark.parametrize("given_as", ["arguments", "lines", "csv", "jsonl", "plan", "mirrors"])
def test_of_a_url_that_is_none_no_password_is_shown(pyfetch: Command, given_as: str) -> None:
    urls = BAD_URLS
    match given_as:
        case "arguments":
            ended = pyfetch("-v", "-v", "--format", "jsonl", *urls)
        case "lines":
            ended = pyfetch("--format", "jsonl", stdin="\n".join(urls))
        case "plan":
            ended = pyfetch("--plan", "--format", "jsonl", *urls)
        case "csv":
            ended = pyfetch("--format", "jsonl", stdin="url\n" + "\n".join(urls))
        case "jsonl":
            quoted = "\n".join('{"url": "' + url.replace("\\", "\\\\") + '"}' for url in urls)
            ended = pyfetch("--format", "jsonl", "--input-format", "jsonl", stdin=quoted)
        case "mirrors":
            urls = [f"http://127.0.0.1:1/\t{url}" for url in urls if " " not in url]
            ended = pyfetch("--format", "jsonl", stdin="\n".join(urls))
    assert len(ended.results) == len(urls)
    for url, result in zip(urls, ended.results, strict=True):
        assert result["error"] in ("invalid-url", "unsupported-scheme")
        assert SECRET not in str(result), url
    assert SECRET not in ended.err
    assert ("***" in ended.out) == (given_as != "mirrors")


class Secrets:
    """A server, and a list of all that a password could come to light by."""

    def __init__(self, pyfetch: Command, server: LoopbackServer, netrc: Path) -> None:
        self.command = pyfetch
        url, home = server.url, as_user(server.url, f"me:{SECRET}")
        server.pages["/page"] = Page(b"page")
        server.routes |= {
            "/loop": partial(redirect, to=f"{home}/loop"),
            "/to-page": partial(redirect, to=f"{home}/page"),
            "/to-missing": partial(redirect, to=f"{home}/missing"),
            "/to-ftp": partial(redirect, to=f"ftp://me:{SECRET}/{SECRET}@h/"),
            "/to-none": partial(redirect, to=f"http://me:{SECRET}/{SECRET}@h/"),
            "/to-bad-port": partial(redirect, to=f"http://me:{SECRET}@h:99999/"),
            "/to-nowhere": partial(redirect, to=f"http://me:{SECRET}@nowhere.invalid/"),
            "/sets": lambda h: h.answer(302, Location="/page", Set_Cookie=f"a={SECRET}"),
            "/cut": self._cut,
        }
        paths = [path for path in server.routes if path != "/cut"]
        self.urls = [
            *(f"{home}{path}" for path in ("/page", "/missing", "/cut", *paths)),
            f"{url}/sets",
            f"{url}/to-page?2",
            *BAD_URLS,
            f"http://me:{SECRET}@nowhere.invalid/",
            f"http://me:{SECRET}@127.0.0.1:1/",
            f"http://me:{SECRET}\u2003@127.0.0.1:1/",
            f"http://127.0.0.1:1/ header='X-Key: {SECRET}' bogus",
        ]
        cookies = netrc.with_name("cookies")
        line = f"127.0.0.1\tFALSE\t/\tFALSE\t0\ta\t{SECRET}\n"
        cookies.write_text(f"# Netscape HTTP Cookie File\n{line}")
        netrc.write_text(f"machine 127.0.0.1 login me password {SECRET}\n")
        keys = {"X-Api-Key": SECRET, "Authorization": f"Bearer {SECRET}"}
        self.options = [
            *options(keys), "-v", "-v", "--cookies", str(cookies), "--netrc-file", str(netrc),
            "-o", "data", "--checksums", "sums", "--retries", "1",
        ]  # fmt: skip

    @staticmethod
    def _cut(handler: Handler) -> None:
        handler.head(200, Content_Length="100000", ETag='"1"')
        handler.send(b"x" * 50000)
        handler.cut()

    def assert_unseen(self, shown: str | bytes) -> None:
        """No secret, plain or as it is sent, is shown or in a file."""
        text = shown.encode() if isinstance(shown, str) else shown
        forms = [SECRET.encode(), base64.b64encode(f"me:{SECRET}".encode())]
        below = (self.command.directory / "data").rglob("*")
        files = [file for file in below if file.is_file()]
        for content in (text, *(file.read_bytes() for file in files)):
            assert not any(form in content for form in forms)
        for file in files:
            assert SECRET not in file.name


@pytest.fixture
def secrets(pyfetch: Command, server: LoopbackServer, netrc: Callable[..., Path]) -> Secrets:
    return Secrets(pyfetch, server, netrc(""))


class TestNothingSecretIsShown:
    @pytest.mark.parametrize("arguments", [("tsv",), ("jsonl",), ("tsv", "--plan")])
    def test_nor_kept_whatever_happens(
        self, pyfetch: Command, secrets: Secrets, arguments: tuple[str, ...]
    ) -> None:
        given = (*secrets.options, "--failed-to", "failed", "--format", *arguments)
        ended = pyfetch(*given, stdin="\n".join(secrets.urls))
        assert ended.status == 1
        assert len(ended.out.splitlines()) == len(secrets.urls)
        assert "***@127.0.0.1" in ended.out
        secrets.assert_unseen(ended.out + ended.err)
        if "--plan" not in arguments:
            sums = (pyfetch.directory / "sums").read_bytes()
            assert b"  data/page" in sums
            secrets.assert_unseen(sums)
            failed = (pyfetch.directory / "failed").read_text().splitlines()
            assert BAD_URLS[0] in failed

    @pytest.mark.slow
    def test_nor_on_a_terminal(self, forked: InstalledCommand, secrets: Secrets) -> None:
        (forked.directory / "list").write_text("\n".join(secrets.urls))
        with Terminal(forked, *secrets.options, "list", columns=400, rows=80) as terminal:
            assert terminal.end() == 1
            assert "***@127.0.0.1" in terminal.text
            secrets.assert_unseen(terminal.text)
            secrets.assert_unseen(terminal.raw)

    def test_nor_in_the_bar_of_a_transfer(
        self, forked: InstalledCommand, server: LoopbackServer
    ) -> None:
        def stalls(handler: Handler) -> None:
            handler.head(200, Content_Length="100")
            handler.send(b"x")
            handler.stall()

        server.routes["/slow"] = stalls
        with Terminal(forked, "-v", "-v", as_user(f"{server.url}/slow", f"me:{SECRET}")) as screen:
            screen.wait_for("/slow")
            screen.wait_for("***@127.0.0.1")
            assert SECRET.encode() not in screen.raw

    def test_nor_kept_when_the_run_is_killed(
        self, forked: InstalledCommand, server: LoopbackServer, secrets: Secrets
    ) -> None:
        def stalls(handler: Handler) -> None:
            handler.head(200, Content_Length="1000000", ETag='"1"')
            handler.send(b"x" * 500_000)
            handler.stall()

        server.routes |= {
            "/slow": stalls,
            "/to-slow": lambda h: h.answer(
                302, Location=as_user(f"{server.url}/slow", f"me:{SECRET}"), Set_Cookie="b=s3cret"
            ),
        }
        home = as_user(server.url, f"me:{SECRET}")
        urls = [f"{home}/slow", f"{home}/to-slow?{1}", f"{home}/page"]
        run = forked.start(*secrets.options, *urls)
        parts = forked.directory / "data" / ".pyfetch" / "parts"
        while bytes_in(parts, "*") < 1_000_000:
            assert run.poll() is None
        run.kill()
        out, err = run.communicate(timeout=20)
        notes = [file for file in parts.iterdir() if b"answered_by" in file.read_bytes()]
        assert len(notes) == 2
        secrets.assert_unseen(out + err)

    def test_nor_is_the_password_of_a_proxy(self, pyfetch: Command, secrets: Secrets) -> None:
        with HTTPProxy() as proxy:
            for refusal in ("", "407 Proxy Authentication Required"):
                proxy.refusal = refusal
                url = proxy.url_with("http", f"proxy:{SECRET}")
                arguments = ("--proxy", url, "-o", "data", "--format", "jsonl", "-v", "-v")
                urls = ("https://127.0.0.1:1/", "http://127.0.0.1:1/")
                ended = pyfetch(*arguments, "--retries", "0", *urls)
                assert ended.status == 1
                secrets.assert_unseen(ended.out + ended.err)

    @pytest.mark.parametrize(
        "value",
        [f"Authorization {SECRET}", f"X {SECRET}: 1", f"X-Key: {SECRET}\u20ac", f":{SECRET}"],
    )
    def test_nor_what_is_no_header(self, pyfetch: Command, value: str) -> None:
        ended = pyfetch("-H", value, "http://127.0.0.1:1/")
        assert ended.status == 2
        assert "header" in ended.err
        assert SECRET not in ended.err


class TestMasks:
    @pytest.mark.parametrize(
        ("url", "shown"),
        [
            ("https://me:x@h/p@q?r@s", "https://***@h/p@q?r@s"),
            ("https://me:x@y@h/", "https://***@h/"),
            ("https://h/@user", "https://h/@user"),
            ("https://h:8080/p?mail=a@b", "https://h:8080/p?mail=a@b"),
            ("https://me:x\u2003y@h/", "https://***@h/"),
            ("https://me:x/y@h/", "https://***@h/"),
            ("https://me:x y@h/", "https://***@h/"),
            ("me:x@h", "***@h"),
        ],
    )
    def test_hide_a_password_and_leave_what_is_none(self, url: str, shown: str) -> None:
        assert masked_url(url) == shown

    def test_hide_each_password_of_a_text(self) -> None:
        text = "from https://me:x@h/a to http://you:y\u2003z@i/b, says me@example.test"
        assert masked(text) == "from https://***@h/a to http://***@i/b, says me@example.test"


@pytest.mark.parametrize(("before", "after"), [(None, 0o600), (0o644, 0o644), (0o640, 0o640)])
def test_the_lines_that_failed_are_for_their_owner_unless_the_file_was_open_already(
    pyfetch: Command, server: LoopbackServer, before: int | None, after: int
) -> None:
    failed, sums = pyfetch.directory / "failed", pyfetch.directory / "sums"
    if before is not None:
        failed.write_bytes(b"older\n")
        failed.chmod(before)
    mask = os.umask(0o022)
    try:
        pyfetch("--failed-to", "failed", "--checksums", "sums", f"{server.url}/missing")
    finally:
        os.umask(mask)
    assert failed.read_text() == f"{server.url}/missing\n"
    assert stat.S_IMODE(failed.stat().st_mode) == after
    assert stat.S_IMODE(sums.stat().st_mode) == 0o644


def test_the_lines_that_failed_are_for_their_owner_while_they_are_written(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.routes["/slow"] = Handler.stall
    run = forked.start("--failed-to", "failed", f"{server.url}/slow")
    until(lambda: server.asked != [], "a request")
    (file,) = forked.directory.glob(".failed*")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    run.kill()
    run.communicate(timeout=20)
