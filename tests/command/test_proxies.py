"""Proxies: which one is asked, what it is told, and what becomes of it when it does not help."""

from __future__ import annotations

import re
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.certificates import server_with_tls
from tests.support.command import Command, InstalledCommand
from tests.support.proxies import HTTPProxy, SocksProxy
from tests.support.server import LoopbackServer, Page, basic
from tests.support.waiting import LONGEST_WAIT, STOP, until, within

NOBODY = "http://127.0.0.1:1"


@pytest.fixture
def proxy() -> Iterator[HTTPProxy]:
    with HTTPProxy() as running:
        yield running


@pytest.fixture
def socks() -> Iterator[SocksProxy]:
    with SocksProxy() as running:
        yield running


@pytest.fixture
def tls_server(
    pyfetch: Command, server: LoopbackServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[LoopbackServer]:
    hosts = ("example.test", "127.0.0.1")
    with server_with_tls(pyfetch, tmp_path_factory.mktemp("trust"), *hosts) as running:
        running.pages["/x"] = Page(b"over TLS")
        yield running


@pytest.fixture
def plain_url(server: LoopbackServer) -> str:
    server.pages["/x"] = Page(b"x")
    return f"http://example.test:{server.server_port}/x"


@pytest.fixture
def tls_url(tls_server: LoopbackServer) -> str:
    return f"https://example.test:{tls_server.server_port}/x"


def asked_of(proxy: HTTPProxy) -> list[tuple[str, str]]:
    return [(asked.method, asked.target) for asked in proxy.asked]


@pytest.mark.parametrize(
    ("variables", "written"),
    [
        (("http_proxy", "https_proxy"), "http://{}"),
        (("all_proxy",), "{}"),
        (("HTTPS_PROXY", "ALL_PROXY"), "http://{}"),
    ],
)
def test_a_proxy_of_the_environment_is_asked_with_whole_urls_and_for_tunnels(
    pyfetch: Command,
    proxy: HTTPProxy,
    plain_url: str,
    tls_url: str,
    variables: tuple[str, ...],
    written: str,
) -> None:
    for variable in variables:
        pyfetch.environment[variable] = written.format(f"127.0.0.1:{proxy.port}")
    assert pyfetch("-w", "1", "-o", "d", plain_url, tls_url).status == 0
    tunnel = tls_url.removeprefix("https://").removesuffix("/x")
    assert asked_of(proxy) == [("GET", plain_url), ("CONNECT", tunnel)]
    saved = sorted(path.read_bytes() for path in Path(pyfetch.directory, "d").iterdir()
                   if path.is_file())  # fmt: skip
    assert saved == [b"over TLS", b"x"]


def test_http_proxy_is_for_http_and_https_proxy_for_https(
    pyfetch: Command, proxy: HTTPProxy, plain_url: str, tls_url: str
) -> None:
    with HTTPProxy() as other:
        pyfetch.environment |= {
            "http_proxy": proxy.url,
            "https_proxy": other.url,
            "all_proxy": NOBODY,
        }
        assert pyfetch("--discard", plain_url, tls_url).status == 0
        assert [asked.method for asked in proxy.asked] == ["GET"]
        assert [asked.method for asked in other.asked] == ["CONNECT"]


def test_the_option_goes_before_the_environment(
    pyfetch: Command, proxy: HTTPProxy, plain_url: str, tls_url: str
) -> None:
    pyfetch.environment |= {"http_proxy": NOBODY, "https_proxy": NOBODY, "all_proxy": NOBODY}
    assert pyfetch("--discard", "--proxy", proxy.url, plain_url, tls_url).status == 0
    assert sorted(asked.method for asked in proxy.asked) == ["CONNECT", "GET"]


@pytest.mark.parametrize("separator", [", ", " ", "\t"])
@pytest.mark.parametrize(("by_option", "variable"), [(True, "no_proxy"), (False, "NO_PROXY")])
def test_what_no_proxy_names_is_asked_itself(
    pyfetch: Command,
    server: LoopbackServer,
    tls_server: LoopbackServer,
    proxy: HTTPProxy,
    plain_url: str,
    by_option: bool,
    variable: str,
    separator: str,
) -> None:
    pyfetch.environment[variable] = f"else.test{separator}127.0.0.1"
    arguments = ["--proxy", proxy.url] if by_option else []
    if not by_option:
        pyfetch.environment["all_proxy"] = proxy.url
    direct = [f"{server.url}/x", f"https://127.0.0.1:{tls_server.server_port}/x"]
    assert pyfetch("--discard", *arguments, *direct, plain_url).status == 0
    assert asked_of(proxy) == [("GET", plain_url)]
    assert server.paths() == ["/x", "/x"]


def test_user_and_password_of_a_proxy_are_for_the_proxy_alone(
    pyfetch: Command,
    server: LoopbackServer,
    tls_server: LoopbackServer,
    proxy: HTTPProxy,
    plain_url: str,
    tls_url: str,
) -> None:
    login = basic("me", "s3cret@home")
    url = proxy.url_with("http", "me:s3cret%40home")
    ended = pyfetch("-v", "-v", "--format", "jsonl", "--proxy", url, plain_url, tls_url)
    assert ended.status == 0
    assert [asked.headers["Proxy-Authorization"] for asked in proxy.asked] == [login] * 2
    for asked in server.asked + tls_server.asked:
        assert "Proxy-Authorization" not in asked.headers
        assert "Authorization" not in asked.headers
    assert len(server.asked + tls_server.asked) == 2
    assert "s3cret" not in ended.out + ended.err


def test_what_is_meant_for_the_server_is_not_told_to_the_proxy_of_a_tunnel(
    pyfetch: Command, tls_server: LoopbackServer, proxy: HTTPProxy, tls_url: str
) -> None:
    keys = {"Authorization": "Bearer s3cret", "Cookie": "a=s3cret", "X-Api-Key": "s3cret"}
    headers = [argument for key, value in keys.items() for argument in ("-H", f"{key}: {value}")]
    by_url = tls_url.replace("://", "://me:s3cret@")
    assert pyfetch("-w", "1", "--proxy", proxy.url, *headers, tls_url, by_url).status == 0
    assert keys.items() <= tls_server.asked[0].headers.items()
    assert tls_server.asked[1].headers["Authorization"].startswith("Basic ")
    for asked in proxy.asked:
        assert not keys.keys() & asked.headers.keys()
        assert "me" not in asked.target


def test_user_and_password_of_a_url_are_in_no_request_line_for_a_proxy(
    pyfetch: Command, proxy: HTTPProxy, plain_url: str
) -> None:
    by_url = plain_url.replace("://", "://me:s3cret@")
    assert pyfetch("--proxy", proxy.url, by_url).status == 0
    assert asked_of(proxy) == [("GET", plain_url)]


@pytest.mark.parametrize(
    "value",
    [
        "http://me:s3cret/s3cret@127.0.0.1:1",
        "http://me:s3cret@127.0.0.1:s3cret",
        "http://me:s3cret@",
        "socks9://me:s3cret@127.0.0.1:1",
        "http://[::1",
    ],
)
def test_a_proxy_of_the_environment_that_is_none_is_a_failure_that_says_so_and_shows_no_password(
    pyfetch: Command, value: str
) -> None:
    pyfetch.environment["all_proxy"] = value
    urls = ["http://example.test/", "https://example.test/"]
    ended = pyfetch("-v", "-v", "--retries", "0", "--format", "jsonl", *urls)
    for result in ended.results:
        assert result["error"] == "connect"
        assert "environment" in result["detail"]
        assert "proxy" in result["detail"]
    assert "s3cret" not in ended.out + ended.err


@pytest.mark.parametrize(
    "value",
    ["ftp://me:s3cret@h", "me:s3cret@h", "http://me:s3cret/s3cret@h", "http://me:s3cret@h:s3cret"],
)
def test_a_proxy_of_the_option_that_is_none_ends_with_2_and_shows_no_password(
    pyfetch: Command, value: str
) -> None:
    ended = pyfetch("--proxy", value, "http://example.test/")
    assert (ended.status, ended.out) == (2, "")
    assert "proxy" in ended.err
    assert "s3cret" not in ended.err


def test_a_proxy_that_wants_a_password_is_a_failure_that_says_so(
    pyfetch: Command, proxy: HTTPProxy, plain_url: str, tls_url: str
) -> None:
    proxy.refusal = "407 Proxy Authentication Required"
    url = proxy.url_with("http", "me:s3cret")
    arguments = ("--retries", "0", "--format", "jsonl", "--proxy", url)
    ended = pyfetch(*arguments, plain_url, tls_url)
    asked_plainly, asked_for_a_tunnel = ended.results
    assert (asked_plainly["error"], asked_plainly["status"]) == ("http", 407)
    assert (asked_for_a_tunnel["error"], asked_for_a_tunnel["status"]) == ("connect", None)
    assert "407 Proxy Authentication Required" in asked_for_a_tunnel["detail"]
    assert "s3cret" not in ended.out + ended.err


class TestSocks:
    def test_socks5h_lets_the_proxy_find_the_host(
        self,
        pyfetch: Command,
        server: LoopbackServer,
        tls_server: LoopbackServer,
        socks: SocksProxy,
        plain_url: str,
        tls_url: str,
    ) -> None:
        pyfetch.environment["all_proxy"] = socks.url
        ended = pyfetch("-w", "1", "--discard", plain_url, tls_url)
        assert [row[1] for row in ended.rows] == ["1", "8"]
        assert [(one.host, one.port, one.is_name) for one in socks.wanted] == [
            ("example.test", server.server_port, True),
            ("example.test", tls_server.server_port, True),
        ]

    def test_socks5_finds_the_host_here(
        self, pyfetch: Command, server: LoopbackServer, socks: SocksProxy, plain_url: str
    ) -> None:
        here = f"http://localhost:{server.server_port}/x"
        unknown = plain_url.replace("example.test", "nowhere.invalid")
        arguments = ("--discard", "--retries", "0", "--proxy", socks.url_with("socks5"))
        ended = pyfetch(*arguments, here, unknown)
        assert [row[4] for row in ended.rows] == ["-", "dns"]
        (wanted,) = socks.wanted
        assert wanted.host in ("127.0.0.1", "::1")
        assert not wanted.is_name

    def test_user_and_password_of_its_url_are_told_to_it(
        self, pyfetch: Command, server: LoopbackServer, socks: SocksProxy, plain_url: str
    ) -> None:
        socks.login = ("me", "s3cret@home")
        url = socks.url_with("socks5h", "me:s3cret%40home")
        assert pyfetch("--proxy", url, plain_url).status == 0
        (asked,) = server.asked
        assert not {"Authorization", "Proxy-Authorization"} & asked.headers.keys()

    @pytest.mark.parametrize(
        ("login", "reply", "userinfo", "reason"),
        [
            (("me", "right"), 0, "", "authentication"),
            (("me", "right"), 0, "me:s3cret", "authentication"),
            (None, 2, "me:s3cret", "not allowed"),
            (None, 4, "", "unreachable"),
        ],
    )
    def test_one_that_refuses_is_a_failure_that_says_why(
        self,
        pyfetch: Command,
        socks: SocksProxy,
        plain_url: str,
        login: tuple[str, str] | None,
        reply: int,
        userinfo: str,
        reason: str,
    ) -> None:
        socks.login, socks.reply = login, reply
        proxy = ("--proxy", socks.url_with("socks5h", userinfo))
        ended = pyfetch("--retries", "0", "-v", "-v", "--format", "jsonl", *proxy, plain_url)
        (result,) = ended.results
        assert result["error"] == "connect"
        assert reason in result["detail"]
        assert within(2, result["elapsed"])
        assert "s3cret" not in ended.out + ended.err

    @pytest.mark.parametrize("scheme", ["socks4a", "socks5h"])
    @pytest.mark.slow
    def test_one_that_is_not_there_or_is_none_is_a_failure_that_says_so(
        self, pyfetch: Command, proxy: HTTPProxy, scheme: str
    ) -> None:
        proxy.refusal = "400 Bad Request"
        url = "http://127.0.0.1:1/x"
        arguments = ("--retries", "0", "--format", "jsonl", "--connect-timeout", "1", url)
        (absent,) = pyfetch("--proxy", f"{scheme}://127.0.0.1:1", *arguments).results
        assert absent["error"] == "connect"
        assert re.search("SOCKS.* proxy 127.0.0.1:1.*refused", absent["detail"])
        (no_proxy,) = pyfetch("--proxy", proxy.url_with(scheme), *arguments).results
        assert no_proxy["error"] in ("connect", "timeout")
        assert within(3, max(absent["elapsed"], no_proxy["elapsed"]))

    @pytest.mark.parametrize(
        "times", [("--connect-timeout", "0.3"), ("--connect-timeout", "20", "--max-time", "0.5")]
    )
    def test_one_that_says_nothing_is_given_up_when_the_time_is_over(
        self, pyfetch: Command, socks: SocksProxy, plain_url: str, times: tuple[str, ...]
    ) -> None:
        socks.stalls = True
        arguments = ("--retries", "0", *times, "--proxy", socks.url)
        (result,) = pyfetch(*arguments, "--format", "jsonl", plain_url).results
        assert result["error"] == "timeout"
        assert within(2, result["elapsed"])

    def test_a_run_is_stopped_while_one_says_nothing(
        self, forked: InstalledCommand, socks: SocksProxy, plain_url: str, tls_url: str
    ) -> None:
        socks.stalls = True
        arguments = ("--connect-timeout", "60", "--timeout", "60", "--proxy", socks.url)
        run = forked.start(*arguments, plain_url, tls_url)
        until(lambda: socks.connections == 2, "two connections")
        told = time.monotonic()
        run.send_signal(signal.SIGTERM)
        run.communicate(timeout=LONGEST_WAIT)
        assert run.returncode == 143
        assert within(STOP, time.monotonic() - told)


@pytest.mark.parametrize("scheme", ["http", "socks5h"])
def test_where_only_public_addresses_may_be_asked_no_proxy_is(
    pyfetch: Command, proxy: HTTPProxy, scheme: str
) -> None:
    url = "http://example.test/x"
    by_option = pyfetch("--public-only", "--proxy", proxy.url_with(scheme), url)
    assert (by_option.status, by_option.out) == (2, "")
    assert "--public-only" in by_option.err
    pyfetch.environment["all_proxy"] = proxy.url_with(scheme)
    (result,) = pyfetch("--public-only", "--format", "jsonl", url).results
    assert result["error"] == "forbidden-address"
    assert "proxy" in result["detail"]
    assert proxy.connections == 0
