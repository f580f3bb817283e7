"""What ends a run from outside: signals, Ctrl-C, and a reader that goes away."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from pyfetch.cli.signals import LONGEST_STOP
from tests.support.command import COMMAND, Command, InstalledCommand
from tests.support.processes import suspend
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.terminal import Terminal
from tests.support.unreachable import dropping_packets
from tests.support.waiting import LONGEST_WAIT, STOP, until, within

WHY = "the run was stopped"
EVERYTHING_STOPPED = f"cancelled: {WHY}"


@dataclass(frozen=True)
class End:
    """How a command ended, and what it had written that was not read before."""

    status: int
    seconds: float
    """How long it took from when it was waited for."""
    out: str
    err: str

    @property
    def is_soon(self) -> bool:
        """Whether it ended as soon as the README promises."""
        return within(STOP, self.seconds)

    @property
    def rows(self) -> list[list[str]]:
        return [line.split("\t") for line in self.out.splitlines()]


class Running:
    """A command that runs."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self.process = process

    def line(self) -> str:
        """The next line of its standard output."""
        return self._line(self.process.stdout)

    def message(self) -> str:
        """The next line of its standard error."""
        return self._line(self.process.stderr)

    def stopped_by(self, number: int) -> End:
        """Send it a signal and wait for its end."""
        began = time.monotonic()
        self.process.send_signal(number)
        return self.end(began)

    def end(self, began: float | None = None) -> End:
        """Wait for its end."""
        began = time.monotonic() if began is None else began
        out, err = self.process.communicate(timeout=LONGEST_WAIT)
        seconds = time.monotonic() - began
        return End(self.process.returncode, seconds, (out or b"").decode(), (err or b"").decode())

    def _line(self, stream: Any) -> str:
        # Unbuffered, so that nothing is kept from select() nor from communicate().
        assert select.select([stream], [], [], LONGEST_WAIT)[0], "no line came"
        return str(stream.readline().decode())


Start = Callable[..., Running]


@pytest.fixture
def start(forked: InstalledCommand) -> Iterator[Start]:
    """Starts `pyfetch`, or what is given as `argv` or `program`; kills it after the test."""
    started: list[subprocess.Popen[bytes]] = []

    def start(
        *arguments: str, argv: list[str] | None = None, program: str = "", **options: Any
    ) -> Running:
        given: dict[str, Any] = {
            "stdin": subprocess.DEVNULL,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.PIPE,
            "bufsize": 0,
        } | options
        if program:
            process = forked.program(program, **given)
        elif argv is None:
            process = forked.popen(*arguments, **given)
        else:
            process = subprocess.Popen(
                [*argv, *arguments], cwd=forked.directory, env=forked.environment, **given
            )
        started.append(process)
        return Running(process)

    yield start
    for process in started:
        with process:  # closes its pipes
            process.kill()


def half_a_page(handler: Handler) -> None:
    handler.head(200, Content_Length="10")
    handler.send(b"first")
    handler.stall()


def asked_for(server: LoopbackServer, number: int) -> None:
    until(lambda: server.at_once == number, f"{number} requests that stall at once")


def files_in(directory: Path) -> list[str]:
    """All files below a directory, parts too; not the state."""
    return sorted(
        path.relative_to(directory).as_posix()
        for path in directory.rglob("*")
        if path.is_file() and not path.name.startswith(("state.sqlite3", "lock"))
    )


def final_names(directory: Path) -> list[str]:
    """The files that whoever looks into a directory sees."""
    return [name for name in files_in(directory) if not name.startswith(".pyfetch/")]


def in_shell(script: str) -> list[str]:
    """`script` in a shell, where `"$@"` is pyfetch and its arguments."""
    return ["sh", "-c", script, "sh", COMMAND, "--retry-wait", "0"]


# --- signals


