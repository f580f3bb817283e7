"""The screen tells the truth about now: bars, waits and failures as a person sees them."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.support.command import Command, InstalledCommand
from tests.support.half_fetched import ETAG, rest
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.terminal import Terminal
from tests.support.unreachable import dropping_packets
from tests.support.waiting import LONGEST_WAIT

WIDTHS = pytest.mark.parametrize("columns", [40, 80, 200])
PROGRESS = re.compile(rb"\x1b\]9;4;(\d)(?:;\d+)?\x1b\\")
LINK = re.compile(rb"\x1b\]8;[^;]*;([^\x1b]+)\x1b\\")


def dripping(size: int, sent: int = 0, **headers: str) -> Callable[[Handler], None]:
    """A page of which a hundredth comes each hundredth of a second, until the test is over."""

    def page(handler: Handler) -> None:
        handler.head(200, **({"Content_Length": str(size)} | headers))
        handler.send(bytes(sent))
        while not handler.server.over.wait(0.01):
            handler.send(bytes(size // 1000))
            handler.wfile.flush()
        handler.close_connection = True

    return page


def whole(screen: Terminal) -> str:
    """The last line of the bars."""
    lines = [line for line in screen.visible if "B/s" in line]
    return lines[-1] if lines else ""


def drawn_since(screen: Terminal, frames: int) -> bool:
    """Whether at least one whole frame was drawn since there were so many."""
    return screen.raw.count(b"\x1b[?7l") > frames + 1


def is_filled(screen: Terminal, lines: int, columns: int) -> bool:
    """Whether so many lines are visible, and no rest of a wider frame."""
    visible = screen.visible
    return len(visible) == lines and all(len(line) < columns for line in visible)


# --- what is finished, and how fast


@WIDTHS
def test_finished_counts_as_finished_though_the_first_url_still_runs(
    forked: InstalledCommand, server: LoopbackServer, columns: int
) -> None:
    """And the failures among them have lines of their own, above the bars."""
    server.routes["/first"] = dripping(10_000_000)
    server.pages |= {f"/{n}": Page(bytes(1000)) for n in range(7)}
    urls = [f"{server.url}/{name}" for name in ("first", *range(7), "missing", "gone")]
    with Terminal(forked, *urls, "--discard", columns=columns) as screen:
        screen.wait_for(
            lambda: re.search("9/10, 2 failed, .*B/s.* left", whole(screen)) is not None
        )
        screen.wait_for(lambda: len(re.findall(r"404\s+Not\s+Found", screen.text)) == 2)
        text = " ".join(line.strip() for line in screen.visible)
        assert re.search(r"failed: 9 \S+/missing: 404 Not Found", text)
        assert re.search(r"failed: 10 \S+/gone: 404 Not Found", text)
        assert not re.search(r"(^|[^0-9])0 B/s", whole(screen))
        if columns > 40:
            own = r"first .* %.* [1-9]\S* .B/s \S+( s)? left$"
            screen.wait_for(lambda: any(re.search(own, line) for line in screen.visible))
        # Of the rows, only those whose turn has come are there: none.
        assert "saved as" not in screen.text


def test_with_several_processes_it_is_said_how_many_of_them_have_nothing_to_do(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.routes["/long"] = dripping(100_000_000)
    server.pages["/short"] = Page(b"x")
    urls = [f"{server.url}/{name}" for name in (*["long"] * 4, *["short"] * 2)]
    with Terminal(forked, *urls, "-w", "6", "--processes", "3", "--discard") as screen:
        screen.wait_for("3 processes, 1 idle")


@WIDTHS
def test_a_part_that_goes_on_counts_as_size_and_not_as_speed(
    forked: InstalledCommand, server: LoopbackServer, columns: int
) -> None:
    size, half = 20_000_000, 15_000_000
    slow = rest(f"bytes {half}-{size - 1}/{size}", b"", ETag=ETAG, Content_Length=str(size - half))

    seen = threading.Event()

    def page(handler: Handler) -> None:
        if handler.headers.get("Range"):
            slow(handler)
            handler.wfile.flush()
            seen.wait(LONGEST_WAIT)
            while not handler.server.over.wait(0.01):
                handler.send(bytes(1000))
                handler.wfile.flush()
            return
        handler.head(200, Content_Length=str(size), ETag=ETAG)
        for _ in range(half // 1_000_000):
            handler.send(bytes(1_000_000))
        handler.cut()

    server.routes["/big"] = page
    assert forked(f"{server.url}/big", "--retries", "0").status == 1
    with Terminal(forked, f"{server.url}/big", columns=columns) as screen:
        if columns > 40:
            screen.wait_for("resumed at 15.0 MB")
        screen.wait_for(" 75 %")
        seen.set()
        screen.wait_for(lambda: re.search(r"\d kB/s, .* left", whole(screen)) is not None)


# --- who waits


@WIDTHS
def test_a_host_that_is_paused_and_the_next_tries_are_shown(
    forked: InstalledCommand, server: LoopbackServer, columns: int
) -> None:
    server.routes["/busy"] = lambda handler: handler.answer(429, Retry_After="18")
    urls = [f"{server.url}/busy?{number}" for number in range(3)]
    with Terminal(forked, *urls, "--workers", "1", columns=columns) as screen:
        screen.wait_for(lambda: any(re.search(r"paused 1\d s", line) for line in screen.visible))
        screen.wait_for("1 URL tries again in ")
        (paused,) = [line for line in screen.visible if "paused" in line]
    if columns > 40:
        host = server.url.removeprefix("http://")
        assert re.fullmatch(rf"{host} paused 1\d s \(429\), 2 URLs wait", paused)


def test_a_rate_at_work_is_shown(forked: InstalledCommand, server: LoopbackServer) -> None:
    server.pages["/a"] = Page(b"x")
    urls = [f"{server.url}/a?{number}" for number in range(5)]
    with Terminal(forked, *urls, "--rate", "1/min", "--discard") as screen:
        screen.wait_for("4 URLs held back by --rate")


@WIDTHS
def test_what_is_connected_to_says_so(forked: InstalledCommand, columns: int) -> None:
    with dropping_packets() as url, Terminal(forked, f"{url}/x", columns=columns) as screen:
        screen.wait_for("connecting…")


def test_what_waits_for_a_name_says_so(pyfetch: Command) -> None:
    from pyfetch.http.name_lookup import NameLookUps
    from tests.support.transfers import transfer

    waiting = transfer("http://never.invalid/", 0, None)
    opened = threading.Event()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("socket.getaddrinfo", lambda *_: opened.wait(LONGEST_WAIT))
        looking_up = threading.Thread(
            target=lambda: NameLookUps().resolve("never.invalid", 80, 10, waiting)
        )
        looking_up.start()
        while waiting.phase != "resolving":
            pass
        opened.set()
        looking_up.join()


# --- names


@WIDTHS
def test_ten_presigned_urls_can_be_told_apart(
    forked: InstalledCommand, server: LoopbackServer, columns: int
) -> None:
    """One line each, with its percent."""
    signed = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIA%2F2024&X-Amz-Signature="
    names = [f"/backups/2024/database/dump-{number:04}.sql.gz" for number in range(10)]
    server.routes |= {name: dripping(1000, 100) for name in names}
    urls = [f"{server.url}{name}?{signed}{'0' * 64}" for name in names]
    with Terminal(forked, *urls, "--workers", "10", columns=columns) as screen:
        screen.wait_for(lambda: len([1 for line in screen.visible if " %" in line]) == 10)
        bars = [line for line in screen.visible if " %" in line]
        assert [re.search(r"dump-\d{4}\.sql\.gz ", bar) is not None for bar in bars] == [True] * 10
        assert len({bar.split(".sql")[0] for bar in bars}) == 10


def test_bars_use_the_width_there_is(forked: InstalledCommand, server: LoopbackServer) -> None:
    server.routes["/x"] = dripping(1000, 500)
    with Terminal(forked, f"{server.url}/x", columns=200) as screen:
        screen.wait_for(" %")
        (bar,) = [line for line in screen.visible if " % of" in line]
        assert bar.count("━") + bar.count("─") > 100


@pytest.mark.slow
def test_after_a_resize_no_ghost_remains(forked: InstalledCommand, server: LoopbackServer) -> None:
    server.routes["/x"] = dripping(1000, 500)
    urls = [f"{server.url}/x?{number}" for number in range(4)]
    with Terminal(forked, *urls, columns=120) as screen:
        screen.wait_for(lambda: "4 " in whole(screen) and len(screen.visible) == 5)
        for columns in (60, 100, 41):
            screen.resize(columns)
            frames = screen.raw.count(b"\x1b[?7l")
            # What was drawn for the width before may still be on its way.
            screen.wait_for(partial(drawn_since, screen, frames))
            screen.wait_for(partial(is_filled, screen, 5, columns))


# --- failures


@WIDTHS
@pytest.mark.slow
def test_a_run_ends_with_what_failed_and_how_to_try_it_again(
    forked: InstalledCommand, server: LoopbackServer, columns: int
) -> None:
    server.pages |= {f"/{n}": Page(b"x") for n in range(6)}
    server.routes["/busy"] = lambda handler: handler.answer(500)
    bad = [f"{server.url}/missing/{n}" for n in range(9)] + [f"{server.url}/busy?{n}" for n in "ab"]
    urls = [f"{server.url}/{n}" for n in range(6)] + bad + ["http://127.0.0.1:1/"]
    (forked.directory / "urls.txt").write_text("\n".join(urls))
    arguments = ["urls.txt", "--discard", "--retries", "0", "--workers", "1"]
    with Terminal(forked, *arguments, columns=columns, rows=60) as screen:
        assert screen.end() == 1
        lines = screen.lines
    begin = lines.index("pyfetch: failed:")
    told = [line for line in lines[begin:] if re.match(r" +\d+ \S+:", line)]
    assert [int(line.split()[0]) for line in told] == list(range(7, 17))
    text = " ".join(line.strip() for line in lines[begin:])
    assert "and 2 more" in text
    assert "by host" in text
    assert "to try them again (without --failed-to, the whole list is looked at again):" in text
    # The command is one line, to be copied: a narrow terminal breaks it anywhere.
    before = next(n for n, line in enumerate(lines) if line.endswith("again):"))
    behind = next(n for n, line in enumerate(lines) if line.startswith("pyfetch: fetched"))
    command = lines[before + 1 : behind]
    again = "urls.txt --discard --retries 0 --workers 1 --failed-to failed.txt"
    assert "".join(command).replace(" ", "").endswith(again.replace(" ", ""))
    assert "fetched 6, failed 12 (404 ×9, 500 ×2, connection refused ×1); 6 B in " in text
    # No line ends within a word: all of them are there when the lines are joined.
    assert text.count(": 404 Not Found") == 9
    assert all(len(line) < columns for line in lines[begin:] if line not in command)


@pytest.mark.parametrize(("rows", "shown"), [("all", 4), ("failures", 2), ("none", 0)])
def test_rows_can_be_left_out(
    forked: InstalledCommand, server: LoopbackServer, rows: str, shown: int
) -> None:
    """Bars and summary stay. Failures come as they happen, not after the first URL."""
    gate = threading.Event()

    def first(handler: Handler) -> None:
        handler.head(200, Content_Length="2")
        handler.send(b"1")
        handler.wfile.flush()
        gate.wait(LONGEST_WAIT)
        handler.send(b"2")

    server.routes["/first"] = first
    server.pages["/a"] = Page(b"x")
    urls = [f"{server.url}/{name}" for name in ("first", "a", "missing", "gone")]
    with Terminal(forked, *urls, "--discard", "--rows", rows, columns=120) as screen:
        screen.wait_for(lambda: "3/4, 2 failed" in whole(screen))
        if rows == "failures":
            screen.wait_for(lambda: screen.text.count("http: 404 Not Found") == 2)
        gate.set()
        assert screen.end() == 1
        numbers = [line.split()[0] for line in screen.lines if re.match(r" +\d+ +\d{3} ", line)]
        assert len(numbers) == shown
        assert screen.lines[-1].startswith("pyfetch: fetched 2, failed 2 (404 ×2); 3 B in")


def test_bars_can_be_left_out_and_be_had_with_quiet(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.pages |= {f"/{n}": Page(b"x") for n in range(3)}
    urls = [f"{server.url}/{n}" for n in range(3)]
    with Terminal(forked, *urls, "--discard", "--progress", "none") as screen:
        assert screen.end() == 0
        assert [line.split()[0] for line in screen.lines] == ["#", "1", "2", "3", "pyfetch:"]
        assert not re.search("[━─]".encode(), screen.raw)
    with Terminal(forked, *urls, "--discard", "--progress", "bar", "--quiet") as screen:
        assert screen.end() == 0
        assert screen.lines == []
        assert re.search("[━─]".encode(), screen.raw)


@WIDTHS
def test_an_interrupted_run_tells_what_is_kept_and_what_was_not_begun(
    forked: InstalledCommand, server: LoopbackServer, columns: int
) -> None:
    server.routes["/x"] = dripping(1_000_000, 300_000, ETag=ETAG)
    urls = [f"{server.url}/{name}" for name in ("missing", "x?1", "x?2", "never")]
    with Terminal(forked, *urls, "--workers", "2", columns=columns) as screen:
        screen.wait_for(lambda: "1/4, 1 failed" in whole(screen))
        screen.wait_for(lambda: screen.text.count(" 3") >= 2)
        screen.type("\x03")
        assert screen.end() == 130
        begin = next(n for n, line in enumerate(screen.lines) if "pyfetch: stopped" in line)
        text = " ".join(line.strip() for line in screen.lines[begin:])
    assert re.search(
        r"stopped: fetched 0, failed 1 \(404 ×1\), interrupted 2, not begun 1; 0 B in \S+ m?s;"
        r" 2 parts kept, \d+\.\d kB: run the same command again",
        text,
    )


# --- what terminals have beside text


def test_links_and_progress_go_to_terminals_that_know_them_and_to_no_other(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.pages["/a b"] = server.pages["/a%20b"] = Page(b"x")
    url = f"{server.url}/a%20b"
    known = {"VTE_VERSION": "8000"}

    def raw(*arguments: str, **environment: Any) -> bytes:
        with Terminal(forked, url, *arguments, **environment) as screen:
            assert screen.end() == 0
            return screen.raw

    sent = raw(**known)
    assert PROGRESS.findall(sent)[-1] == b"0"
    (path,) = set(LINK.findall(sent))
    assert path == (forked.directory / "a b").as_uri().encode()
    for arguments, environment in (
        ([], {}),
        (["--no-osc"], known),
        ([], known | {"TERM": "dumb"}),
    ):
        assert b"\x1b]" not in raw(*arguments, **environment)


def test_a_pipe_gets_neither_links_nor_progress(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.pages["/a"] = Page(b"x")
    forked.environment["VTE_VERSION"] = "8000"
    ended = forked(f"{server.url}/a", "--format", "table")
    assert "\x1b" not in ended.out + ended.err


def test_rows_in_a_file_are_not_seen_and_failures_have_lines_on_the_terminal(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.routes["/first"] = dripping(1000, 500)
    urls = [f"{server.url}/{name}" for name in ("missing", "first")]
    with (
        (forked.directory / "rows").open("wb") as rows,
        Terminal(forked, *urls, "--format", "table", stdout=rows.fileno()) as screen,
    ):
        screen.wait_for("failed: 1 ")
