"""Lists from strangers: what is connected to is public, whatever a name or a redirect says."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeVar

import pytest

from pyfetch import Result, fetch_all
from pyfetch.models import Failure
from tests.support.command import Command
from tests.support.server import Handler, LoopbackServer, Page, redirect
from tests.support.waiting import within

Test = TypeVar("Test", bound=Callable[..., None])

SPELLINGS = [
    "127.0.0.1",
    "127.1",
    "0.0.0.0",  # noqa: S104 - it is asked, not served
    "0",
    "localhost",
    "LOCALHOST",
    "2130706433",
    "0x7f.1",
    "0x7f000001",
    "0177.0.0.1",
    "017700000001",
    "[::1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[64:ff9b::127.0.0.1]",
    "[fe80::1]",
    "[fd00:ec2::254]",
    "169.254.169.254",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.0.1",
    "100.64.0.1",
    "224.0.0.1",
    "255.255.255.255",
    "me:s3cret@127.0.0.1",
]


class _IPv6Server(LoopbackServer):
    address_family = socket.AF_INET6


def test_no_spelling_of_an_address_that_is_not_public_is_connected_to(
    pyfetch: Command, server: LoopbackServer
) -> None:
    with _IPv6Server("::1") as over_ipv6:
        urls = [
            f"{scheme}://{host}:{port}/x"
            for scheme, port in (
                ("http", server.server_port),
                ("https", server.server_port),
                ("http", over_ipv6.server_port),
            )
            for host in SPELLINGS
        ]
        ended = pyfetch("--public-only", "--format", "jsonl", "--discard", stdin="\n".join(urls))
        for url, result in zip(urls, ended.results, strict=True):
            said = (result["error"], result["attempts"])
            assert said == ("forbidden-address", 1), (url, result["detail"])
            assert "public" in result["detail"]
        assert within(10, sum(result["elapsed"] for result in ended.results))
        assert (server.connections, over_ipv6.connections) == (0, 0)
        # The same without the option: the addresses do lead to the servers.
        reached = pyfetch(
            "--discard", f"{server.url}/x", f"http://[::1]:{over_ipv6.server_port}/x",
            f"http://0x7f.1:{server.server_port}/x",
        )  # fmt: skip
        assert [row[0] for row in reached.rows] == ["404"] * 3


class Names:
    """A resolver that gives each name its answers in turn, and the last one ever after."""

    def __init__(self, **answers: list[list[str]]) -> None:
        self._answers = {name.replace("_", "."): found for name, found in answers.items()}
        self._real = socket.getaddrinfo
        self._lock = threading.Lock()
        self.asked: list[str] = []

    def __call__(self, host: str, port: int, *arguments: Any, **options: Any) -> list[Any]:
        with self._lock:
            self.asked.append(host)
            left = self._answers.get(host)
            if left is None:
                return self._real(host, port, *arguments, **options)
            addresses = left.pop(0) if len(left) > 1 else left[0]
        kind = (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [(*kind, (address, port)) for address in addresses]


def only_the_first_is_public(address: str) -> str | None:
    return None if address == "127.0.0.1" else f"{address} is private here"


@pytest.fixture
def forbidden() -> Iterator[LoopbackServer]:
    with LoopbackServer("127.0.0.2") as running:
        running.pages["/x"] = Page(b"secret")
        yield running


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """127.0.0.1 counts as public, 127.0.0.2 does not."""
    monkeypatch.setattr("pyfetch.http.public_addresses.why_not_public", only_the_first_is_public)


@pytest.fixture
def resolve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Names]:
    """Lets names resolve as it is told, from then on."""

    def told(**answers: list[list[str]]) -> Names:
        names = Names(**answers)
        monkeypatch.setattr("pyfetch.http.connection.socket.getaddrinfo", names)
        return names

    return told


def fetched(*urls: str, public_only: bool = True) -> list[Result]:
    settings = {"discard": True, "retry_wait": 0.0, "netrc": False, "workers": 1}
    return list(fetch_all(urls, public_only=public_only, **settings))  # type: ignore[arg-type]


def among_two_hosts(test: Test) -> Test:
    """One of them is not public. It could be reached: else its silence would prove nothing."""
    judged: Test = pytest.mark.usefixtures("judged")(test)
    return judged


@among_two_hosts
def test_a_redirect_to_an_address_that_is_not_public_is_not_followed(
    server: LoopbackServer, forbidden: LoopbackServer
) -> None:
    to = f"http://127.0.0.2:{forbidden.server_port}/x"
    server.routes["/x"] = partial(redirect, to=to)
    server.pages["/y"] = Page(b"y")
    refused, came = fetched(f"{server.url}/x", f"{server.url}/y")
    assert (refused.error, refused.attempts) == (Failure.FORBIDDEN_ADDRESS, 1)
    assert (came.status, forbidden.connections) == (200, 0)
    (allowed,) = fetched(f"{server.url}/x", public_only=False)
    assert (allowed.status, forbidden.connections) == (200, 1)


@among_two_hosts
def test_a_name_that_resolves_differently_the_second_time_does_not_slip_through(
    forbidden: LoopbackServer, resolve: Callable[..., Names]
) -> None:
    port = forbidden.server_port
    with _at_port(port) as public:
        public.routes["/first"] = _closing
        names = resolve(rebinds_test=[["127.0.0.1"], ["127.0.0.2"]])
        urls = [f"http://rebinds.test:{port}/{path}" for path in ("first", "x")]
        first, second = fetched(*urls)
        assert first.status == 200
        assert (second.error, second.attempts) == (Failure.FORBIDDEN_ADDRESS, 1)
        assert names.asked == ["rebinds.test"] * 2
        assert (public.connections, forbidden.connections) == (1, 0)


@among_two_hosts
def test_each_connection_is_to_an_address_that_was_judged_and_the_name_is_asked_for_once(
    server: LoopbackServer, resolve: Callable[..., Names]
) -> None:
    port = server.server_port
    server.pages["/x"] = Page(b"x")
    # Were the name asked for once more to connect, that would be to the other address.
    names = resolve(rebinds_test=[["127.0.0.1"], ["127.0.0.2"]])
    with _at_port(port, "127.0.0.2") as forbidden:
        (result,) = fetched(f"http://rebinds.test:{port}/x")
        assert (result.status, forbidden.connections) == (200, 0)
    assert names.asked == ["rebinds.test"]


@among_two_hosts
def test_of_the_addresses_of_a_name_only_public_ones_are_connected_to(
    server: LoopbackServer, resolve: Callable[..., Names]
) -> None:
    port = server.server_port
    server.pages["/x"] = Page(b"x")
    mixed = ["127.0.0.2", "127.0.0.1", "127.0.0.2"]
    resolve(mixed_test=[mixed], hidden_test=[["127.0.0.2", "127.0.0.3"]])
    with _at_port(port, "127.0.0.2") as forbidden:
        forbidden.pages["/x"] = Page(b"secret")
        came, refused = fetched(f"http://mixed.test:{port}/x", f"http://hidden.test:{port}/x")
        assert (came.size, refused.error) == (1, Failure.FORBIDDEN_ADDRESS)
        assert forbidden.connections == 0
        # Where the public one does not answer, the other one still is none to turn to.
        resolve(mixed_test=[["127.0.0.1", "127.0.0.2"]])
        with _at_port(0, "127.0.0.2") as lone:
            (unreached,) = fetched(f"http://mixed.test:{lone.server_port}/x")
            assert (unreached.error, lone.connections) == (Failure.CONNECT, 0)


def _closing(handler: Handler) -> None:
    """An answer whose connection is not used again."""
    handler.answer(200, b"x", Connection="close")
    handler.close_connection = True


class _AtPort(LoopbackServer):
    port = 0

    def server_bind(self) -> None:
        self.server_address = (self.server_address[0], self.port)
        super().server_bind()


def _at_port(port: int, address: str = "127.0.0.1") -> LoopbackServer:
    """A server at a port that was chosen, on one of the addresses of the loopback."""
    return type("AtPort", (_AtPort,), {"port": port})(address)  # type: ignore[no-any-return]
