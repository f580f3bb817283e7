"""What hosts see of a run over several processes: the servers count."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from pyfetch import fetch_all
from tests.support.command import InstalledCommand
from tests.support.counting import CountingServer, Seen, most_within, response
from tests.support.processes import children_of, connected_from
from tests.support.waiting import until, within

pytestmark = pytest.mark.slow

FOUR: dict[str, Any] = {"processes": 4, "discard": True, "workers": 64}
MOST_OF_A_HOST = 2
RATE = 4


def refuses_more_than_it_may(host: str, seen: Seen) -> bytes:
    """A host that has one more limit than those of the settings, and says how long to wait."""
    strict = int(host.rpartition(".")[2]) % 4 == 0
    now = time.monotonic()
    if strict and sum(now - at < 1.0 for at in seen.times[-10:]) > RATE // 2:
        seen.refused.append(now)
        return response(429, b"", "Retry-After: 1")
    return response(200, b"x" * 100)


def test_no_host_of_200_ever_sees_more_than_its_budget() -> None:
    server = CountingServer(refuses_more_than_it_may)
    with server.running():
        urls = [server.url(host, path) for path in range(12) for host in range(200)]
        urls += [server.url(7, path) for path in range(12, 40)]  # and one that has more
        results = fetch_all(urls, **FOUR, per_host=MOST_OF_A_HOST, rate=RATE, max_wait=60)
        codes = Counter(result.status for result in results)
    assert codes == {200: len(urls)}
    assert max(seen.most_at_once for seen in server.hosts.values()) <= MOST_OF_A_HOST
    assert max(seen.most_in_a_second() for seen in server.hosts.values()) <= RATE + 1
    times = server.times()
    assert within(40, times[-1] - times[0])


def test_a_host_that_refuses_is_left_alone_by_all_processes_within_a_second() -> None:
    """It has no limits that the settings know, so all of them ask it."""

    def refuses_for_a_while(_host: str, seen: Seen) -> bytes:
        now = time.monotonic()
        if len(seen.times) == 400 or (seen.refused and now - seen.refused[0] < 3.0):
            seen.refused.append(now)
            return response(429, b"", "Retry-After: 4")
        return response(200, b"x")

    server = CountingServer(refuses_for_a_while)
    with server.running():
        urls = [server.url(0, path) for path in range(2000)]
        results = fetch_all(urls, **FOUR)
        assert all(result.ok for result in results)
    seen = server.seen(0)
    first = seen.refused[0]
    assert [at for at in seen.times if first + 1.0 < at < first + 3.9] == []


def test_a_big_host_is_asked_by_several_processes_and_never_too_often() -> None:
    server = CountingServer(latency=0.1)
    with server.running():
        urls = [server.url(0, path) for path in range(1500)]
        # Each process has four workers, so more than four at once are of several processes.
        results = fetch_all(urls, processes=4, discard=True, workers=16, per_host=11)
        assert all(result.ok for result in results)
    assert 8 < server.seen(0).most_at_once <= 11


def test_a_rate_of_all_hosts_together_holds_over_processes() -> None:
    rate = 40
    server = CountingServer()
    with server.running():
        urls = [server.url(host, path) for path in range(4) for host in range(80)]
        results = fetch_all(urls, **FOUR, rate=rate, rate_total=True)
        assert all(result.ok for result in results)
    times = server.times()
    assert most_within(times, 1.0) <= rate + 4  # one for each process
    assert within(1.6 * len(urls) / rate + 2, times[-1] - times[0])


def test_a_rate_of_bytes_holds_over_processes() -> None:
    body = b"x" * 200_000
    server = CountingServer(lambda _host, _seen: response(200, body))
    with server.running():
        urls = [server.url(host, path) for path in range(5) for host in range(10)]
        results = fetch_all(urls, **FOUR, limit_rate=2_000_000)
        assert all(result.ok for result in results)
        took = time.monotonic() - server.times()[0]
    least = len(urls) * len(body) / 2_000_000
    assert took > 0.95 * least
    assert within(1.6 * least + 4, took)


def test_a_host_to_which_all_redirect_is_asked_within_its_limits() -> None:
    """Nobody has targets of it: members ask for a part of its budget when they are led there."""
    server = CountingServer()
    elsewhere = 249

    def redirects(host: str, _seen: Seen) -> bytes:
        if host == server.address(elsewhere):
            return response(200, b"x")
        return response(302, b"", f"Location: {server.url(elsewhere, 'x')}")

    server.answer = redirects
    with server.running():
        urls = [server.url(host, path) for path in range(3) for host in range(40)]
        hosts = {server.address(elsewhere): {"per_host": 3}}
        results = fetch_all(urls, **FOUR, hosts=hosts)
        assert all(result.ok for result in results)
    seen = server.seen(elsewhere)
    assert len(seen.times) == len(urls)
    assert seen.most_at_once <= 3


def test_the_next_process_keeps_the_interval_of_one_that_was_killed(
    installed: InstalledCommand,
) -> None:
    interval, number = 0.4, 16
    server = CountingServer()
    with server.running():
        (installed.directory / "list").write_text(
            "\n".join(server.url(0, path) for path in range(number))
        )
        running = installed.start("--processes", "2", "--rate", "2.5/s", "--discard", "list")
        until(lambda: bool(server.hosts) and len(server.seen(0).times) >= 4)
        owner = connected_from(server.last_client, children_of(running.pid))
        assert owner
        os.kill(owner, signal.SIGKILL)  # its last request came just now
        running.communicate(timeout=60)
        assert running.returncode == 0
    times = server.seen(0).times
    assert number <= len(times) <= number + 8  # those that were in flight are asked again
    late = 0.3  # a request may be late; the next one is not
    assert all(after - before > interval - late for before, after in pairwise(times))
