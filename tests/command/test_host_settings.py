"""`[host."…"]`: each host is treated as it wants to be, and the others as before."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
import trustme

from pyfetch import fetch_all
from tests.support.certificates import authorities_in, context_with, speak_tls
from tests.support.command import Command, InstalledCommand
from tests.support.proxies import HTTPProxy
from tests.support.server import Handler, LoopbackServer, Page, basic, redirect


@pytest.fixture
def second() -> Iterator[LoopbackServer]:
    """A server at another address: another host."""
    with LoopbackServer("127.0.0.2") as running:
        running.pages["/x"] = Page(b"x")
        yield running


@pytest.fixture
def first(server: LoopbackServer) -> LoopbackServer:
    server.pages["/x"] = Page(b"x")
    return server


def at(server: LoopbackServer, path: str = "/x", host: str | None = None) -> str:
    return f"http://{host or server.address}:{server.server_port}{path}"


def urls(server: LoopbackServer, number: int) -> list[str]:
    return [at(server, f"/x?{n}") for n in range(number)]


def held_until(number: int) -> Callable[[Handler], None]:
    """A route that answers once so many requests have been there together, or would wait long."""

    def answer(handler: Handler) -> None:
        given_up = time.monotonic() + 10
        while handler.server.most_at_once < number and time.monotonic() < given_up:
            time.sleep(0.005)
        time.sleep(0.02)
        handler.answer(200, b"x")

    return answer


@pytest.mark.parametrize("options", [(), ("--per-host", "8"), ("--processes", "2")])
def test_per_host_is_a_limit_of_that_host_alone(
    pyfetch: Command,
    forked: InstalledCommand,
    first: LoopbackServer,
    second: LoopbackServer,
    options: tuple[str, ...],
) -> None:
    """A higher limit on the command line does not loosen it, and processes share it."""
    run = forked if "--processes" in options else pyfetch
    first.routes["/x"], second.routes["/x"] = held_until(2), held_until(3)
    pyfetch.configure('[host."127.0.0.1"]\nper-host = 2\n')
    mixed = [url for pair in zip(urls(first, 16), urls(second, 16), strict=True) for url in pair]
    ended = run("--discard", "--workers", "12", *options, *mixed)
    assert ended.status == 0
    assert first.most_at_once == 2
    assert second.most_at_once > 2


def test_of_two_limits_the_stricter_one_holds(pyfetch: Command, first: LoopbackServer) -> None:
    first.routes["/x"] = held_until(1)
    pyfetch.configure('[host."*"]\nper-host = 8\n')
    assert pyfetch("--discard", "--per-host", "1", "--workers", "8", *urls(first, 6)).status == 0
    assert first.most_at_once == 1


@pytest.mark.parametrize("general", [(), ("--rate", "1000/s"), ("--rate-total", "--rate", "99/s")])
def test_a_rate_is_that_of_its_host_and_a_redirect_counts(
    pyfetch: Command, first: LoopbackServer, general: tuple[str, ...]
) -> None:
    first.routes["/from"] = partial(redirect, to="/x")
    pyfetch.configure('[host."127.0.0.1"]\nrate = "10/s"\n')
    began = time.monotonic()
    assert pyfetch("--discard", *general, at(first, "/from"), *urls(first, 2)).status == 0
    # A request may be seen later than it was started, but no earlier.
    assert all(asked.time - began >= n * 0.1 for n, asked in enumerate(first.asked))
    assert len(first.asked) == 4


def test_others_do_not_wait_for_the_rate_of_a_host(
    pyfetch: Command, first: LoopbackServer, second: LoopbackServer
) -> None:
    """They would do so for an hour."""
    pyfetch.configure('[host."127.0.0.1"]\nrate = "1/h"\n')
    assert pyfetch("--discard", *urls(first, 1), *urls(second, 4)).status == 0


def test_the_bytes_of_one_host_are_throttled_and_those_of_others_are_not(
    pyfetch: Command, first: LoopbackServer, second: LoopbackServer
) -> None:
    first.pages["/x"] = second.pages["/x"] = Page(b"x" * 20_000)
    pyfetch.configure('[host."127.0.0.1"]\nlimit-rate = "40K"\n')
    ended = pyfetch("--discard", "--format", "jsonl", "--unordered", at(first), at(second))
    took = {result["url"]: result["elapsed"] for result in ended.results}
    assert took[at(first)] > 0.3
    assert ended.results[0]["url"] == at(second)


def test_the_general_limit_of_bytes_holds_beside_that_of_a_host(
    pyfetch: Command, first: LoopbackServer
) -> None:
    first.pages["/x"] = Page(b"x" * 20_000)
    pyfetch.configure('[host."127.0.0.1"]\nlimit-rate = "1G"\n')
    began = time.monotonic()
    assert pyfetch("--discard", "--limit-rate", "40K", at(first)).status == 0
    assert time.monotonic() - began > 0.3


def test_headers_go_to_their_host_alone_and_beside_the_general_ones(
    pyfetch: Command, first: LoopbackServer, second: LoopbackServer
) -> None:
    """Of one name, the more specific one is sent; that of the command line is."""
    pyfetch.configure(
        '[defaults]\nheader = ["X-All: 1", "X-Both: general"]\n'
        '[host."*"]\nheader = "X-Both: any"\n'
        '[host."127.0.0.1"]\nheader = ["x-both: own", "X-Token: s3cret", "X-Given: own"]\n'
        'user-agent = "mine/1"\n'
    )
    assert pyfetch("--discard", "-H", "X-Given: now", at(first), at(second)).status == 0
    (own,), (other,) = first.asked, second.asked
    names = ("x-all", "x-both", "x-token", "x-given")
    assert {
        name.lower(): value for name, value in own.headers.items() if name.lower() in names
    } == {"x-all": "1", "x-both": "own", "x-token": "s3cret", "x-given": "now"}
    assert {
        name.lower(): value for name, value in other.headers.items() if name.lower() in names
    } == {"x-all": "1", "x-both": "any", "x-given": "now"}
    assert own.headers["User-Agent"] == "mine/1"
    assert other.headers["User-Agent"].startswith("pyfetch/")


@pytest.mark.parametrize(
    ("pattern", "is_sent"),
    [("127.0.0.2:{port}", True), ("127.0.0.2", False), ("*", False), ("*:{port}", False)],
)
def test_a_redirect_gets_secrets_of_the_host_that_it_leads_to_only_if_they_are_meant_for_that_port(
    pyfetch: Command, first: LoopbackServer, second: LoopbackServer, pattern: str, is_sent: bool
) -> None:
    """Else it could make us send them in clear text to a port of its choice."""
    first.routes["/x"] = partial(redirect, to=at(second))
    pyfetch.configure(
        '[host."127.0.0.1"]\nheader = ["X-Token: first", "Accept: a/b"]\n'
        f'[host."{pattern.format(port=second.server_port)}"]\nheader = "X-Token: second"\n'
        'user-agent = "mine/2"\n'
    )
    assert pyfetch("--discard", at(first)).status == 0
    (asked,) = second.asked
    assert asked.headers.get("X-Token") == ("second" if is_sent else None)
    assert asked.headers["User-Agent"] == "mine/2"
    assert first.asked[0].headers["X-Token"] == "first"


def test_each_hop_of_a_redirect_has_the_headers_of_its_own_host(
    pyfetch: Command, first: LoopbackServer, second: LoopbackServer
) -> None:
    """Those of the first host come with the first host only, also on the way back."""
    second.routes["/x"] = partial(redirect, to=at(first, "/end"))
    first.pages["/end"] = Page(b"x")
    first.routes["/x"] = partial(redirect, to=at(second))
    named = f"127.0.0.1:{first.server_port}"
    pyfetch.configure(f'[host."{named}"]\nheader = "X-Token: s3cret"\n')
    assert pyfetch("--discard", at(first)).status == 0
    assert [asked.headers.get("X-Token") for asked in first.asked] == ["s3cret", "s3cret"]
    assert "X-Token" not in second.asked[0].headers


@pytest.mark.parametrize("general", [(), ("-H", "Authorization: Bearer now")])
def test_a_user_logs_in_at_its_host_unless_the_command_line_says_otherwise(
    pyfetch: Command, first: LoopbackServer, second: LoopbackServer, general: tuple[str, ...]
) -> None:
    pyfetch.configure(
        '[defaults]\nheader = "Authorization: Bearer all"\n[host."127.0.0.1"]\nuser = "me:s3cr:t"\n'
    )
    assert pyfetch("--discard", *general, at(first), at(second)).status == 0
    own, other = first.asked[0].headers, second.asked[0].headers
    assert own["Authorization"] == (general[1][15:] if general else basic("me", "s3cr:t"))
    assert other["Authorization"] == (general[1][15:] if general else "Bearer all")


def test_a_user_of_the_command_line_counts_more_than_one_of_the_host(
    pyfetch: Command, first: LoopbackServer, second: LoopbackServer
) -> None:
    """It is for the origin of the first URL, so that others have theirs."""
    pyfetch.configure('[host."*"]\nuser = "me:s3cret"\n')
    assert pyfetch("--discard", "-u", "you:now", at(first), at(second)).status == 0
    assert first.asked[0].headers["Authorization"] == basic("you", "now")
    assert second.asked[0].headers["Authorization"] == basic("me", "s3cret")


@pytest.mark.parametrize("key", ['user = "me:netrc"', 'header = "Authorization: Bearer x"'])
def test_a_login_of_the_host_counts_more_than_the_netrc_file_and_less_than_the_url(
    pyfetch: Command, first: LoopbackServer, key: str
) -> None:
    netrc = pyfetch.directory / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password other\n")
    pyfetch.environment["NETRC"] = str(netrc)
    pyfetch.configure(f'[host."127.0.0.1"]\n{key}\n')
    own = basic("me", "netrc") if key.startswith("user") else "Bearer x"
    assert pyfetch("--discard", "-w", "1", at(first), at(first).replace("//", "//a:b@")).status == 0
    assert [asked.headers["Authorization"] for asked in first.asked] == [own, basic("a", "b")]


def test_a_proxy_is_used_for_its_hosts_and_an_empty_one_is_none(
    pyfetch: Command, first: LoopbackServer, second: LoopbackServer
) -> None:
    """Patterns are compared with the name that the proxy is asked for, too."""
    with HTTPProxy() as general, HTTPProxy() as own:
        pyfetch.configure(
            f'[defaults]\nproxy = "{general.url}"\n[host."*.example.test"]\nproxy = "{own.url}"\n'
            '[host."127.0.0.2"]\nproxy = ""\n'
        )
        named = [at(first, host=host) for host in ("a.example.test", "example.test")]
        assert pyfetch("--discard", *named, at(second)).status == 0
        assert [asked.target for asked in own.asked] == [named[0]]
        assert [asked.target for asked in general.asked] == [named[1]]
        assert len(second.asked) == 1
        pyfetch("--discard", "--proxy", general.url, named[0])
        assert len(own.asked) == 1


def test_cacert_says_who_vouches_for_its_host_alone(pyfetch: Command, tmp_path: Path) -> None:
    """A relative path begins where the configuration is."""
    authority = trustme.CA()
    with LoopbackServer() as own, LoopbackServer("127.0.0.2") as other:
        for server in (own, other):
            speak_tls(server, context_with(authority.issue_cert("127.0.0.1", "127.0.0.2")))
            server.pages["/x"] = Page(b"x")
        pyfetch.configure('[host."127.0.0.1"]\ncacert = "own.pem"\n')
        authorities_in(pyfetch.configuration.with_name("own.pem"), authority)
        ended = pyfetch("--discard", *(at(s).replace("http:", "https:") for s in (own, other)))
    assert [row[4] for row in ended.rows] == ["-", "tls"]


def test_authorities_of_a_host_that_cannot_be_used_are_an_error_before_the_run(
    pyfetch: Command, first: LoopbackServer
) -> None:
    pyfetch.configure('[host."127.0.0.1"]\ncacert = "missing.pem"\n')
    for options in ((), ("--processes", "2")):
        ended = pyfetch("--discard", *options, at(first))
        assert ended.status == 2
        assert "missing.pem" in ended.err
    assert first.asked == []


def test_a_timeout_and_retries_are_those_of_the_host(
    pyfetch: Command, first: LoopbackServer, second: LoopbackServer
) -> None:
    first.routes["/x"] = second.routes["/x"] = Handler.stall
    pyfetch.configure(
        '[defaults]\nretries = 0\ntimeout = 0.2\n[host."127.0.0.1"]\ntimeout = 0.1\nretries = 2\n'
    )
    ended = pyfetch("--discard", "--format", "jsonl", at(first), at(second))
    own, other = ended.results
    assert (own["error"], own["attempts"]) == ("timeout", 3)
    assert (other["error"], other["attempts"]) == ("timeout", 1)
    assert own["detail"].endswith("within 0.1 s")
    assert other["detail"].endswith("within 0.2 s")


def test_what_the_command_line_says_counts_more_than_what_a_host_says(
    pyfetch: Command, first: LoopbackServer
) -> None:
    first.routes["/x"] = lambda handler: handler.answer(503)
    pyfetch.configure('[host."127.0.0.1"]\nretries = 3\n')
    pyfetch("--discard", "--retries", "1", at(first))
    assert len(first.asked) == 2
    pyfetch.environment["PYFETCH_RETRIES"] = "0"
    pyfetch("--discard", at(first))
    assert len(first.asked) == 3


def test_a_host_counts_more_than_a_profile(pyfetch: Command, first: LoopbackServer) -> None:
    first.routes["/x"] = lambda handler: handler.answer(503)
    pyfetch.configure('[profile.p]\nretries = 3\n[host."127.0.0.1"]\nretries = 1\n')
    pyfetch("--discard", "--profile", "p", at(first))
    assert len(first.asked) == 2


def test_a_program_says_the_same_in_a_mapping(
    first: LoopbackServer, second: LoopbackServer
) -> None:
    hosts = {
        "127.0.0.1": {"headers": {"X-Token": "s3cret"}, "user_agent": "mine/1", "retries": 0},
        f"*:{second.server_port}": {"user": "me:s3cret"},
    }
    results = list(fetch_all([at(first), at(second)], discard=True, hosts=hosts))
    assert [result.status for result in results] == [200, 200]
    assert first.asked[0].headers["X-Token"] == "s3cret"
    assert first.asked[0].headers["User-Agent"] == "mine/1"
    assert "X-Token" not in second.asked[0].headers
    assert second.asked[0].headers["Authorization"] == basic("me", "s3cret")


def test_settings_of_hosts_reach_other_processes(
    pyfetch: Command, forked: InstalledCommand, first: LoopbackServer, second: LoopbackServer
) -> None:
    pyfetch.configure('[host."127.0.0.1"]\nheader = "X-Token: s3cret"\n')
    ended = forked("--discard", "--processes", "2", *urls(first, 4), *urls(second, 4))
    assert ended.status == 0
    assert {asked.headers.get("X-Token") for asked in first.asked} == {"s3cret"}
    assert {asked.headers.get("X-Token") for asked in second.asked} == {None}
