"""What a body has to be, and what never ends: refused in bounded time and memory."""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from pyfetch.api import entries_from_items
from pyfetch.attempt import Assignment
from pyfetch.engine.download import Downloader
from pyfetch.engine.local import Event, LocalEngine, jobs_by, workers_by
from pyfetch.engine.mailbox import Mailbox
from pyfetch.engine.read_ahead import ReadAhead
from pyfetch.engine.threads import ThreadEngine
from pyfetch.models import Failure, Outcome, Result, Target, TargetError
from pyfetch.scheduling.in_flight import LOOK_EVERY, SLOW_FOR, InFlight, Observation, StallDetector
from pyfetch.settings import Engine, Settings
from pyfetch.storage.cleanup import sweep
from pyfetch.storage.file_ledger import FileLedger
from pyfetch.storage.filesystem import prepare
from pyfetch.storage.state import State
from pyfetch.transfer import Transfer
from pyfetch.urls import parse_url
from tests.support.command import Command, InstalledCommand
from tests.support.engines import for_engine
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.waiting import within

Route = Callable[[Handler], None]


def announced(body: bytes, **headers: str) -> Route:
    return lambda h: h.answer(200, body, ETag='"1"', **headers)


def chunked(body: bytes, **headers: str) -> Route:
    def route(handler: Handler) -> None:
        handler.head(200, Transfer_Encoding="chunked", ETag='"1"', **headers)
        for start in range(0, len(body), 100):
            piece = body[start : start + 100]
            handler.send(b"%x\r\n" % len(piece) + piece + b"\r\n")
            handler.wfile.flush()
        handler.send(b"0\r\n\r\n")

    return route


def closed(body: bytes, **headers: str) -> Route:
    """A body that ends with its connection."""

    def route(handler: Handler) -> None:
        handler.head(200, Connection="close", **headers)
        handler.send(body)
        handler.cut()

    return route


def fetched(pyfetch: Command, *arguments: str) -> list[dict[str, Any]]:
    return pyfetch("-o", "data", "--format", "jsonl", *arguments).results


def parts(pyfetch: Command) -> list[Path]:
    return list((pyfetch.directory / "data" / ".pyfetch" / "parts").glob("*"))


LENGTHS = pytest.mark.parametrize("form", [announced, chunked, closed])


@LENGTHS
@pytest.mark.parametrize(
    ("arguments", "size", "error"),
    [
        (("--min-size", "1K"), 1023, "wrong-content"),
        (("--min-size", "1K"), 0, "wrong-content"),
        (("--max-size", "1K"), 1025, "too-large"),
        (("--min-size", "1K", "--max-size", "1K"), 1025, "too-large"),
    ],
)
def test_a_body_of_another_size_is_refused_once_and_the_older_file_stays(
    pyfetch: Command,
    server: LoopbackServer,
    form: Callable[..., Route],
    arguments: tuple[str, ...],
    size: int,
    error: str,
) -> None:
    server.routes["/x"] = server.routes["/new"] = form(bytes(size))
    data = pyfetch.directory / "data"
    data.mkdir()
    (data / "x").write_bytes(b"older")
    results = fetched(pyfetch, *arguments, f"{server.url}/x", f"{server.url}/new")
    for result in results:
        assert (result["error"], result["attempts"], result["path"]) == (error, 1, None)
        assert arguments[0] in result["detail"] or "--max-size" in result["detail"]
    assert (data / "x").read_bytes() == b"older"
    assert {path.name for path in data.iterdir()} == {"x", ".pyfetch"}
    assert parts(pyfetch) == []
    assert sorted(server.paths()) == ["/new", "/x"]
    # Where nothing is kept, the same holds.
    (result,) = fetched(pyfetch, "--discard", *arguments, f"{server.url}/x")
    assert result["error"] == error


@LENGTHS
def test_a_body_of_just_the_size_comes_and_stays_unchanged_in_a_rerun(
    pyfetch: Command, server: LoopbackServer, form: Callable[..., Route]
) -> None:
    server.routes["/x"] = form(bytes(1024), Content_Type="image/png")
    arguments = ("--min-size", "1K", "--max-size", "1K", "--expect-type", "image/png")
    (result,) = fetched(pyfetch, *arguments, f"{server.url}/x")
    assert (result["outcome"], result["size"]) == ("fetched", 1024)
    # A 304 says nothing of size or type: what is there was judged when it came.
    server.routes["/x"] = lambda h: h.answer(304)
    if form is not closed:
        (result,) = fetched(pyfetch, *arguments, f"{server.url}/x")
        assert (result["outcome"], result["status"]) == ("unchanged", 304)


