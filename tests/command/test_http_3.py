"""HTTP/3, by option and by offer, beside a server of aioquic; `--engine curl` alone has it."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pycurl
import pytest
import trustme

from tests.support.certificates import authorities_in, context_with, speak_tls
from tests.support.command import Command
from tests.support.http_3 import BODY, http_3_server
from tests.support.server import Handler, LoopbackServer

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not pycurl.version_info()[4] & pycurl.VERSION_HTTP3, reason="this libcurl has no HTTP/3"
    ),
]
BY_TCP = b"by HTTP/1.1"


class Both(NamedTuple):
    """A server that speaks HTTP/1.1 over TCP; its certificate; and how to ask it."""

    server: LoopbackServer
    certificate: Path
    arguments: tuple[str, ...]
    urls: list[str]


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    certificate = tmp_path / "server.pem"
    issued.private_key_and_cert_chain_pem.write_to_path(certificate)
    bundle = authorities_in(tmp_path / "authorities.pem", authority)
    with LoopbackServer() as server:
        speak_tls(server, context_with(issued))
        arguments = ("--engine", "curl", "-w", "2", "--cacert", bundle, "--format", "jsonl")
        urls = [f"https://127.0.0.1:{server.server_port}/{number}" for number in range(30)]
        yield Both(server, certificate, arguments, urls)


def offer(both: Both, value: str) -> None:
    """Have each answer over TCP offer this."""

    def route(handler: Handler) -> None:
        handler.answer(200, BY_TCP, Alt_Svc=value)

    for url in both.urls:
        both.server.routes[f"/{url.rpartition('/')[2]}"] = route


def spoken(pyfetch: Command, both: Both, *more: str) -> list[str]:
    """The versions of HTTP of the answers, in order; each body is that of its version."""
    ended = pyfetch(*both.arguments, *more, *both.urls)
    assert ended.status == 0
    for result in ended.results:
        by_3 = result["http_version"] == "3"
        assert (pyfetch.directory / result["path"]).read_bytes() == (BODY if by_3 else BY_TCP)
    return [result["http_version"] for result in ended.results]


def test_it_is_spoken_where_it_is_asked_for(pyfetch: Command, both: Both) -> None:
    """Nothing listens at this port of TCP: a server that answers there first is taken, too."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    urls = [f"https://127.0.0.1:{port}/{number}" for number in range(30)]
    with http_3_server(both.certificate, port):
        assert set(spoken(pyfetch, both._replace(urls=urls), "--http", "3")) == {"3"}


def test_an_offer_is_taken_though_a_connection_is_open(pyfetch: Command, both: Both) -> None:
    """On a busy machine TCP may be there first, and then nothing more is tried in this run."""
    offer(both, f'h3=":{both.server.server_port}"; ma=60')
    with http_3_server(both.certificate, both.server.server_port):
        assert set(spoken(pyfetch, both, "-o", "by-1.1", "--http", "1.1")) == {"1.1"}
        for run in range(5):
            first, *others = spoken(pyfetch, both, "-w", "1", "-o", str(run))
            if others == ["3"] * len(others):
                break
    assert (first, set(others)) == ("1.1", {"3"})


def test_an_offer_that_does_not_hold_costs_one_attempt_over_a_new_connection(
    pyfetch: Command, both: Both
) -> None:
    offer(both, f'h3=":{both.server.server_port}"')
    assert set(spoken(pyfetch, both)) == {"1.1"}
    assert len(both.server.asked) == len(both.urls)
    assert both.server.connections <= 3


def test_no_other_port_is_asked_however_it_is_offered(pyfetch: Command, both: Both) -> None:
    """Nor another host: the limits of a host, and what is public, are those of the URL."""
    with LoopbackServer() as other, http_3_server(both.certificate, other.server_port):
        offer(both, f'h3=":{other.server_port}", h3="localhost:{both.server.server_port}"')
        assert set(spoken(pyfetch, both)) == {"1.1"}


def test_only_public_addresses_are_asked_by_it_either(pyfetch: Command, both: Both) -> None:
    with http_3_server(both.certificate, both.server.server_port):
        ended = pyfetch(*both.arguments, "--http", "3", "--public-only", both.urls[0])
    assert [result["error"] for result in ended.results] == ["forbidden-address"]


def test_a_certificate_of_a_stranger_is_refused_by_it_too(pyfetch: Command, both: Both) -> None:
    arguments = [value for value in both.arguments if "authorities" not in value]
    arguments.remove("--cacert")
    with http_3_server(both.certificate, both.server.server_port):
        ended = pyfetch(*arguments, "--http", "3", both.urls[0])
    assert [result["error"] for result in ended.results] == ["tls"]