def test_a_stop_is_given_less_than_the_two_seconds_that_the_readme_promises() -> None:
    assert LONGEST_STOP < 2


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_a_run_whose_servers_all_stall(
    start: Start, server: LoopbackServer, number: int, status: int
) -> None:
    server.routes["/stall"] = Handler.stall
    urls = [f"{server.url}/stall?{n}" for n in range(3)]
    run = start(*urls, "-o", "data")
    asked_for(server, 3)
    end = run.stopped_by(number)
    assert (end.status, end.is_soon) == (status, True)
    assert end.rows == [["-", "-", url, "-", "cancelled", WHY] for url in urls]
    assert end.err.startswith("pyfetch: stopped: fetched 0, interrupted 3; ")
    assert end.err.count("\n") == 1


def test_an_interrupted_run_shows_what_it_has_in_order_and_keeps_no_half_file(
    start: Start, server: LoopbackServer, pyfetch: Command
) -> None:
    server.pages |= {"/a": Page(b"a"), "/c": Page(b"ccc")}
    server.routes |= {"/half": half_a_page, "/silent": Handler.stall}
    urls = [f"{server.url}/{name}" for name in ("a", "half", "c", "silent", "c?again")]
    data = pyfetch.directory / "data"
    run = start(*urls, "-o", "data")
    assert run.line() == f"200\t1\t{urls[0]}\tdata/a\t-\t-\n"
    asked_for(server, 2)
    until(lambda: len(final_names(data)) == 3, "three files")
    until(lambda: len(files_in(data)) == 4, "a part")
    end = run.stopped_by(signal.SIGINT)
    assert (end.status, end.is_soon) == (130, True)
    half, c, silent, again = end.rows
    assert half == ["200", "-", urls[1], "-", "cancelled", WHY]
    assert c == ["200", "3", urls[2], "data/c", "-", "-"]
    assert silent == ["-", "-", urls[3], "-", "cancelled", WHY]
    assert again[:3] == ["200", "3", urls[4]]
    assert files_in(data) == ["a", "c", again[3].removeprefix("data/")]
    assert end.err.startswith("pyfetch: stopped: fetched 3, interrupted 2; 7 B in ")
    assert end.err.count("\n") == 1


def test_interrupting_does_not_take_away_the_file_of_an_earlier_run(
    start: Start, server: LoopbackServer, pyfetch: Command
) -> None:
    (pyfetch.directory / "half").write_bytes(b"earlier")
    server.routes["/half"] = half_a_page
    run = start(f"{server.url}/half", "--if-exists", "replace")
    asked_for(server, 1)
    until(lambda: len(files_in(pyfetch.directory)) == 2, "a part")
    assert run.stopped_by(signal.SIGINT).status == 130
    assert files_in(pyfetch.directory) == ["half"]
    assert (pyfetch.directory / "half").read_bytes() == b"earlier"


def test_fifty_stalled_transfers_end_as_soon_as_one(start: Start, server: LoopbackServer) -> None:
    server.routes["/stall"] = half_a_page
    urls = [f"{server.url}/stall?{n}" for n in range(50)]
    run = start(*urls, "--workers", "50")
    asked_for(server, 50)
    end = run.stopped_by(signal.SIGINT)
    assert (end.status, end.is_soon) == (130, True)
    assert [(row[2], row[4]) for row in end.rows] == [(url, "cancelled") for url in urls]


def test_what_was_not_started_is_not_started_by_a_stop(
    start: Start, server: LoopbackServer
) -> None:
    server.routes["/stall"] = Handler.stall
    run = start(*(f"{server.url}/stall?{n}" for n in range(10)), "--workers", "2")
    asked_for(server, 2)
    end = run.stopped_by(signal.SIGINT)
    assert end.status == 130
    assert [row[4] for row in end.rows] == ["cancelled", "cancelled"]
    assert len(server.asked) == 2


