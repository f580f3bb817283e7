"""What a person sees: the rows, and the bars below them."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable

import pytest

from tests.support.command import InstalledCommand
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.terminal import Terminal
from tests.support.waiting import LONGEST_WAIT

WIDTHS = pytest.mark.parametrize("columns", [80, 200])
COLOUR = re.compile(rb"\x1b\[(?:[\d;]*;)?(?:[349]\d|10\d)[\d;]*m")
BAR = re.compile(r"[━─]")
TIME = r"(\d+ s|[\d:]+)"
WHOLE = re.compile(rf"[━─]* *\d.*B/s(, {TIME} elapsed)?(, {TIME} left)?")
"""The last line of the bars, which is drawn last."""


def stalling(*, size: int, sent: int) -> Callable[[Handler], None]:
    """A page of `size` bytes that falls no more data after `sent`."""

    def page(handler: Handler) -> None:
        handler.head(200, Content_Length=str(size))
        handler.send(bytes(sent))
        handler.stall()

    return page


def endless(handler: Handler) -> None:
    """A page of unknown length that falls silent."""
    handler.head(200, Connection="close")
    handler.send(bytes(3_000))
    handler.stall()


class Gate:
    """A page whose second half comes when it is told to."""

    def __init__(self) -> None:
        self._opened = threading.Event()

    def __call__(self, handler: Handler) -> None:
        handler.head(200, Content_Length="10")
        handler.send(b"first")
        handler.wfile.flush()
        self._opened.wait(LONGEST_WAIT)
        handler.send(b"after")

    def open(self) -> None:
        self._opened.set()


def raw_answer(status_line: bytes) -> Callable[[Handler], None]:
    """An answer without a body whose first line is exactly this."""

    def page(handler: Handler) -> None:
        handler.wfile.write(status_line + b"\r\nContent-Length: 0\r\n\r\n")

    return page


def row_of(screen: Terminal, number: int) -> str:
    """The one line that begins with this number."""
    (row,) = [line for line in screen.lines if re.match(rf" *{number} ", line)]
    return row


def wait_for_bars(screen: Terminal, *texts: str) -> None:
    """Wait until all the bars are drawn, and these texts are to be seen with them."""
    screen.wait_for(
        lambda: (
            bool(screen.visible)
            and WHOLE.fullmatch(screen.visible[-1]) is not None
            and all(screen.shows(text) for text in texts)
        )
    )


# --- rows


@WIDTHS
def test_each_url_has_a_row_below_a_heading_in_input_order(
    forked: InstalledCommand, server: LoopbackServer, columns: int
) -> None:
    url = r"127\.0\.0\.1:\d+/"
    server.pages |= {"/a": Page(b"x" * 5), "/b": Page(b"x" * 1500), "/c": Page(b"")}
    urls = [f"{server.url}/{name}" for name in "bac"]
    with Terminal(forked, *urls, "-o", "data", columns=columns) as screen:
        assert screen.end() == 0
        heading, *rows, summary = screen.lines
    assert heading.split() == ["#", "status", "size", "time", "speed", "URL", "saved", "as"]
    seconds = r"\d[\d.]* m?s"
    assert re.fullmatch(rf" +1 +200 +1\.5 kB +{seconds} +[\d.]+ [kM]?B/s {url}b +data/b", rows[0])
    assert re.fullmatch(rf" +2 +200 +5 B +{seconds} +[\d.]+ k?B/s {url}a +data/a", rows[1])
    assert re.fullmatch(rf" +3 +200 +0 B +{seconds} +- {url}c +data/c", rows[2])
    assert len(rows) == 3
    assert summary.startswith("pyfetch: fetched 3; 1.5 kB in ")


@WIDTHS
def test_a_failed_url_has_its_code_and_its_reason_in_its_row(
    forked: InstalledCommand, server: LoopbackServer, columns: int
) -> None:
    server.routes["/gone"] = raw_answer(b"HTTP/1.1 410 Gone To A Better Place Than This One")
    arguments = [f"{server.url}/gone", "ftp://127.0.0.1/x", "--retries", "0"]
    with Terminal(forked, *arguments, columns=columns) as screen:
        assert screen.end() == 1
        assert re.search(
            r" 1 +410 +- +\d\S* m?s +- \S+/gone +http: 410 Gone To A Better Place Than This One ",
            screen.text,
        )
        assert re.search(
            r" 2 +- +- +- +- \S+/x +unsupported-scheme: +argument +'ftp://127.0.0.1/x': +ftp +is"
            r" +neither +http +nor +https ",
            screen.text,
        )
        # What is too long for its column stands on lines of its own, cut at words.
        assert not any(line.startswith(tuple("abcdefghijklmno")) for line in screen.lines)
        assert screen.lines[-1].startswith("pyfetch: fetched 0, failed 2 (")


@WIDTHS
def test_no_row_of_a_fetched_url_is_wider_than_the_screen(
    forked: InstalledCommand, server: LoopbackServer, columns: int
) -> None:
    paths = ["/short", "/" + "long" * 50, "/%E6%BC%A2" + "%E5%AD%97" * 40]
    server.pages |= {path: Page(b"x" * 123_456) for path in paths}
    urls = [f"{server.url}{path}" for path in paths]
    with Terminal(forked, *urls, "-o", "data", columns=columns) as screen:
        assert screen.end() == 0
        _, *rows, _ = screen.lines
    # What wraps would go on in a line of its own.
    assert [row.split()[0] for row in rows] == ["1", "2", "3"]


@WIDTHS
def test_wide_characters_and_long_urls_leave_the_columns_aligned(
    forked: InstalledCommand, server: LoopbackServer, columns: int
) -> None:
    urls = [
        f"{server.url}/a",
        f"{server.url}/漢字.txt",
        f"{server.url}/{'漢字' * 40}",
        f"{server.url}/x{'漢字' * 40}",
        f"{server.url}/{'a' * 500}/b",
    ]
    names = ["a", "%E6%BC%A2%E5%AD%97.txt", "%E6%BC%A2%E5%AD%97" * 40]
    names += ["x" + "%E6%BC%A2%E5%AD%97" * 40, "a" * 500 + "/b"]
    server.pages |= {f"/{name}": Page(b"x") for name in names}
    with Terminal(forked, *urls, "-o", "data", columns=columns) as screen:
        assert screen.end() == 0
        heading, *lines = screen.cells
        assert "漢字.txt" in screen.text
    url_at = "".join(heading).index("URL")
    path_at = "".join(heading).index("saved as")
    rows = [line for line in lines if re.match(r" +\d+ +200 ", "".join(line))]
    for row, end in zip(rows, ("a", "漢字.txt", "漢字", "漢字", "b"), strict=True):
        assert row[url_at - 1] == " "
        assert row[url_at] != " "
        assert row[path_at - 1] == " "
        assert "".join(row[url_at : path_at - 1]).rstrip().endswith(end)
        assert row[path_at] != " "


def test_a_row_appears_while_a_later_url_is_still_running(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.pages["/a"] = Page(b"x")
    later = server.routes["/later"] = Gate()
    urls = [f"{server.url}/a", f"{server.url}/later"]
    with Terminal(forked, *urls, "-o", "data") as screen:
        screen.wait_for("data/a")
        assert not screen.shows("data/later")
        later.open()
        assert screen.end() == 0
        assert row_of(screen, 2).endswith("data/later")


# --- what a server or a list of URLs may try


def test_terminal_escapes_in_a_url_are_shown_and_not_obeyed(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.pages["/%1B%5B2Jx%07"] = Page(b"x")
    urls = [f"{server.url}/\x1b[2J\x1b]0;owned\x07", f"{server.url}/%1B%5B2Jx%07"]
    listed = forked.directory / "urls.txt"
    listed.write_text("\n".join(urls))
    with Terminal(forked, str(listed), "-o", "data", columns=200) as screen:
        assert screen.end() == 1
        assert f" {server.url.removeprefix('http://')}/%1B[2J%1B]0;owned%07 " in row_of(screen, 1)
        assert "invalid-url: " in screen.text
        assert row_of(screen, 2).endswith("data/_[2Jx_")
        assert screen.title == ""
        assert b"\x1b[2J" not in screen.raw


def test_terminal_escapes_in_a_reason_are_not_obeyed(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.routes["/bad"] = raw_answer(
        b"HTTP/1.1 500 O\x1b[2J\x1b[31mop\x1b]0;owned\x07 \x9b2J\x08\x08\x7f"
    )
    arguments = [f"{server.url}/bad", "-v", "--retries", "1"]
    with Terminal(forked, *arguments, columns=200) as screen:
        assert screen.end() == 1
        reason = "500 O[2J[31mop]0;owned %C2%9B2J"  # controls of ASCII are dropped with the head
        assert f"http ({reason}); again in " in screen.text
        assert row_of(screen, 1).endswith(f"http: {reason}")
        assert screen.title == ""
        assert b"\x1b[2J" not in screen.raw


# --- bars


@WIDTHS
def test_each_transfer_in_flight_has_a_bar_with_its_url_and_what_has_come(
    forked: InstalledCommand, server: LoopbackServer, columns: int
) -> None:
    server.routes["/half"] = stalling(size=2_000_000, sent=1_000_000)
    server.routes["/tenth"] = stalling(size=5_000, sent=500)
    server.routes["/silent"] = Handler.stall
    server.routes["/endless"] = endless
    urls = [f"{server.url}/{name}" for name in ("half", "tenth", "silent", "endless")]
    with Terminal(forked, *urls, columns=columns) as screen:
        wait_for_bars(screen, "50 % of   2.0 MB", "10 % of   5.0 kB", "waiting…", " 3.0 kB")
        bars = screen.visible[:-1]
    figures = [r" +50 % of   2\.0 MB", r" +10 % of   5\.0 kB", "waiting…", r" +3\.0 kB"]
    for url, figure, bar in zip(urls, figures, bars, strict=True):
        name = url.rpartition("/")[2]
        assert re.fullmatch(rf"\S*/{name} +[━─]{{12,}} {figure}( +\S+ k?M?B/s.*)?", bar)
        assert len(bar) < columns


def test_bars_leave_half_of_a_screen_to_the_rows(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.routes["/stall"] = Handler.stall
    urls = [f"{server.url}/stall?{number}" for number in range(30)]
    with Terminal(forked, *urls, "--workers", "30", rows=24) as screen:
        wait_for_bars(screen, "18 more in flight")
        assert len([line for line in screen.visible if "stall?" in line]) == 12


def test_the_line_below_the_bars_counts_the_whole_run(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.pages["/a"] = Page(b"x")
    server.routes["/stall"] = stalling(size=10, sent=5)
    urls = [f"{server.url}/{name}" for name in ("a", "missing", "stall", "stall?again")]
    with Terminal(forked, *urls) as screen:
        wait_for_bars(screen, "2/4")
        whole = screen.visible[-1]
    assert re.fullmatch(rf"[━─]+ 2/4, 1 failed, \d\S* k?B/s, {TIME} (elapsed|left)", whole)


def test_more_transfers_than_the_screen_has_rows_are_counted_in_a_line(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.routes["/stall"] = Handler.stall
    urls = [f"{server.url}/stall?{number}" for number in range(20)]
    with Terminal(forked, *urls, "--workers", "20", rows=10) as screen:
        wait_for_bars(screen, "13 more in flight")
        frames = screen.raw.count(b"more in flight")
        screen.wait_for(lambda: screen.raw.count(b"more in flight") >= frames + 3)
        wait_for_bars(screen)
        bars = [line for line in screen.visible if "stall?" in line]
        (more,) = [line for line in screen.visible if "more in flight" in line]
        assert [bar.split()[0] for bar in bars] == [f"stall?{number}" for number in range(7)]
        assert (len(bars), more) == (7, "and 13 more in flight")
        # Where a frame is higher than the screen, its first lines scroll out of reach.
        assert screen.left == []


def test_bars_on_a_small_screen_leave_the_rows_above_them_whole(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.pages["/a"] = Page(b"x")
    last = server.routes["/last"] = Gate()
    urls = [f"{server.url}/a?{number}" for number in range(1, 31)]
    urls += [f"{server.url}/last?{number}" for number in range(31, 41)]
    with Terminal(forked, *urls, "--discard", "--workers", "10", rows=8) as screen:
        wait_for_bars(screen, "30/40", "more in flight")
        last.open()
        assert screen.end() == 0
        _, *rows, _ = screen.lines
    assert [row.split()[0] for row in rows] == [str(number) for number in range(1, 41)]


def test_at_the_end_the_bars_are_gone_and_the_summary_is_there(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    page = server.routes["/page"] = Gate()
    urls = [f"{server.url}/page?{number}" for number in range(4)]
    with Terminal(forked, *urls, "--discard") as screen:
        wait_for_bars(screen, "50 % of     10 B")
        assert screen.cursor_is_hidden
        page.open()
        assert screen.end() == 0
        assert len(screen.lines) == len(["heading", *urls, "summary"])
        assert not BAR.search(screen.text)
        assert screen.lines[-1].startswith("pyfetch: fetched 4; 40 B in ")
        assert not screen.cursor_is_hidden


def test_v_shows_a_retry_above_the_bars(forked: InstalledCommand, server: LoopbackServer) -> None:
    server.routes["/slow"] = stalling(size=10, sent=5)
    server.routes["/busy"] = lambda handler: handler.answer(500)
    urls = [f"{server.url}/slow", f"{server.url}/busy"]
    with Terminal(forked, *urls, "-v", "--retry-wait", "0.5", columns=200) as screen:
        wait_for_bars(screen, "attempt 1", "50 % of     10 B")
        retry = f"pyfetch: attempt 1: {urls[1]}: http (500 Internal Server Error); again in "
        said = next(n for n, line in enumerate(screen.visible) if line.startswith(retry))
        slow = next(n for n, line in enumerate(screen.visible) if "50 % of     10 B" in line)
        assert slow > said


# --- what is drawn where


def test_no_color_gives_no_colours(forked: InstalledCommand, server: LoopbackServer) -> None:
    server.pages["/a"] = Page(b"x")
    server.routes["/stall"] = stalling(size=10, sent=5)
    urls = [f"{server.url}/{name}" for name in ("a", "missing", "stall")]
    with Terminal(forked, *urls, NO_COLOR="1") as screen:
        wait_for_bars(screen, "2/3", "50 % of     10 B")
        assert not COLOUR.search(screen.raw)


def test_rows_in_a_pipe_leave_the_bars_on_the_terminal(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.pages["/a"] = Page(b"x")
    later = server.routes["/later"] = Gate()
    urls = [f"{server.url}/{name}" for name in ("a", "missing", "later")]
    with Terminal(forked, *urls, "-o", "data", stdout=subprocess.PIPE) as screen:
        wait_for_bars(screen, "2/3", "50 % of     10 B", "failed: 2 ")
        later.open()
        assert screen.end() == 1
        assert screen.process.stdout
        piped = screen.process.stdout.read().decode()
        said = screen.lines
    assert piped.splitlines() == [
        f"200\t1\t{urls[0]}\tdata/a\t-\t-",
        f"404\t-\t{urls[1]}\t-\thttp\t404 Not Found",
        f"200\t10\t{urls[2]}\tdata/later\t-\t-",
    ]
    assert said[0] == f"failed: 2 {urls[1].removeprefix('http://')}: 404 Not Found"
    assert said[-1].startswith("pyfetch: fetched 2, failed 1 (404 ×1); 11 B in ")
    assert not any(BAR.search(line) for line in said)


def test_ctrl_z_takes_the_bars_away_and_gives_the_cursor_back(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    """Else the shell would write into the bars, without a cursor. They are there again after it."""
    later = server.routes["/later"] = Gate()
    with Terminal(forked, f"{server.url}/later", "-o", "data") as screen:
        wait_for_bars(screen, "50 % of     10 B")
        # No shell could let this process go on, so the system does not stop it.
        screen.process.send_signal(signal.SIGTSTP)
        screen.wait_for(lambda: b"\x1b[J\x1b[?25h" in screen.raw)
        screen.wait_for(lambda: screen.cursor_is_hidden)
        wait_for_bars(screen, "50 % of     10 B")
        later.open()
        assert screen.end() == 0
        assert not screen.cursor_is_hidden


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not tell")
@pytest.mark.parametrize(
    ("pipeline", "is_shown"), [("cat", True), ("tee copy | cat", True), ("cat > copy", False)]
)
def test_bars_make_room_for_what_a_pipeline_shows_in_their_place(
    installed: InstalledCommand, server: LoopbackServer, pipeline: str, is_shown: bool
) -> None:
    """Else a line of `| cat` would be written over a bar, and have the bar's end as its own."""
    gates = [Gate(), Gate()]
    server.routes |= {"/a": gates[0], "/b": gates[1]}
    urls = [f"{server.url}/a", f"{server.url}/b"]
    with Terminal(installed, *urls, "-o", "data", columns=160, pipeline=pipeline) as screen:
        for number, gate in enumerate(gates):
            wait_for_bars(screen, f"{number}/2")
            gate.open()
        assert screen.end() == 0
    taken_away = b"\r\x1b[J\x1b[?25h"
    for number, url in enumerate(urls, 1):
        before, row, _ = screen.raw.partition(f"200\t10\t{url}".encode())
        assert bool(row) is is_shown
        assert not is_shown or before.count(taken_away) >= number
    assert is_shown or screen.raw.count(taken_away) == 1


