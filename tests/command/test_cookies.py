"""Cookies: those of a file go where it says, those that a server sets go back to it alone."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import trustme

from tests.support.certificates import authorities_in, context_with, speak_tls
from tests.support.command import Command, InstalledCommand
from tests.support.proxies import HTTPProxy
from tests.support.server import Handler, LoopbackServer, Page, redirect

MAGIC = "# Netscape HTTP Cookie File\n"
FAR_OFF, LONG_AGO = "4102444800", "1000000000"


def line(
    name: str,
    domain: str = "127.0.0.1",
    path: str = "/",
    *,
    secure: bool = False,
    expires: str = FAR_OFF,
) -> str:
    """A cookie in Netscape's format: its name is its value."""
    below = str(domain.removeprefix("#HttpOnly_").startswith(".")).upper()
    return "\t".join([domain, below, path, str(secure).upper(), expires, name, name]) + "\n"


@pytest.fixture
def cookies(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes a file with these lines, somewhere out of the way."""

    def made(*lines: str, magic: str = MAGIC) -> Path:
        file = tmp_path_factory.mktemp("cookies") / "cookies.txt"
        file.write_text(magic + "".join(lines))
        return file

    return made


def sent_to(server: LoopbackServer) -> list[set[str]]:
    """The names of the cookies of each request."""
    return [
        {cookie.partition("=")[0] for cookie in asked.headers.get("Cookie", "").split("; ")} - {""}
        for asked in server.asked
    ]


class TestOfAFile:
    def test_they_go_to_the_domain_and_path_that_it_says(
        self, pyfetch: Command, server: LoopbackServer, cookies: Callable[..., Path]
    ) -> None:
        file = cookies(
            line("of-host", "example.test"),
            line("of-domain", ".example.test"),
            line("of-path", "example.test", "/in"),
            line("of-other", "other.test"),
            line("of-us", "a.example.test"),
        )
        with HTTPProxy() as proxy:
            port = server.server_port
            arguments = ("-w", "1", "--discard", "--proxy", proxy.url, "--cookies", str(file))
            pyfetch(
                *arguments,
                f"http://example.test:{port}/x",
                f"http://example.test:{port}/in/x",
                f"http://a.example.test:{port}/x",
                f"http://notexample.test:{port}/x",
                f"http://example.test.evil.test:{port}/in",
            )
        assert sent_to(server) == [
            {"of-host", "of-domain"},
            {"of-host", "of-domain", "of-path"},
            {"of-domain", "of-us"},
            set(),
            set(),
        ]

    def test_a_redirect_gets_those_of_its_own_host(
        self,
        pyfetch: Command,
        server: LoopbackServer,
        cookies: Callable[..., Path],
    ) -> None:
        file = cookies(line("here"), line("there", "127.0.0.2"))
        with LoopbackServer("127.0.0.2") as there:
            to = f"http://127.0.0.2:{there.server_port}/y"
            server.routes["/x"] = partial(redirect, to=to)
            pyfetch("--discard", "--cookies", str(file), f"{server.url}/x")
            assert (sent_to(server), sent_to(there)) == ([{"here"}], [{"there"}])

    def test_secure_ones_go_by_https_only(
        self,
        pyfetch: Command,
        server: LoopbackServer,
        cookies: Callable[..., Path],
        tmp_path_factory: pytest.TempPathFactory,
    ) -> None:
        authority = trustme.CA()
        file = cookies(line("secure", secure=True), line("other"))
        bundle = authorities_in(tmp_path_factory.mktemp("trust") / "ca.pem", authority)
        with LoopbackServer() as tls_server:
            context = context_with(authority.issue_cert("127.0.0.1"))
            secure_url = speak_tls(tls_server, context)
            arguments = ("--discard", "--cacert", bundle, "--cookies", str(file))
            pyfetch(*arguments, f"{server.url}/x", f"{secure_url}/x")
            assert sent_to(server) == [{"other"}]
            assert sent_to(tls_server) == [{"secure", "other"}]

    def test_those_past_their_time_are_dropped_and_those_of_a_session_kept(
        self, pyfetch: Command, server: LoopbackServer, cookies: Callable[..., Path]
    ) -> None:
        file = cookies(
            line("past", expires=LONG_AGO),
            line("future"),
            line("zero", expires="0"),
            line("empty", expires=""),
            line("for-http-only", "#HttpOnly_127.0.0.1"),
            "# a comment\n",
            "\n",
        )
        before = file.read_bytes()
        pyfetch("--discard", "--cookies", str(file), f"{server.url}/x")
        assert sent_to(server) == [{"future", "zero", "empty", "for-http-only"}]
        assert file.read_bytes() == before

    def test_it_is_never_written(
        self, pyfetch: Command, server: LoopbackServer, cookies: Callable[..., Path]
    ) -> None:
        file = cookies(line("a"), line("past", expires=LONG_AGO))
        before, time = file.read_bytes(), file.stat().st_mtime_ns
        server.routes["/x"] = partial(redirect, to="/y", Set_Cookie=f"a=2; Expires={FAR_OFF}")
        server.routes["/y"] = lambda h: h.answer(200, b"y", Set_Cookie="b=2; Max-Age=10000")
        file.chmod(0o400)
        assert pyfetch("--discard", "--cookies", str(file), f"{server.url}/x").status == 0
        assert [asked.headers["Cookie"] for asked in server.asked] == ["a=a", "a=2"]
        assert (file.read_bytes(), file.stat().st_mtime_ns) == (before, time)
        assert [path.name for path in file.parent.iterdir()] == [file.name]

    @pytest.mark.parametrize("content", ["a=s3cret\n", MAGIC + "127.0.0.1 s3cret\n", b"\xff", None])
    def test_a_file_that_is_none_ends_with_2_and_a_sentence_that_does_not_show_it(
        self,
        pyfetch: Command,
        server: LoopbackServer,
        tmp_path: Path,
        content: str | bytes | None,
    ) -> None:
        file = tmp_path / "cookies.txt"
        if content is not None:
            file.write_bytes(content.encode() if isinstance(content, str) else content)
        ended = pyfetch("--cookies", str(file), f"{server.url}/x")
        assert (ended.status, ended.out, server.asked) == (2, "", [])
        (said,) = ended.err.splitlines()
        assert said.startswith(f"pyfetch: cannot read the cookies in {file}: ")
        assert "s3cret" not in said


class TestOfAServer:
    def test_they_live_for_the_redirects_of_one_url(
        self, pyfetch: Command, server: LoopbackServer
    ) -> None:
        server.routes["/in"] = partial(redirect, to="/page", Set_Cookie="a=1; Path=/")
        server.routes["/sets"] = lambda h: h.answer(200, b"x", Set_Cookie="b=2; Path=/")
        server.pages["/page"] = Page(b"page")
        paths = ("/in", "/sets", "/page", "/in?2")
        pyfetch("-w", "1", "--discard", *(f"{server.url}{path}" for path in paths))
        assert sent_to(server) == [set(), {"a"}, set(), set(), set(), {"a"}]

    def test_they_go_back_to_the_origin_that_set_them_and_to_no_other(
        self, pyfetch: Command, server: LoopbackServer, other: LoopbackServer
    ) -> None:
        both = "a=1; Path=/; Domain=127.0.0.1"
        server.routes["/a"] = partial(redirect, to=f"{other.url}/b", Set_Cookie=both)
        other.routes["/b"] = partial(redirect, to=f"{server.url}/c", Set_Cookie="b=1; Path=/")
        server.routes["/c"] = partial(redirect, to=f"{other.url}/d", Set_Cookie="c=1; Path=/")
        other.pages["/d"] = Page(b"d")
        assert pyfetch("--discard", f"{server.url}/a").status == 0
        assert sent_to(server) == [set(), {"a"}]
        assert sent_to(other) == [set(), {"b"}]

    def test_those_for_a_domain_bring_a_log_in_back_to_the_document(
        self, pyfetch: Command, server: LoopbackServer, cookies: Callable[..., Path]
    ) -> None:
        """As publishers do it, with names that a proxy takes for this server."""
        port = server.server_port

        def paper(handler: Handler) -> None:
            if "in=yes" in handler.headers.get("Cookie", ""):
                handler.answer(200, b"the paper")
            else:
                redirect(handler, f"http://login.example.org:{port}/login")

        to = f"http://www.example.org:{port}/paper?logged-in"
        server.routes["/paper"] = paper
        server.routes["/login"] = partial(
            redirect, to=to, Set_Cookie="in=yes; Path=/; Domain=.example.org"
        )
        file = cookies(line("in", ".example.org"), line("mine", "www.example.org"))
        url = f"http://www.example.org:{port}/paper"
        with HTTPProxy() as proxy:
            ended = pyfetch("--proxy", proxy.url, "--cookies", str(file), url)
        assert ended.status == 0
        assert (pyfetch.directory / "paper").read_bytes() == b"the paper"
        assert sent_to(server) == [{"in", "mine"}, {"in"}, {"in", "mine"}]

    def test_one_that_is_taken_back_is_sent_no_more(
        self, pyfetch: Command, server: LoopbackServer, cookies: Callable[..., Path]
    ) -> None:
        taken_back = "a=; Path=/; Max-Age=0"
        server.routes["/x"] = partial(redirect, to="/y", Set_Cookie=taken_back)
        server.pages["/y"] = Page(b"y")
        file = cookies(line("a"), line("b"))
        urls = (f"{server.url}/x", f"{server.url}/y")
        pyfetch("-w", "1", "--discard", "--cookies", str(file), *urls)
        assert sent_to(server) == [{"a", "b"}, {"b"}, {"a", "b"}]

    def test_a_header_of_the_command_goes_before_them(
        self, pyfetch: Command, server: LoopbackServer, cookies: Callable[..., Path]
    ) -> None:
        file = cookies(line("a"))
        pyfetch("--discard", "--cookies", str(file), "-H", "Cookie: mine=1", f"{server.url}/x")
        assert sent_to(server) == [{"mine"}]


@pytest.mark.parametrize("options", [[], ["--processes", "2"]], ids=["alone", "two processes"])
def test_lines_that_are_no_cookies_are_named_once(
    forked: InstalledCommand,
    server: LoopbackServer,
    cookies: Callable[..., Path],
    options: list[str],
) -> None:
    """Though each process of a run reads the file, and the one that starts them does."""
    file = cookies("no cookie\n", line("good"))
    server.pages["/x"] = Page(b"x")
    urls = [f"{server.url}/x?{number}" for number in range(20)]
    ended = forked("--discard", "--cookies", str(file), *options, *urls)
    assert ended.status == 0
    assert ended.err.count("ignored in") == 1
    assert f"{file}, as they are no cookies: line 2" in ended.err