TYPES = [
    (("image/*",), "image/png", True),
    (("image/*",), "IMAGE/PNG", True),
    (("Image/PNG",), "image/png", True),
    (("image/*",), "image/svg+xml; charset=utf-8", True),
    (("image/*",), "text/html", False),
    (("image/*",), "text/html; charset=image/png", False),
    (("image/*",), None, False),
    (("image/*",), "", False),
    (("image/*",), "imageries/x", False),
    (("image/png", "application/pdf"), "application/pdf;x=y", True),
    (("image/png", "application/pdf"), "application/pdfx", False),
    (("*/*",), "text/html", True),
    (("application/*+json",), "application/ld+json", True),
    (("application/*+json",), "application/json", False),
]


@pytest.mark.parametrize("expected", sorted({expected for expected, _, _ in TYPES}), ids=" ".join)
def test_a_body_of_another_type_is_refused(
    pyfetch: Command, server: LoopbackServer, expected: tuple[str, ...]
) -> None:
    cases = [(kind, fits) for types, kind, fits in TYPES if types == expected]
    for number, (kind, _) in enumerate(cases):
        headers = {} if kind is None else {"Content_Type": kind}
        server.routes[f"/{number}"] = announced(b"x", **headers)
    options = [word for one in expected for word in ("--expect-type", one)]
    urls = [f"{server.url}/{number}" for number in range(len(cases))]
    results = fetched(pyfetch, *options, *urls)
    found = [(result["content_type"], result["error"], result["attempts"]) for result in results]
    assert found == [(kind, None if fits else "wrong-content", 1) for kind, fits in cases]
    data = pyfetch.directory / "data"
    saved = {path.name for path in data.iterdir()} - {".pyfetch"}
    assert saved == {str(number) for number, (_, fits) in enumerate(cases) if fits}
    assert parts(pyfetch) == []


def test_a_log_in_page_is_no_image_and_does_not_take_its_place(
    pyfetch: Command, server: LoopbackServer
) -> None:
    server.routes["/cat.jpg"] = announced(b"a cat", Content_Type="image/jpeg")
    arguments = ("--expect-type", "image/*", f"{server.url}/cat.jpg")
    assert fetched(pyfetch, *arguments)[0]["outcome"] == "fetched"
    server.routes["/cat.jpg"] = lambda h: h.answer(302, Location="/login")
    page = b"<h1>who are you?</h1>"
    server.routes["/login"] = lambda h: h.answer(200, page, Content_Type="text/html")
    (result,) = fetched(pyfetch, *arguments)
    assert (result["error"], result["status"]) == ("wrong-content", 200)
    assert result["final_url"] == f"{server.url}/login"
    assert "text/html" in result["detail"]
    assert "--expect-type" in result["detail"]
    assert (pyfetch.directory / "data" / "cat.jpg").read_bytes() == b"a cat"
    # The next run still knows what it has.
    server.pages["/cat.jpg"] = Page(b"a cat", etag='"1"')
    del server.routes["/cat.jpg"]
    assert fetched(pyfetch, *arguments)[0]["outcome"] == "unchanged"


def test_an_error_is_told_as_the_error_that_it_is_whatever_its_type(
    pyfetch: Command, server: LoopbackServer
) -> None:
    (result,) = fetched(
        pyfetch, "--expect-type", "image/*", "--min-size", "1K", f"{server.url}/gone"
    )  # fmt: skip
    assert (result["error"], result["status"]) == ("http", 404)


@pytest.mark.parametrize(
    "arguments",
    [("--expect-type", "image"), ("--expect-type", ""), ("--min-size", "2K", "--max-size", "1K")],
)
def test_an_expectation_that_nothing_can_meet_is_a_usage_error(
    pyfetch: Command, server: LoopbackServer, arguments: tuple[str, ...]
) -> None:
    ended = pyfetch(*arguments, f"{server.url}/x")
    assert (ended.status, ended.out, server.asked) == (2, "", [])


