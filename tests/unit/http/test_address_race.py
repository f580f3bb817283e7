"""Which of several addresses is connected to, and how long that takes."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any
from urllib.parse import urlsplit

import pytest

from pyfetch import Result, fetch_all
from pyfetch.attempt import Assignment
from pyfetch.http import address_race
from pyfetch.http.address_race import WorkingAddresses, connect_to_first
from pyfetch.http.name_lookup import Address
from pyfetch.models import Failure, Target, TargetError
from pyfetch.transfer import Transfer
from pyfetch.urls import parse_url
from tests.support.server import LoopbackServer, Page
from tests.support.unreachable import dropping_packets
from tests.support.waiting import within

HOST = ("h.test", 80)
LONG = 30.0


def at(port: int, host: str = "127.0.0.1") -> Address:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    rest = (0, 0) if ":" in host else ()
    return (family, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port, *rest))


def new_transfer() -> Transfer:
    return Transfer(Assignment.first_of(Target(1, parse_url("http://h.test/"))))


@pytest.fixture
def dead() -> Iterator[Address]:
    """An address that never answers."""
    with dropping_packets() as url:
        yield at(urlsplit(url).port or 0)


@pytest.fixture
def refusing() -> Address:
    """An address where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return at(closed.getsockname()[1])


@pytest.fixture
def living(server: LoopbackServer) -> Address:
    return at(server.server_port)


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next address is tried after a moment."""
    monkeypatch.setattr(address_race, "STAGGER", 0.01)


@pytest.fixture
def never(monkeypatch: pytest.MonkeyPatch) -> None:
    """The next address is tried only where the one before has failed."""
    monkeypatch.setattr(address_race, "STAGGER", LONG)


def winner(*addresses: Address, timeout: float = LONG) -> Address:
    connection, address = connect_to_first(addresses, timeout, new_transfer())
    with connection:
        assert connection.getpeername() == address[4]
        assert connection.gettimeout() == timeout
    return address


@pytest.mark.usefixtures("at_once")
def test_an_address_that_does_not_answer_delays_the_next_by_a_moment(
    dead: Address, living: Address
) -> None:
    """RFC 8305, section 5."""
    assert winner(dead, living) == living
    assert winner(dead, dead, dead, living) == living


@pytest.mark.usefixtures("never")
def test_an_address_that_refuses_delays_the_next_by_nothing(
    refusing: Address, living: Address
) -> None:
    began = time.monotonic()
    assert winner(refusing, refusing, living) == living
    assert within(2, time.monotonic() - began)


@pytest.mark.usefixtures("never")
def test_the_first_address_wins_where_it_answers(living: Address, dead: Address) -> None:
    assert winner(living, dead) == living


@pytest.mark.usefixtures("at_once")
@pytest.mark.slow
def test_addresses_that_all_fail_take_the_time_of_one(dead: Address, refusing: Address) -> None:
    began = time.monotonic()
    with pytest.raises(TimeoutError):
        winner(*[dead] * 10, timeout=0.2)
    assert within(1, time.monotonic() - began)
    with pytest.raises(ConnectionRefusedError):
        winner(refusing, refusing)


@pytest.mark.usefixtures("at_once")
def test_a_family_that_this_machine_does_not_have_is_passed_over(living: Address) -> None:
    absent: Any = (socket.AF_APPLETALK, *at(1)[1:])
    assert winner(absent, living) == living
    with pytest.raises(OSError, match="family"):
        winner(absent, absent)


def test_a_race_ends_as_soon_as_its_transfer_is_stopped(dead: Address) -> None:
    transfer = new_transfer()
    stop = threading.Timer(0.05, transfer.stop, (Failure.CANCELLED, "enough"))
    stop.start()
    began = time.monotonic()
    with pytest.raises(TargetError, match="enough"):
        connect_to_first([dead, dead], LONG, transfer)
    assert within(2, time.monotonic() - began)
    with pytest.raises(TargetError, match="enough"):  # and does not begin afterwards
        connect_to_first([dead, dead], LONG, transfer)


def test_the_families_are_tried_in_turn() -> None:
    """RFC 8305, section 4: not all IPv6 addresses before the first IPv4 one."""
    six = [at(80, f"2001:db8::{number}") for number in range(3)]
    four = [at(80, f"192.0.2.{number}") for number in range(2)]
    working = WorkingAddresses()
    in_turn = [six[0], four[0], six[1], four[1], six[2]]
    assert working.in_order(HOST, [*six, *four]) == in_turn
    assert working.in_order(HOST, [*four, *six])[:3] == [four[0], six[0], four[1]]
    assert working.in_order(HOST, []) == []


def test_what_worked_comes_first_for_its_host_alone_while_the_name_has_it() -> None:
    six, four, other = at(80, "2001:db8::1"), at(80, "192.0.2.1"), at(80, "192.0.2.2")
    working = WorkingAddresses()
    working.note(HOST, four)
    assert working.in_order(HOST, [six, four]) == [four, six]
    assert working.in_order(HOST, [six, other]) == [six, other]
    assert working.in_order(("other.test", 80), [six, four]) == [six, four]
    working.note(HOST, six)
    assert working.in_order(HOST, [four, six]) == [six, four]


def fetched(*urls: str, **settings: Any) -> list[Result]:
    chosen = {"discard": True, "retries": 0, "netrc": False, "workers": 1, **settings}
    return list(fetch_all(urls, **chosen))


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> dict[str, list[Address]]:
    """What names resolve to; others are not found. Addresses are those of the right family."""
    known: dict[str, list[Address]] = {}

    def resolve(host: str, port: int, family: int = 0, kind: int = 0) -> list[Address]:
        found = [one for one in known.get(host, []) if family in (0, one[0])]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        return found

    monkeypatch.setattr("pyfetch.http.name_lookup.socket.getaddrinfo", resolve)
    return known


@pytest.mark.usefixtures("at_once")
@pytest.mark.slow
def test_a_host_is_asked_where_it_answered_before(
    monkeypatch: pytest.MonkeyPatch,
    server: LoopbackServer,
    dead: Address,
    resolved: dict[str, list[Address]],
) -> None:
    """A dead address costs a moment once, not with each connection."""
    server.pages |= {f"/{number}": Page(b"x") for number in range(3)}
    server.routes["/0"] = lambda h: h.answer(200, b"x", Connection="close")
    server.routes["/1"] = server.routes["/0"]
    living = at(server.server_port)
    resolved["h.test"] = [dead, living]
    begun: list[Address] = []
    begin = address_race._Race._begin  # noqa: SLF001 - each attempt passes here

    def counted(race: Any, address: Address, now: float) -> None:
        begun.append(address)
        begin(race, address, now)

    monkeypatch.setattr(address_race._Race, "_begin", counted)  # noqa: SLF001
    results = fetched(*(f"http://h.test:{server.server_port}/{number}" for number in range(3)))
    assert [result.status for result in results] == [200] * 3
    assert begun == [dead, living, living, living]


class _IPv6Server(LoopbackServer):
    address_family = socket.AF_INET6


def test_one_family_alone_is_asked_where_that_is_wanted(
    server: LoopbackServer, resolved: dict[str, list[Address]]
) -> None:
    with ExitStack() as running:
        over_ipv6 = running.enter_context(_IPv6Server("::1"))
        resolved["h.test"] = [at(over_ipv6.server_port, "::1"), at(server.server_port)]
        resolved["four.test"] = [at(server.server_port)]
        for settings, asked in (({"ipv4": True}, server), ({"ipv6": True}, over_ipv6)):
            asked.pages["/x"] = Page(b"x")
            (came,) = fetched("http://h.test/x", **settings)
            assert (came.status, asked.paths()) == (200, ["/x"])
        (refused,) = fetched("http://four.test/x", ipv6=True)
    assert refused.error is Failure.DNS
    assert refused.detail == "no IPv6 address of the host was found (--ipv6)"
