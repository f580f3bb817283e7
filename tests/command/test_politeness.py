"""Hosts as they see it: how many at once, how often, how soon again, and how much."""

from __future__ import annotations

import errno
import os
import pkgutil
import signal
import socket
import subprocess
import threading
import time
from itertools import count, cycle, pairwise
from typing import Any
from unittest import mock

import pytest

from pyfetch.attempt import Assignment
from pyfetch.http.body import Bandwidth
from pyfetch.models import Failure, Target, TargetError
from pyfetch.transfer import Transfer
from pyfetch.urls import parse_url
from tests.support.cases import cases
from tests.support.command import COMMAND, Command, InstalledCommand, unmeasured
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.unreachable import dropping_packets
from tests.support.waiting import LONGEST_WAIT, STOP, until, within


def slow(handler: Handler) -> None:
    time.sleep(0.05)
    handler.answer(200, b"x")


def urls(server: LoopbackServer, number: int, host: str = "127.0.0.1") -> list[str]:
    return [f"http://{host}:{server.server_port}/x?{n}" for n in range(number)]


def test_per_host_is_the_most_that_one_host_sees_and_others_go_ahead(pyfetch: Command) -> None:
    with LoopbackServer() as one, LoopbackServer() as other:
        one.routes["/x"] = other.routes["/x"] = slow
        mixed = [url for pair in zip(urls(one, 20), urls(other, 20), strict=True) for url in pair]
        ended = pyfetch("--discard", "--per-host", "2", "--workers", "8", *mixed)
        assert ended.status == 0
        assert (one.most_at_once, other.most_at_once) == (2, 2)
        assert [row[2] for row in ended.rows] == mixed


