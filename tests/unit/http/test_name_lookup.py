"""Name look-ups: shared, bounded, and ended by a deadline or with their transfer."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from pyfetch.attempt import Assignment
from pyfetch.http.name_lookup import LookUpTimeoutError, NameLookUps, is_ip_address
from pyfetch.models import Failure, Target, TargetError
from pyfetch.transfer import Transfer
from pyfetch.urls import parse_url
from tests.support.cases import cases

LONG = 60.0
SOON = LONG / 2
"""Seconds in which a wait that is ended has ended, however busy the machine is."""
FOUND = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))]


class Resolver:
    """Stands in for `getaddrinfo`: hangs for names with `hang` in them until it is let go."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.let_go = threading.Event()

    def __call__(self, host: str, *_: Any, **__: Any) -> list[Any]:
        self.asked.append(host)
        if "hang" in host:
            self.let_go.wait(LONG)
        if "unknown" in host:
            raise socket.gaierror(socket.EAI_NONAME, "not known")
        return FOUND


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    standing_in = Resolver()
    monkeypatch.setattr("pyfetch.http.name_lookup.socket.getaddrinfo", standing_in)
    yield standing_in
    standing_in.let_go.set()


class Clock:
    """Stands still until so many look-ups have begun; then each glance at it takes a second."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._now = 0.0
        self.begun = 1

    def monotonic(self) -> float:
        if len(self._resolver.asked) >= self.begun:
            self._now += 1
        return self._now


@pytest.fixture
def clock(resolver: Resolver, monkeypatch: pytest.MonkeyPatch) -> Clock:
    made = Clock(resolver)
    monkeypatch.setattr("pyfetch.http.name_lookup.time", made)
    return made


def transfer() -> Transfer:
    return Transfer(Assignment.first_of(Target(1, parse_url("http://h/"))))


def wait_for(condition: Any) -> None:
    until = time.monotonic() + SOON
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.001)


def test_a_name_is_resolved_anew_each_time_by_one_thread_that_is_kept(resolver: Resolver) -> None:
    """Nothing is cached, and no thread is started for each name."""
    look_ups = NameLookUps()
    before = threading.active_count()
    for _ in range(20):
        assert look_ups.resolve("h.test", 80, LONG, transfer()) == FOUND
    assert resolver.asked == ["h.test"] * 20
    assert threading.active_count() <= before + 2


def test_a_name_that_is_unknown_is_an_error(resolver: Resolver) -> None:
    """What `getaddrinfo` raises in its thread is raised where it is waited for."""
    with pytest.raises(socket.gaierror, match="not known"):
        NameLookUps().resolve("unknown.test", 80, LONG, transfer())


def test_a_look_up_that_hangs_ends_at_its_deadline_and_the_next_one_asks_anew(
    resolver: Resolver, clock: Clock
) -> None:
    """A hung look-up is no reason for all that follow to wait for it."""
    look_ups = NameLookUps()
    for number in (1, 2):
        clock.begun = number
        with pytest.raises(LookUpTimeoutError, match="no answer within"):
            look_ups.resolve("hang.test", 80, 0.05, transfer())
    assert resolver.asked == ["hang.test"] * 2


def test_a_transfer_that_is_stopped_ends_its_wait_at_once_and_no_other_one(
    resolver: Resolver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two transfers share one look-up; `stop` ends the wait of one."""
    look_ups = NameLookUps()
    waiting: list[Transfer] = []
    real = Transfer.interrupted_by

    def interrupted_by(self: Transfer, *arguments: Any) -> Any:
        waiting.append(self)
        return real(self, *arguments)

    monkeypatch.setattr(Transfer, "interrupted_by", interrupted_by)
    stopped, other = transfer(), transfer()
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(look_ups.resolve, "hang.test", 80, LONG, stopped)
        second = threads.submit(look_ups.resolve, "hang.test", 80, LONG, other)
        wait_for(lambda: resolver.asked and {stopped, other} <= {*waiting})
        stopped.stop(Failure.CANCELLED, "stopped")
        with pytest.raises(TargetError, match="stopped"):
            first.result(SOON)
        assert not second.done()
        resolver.let_go.set()
        assert second.result(SOON) == FOUND
    assert resolver.asked == ["hang.test"]


def test_a_transfer_that_was_stopped_before_waits_for_nothing(resolver: Resolver) -> None:
    """`stop` may come before the look-up."""
    stopped = transfer()
    stopped.stop(Failure.CANCELLED, "stopped")
    with pytest.raises(TargetError, match="stopped"):
        NameLookUps().resolve("hang.test", 80, LONG, stopped)


def test_no_more_threads_hang_than_are_allowed(resolver: Resolver, clock: Clock) -> None:
    """Those beyond wait for a thread, until their own deadlines, and are dropped then."""
    clock.begun = 2
    look_ups = NameLookUps(max_threads=2)
    with ThreadPoolExecutor(5) as threads:
        waits = [
            threads.submit(look_ups.resolve, f"hang{number}.test", 80, 0.1, transfer())
            for number in range(5)
        ]
        assert all(isinstance(wait.exception(SOON), LookUpTimeoutError) for wait in waits)
    assert len(resolver.asked) == 2
    resolver.let_go.set()
    assert look_ups.resolve("h.test", 80, LONG, transfer()) == FOUND
    assert len(resolver.asked) == 3


def test_one_that_hangs_delays_no_other_name(resolver: Resolver) -> None:
    """Each look-up has a thread: none waits behind another one."""
    look_ups = NameLookUps()
    look_ups.resolve("h.test", 80, LONG, transfer())  # its thread is idle now
    with ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(look_ups.resolve, "hang.test", 80, LONG, transfer())
        wait_for(lambda: "hang.test" in resolver.asked)
        assert look_ups.resolve("other.test", 80, SOON, transfer()) == FOUND
        resolver.let_go.set()
        assert hanging.result(SOON) == FOUND


@cases("host", ["127.0.0.1", "::1", "fe80::1%lo"])
def test_an_address_needs_no_thread(host: str) -> None:
    """An address is no name to look up."""
    before = threading.active_count()
    assert is_ip_address(host)
    if "%" not in host:
        assert NameLookUps().resolve(host, 80, LONG, transfer())[0][4][:2] == (host, 80)
    assert threading.active_count() == before


@cases("host", ["h", "1.2.3.4.5", "127.0.0.1.nip.test", "12", "a:b", ""])
def test_what_is_no_address_is_a_name(host: str) -> None:
    """Only text that `getaddrinfo` never asks a server for skips the thread."""
    assert not is_ip_address(host)