class TestStallDetector:
    """What is decided, without a clock: what was seen, and what follows."""

    @staticmethod
    def transfer() -> Transfer:
        return Transfer(Assignment.first_of(Target(1, parse_url("http://h/"))))

    def test_who_waits_for_a_worker_or_looks_a_name_up_is_left_alone(self) -> None:
        assert StallDetector(30).look(self.transfer(), None, 0.0) is None
        assert StallDetector(30).look(self.transfer(), None, 1e9) is None

    def test_a_step_may_take_as_long_as_the_timeout_and_each_begins_anew(self) -> None:
        patience, transfer = StallDetector(30), self.transfer()
        transfer.steps = 1
        look = patience.look(transfer, None, 100.0)
        assert look == Observation(100.0, 1, 0)
        assert patience.look(transfer, look, 130.0 + LOOK_EVERY) == look
        transfer.steps = 2
        look = patience.look(transfer, look, 131.5)
        assert look == Observation(131.5, 2, 0)
        assert patience.look(transfer, look, 160.0) == look
        why = patience.look(transfer, look, 131.5 + 30 + LOOK_EVERY + 0.1)
        assert why == "no complete answer within 30.0 s"

    def test_a_connection_may_take_its_own_timeout_and_the_answer_the_shorter_one(self) -> None:
        patience, transfer = StallDetector(2, connect_timeout=10), self.transfer()
        transfer.steps = 1
        look = patience.look(transfer, None, 100.0)
        assert patience.look(transfer, look, 110.0 + LOOK_EVERY) == look  # type: ignore[arg-type]
        assert "within 10.0 s" in str(patience.look(transfer, look, 110.1 + LOOK_EVERY))  # type: ignore[arg-type]
        transfer.steps, transfer.has_asked = 2, True
        look = patience.look(transfer, look, 111.5)  # type: ignore[arg-type]
        assert patience.look(transfer, look, 113.5 + LOOK_EVERY) == look  # type: ignore[arg-type]
        assert "within 2.0 s" in str(patience.look(transfer, look, 113.6 + LOOK_EVERY))  # type: ignore[arg-type]

    def test_a_body_may_take_its_time_where_no_speed_is_asked_for(self) -> None:
        patience, transfer = StallDetector(30), self.transfer()
        transfer.steps, transfer.latency = 3, 0.1
        look = patience.look(transfer, None, 0.0)
        assert patience.look(transfer, look, 1e6) == look  # type: ignore[arg-type]

    def test_a_body_is_measured_over_a_minute_and_then_anew(self) -> None:
        patience, transfer = StallDetector(5, min_speed=100), self.transfer()
        transfer.steps, transfer.latency = 1, 0.1
        look = patience.look(transfer, None, 0.0)
        assert isinstance(look, Observation)
        transfer.received = 1
        assert patience.look(transfer, look, SLOW_FOR - 0.1) == look
        transfer.received = 6000
        look = patience.look(transfer, look, SLOW_FOR)
        assert look == Observation(SLOW_FOR, -1, 6000)
        transfer.received = 11_999
        why = patience.look(transfer, look, 2 * SLOW_FOR)
        assert why == "slower than 100 B/s for 60 s (--min-speed)"

    def test_time_in_which_the_body_waits_for_us_does_not_count(self) -> None:
        patience, transfer = StallDetector(5, min_speed=100), self.transfer()
        transfer.steps, transfer.latency = 1, 0.1
        look = patience.look(transfer, None, 0.0)
        assert isinstance(look, Observation)
        transfer.ours = SLOW_FOR
        assert patience.look(transfer, look, 2 * SLOW_FOR - 1) == look
        assert isinstance(patience.look(transfer, look, 2 * SLOW_FOR), str)

    def test_time_in_which_nobody_could_look_does_not_count(self) -> None:
        """The process was suspended, or the machine slept."""
        transfer = self.transfer()
        transfer.steps, transfer.latency = 1, 0.1
        in_flight = InFlight(StallDetector(5, min_speed=100))
        in_flight.add(transfer)
        for now in (0.0, 1.0, 3600.0, 3601.0):
            in_flight.end_stalled(now)
        transfer.check()
        for second in range(int(SLOW_FOR)):
            in_flight.end_stalled(3602.0 + second)
        with pytest.raises(TargetError, match="min-speed"):
            transfer.check()

    def test_the_wait_for_the_answer_does_not_count_as_a_slow_body(self) -> None:
        patience, transfer = StallDetector(100, min_speed=100), self.transfer()
        transfer.steps = 1
        look = patience.look(transfer, None, 0.0)
        assert patience.look(transfer, look, 60.0) == look  # type: ignore[arg-type]
        transfer.latency = 60.0
        assert patience.look(transfer, look, 61.0) == Observation(61.0, -1, 0)  # type: ignore[arg-type]