@pytest.mark.slow
def test_a_host_sees_no_more_connections_than_transfers_at_once(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/x"] = slow
    ended = pyfetch("--discard", "--per-host", "2", "--workers", "8", *urls(server, 40))
    assert ended.status == 0
    assert server.connections == 2


def test_after_a_redirect_it_is_the_target_s_host_that_counts(pyfetch: Command) -> None:
    with LoopbackServer() as target, LoopbackServer() as first:
        target.routes["/x"] = slow
        first.routes["/x"] = lambda h: h.answer(302, Location=f"{target.url}{h.path}")
        ended = pyfetch("--discard", "--per-host", "2", "--workers", "8", *urls(first, 16))
        assert ended.status == 0
        assert target.most_at_once == 2
        assert sorted(target.paths()) == sorted(f"/x?{n}" for n in range(16))


@pytest.mark.slow
def test_a_host_that_is_paused_also_is_for_those_that_are_redirected_to_it(
    pyfetch: Command,
) -> None:
    with LoopbackServer() as target, LoopbackServer() as first:
        busy = count()
        target.routes["/x"] = lambda h: (
            h.answer(200, b"x") if next(busy) else h.answer(429, Retry_After="1")
        )
        first.routes["/x"] = lambda h: h.answer(302, Location=f"{target.url}{h.path}")
        ended = pyfetch("--discard", "--workers", "1", *urls(first, 4))
        assert ended.status == 0
        times = [asked.time for asked in target.asked]
        assert times[1] - times[0] >= 1


@pytest.mark.parametrize("option", [(), ("--rate-total",)], ids=["per host", "in all"])
def test_a_rate_is_never_exceeded(pyfetch: Command, option: tuple[str, ...]) -> None:
    with LoopbackServer() as one, LoopbackServer() as other:
        for server in (one, other):
            server.pages["/x"] = Page(b"x")
        mixed = [url for pair in zip(urls(one, 5), urls(other, 5), strict=True) for url in pair]
        began = time.monotonic()
        ended = pyfetch("--discard", "--rate", "10/s", *option, *mixed)
        assert ended.status == 0
        of_one = [asked.time for asked in one.asked]
        spaced = sorted(of_one + [asked.time for asked in other.asked]) if option else of_one
        # A request may be seen later than it was started, but no earlier.
        assert all(seen - began >= n * 0.1 for n, seen in enumerate(spaced))


def test_a_rate_is_for_each_host_on_its_own(pyfetch: Command) -> None:
    """One that waited for the other would do so for an hour."""
    with LoopbackServer() as one, LoopbackServer() as other:
        for server in (one, other):
            server.pages["/x"] = Page(b"x")
        ended = pyfetch("--discard", "--rate", "1/h", *urls(one, 1), *urls(other, 1))
        assert ended.status == 0


def test_a_redirect_within_a_host_counts_as_a_request_of_its_rate(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/x"] = lambda h: h.answer(302, Location="/y")
    server.pages["/y"] = Page(b"y")
    began = time.monotonic()
    assert pyfetch("--discard", "--rate", "10/s", *urls(server, 2)).status == 0
    times = [asked.time for asked in server.asked]
    assert len(times) == 4
    assert all(seen - began >= n * 0.1 for n, seen in enumerate(times))


@pytest.mark.parametrize(
    "headers",
    [
        {"Retry_After": "1"},
        {"RateLimit": '"default";r=0;t=1', "RateLimit_Policy": '"default";q=10;w=60'},
        {"X_RateLimit_Reset": "1"},
    ],
    ids=lambda headers: next(iter(headers)),
)
@pytest.mark.parametrize("status", [429, pytest.param(503, marks=pytest.mark.slow)])
def test_a_host_that_pushes_back_is_left_alone_then_probed_once(
    pyfetch: Command, server: LoopbackServer, headers: dict[str, str], status: int
) -> None:
    numbers = count()

    def push_back_once(handler: Handler) -> None:
        time.sleep(0.05)
        if 4 <= next(numbers) < 8:  # all four that are in flight then
            handler.answer(status, b"", **headers)
        else:
            handler.answer(200, b"x")

    server.routes["/x"] = push_back_once
    assert pyfetch("--discard", "--workers", "4", *urls(server, 12)).status == 0
    times = [asked.time for asked in server.asked]
    gaps = [b - a for a, b in pairwise(times)]
    pause = max(range(len(gaps)), key=gaps.__getitem__)
    assert gaps[pause] >= 0.9
    assert gaps[pause + 1] >= 0.04, "one probe, and only when it was answered the next"


@pytest.mark.parametrize("wait", [None, "300"])
def test_a_url_that_is_always_503_delays_no_other(
    pyfetch: Command, server: LoopbackServer, wait: str | None
) -> None:
    """Nor does one that asks for a wait: that is for those who want this URL."""
    fields = {"Retry_After": wait} if wait else {}

    def refuse(handler: Handler) -> None:
        if handler.path.endswith("?2"):  # two refused at once would be their host's
            until(lambda: len(server.asked) == 62)
        handler.answer(503, b"broken", **fields)

    server.routes["/bad"] = refuse
    server.pages["/x"] = Page(b"x")
    good = urls(server, 60)
    lines = [*good[:20], f"{server.url}/bad", *good[20:40], f"{server.url}/bad?2", *good[40:]]
    ended = pyfetch("--discard", "--retries", "0", "--format", "jsonl", stdin="\n".join(lines))
    assert [result["url"] for result in ended.results if result["error"]] == lines[20:42:21]
    assert server.paths().count("/bad") == 1


def test_a_429_is_forgiven_if_the_host_soon_serves_another_url(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """Else this run would last five minutes."""

    def refuse(handler: Handler) -> None:
        until(lambda: len(server.asked) >= 6)  # others are on their way
        handler.answer(429, b"not this one", Retry_After="300")

    def serve(handler: Handler) -> None:
        until(lambda: "/bad" in server.paths())
        time.sleep(0.02)
        handler.answer(200, b"x")

    server.routes |= {"/bad": refuse, "/x": serve}
    lines = [urls(server, 1)[0], f"{server.url}/bad", *urls(server, 40)[1:]]
    ended = pyfetch(
        "--discard", "--retries", "0", "--workers", "4", "--format", "jsonl", stdin="\n".join(lines)
    )
    failed = [result for result in ended.results if result["error"]]
    assert [(result["url"], result["status"]) for result in failed] == [(lines[1], 429)]


def test_urls_in_front_that_hang_do_not_doom_those_behind_them(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/hang"] = Handler.stall
    server.pages["/x"] = Page(b"x")
    hanging = [f"{server.url}/hang?{n}" for n in range(6)]
    ended = pyfetch(
        "--discard", "--workers", "3", "--timeout", "0.2", "--retries", "0", "--format", "jsonl",
        *hanging, *urls(server, 30),
    )  # fmt: skip
    assert [result["error"] for result in ended.results] == ["timeout"] * 6 + [None] * 30


def test_a_quota_that_is_spent_is_respected_before_anything_is_refused(
    pyfetch: Command, server: LoopbackServer
) -> None:
    numbers = count(1)
    server.routes["/x"] = lambda h: h.answer(
        200, b"x", RateLimit=f'"default";r={(3 - next(numbers)) % 3};t=1'
    )
    assert pyfetch("--discard", "--workers", "1", *urls(server, 4)).status == 0
    times = [asked.time for asked in server.asked]
    gaps = [b - a for a, b in pairwise(times)]
    assert gaps[2] >= 0.95
    assert gaps.index(max(gaps)) == 2, "nothing waits while there is some of it"


def test_max_wait_is_all_that_a_host_may_make_us_wait(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/x"] = lambda h: h.answer(429, Retry_After="300")
    ended = pyfetch(
        "--discard", "--max-wait", "200", "--workers", "2", "--format", "jsonl", *urls(server, 50)
    )
    assert ended.status == 1
    assert {result["error"] for result in ended.results} == {"http"}
    assert all("300 s, longer than the 200 s of --max-wait" in r["detail"] for r in ended.results)
    assert len(server.asked) <= 2


@pytest.mark.slow
def test_a_dead_host_costs_a_moment_and_not_the_batch(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.pages["/x"] = Page(b"x")
    with dropping_packets() as dead:
        healthy = urls(server, 400)
        mixed = [url for n, url in enumerate(healthy) for url in (f"{dead}/{n}", url)]
        ended = pyfetch(
            "--discard", "--connect-timeout", "0.4", "--format", "jsonl",
            stdin="\n".join(mixed),
        )  # fmt: skip
    results = ended.results
    assert [result["url"] for result in results] == mixed
    assert {(result["error"], result["outcome"]) for result in results[1::2]} == {(None, "fetched")}
    assert {result["error"] for result in results[::2]} == {"timeout"}
    assert sum("not asked" in result["detail"] for result in results[::2]) > 350


def test_refused_connections_and_names_that_do_not_exist_are_dead_too(pyfetch: Command) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refused = f"http://127.0.0.1:{unused.getsockname()[1]}"
        lines = [f"{host}/{n}" for n in range(300) for host in (refused, "http://no.invalid")]
        ended = pyfetch("--discard", "--format", "jsonl", stdin="\n".join(lines))
    assert {result["error"] for result in ended.results[::2]} == {"connect"}
    assert {result["error"] for result in ended.results[1::2]} == {"dns"}
    asked = sum(result["attempts"] > 0 for result in ended.results)
    assert asked < 60


def test_files_that_are_there_need_no_host_no_rate_and_no_pause(
    pyfetch: Command, server: LoopbackServer
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        refused = f"http://127.0.0.1:{unused.getsockname()[1]}"
        lines = [f"{refused}/{n}" for n in range(30)]
        for n in range(15, 30):
            (pyfetch.directory / str(n)).write_bytes(b"x")
        began = time.monotonic()
        ended = pyfetch("--rate", "10/s", "--if-exists", "skip", "--format", "jsonl", *lines)
    outcomes = [result["outcome"] for result in ended.results]
    assert outcomes == ["failed"] * 15 + ["skipped"] * 15
    assert within(4, time.monotonic() - began)


@pytest.mark.parametrize(
    ("descriptors", "options"),
    [(60, ["-w", "64"]), (20, ["-w", "auto"]), (16, ["--workers", "4"])],
    ids=["60", "20", "16"],
)
@pytest.mark.slow
def test_few_descriptors_mean_fewer_transfers_and_no_failure(
    pyfetch: Command, descriptors: int, options: list[str]
) -> None:
    with LoopbackServer("0.0.0.0") as server:  # noqa: S104 - all of the loopback's addresses
        server.pages["/x"] = Page(b"x")
        lines = [
            f"http://127.0.1.{h}:{server.server_port}/x?{n}" for h in range(1, 31) for n in "ab"
        ]
        script = f'ulimit -n {descriptors}; exec "{COMMAND}" --name "{{host}}/{{query}}" "$@"'
        ended = subprocess.run(
            ["bash", "-c", script, "sh", "--retries", "0", *options, *lines],
            cwd=pyfetch.directory, env=pyfetch.environment, capture_output=True, check=False,
        )  # fmt: skip
    assert ended.stdout.count(b"200\t1\t") == 60, ended.stderr
    assert ended.returncode == 0


@pytest.mark.parametrize("error", [errno.EMFILE, errno.ENFILE])
@pytest.mark.parametrize(
    "opens",
    ["pyfetch.storage.part.Part._open_new", "pyfetch.http.address_race.new_socket"],
    ids=["part", "connection"],
)
def test_an_attempt_that_gets_no_descriptor_is_made_later_and_does_not_count(
    pyfetch: Command, server: LoopbackServer, opens: str, error: int
) -> None:
    server.pages["/x"] = Page(b"x")
    if pyfetch.engine == "curl":
        opens = opens.replace("http.address_race", "http.curl.used_connection")
    opened = pkgutil.resolve_name(opens.replace(".Part", ":Part") if "Part" in opens else opens)
    calls = count()

    def fails_twice(*arguments: Any) -> Any:
        if next(calls) < 2:
            raise OSError(error, os.strerror(error))
        return opened(*arguments)

    with mock.patch(opens, fails_twice):
        ended = pyfetch("--retries", "0", "-v", "--format", "jsonl", *urls(server, 6))
    assert [(r["error"], r["attempts"]) for r in ended.results] == [(None, 1)] * 6
    assert "out of descriptors or threads: workers 8 → " in ended.err


@pytest.mark.slow
def test_a_list_that_goes_from_host_to_host_uses_each_connection_again(pyfetch: Command) -> None:
    with LoopbackServer("0.0.0.0") as server:  # noqa: S104 - all of the loopback's addresses
        server.pages["/x"] = Page(b"x")
        lines = [
            f"http://127.0.1.{h}:{server.server_port}/x?{n}"
            for n in range(4)
            for h in range(1, 101)
        ]
        ended = pyfetch("--discard", "--workers", "2", stdin="\n".join(lines))
        assert (ended.status, ended.out.count("200\t")) == (0, 400)
        assert server.connections < 120


def test_fail_fast_stops_at_the_first_failure_that_stays(
    pyfetch: Command, server: LoopbackServer
) -> None:
    """Each worker may have begun one more; without the option, they would wait for these."""

    turn = count()

    def answer_the_first_four(handler: Handler) -> None:
        handler.answer(200, b"x") if next(turn) < 4 else handler.stall()

    server.routes["/x"] = answer_the_first_four
    lines = [*urls(server, 4), f"{server.url}/gone", *urls(server, 2000)]
    ended = pyfetch("--discard", "--fail-fast", "--workers", "2", stdin="\n".join(lines))
    assert ended.status == 1
    assert len(server.asked) <= 4 + 1 + 2
    assert ["404", "-", f"{server.url}/gone", "-", "http", "404 Not Found"] in ended.rows


def test_fail_fast_lets_a_failure_pass_that_another_try_makes_good(
    pyfetch: Command, server: LoopbackServer
) -> None:
    numbers = count()
    server.routes["/x"] = lambda h: h.answer(200 if next(numbers) else 500, b"x")
    assert pyfetch("--discard", "--fail-fast", *urls(server, 5)).status == 0


@pytest.mark.parametrize(
    ("allowed", "status"), [("0", 1), ("1", 1), ("2", 0), ("19%", 1), ("20%", 0), ("100%", 0)]
)
def test_so_many_may_fail(
    pyfetch: Command, server: LoopbackServer, allowed: str, status: int
) -> None:
    server.pages["/x"] = Page(b"x")
    lines = [*urls(server, 8), f"{server.url}/gone", f"{server.url}/lost"]
    ended = pyfetch("--discard", "--allow-failures", allowed, *lines)
    assert ended.status == status
    assert "failed 2" in ended.err


@pytest.mark.slow
def test_max_time_ends_a_url_that_waits_for_its_host(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/x"] = lambda h: h.answer(503)
    server.routes["/y"] = lambda h: h.answer(429, Retry_After="300")
    ended = pyfetch(
        "--discard", "--max-time", "1", "--retry-wait", "0.8", "--format", "jsonl",
        f"{server.url}/x", f"{server.url}/y",
    )  # fmt: skip
    assert [result["error"] for result in ended.results] == ["http", "http"]
    assert any("1 s" in result["detail"] for result in ended.results)


@pytest.mark.slow
def test_auto_says_on_which_number_it_settled_and_each_step_if_asked(
    installed: InstalledCommand, server: LoopbackServer
) -> None:
    """In a process of its own: else the server would have the interpreter's lock, too.

    Its coverage is not measured, as that takes longer than fetching.

    On a busy machine, more of them may bring nothing: then there are three tries.
    """
    installed.environment = unmeasured(installed.environment)
    server.routes["/x"] = slow
    tries: list[str] = []
    while not tries or ("workers 8 → 16" not in tries[-1] and len(tries) < 3):
        ended = installed(
            "--discard", "--workers", "auto", "-v", stdin="\n".join(urls(server, 400))
        )
        assert ended.status == 0
        assert ended.err.splitlines()[-1].startswith("pyfetch: workers: ")
        tries.append(ended.err)
    assert "workers 8 → 16" in tries[-1]
    assert 8 < server.most_at_once <= 128


@pytest.mark.slow
def test_max_workers_is_the_most_of_auto(pyfetch: Command, server: LoopbackServer) -> None:
    server.routes["/x"] = slow
    ended = pyfetch(
        "--discard", "--workers", "auto", "--max-workers", "9", stdin="\n".join(urls(server, 300))
    )
    assert ended.status == 0
    assert server.most_at_once <= 9


class VirtualTime:
    def __init__(self) -> None:
        self.now = 100.0

    def clock(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


@cases("rate", [1_000_000, 50_000_000])
def test_limit_rate_is_smooth(rate: int) -> None:
    """Whatever single reads bring, in any five seconds it is the rate within a tenth."""
    time = VirtualTime()
    shared = Bandwidth(rate, time.clock, time.sleep)
    transfer = Transfer(Assignment.first_of(Target(1, parse_url("http://a/"))))
    lengths = cycle([shared.chunk, shared.chunk // 3, 1400])
    got: list[tuple[float, int]] = []
    while time.now < 110:
        due = shared.take(transfer)
        read = min(shared.chunk, next(lengths))
        shared.give_back(shared.chunk - read, due)
        got.append((time.now, read))
    for start in (100.0, 102.5, 105.0):
        in_five = sum(read for when, read in got if start <= when < start + 5)
        assert 0.9 * 5 * rate <= in_five <= 1.1 * 5 * rate


def test_what_limit_rate_holds_back_is_not_the_server_s_slowness() -> None:
    time = VirtualTime()
    shared = Bandwidth(1000, time.clock, time.sleep)
    transfer = Transfer(Assignment.first_of(Target(1, parse_url("http://a/"))))
    for _ in range(10):
        shared.take(transfer)
    assert transfer.seconds_ours() == pytest.approx(time.now - 100)
    assert transfer.seconds_ours() > 4


def test_a_transfer_that_waits_for_bandwidth_can_be_stopped() -> None:
    shared = Bandwidth(1)
    transfer = Transfer(Assignment.first_of(Target(1, parse_url("http://a/"))))
    shared.take(transfer)
    threading.Timer(0.3, transfer.stop, (Failure.CANCELLED, "stopped")).start()
    began = time.monotonic()
    with pytest.raises(TargetError):
        shared.take(transfer)
    assert within(STOP, time.monotonic() - began)


def test_limit_rate_holds_over_all_transfers(pyfetch: Command, server: LoopbackServer) -> None:
    server.pages["/x"] = Page(bytes(500_000))
    began = time.monotonic()
    ended = pyfetch("--discard", "--limit-rate", "1MB", "--workers", "4", *urls(server, 6))
    took = time.monotonic() - began
    assert ended.status == 0
    assert took >= 2.7


def test_with_every_option_on_results_are_in_order_and_ctrl_c_ends_it_soon(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.routes["/x"] = slow
    server.routes["/stalls"] = Handler.stall
    server.routes["/busy"] = lambda h: h.answer(429, Retry_After="50")
    lines = [*urls(server, 30), f"{server.url}/stalls", *urls(server, 2000)]
    list_ = forked.directory / "list"
    list_.write_text("\n".join(lines))
    process = forked.start(
        "list", "--discard", "--workers", "auto", "--max-workers", "16", "--per-host", "6",
        "--rate", "200/s", "--rate-total", "--limit-rate", "1M", "--max-wait", "100",
        "--max-time", "100", "--allow-failures", "5%",
    )  # fmt: skip
    assert process.stdout
    rows = [process.stdout.readline().decode() for _ in range(30)]
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=LONGEST_WAIT)
    assert within(STOP, time.monotonic() - began)
    assert process.returncode == 130
    shown = [row.split("\t")[2] for row in rows + rest.decode().splitlines()]
    assert shown[:31] == lines[:31]