@pytest.mark.parametrize(
    ("status", "headers"), [(500, {}), (503, {"Retry_After": "60"})], ids=["back-off", "asked to"]
)
def test_a_retry_that_waits_is_not_waited_for(
    start: Start, server: LoopbackServer, status: int, headers: dict[str, str]
) -> None:
    server.routes["/busy"] = lambda handler: handler.answer(status, b"", **headers)
    url = f"{server.url}/busy"
    run = start(url, "-v", "--retry-wait", "3600")
    while "; again in " not in run.message():
        pass
    end = run.stopped_by(signal.SIGINT)
    assert (end.status, end.is_soon) == (130, True)
    assert [(row[2], row[4]) for row in end.rows] == [(url, "cancelled")]
    assert "pyfetch: stopped: fetched 0, interrupted 1; " in end.err


def test_a_standard_input_that_stays_open_is_not_waited_for(
    start: Start, server: LoopbackServer
) -> None:
    server.pages["/a"] = Page(b"x")
    run = start("-", "--discard", stdin=subprocess.PIPE)
    assert run.process.stdin
    run.process.stdin.write(f"{server.url}/a\n".encode())
    assert run.line() == f"200\t1\t{server.url}/a\t-\t-\t-\n"
    began = time.monotonic()
    run.process.send_signal(signal.SIGINT)
    assert run.process.wait(LONGEST_WAIT) == 130  # with its input still open
    assert within(STOP, time.monotonic() - began)
    end = run.end()
    assert end.out == ""
    assert end.err.startswith("pyfetch: stopped: fetched 1; 1 B in ")
    assert end.err.count("\n") == 1


@pytest.fixture
def unanswered() -> Iterator[str]:
    """A URL whose host answers no attempt to connect."""
    with dropping_packets() as host:
        yield f"{host}/"


def test_a_connect_that_hangs_is_not_waited_for(
    start: Start, server: LoopbackServer, unanswered: str
) -> None:
    server.pages["/a"] = Page(b"x")
    arguments = [unanswered, f"{server.url}/a", "--connect-timeout", "30"]
    run = start(*arguments, "--discard", "--unordered")
    # The first has been started by the time that the second is done.
    assert run.line() == f"200\t1\t{server.url}/a\t-\t-\t-\n"
    end = run.stopped_by(signal.SIGINT)
    assert (end.status, end.is_soon) == (130, True)
    assert end.rows == [["-", "-", unanswered, "-", "cancelled", WHY]]
    assert end.err.startswith("pyfetch: stopped: fetched 1, interrupted 1; ")


@pytest.fixture
def blocked(start: Start, pyfetch: Command) -> Iterator[Running]:
    """A run held up in writing its results to a pipe that nobody reads."""
    listed = pyfetch.directory / "urls.txt"
    listed.write_text("".join(f"no-url-{n:0100}\n" for n in range(2_000)))
    read_end, write_end = os.pipe()
    run = start(str(listed), stdout=write_end)
    full = select.poll()
    full.register(write_end, select.POLLOUT)
    until(lambda: not full.poll(0), "a full pipe")
    yield run
    os.close(read_end)
    os.close(write_end)


@pytest.mark.slow
def test_a_full_pipe_that_nobody_reads_is_not_waited_for(blocked: Running) -> None:
    end = blocked.stopped_by(signal.SIGINT)
    assert (end.status, end.is_soon) == (130, True)
    assert "Traceback" not in end.err


def test_a_second_signal_ends_a_run_at_once(blocked: Running) -> None:
    began = time.monotonic()
    # One signal twice may count once, where the first is not yet taken. These are two.
    blocked.process.send_signal(signal.SIGINT)
    blocked.process.send_signal(signal.SIGTERM)
    end = blocked.end(began)
    assert (end.status, end.is_soon) == (130, True)
    assert end.err == ""


def test_a_run_that_was_suspended_can_be_ended(start: Start, server: LoopbackServer) -> None:
    server.routes["/stall"] = Handler.stall
    run = start(*(f"{server.url}/stall?{n}" for n in range(50)), "--workers", "50")
    asked_for(server, 50)
    # What `kill` does to a job that Ctrl-Z has stopped. All threads wake at once, and any of
    # them may be the one that takes the signal.
    suspend(run.process.pid)
    run.process.send_signal(signal.SIGTERM)
    end = run.stopped_by(signal.SIGCONT)
    assert (end.status, end.is_soon) == (143, True)
    assert [row[4] for row in end.rows] == ["cancelled"] * 50