def test_messages_in_a_pipe_leave_the_rows_on_the_terminal(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.pages["/a"] = Page(b"x")
    later = server.routes["/later"] = Gate()
    urls = [f"{server.url}/{name}" for name in ("a", "later")]
    with Terminal(forked, *urls, "-o", "data", stderr=subprocess.PIPE) as screen:
        screen.wait_for("data/a")
        later.open()
        assert screen.end() == 0
        assert screen.process.stderr
        piped = screen.process.stderr.read().decode()
        heading, *rows = screen.lines
    assert heading.endswith("saved as")
    assert [row.split()[-1] for row in rows] == ["data/a", "data/later"]
    assert re.fullmatch(r"pyfetch: fetched 2; 11 B in [^\x1b\n]+\n", piped)
    assert COLOUR.search(screen.raw)
    # Colours are all that is drawn with: no cursor moved, nothing was erased.
    assert set(re.findall(rb"\x1b\[[\d;?]*([A-Za-z])", screen.raw)) == {b"m"}


def test_lines_for_scripts_on_a_terminal_are_not_torn_by_bars(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.pages["/a"] = Page(b"x")
    later = server.routes["/later"] = Gate()
    urls = [f"{server.url}/{name}" for name in ("a", "later")]
    with Terminal(forked, *urls, "--discard", "--format", "tsv") as screen:
        screen.wait_for(f"{server.url}/a")
        later.open()
        assert screen.end() == 0
        *rows, summary = screen.raw.decode().splitlines()
    assert rows == [f"200\t1\t{urls[0]}\t-\t-\t-", f"200\t10\t{urls[1]}\t-\t-\t-"]
    assert re.fullmatch(r"pyfetch: fetched 2; 11 B in [^\x1b]+", summary)


def test_quiet_draws_nothing(forked: InstalledCommand, server: LoopbackServer) -> None:
    later = server.routes["/later"] = Gate()
    with Terminal(forked, f"{server.url}/later", "--quiet", "-o", "data") as screen:
        later.open()
        assert screen.end() == 0
        assert screen.raw == b""
    assert (forked.directory / "data/later").read_bytes() == b"firstafter"


def test_a_dumb_terminal_gets_rows_and_no_bars(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.pages["/a"] = Page(b"x")
    later = server.routes["/later"] = Gate()
    urls = [f"{server.url}/{name}" for name in ("a", "later")]
    with Terminal(forked, *urls, "-o", "data", TERM="dumb") as screen:
        screen.wait_for("data/a")
        later.open()
        assert screen.end() == 0
        heading, *rows, summary = screen.lines
        assert b"\x1b" not in screen.raw
    assert heading.endswith("saved as")
    assert [row.split()[-1] for row in rows] == ["data/a", "data/later"]
    assert summary.startswith("pyfetch: fetched 2; 11 B in ")


def test_a_terminal_that_is_not_utf8_gets_all_rows(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.pages |= {"/%E6%BC%A2": Page(b"x"), f"/{'long' * 30}": Page(b"x")}
    urls = [f"{server.url}/漢", f"{server.url}/{'long' * 30}"]
    arguments = [*urls, "--discard"]
    with Terminal(forked, *arguments, columns=200, PYTHONIOENCODING="latin-1") as screen:
        assert screen.end() == 0
        assert "Traceback" not in screen.text
        _, *rows, summary = screen.lines
    assert [row.split()[:2] for row in rows] == [["1", "200"], ["2", "200"]]
    assert summary.startswith("pyfetch: fetched 2; ")