FASTER = 60


class FastTime:
    """A clock on which a minute passes in a second."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def clock(self) -> float:
        return self._began + (time.monotonic() - self._began) * FASTER

    def wait(self, inbox: Mailbox[Event], seconds: float | None) -> list[Event]:
        return inbox.take(None if seconds is None else seconds / FASTER)


def loop_engine(settings: Settings, download: Downloader, **given: Any) -> LocalEngine:
    from pyfetch.engine.loop import LoopEngine
    from pyfetch.http.curl.client import CurlClient

    assert isinstance(download.client, CurlClient)
    return LoopEngine(settings, download, download.client, **given)


def run_fast(output_dir: Path, urls: list[str], **values: Any) -> list[Result]:
    """A run whose minutes are seconds; the results in order."""
    fast = FastTime()
    settings = Settings(output_dir=str(output_dir), retry_wait=0, **values)
    prepare(output_dir)
    sweep(output_dir)
    download = Downloader(settings, fast.clock)
    given: dict[str, Any] = {
        "jobs": jobs_by(settings, workers_by(settings)), "read_ahead": ReadAhead(),
        "clock": fast.clock, "wait": fast.wait,
    }  # fmt: skip
    with ThreadPoolExecutor(settings.most_workers) as executor:
        state = State(None)
        engine: LocalEngine = (
            ThreadEngine(download, executor, **given)
            if settings.engine is Engine.THREADS
            else loop_engine(settings, download, **given)
        )
        ledger = FileLedger(settings, state, lasting=False, clock=fast.clock)
        results = list(engine.run(entries_from_items(urls), ledger))
        state.close()
    return sorted(results, key=lambda result: result.index)


def dripping(handler: Handler, drops: Iterator[bytes], every: float = 0.02) -> None:
    """Send these one after the other, until all are sent or nobody listens."""
    with contextlib.suppress(OSError):
        for drop in drops:
            handler.wfile.write(drop)
            handler.wfile.flush()
            if handler.server.over.wait(every):
                return
    handler.close_connection = True


def forever(drop: bytes) -> Iterator[bytes]:
    while True:
        yield drop


def slow_body(handler: Handler) -> None:
    handler.head(200)
    dripping(handler, forever(b"x"))


BODY = os.urandom(4000)


@pytest.mark.slow
def test_a_body_slower_than_min_speed_times_out_and_goes_on_in_the_next_try(
    tmp_path: Path, server: LoopbackServer
) -> None:
    page = Page(BODY, etag='"1"')

    def slow_once(handler: Handler) -> None:
        if "Range" in handler.headers:
            handler.page(page)
            return
        handler.head(200, Content_Length=str(len(BODY)), ETag='"1"')
        # 500 bytes at once, and then 20 in a second of the clock that counts here.
        handler.wfile.write(BODY[:500])
        dripping(handler, (BODY[n : n + 24] for n in range(500, len(BODY), 24)))

    def steady(handler: Handler) -> None:
        handler.head(200, Content_Length=str(100 * 2000))
        dripping(handler, iter([bytes(2000)] * 100))

    server.routes["/slow"] = slow_once
    server.routes["/always"] = slow_body
    server.routes["/steady"] = steady
    server.pages["/quick"] = Page(b"quick")
    urls = [f"{server.url}/{name}" for name in ("slow", "always", "steady", "quick")]
    began = time.monotonic()
    slow, always, fine, quick = run_fast(tmp_path, urls, min_speed=100, retries=1)
    assert within(20, time.monotonic() - began)
    assert (slow.outcome, slow.status, slow.attempts) == (Outcome.FETCHED, 206, 2)
    assert (tmp_path / "slow").read_bytes() == BODY
    ranges = [asked.headers["Range"] for asked in server.asked if "Range" in asked.headers]
    assert len(ranges) == 1
    assert 500 < int(ranges[0][6:-1]) < len(BODY)
    assert (always.error, always.attempts) == (Failure.TIMEOUT, 2)
    assert "--min-speed" in str(always.detail)
    # More than half a minute of that clock, and well above the least speed.
    assert (fine.outcome, fine.attempts, fine.size) == (Outcome.FETCHED, 1, 200_000)
    assert fine.elapsed > 2 * SLOW_FOR
    assert quick.outcome is Outcome.FETCHED


def test_a_slow_body_is_left_alone_where_no_speed_is_asked_for(
    tmp_path: Path, server: LoopbackServer
) -> None:
    def slow(handler: Handler) -> None:
        handler.head(200, Content_Length="120")
        dripping(handler, iter([b"x"] * 120))

    server.routes["/slow"] = slow
    (result,) = run_fast(tmp_path, [f"{server.url}/slow"], retries=0, min_speed=0)
    assert (result.outcome, result.size) == (Outcome.FETCHED, 120)
    assert result.elapsed > 2 * SLOW_FOR


def test_default_options_end_all_that_drips(tmp_path: Path, server: LoopbackServer) -> None:
    """A byte now and then, a chunk whose size never ends, and one that is announced and drips."""

    def drips(opening: bytes, drop: bytes) -> Callable[[Handler], None]:
        def drip(handler: Handler) -> None:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\n" + opening)
            dripping(handler, forever(drop), every=0.05)

        return drip

    chunked = b"Transfer-Encoding: chunked\r\n\r\n"
    server.routes |= {
        "/body": drips(b"\r\n", b"x"),
        "/size": drips(chunked, b"0"),
        "/extension": drips(chunked + b"a;", b"x"),
        "/chunk": drips(chunked + b"ffff\r\n", b"x"),
    }
    urls = [f"{server.url}{path}" for path in for_engine(Command.engine, server.routes)]
    for result in run_fast(tmp_path, urls, retries=0):
        assert result.error is Failure.TIMEOUT, result
        assert "--min-speed" in str(result.detail)
        assert within(3 * SLOW_FOR, result.elapsed)


@contextmanager
def dripping_socket(opening: bytes) -> Iterator[int]:
    """A port where each connection gets these bytes and then zeros, one by one."""
    over = threading.Event()
    listening = socket.create_server(("127.0.0.1", 0))

    def drip(connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError):
            connection.sendall(opening)
            while not over.wait(0.02):
                connection.sendall(b"\0")

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listening.accept()
                threading.Thread(target=drip, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listening.getsockname()[1]
    finally:
        over.set()
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        listening.close()


def test_a_head_or_a_handshake_that_drips_for_ever_ends_in_time(
    tmp_path: Path, server: LoopbackServer
) -> None:
    def drip_head(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        dripping(handler, forever(b"y"))

    def drip_redirect(handler: Handler) -> None:
        handler.answer(302, Location="/head")

    server.routes["/head"] = drip_head
    server.routes["/redirect"] = drip_redirect
    server.pages["/quick"] = Page(b"quick")
    with dripping_socket(b"\x16\x03\x03\x40\x00") as tls:
        urls = [
            f"{server.url}/head", f"{server.url}/redirect", f"https://127.0.0.1:{tls}/x",
            f"{server.url}/quick",
        ]  # fmt: skip
        began = time.monotonic()
        *late, quick = run_fast(tmp_path, urls, timeout=30, retries=0)
    assert within(10, time.monotonic() - began)
    for result in late:
        assert result.error is Failure.TIMEOUT, result
        assert "no complete answer within 30" in str(result.detail)
        assert result.elapsed > 30
        assert within(300, result.elapsed)
    assert quick.outcome is Outcome.FETCHED


def test_a_head_that_drips_ends_by_its_timeout_though_connecting_may_take_longer(
    tmp_path: Path, server: LoopbackServer
) -> None:
    """Over a new connection and over one that has served before."""

    def drip_head(handler: Handler) -> None:
        handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
        dripping(handler, forever(b"y"))

    server.routes["/head"] = drip_head
    server.pages["/quick"] = Page(b"quick")
    urls = [f"{server.url}/head", f"{server.url}/quick", f"{server.url}/head?2"]
    results = run_fast(
        tmp_path, urls, timeout=20, connect_timeout=900, retries=0, workers=1, min_speed=0
    )
    for late in results[0], results[2]:
        assert late.error is Failure.TIMEOUT
        assert "no complete answer within 20" in str(late.detail)
        assert late.elapsed > 20
        assert within(200, late.elapsed)


@pytest.mark.parametrize(
    "opening",
    [b"5;x=", b"0" * 20, b"5\r\nhello\r\n5;", b"5\r\nhello\r\n0\r\nX: "],
    ids=["extension", "size", "extension of a later chunk", "trailer"],
)
@pytest.mark.slow
def test_what_is_between_the_chunks_of_a_body_does_not_drip_for_ever(
    tmp_path: Path, server: LoopbackServer, opening: bytes
) -> None:
    """It brings nothing of the body: that is slower than any `--min-speed`."""

    def drip(handler: Handler) -> None:
        handler.head(200, Transfer_Encoding="chunked")
        handler.wfile.write(opening)
        dripping(handler, forever(b"0"))

    server.routes["/x"] = drip
    (result,) = run_fast(tmp_path, [f"{server.url}/x"], timeout=30, retries=0, min_speed=1)
    assert result.error in (Failure.TIMEOUT, Failure.TRUNCATED)
    assert within(10 * SLOW_FOR, result.elapsed)


def endless(first: bytes, more: bytes) -> Route:
    """An answer that never ends."""

    def route(handler: Handler) -> None:
        with contextlib.suppress(OSError):
            handler.wfile.write(first)
            while not handler.server.over.is_set():
                handler.wfile.write(more)
        handler.close_connection = True

    return route


def redirects(handler: Handler) -> None:
    handler.answer(302, Location=f"{handler.path}y")


class EveryPath(dict[str, Route]):
    """Routes by the beginnings of paths."""

    def __contains__(self, path: object) -> bool:
        return True

    def __missing__(self, path: str) -> Route:
        return redirects


OK = b"HTTP/1.1 200 OK\r\n"
BLOCK = bytes(64 * 1024)
ENDLESS: dict[str, tuple[Route, str | None]] = {
    "redirect": (endless(b"HTTP/1.1 302 Found\r\nLocation: /fine\r\n\r\n", BLOCK), None),
    "error": (endless(b"HTTP/1.1 404 Not Found\r\n\r\n", BLOCK), "http"),
    "body": (endless(OK + b"\r\n", BLOCK), "too-large"),
    "chunks": (
        endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + BLOCK + b"\r\n"),
        "too-large",
    ),
    "slow body": (
        slow_body,
        "timeout",
    ),
    "interim answers": (endless(b"", b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n"), "wrong-content"),
    "trailers": (
        endless(OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n", b"X: y\r\n" * 100),
        "truncated",
    ),
    "one trailer": (
        endless(OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\nX: ", b"y" * 10_000),
        "truncated",
    ),
    "fields": (endless(OK, b"X: y\r\n" * 100), "wrong-content"),
    "one field": (endless(OK + b"X: ", b"y" * 10_000), "wrong-content"),
    "a field of 1 MB": (endless(OK + b"X: " + b"y" * 1_000_000 + b"\r\n", b"z"), "wrong-content"),
    "status line": (endless(b"HTTP/1.1 200 ", b"y" * 10_000), "wrong-content"),
    "redirects": (redirects, "too-many-redirects"),
    "chunk size": (endless(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"0" * 10_000), "truncated"),
    "chunk extension": (
        endless(OK + b"Transfer-Encoding: chunked\r\n\r\n5;", b"x" * 10_000),
        "truncated",
    ),
}  # fmt: skip


@pytest.mark.slow  # the timeouts are real
@pytest.mark.parametrize("discard", [[], ["--discard"]], ids=["files", "discard"])
def test_what_never_ends_ends_with_its_code_in_bounded_memory_while_others_go_on(
    pyfetch: Command, installed: InstalledCommand, server: LoopbackServer, discard: list[str]
) -> None:
    server.routes = EveryPath()
    endless = for_engine(pyfetch.engine, ENDLESS)
    for number, (route, _) in enumerate(endless.values()):
        server.routes[f"/{number}/x"] = route
    server.routes["/fine"] = lambda h: h.answer(200, b"fine")
    with LoopbackServer() as other:
        other.pages = {f"/{n}": Page(b"%d" % n) for n in range(100)}
        urls = [f"{server.url}/{number}/x" for number in range(len(endless))]
        urls += [f"{other.url}{path}" for path in other.pages]
        (installed.directory / "list").write_text("\n".join(urls))
        began = time.monotonic()
        ended, peak = installed.peak_memory(
            "list", "-o", "data", *discard, "--max-size", "20M", "--max-time", "4",
            "--retries", "0", "-w", "20",
        )  # fmt: skip
    assert within(15, time.monotonic() - began)
    assert ended.status == 1
    rows = ended.rows
    assert len(rows) == len(urls), ended.err[-3000:]
    found = {name: row[4] for name, row in zip(endless, rows, strict=False)}
    assert found == {name: error or "-" for name, (_, error) in endless.items()}
    assert all(row[4] == "-" for row in rows[len(endless) :])
    assert peak < 120 * 1024
    assert parts(pyfetch) == []