@pytest.mark.slow
def test_signals_that_were_ignored_from_the_start_stay_ignored(
    start: Start, server: LoopbackServer
) -> None:
    def late(handler: Handler) -> None:
        server.over.wait(LONGEST_WAIT)
        handler.answer(200, b"came")

    server.routes["/late"] = late
    run = start(f"{server.url}/late", "--discard", argv=in_shell('trap "" INT HUP; exec "$@"'))
    asked_for(server, 1)
    run.process.send_signal(signal.SIGINT)
    run.process.send_signal(signal.SIGHUP)
    server.over.set()
    end = run.end()
    assert end.status == 0
    assert end.rows == [["200", "4", f"{server.url}/late", "-", "-", "-"]]
    assert "stopped" not in end.err


# --- Ctrl-C on a terminal


def test_ctrl_c_leaves_rows_a_summary_and_a_clean_screen(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.pages["/a"] = Page(b"x")
    server.routes["/half"] = half_a_page
    urls = [f"{server.url}/{name}" for name in ("a", "half?1", "half?2")]
    with Terminal(forked, *urls, "--discard") as screen:
        screen.wait_for(lambda: screen.shows("1/3") and screen.text.count("50 % of     10 B") == 2)
        began = time.monotonic()
        screen.type("\x03")
        assert screen.end() == 130
        assert within(STOP, time.monotonic() - began)
        assert screen.text.count(EVERYTHING_STOPPED) == 2
        assert screen.lines[-1].startswith("pyfetch: stopped: fetched 1, interrupted 2; ")
        assert "50 %" not in screen.text
        assert "━" not in screen.text
        assert not screen.cursor_is_hidden


def test_a_stop_that_is_held_up_gives_the_terminal_its_cursor_back(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.routes["/half"] = half_a_page
    listed = forked.directory / "urls.txt"
    no_urls = "".join(f"no-url-{n:0100}\n" for n in range(2_000))
    listed.write_text(f"{no_urls}{server.url}/half\n")
    read_end, write_end = os.pipe()
    try:
        with Terminal(forked, str(listed), stdout=write_end) as screen:
            screen.wait_for(lambda: screen.cursor_is_hidden)
            full = select.poll()
            full.register(write_end, select.POLLOUT)
            until(lambda: not full.poll(0), "a full pipe")
            screen.process.send_signal(signal.SIGINT)
            screen.process.send_signal(signal.SIGTERM)
            assert screen.end() == 130
            assert not screen.cursor_is_hidden
    finally:
        os.close(read_end)
        os.close(write_end)


def test_a_terminal_that_is_closed_ends_the_run(
    forked: InstalledCommand, server: LoopbackServer
) -> None:
    server.pages["/a"] = Page(b"x")
    server.routes["/half"] = half_a_page
    urls = [f"{server.url}/a", f"{server.url}/half"]
    with Terminal(forked, *urls, "-o", "data") as screen:
        screen.wait_for("50 %")
        began = time.monotonic()
        screen.hang_up()
        assert screen.process.wait(LONGEST_WAIT) == 128 + signal.SIGHUP
        assert within(STOP, time.monotonic() - began)
    assert files_in(forked.directory) == ["data/a"]


# --- readers that go away


def test_a_reader_that_has_had_enough_ends_the_run_quietly(
    start: Start, server: LoopbackServer, pyfetch: Command
) -> None:
    server.pages["/a"] = Page(b"x")
    server.routes["/half"] = half_a_page
    run = start(f"{server.url}/a", *(f"{server.url}/half?{n}" for n in range(3)), "-o", "data")
    assert run.line() == f"200\t1\t{server.url}/a\tdata/a\t-\t-\n"
    assert run.process.stdout
    asked_for(server, 3)
    run.process.stdout.close()
    run.process.stdout = None
    end = run.end()
    assert (end.status, end.is_soon, end.err) == (141, True, "")
    assert files_in(pyfetch.directory) == ["data/a"]


def test_a_reader_that_goes_between_two_of_many_results_ends_the_run_quietly(
    start: Start, server: LoopbackServer
) -> None:
    server.pages["/a"] = Page(b"x")
    run = start("-", "--discard", stdin=subprocess.PIPE)
    assert run.process.stdin
    assert run.process.stdout
    run.process.stdin.write("".join(f"{server.url}/a?{n}\n" for n in range(300)).encode())
    run.line()
    began = time.monotonic()
    run.process.stdout.close()
    run.process.stdout = None
    # Its input is open, so there is no other end to it.
    assert run.process.wait(LONGEST_WAIT) == 141
    assert within(STOP, time.monotonic() - began)
    assert run.end().err == ""


def test_a_reader_that_is_gone_before_the_first_result_ends_the_run_quietly(
    start: Start, server: LoopbackServer
) -> None:
    server.routes["/stall"] = Handler.stall
    read_end, write_end = os.pipe()
    os.close(read_end)
    run = start(f"{server.url}/stall", stdout=write_end)
    os.close(write_end)
    end = run.end()
    # Its start, too, is in this time.
    assert (end.status, within(2 * STOP, end.seconds), end.err) == (141, True, "")


@pytest.mark.parametrize("closed", [(1,), (2,), (1, 2)])
def test_a_run_whose_output_is_closed_does_its_work(
    start: Start, server: LoopbackServer, pyfetch: Command, closed: tuple[int, ...]
) -> None:
    server.pages |= {f"/{n}": Page(f"page {n}".encode()) for n in range(3)}
    urls = [f"{server.url}/{n}" for n in range(3)]
    run = start(*urls, f"{server.url}/no", "-o", "data", closed=closed)
    end = run.end()
    assert end.status == 1
    # What a descriptor of that number is reused for gets nothing that was meant for it.
    files = (path for path in (pyfetch.directory / "data").iterdir() if path.is_file())
    saved = {path.name: path.read_text() for path in files}
    assert saved == {"0": "page 0", "1": "page 1", "2": "page 2"}
    rows = [["200", "6", url, f"data/{n}", "-", "-"] for n, url in enumerate(urls)]
    rows.append(["404", "-", f"{server.url}/no", "-", "http", "404 Not Found"])
    assert end.rows == ([] if 1 in closed else rows)
    if 2 in closed:
        assert end.err == ""
    else:
        *_, summary = end.err.splitlines()
        assert summary.startswith("pyfetch: fetched 3, failed 1 (404 ×1); 18 B in ")


def test_a_run_whose_output_is_closed_can_be_interrupted(
    start: Start, server: LoopbackServer
) -> None:
    server.routes["/stall"] = Handler.stall
    run = start(f"{server.url}/stall", closed=(1,))
    asked_for(server, 1)
    end = run.stopped_by(signal.SIGINT)
    assert (end.status, end.is_soon) == (130, True)
    assert "Traceback" not in end.err


# --- programs that use the library


def of_lines(*lines: str) -> str:
    """A Python program of these lines."""
    return "\n".join(("from pyfetch import fetch_all", *lines))


def ends_soon_after_its_first_result(run: Running) -> None:
    assert run.line() == "200\n"
    end = run.end()
    assert (end.status, end.is_soon, end.err) == (0, True, "")


def test_a_program_that_leaves_the_loop_early_ends_though_servers_stall(
    start: Start, server: LoopbackServer, pyfetch: Command
) -> None:
    server.pages["/a"] = Page(b"x")
    server.routes["/half"] = half_a_page
    urls = [f"{server.url}/a", *(f"{server.url}/half?{n}" for n in range(6))]
    run = start(
        program=of_lines(
            "import sys",
            f"for result in fetch_all({urls!r}, output_dir='data'):",
            "    sys.stdin.readline()",
            "    break",
            "print(result.url, flush=True)",
        ),
        stdin=subprocess.PIPE,
    )
    assert run.process.stdin
    asked_for(server, 6)
    run.process.stdin.write(b"\n")
    assert run.line() == f"{urls[0]}\n"
    end = run.end()
    assert (end.status, end.is_soon, end.err) == (0, True, "")
    assert files_in(pyfetch.directory) == ["data/a"]


def test_a_program_that_leaves_the_loop_early_ends_though_a_connect_hangs(
    start: Start, server: LoopbackServer, unanswered: str
) -> None:
    server.pages["/a"] = Page(b"x")
    urls = [f"{server.url}/a", unanswered]
    run = start(
        program=of_lines(
            f"for result in fetch_all({urls!r}, discard=True, connect_timeout=5):",
            "    print(result.status, flush=True)",
            "    break",
        )
    )
    ends_soon_after_its_first_result(run)


def test_a_program_that_ends_with_results_still_to_come_is_not_held_up(
    start: Start, server: LoopbackServer
) -> None:
    """It still holds the generator, so nothing has told that to stop."""
    server.pages["/a"] = Page(b"x")
    server.routes["/half"] = half_a_page
    urls = [f"{server.url}/a", *(f"{server.url}/half?{n}" for n in range(6))]
    run = start(
        program=of_lines(
            f"results = fetch_all({urls!r}, discard=True)",
            "print(next(results).status, flush=True)",
        )
    )
    ends_soon_after_its_first_result(run)


def test_a_generator_without_end_is_read_as_far_as_is_needed(
    start: Start, server: LoopbackServer
) -> None:
    server.pages["/a"] = Page(b"x")
    run = start(
        program=of_lines(
            "from itertools import count, islice",
            "numbers = count()",
            f"urls = (f'{server.url}/a?{{n}}' for n in numbers)",
            "for result in islice(fetch_all(urls, discard=True), 100):",
            "    assert result.url.endswith(f'/a?{result.index - 1}'), result",
            "print(result.index, next(numbers))",
        )
    )
    end = run.end()
    assert (end.status, end.err) == (0, "")
    last, read = map(int, end.out.split())
    assert last == 100
    assert read <= 100 + 4096 + 1


def test_a_generator_that_waits_for_ever_does_not_keep_the_program(
    start: Start, server: LoopbackServer
) -> None:
    server.pages["/a"] = Page(b"x")
    run = start(
        program=of_lines(
            "import threading",
            "def urls():",
            f"    yield '{server.url}/a'",
            "    threading.Event().wait()",
            "for result in fetch_all(urls(), discard=True):",
            "    print(result.status, flush=True)",
            "    break",
        )
    )
    ends_soon_after_its_first_result(run)


def test_ctrl_c_in_a_program_s_loop_ends_it_though_servers_stall(
    start: Start, server: LoopbackServer
) -> None:
    server.routes["/half"] = half_a_page
    urls = [f"{server.url}/half?{n}" for n in range(4)]
    run = start(
        program=of_lines(
            "try:",
            f"    list(fetch_all({urls!r}, output_dir='data'))",
            "except KeyboardInterrupt:",
            "    print('interrupted')",
        )
    )
    asked_for(server, 4)
    end = run.stopped_by(signal.SIGINT)
    assert (end.status, end.out, end.err) == (0, "interrupted\n", "")
    assert end.is_soon


def test_ctrl_c_while_a_program_s_transfers_are_started_ends_it(
    start: Start, server: LoopbackServer
) -> None:
    server.routes["/half"] = half_a_page
    run = start(
        program=of_lines(
            f"urls = [f'{server.url}/half?{{n}}' for n in range(200)]",
            "try:",
            "    list(fetch_all(urls, workers=200, discard=True))",
            "except KeyboardInterrupt:",
            "    print('interrupted')",
        )
    )
    until(lambda: len(server.asked) > 0, "the first request")
    end = run.stopped_by(signal.SIGINT)
    assert (end.status, end.out, end.err) == (0, "interrupted\n", "")
    assert end.is_soon
