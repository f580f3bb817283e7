"""`Batch`, `fetch` and asynchronous results: what Python programs do with a run."""

from __future__ import annotations

import gc
import os
import pickle
import pty
import subprocess
import sys
import termios
import threading
import time
from collections.abc import Callable
from contextlib import aclosing
from itertools import count
from pathlib import Path
from typing import Any

import anyio
import pytest

from pyfetch import (
    Batch,
    Failure,
    FetchError,
    Outcome,
    Progress,
    Result,
    RunError,
    fetch,
    fetch_all,
)
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.waiting import STOP, until, within

BACKENDS = ["asyncio", "trio"]


def urls_of(server: LoopbackServer, number: int) -> list[str]:
    server.pages |= {f"/{index}": Page(b"x" * index) for index in range(number)}
    return [f"{server.url}/{index}" for index in range(number)]


def test_a_batch_yields_its_results_in_order(server: LoopbackServer) -> None:
    with Batch(urls_of(server, 20), workers=4, discard=True) as batch:
        assert [result.size for result in batch] == list(range(20))


def test_a_loop_over_a_batch_may_go_on_where_another_was_left(server: LoopbackServer) -> None:
    with Batch(urls_of(server, 20), discard=True) as batch:
        for result in batch:
            if result.index == 5:
                break
        assert [result.index for result in batch] == list(range(6, 21))


def test_the_end_of_the_with_block_ends_the_work(server: LoopbackServer) -> None:
    server.pages["/"] = Page(b"x")
    with Batch((f"{server.url}/?{i}" for i in count()), discard=True) as batch:
        next(batch)
    assert list(batch) == []


def test_a_batch_may_be_stopped_from_any_thread(server: LoopbackServer) -> None:
    """What it had begun still comes, as cancelled."""
    server.routes["/slow"] = lambda handler: handler.stall()
    server.pages["/x"] = Page(b"x")
    with Batch([f"{server.url}/x", *[f"{server.url}/slow"] * 9], discard=True) as batch:
        first = next(batch)
        threading.Thread(target=batch.stop).start()
        rest = list(batch)
    assert first.outcome is Outcome.FETCHED
    assert {result.error for result in rest} == {Failure.CANCELLED}


def test_one_url_is_fetched_by_a_call(server: LoopbackServer, tmp_path: Path) -> None:
    server.pages["/x"] = Page(b"123")
    result = fetch(f"{server.url}/x", output_dir=tmp_path)
    assert (result.size, (tmp_path / "x").read_bytes()) == (3, b"123")


def test_the_errors_of_a_run_are_those_of_one_url_too(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="file"):
        fetch("http://127.0.0.1:1/", output_dir=tmp_path / "file")


@pytest.mark.parametrize("call", [fetch_all, Batch], ids=["fetch_all", "Batch"])
def test_whoever_throws_the_results_away_is_told_that_nothing_was_fetched(
    server: LoopbackServer, call: Callable[..., object]
) -> None:
    def throw_away() -> None:
        call([f"{server.url}/x"])
        gc.collect()

    with pytest.warns(ResourceWarning, match="nothing was fetched"):
        throw_away()
    assert not server.asked


@pytest.mark.parametrize(
    "take",
    [list, next, Batch.close, lambda batch: batch.__enter__().__exit__(None, None, None)],
    ids=["list", "next", "close", "with"],
)
def test_nobody_is_told_so_who_has_asked_or_has_closed(
    server: LoopbackServer, take: Callable[[Batch], object], recwarn: pytest.WarningsRecorder
) -> None:
    batch = Batch(urls_of(server, 2), discard=True)
    take(batch)
    batch.close()
    del batch
    gc.collect()
    assert not recwarn.list


def test_each_result_is_shown_to_on_result_before_it_is_taken(server: LoopbackServer) -> None:
    seen: list[Result] = []
    results = fetch_all(urls_of(server, 3), discard=True, on_result=seen.append)
    assert list(results) == seen
    assert len(seen) == 3


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.slow
def test_results_come_to_coroutines_in_order(server: LoopbackServer, backend: str) -> None:
    urls = urls_of(server, 600)

    async def main() -> list[int | None]:
        return [result.size async for result in Batch(urls, discard=True).aresults()]

    assert anyio.run(main, backend=backend) == list(range(600))


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_event_loop_runs_while_results_are_awaited(
    server: LoopbackServer, backend: str
) -> None:
    may_answer = threading.Event()

    def slow(handler: Any) -> None:
        may_answer.wait()
        handler.answer(200, b"x")

    server.routes["/slow"] = slow

    async def other() -> None:
        may_answer.set()

    async def main() -> list[Result]:
        async with anyio.create_task_group() as group:
            group.start_soon(other)
            return [r async for r in Batch([f"{server.url}/slow"], discard=True).aresults()]
        raise AssertionError

    (result,) = anyio.run(main, backend=backend)
    assert result.size == 1


def is_over() -> bool:
    """Whether no run has a thread any more."""
    return all(thread.name != "run" for thread in threading.enumerate())


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_task_that_is_cancelled_stops_the_work(server: LoopbackServer, backend: str) -> None:
    """Within two seconds, though a server says nothing."""
    server.routes["/slow"] = lambda handler: handler.stall()

    async def main() -> None:
        with anyio.move_on_after(0.1):
            async for _ in Batch([f"{server.url}/slow"] * 3, discard=True).aresults():
                raise AssertionError("nothing came")

    anyio.run(main, backend=backend)
    cancelled = time.monotonic()
    until(is_over, "the end of the thread of the run")
    assert within(STOP, time.monotonic() - cancelled)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_coroutine_that_leaves_stops_an_endless_input(
    server: LoopbackServer, backend: str
) -> None:
    server.pages["/"] = Page(b"x")

    async def main() -> None:
        batch = Batch((f"{server.url}/?{i}" for i in count()), discard=True)
        async with aclosing(batch.aresults()) as results:
            async for result in results:
                if result.index == 3:
                    break

    anyio.run(main, backend=backend)
    until(is_over, "the end of the thread of the run")


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_error_of_the_run_comes_after_the_results(server: LoopbackServer, backend: str) -> None:
    server.pages["/x"] = Page(b"x")

    def urls() -> Any:
        yield f"{server.url}/x"
        raise LookupError("out of URLs")

    taken: list[Result] = []

    async def main() -> None:
        async for result in Batch(urls(), discard=True).aresults():
            taken.append(result)  # noqa: PERF401 - what came before the error is to be seen

    with pytest.raises(LookupError):
        anyio.run(main, backend=backend)
    assert [result.index for result in taken] == [1]


def test_asynchronous_results_need_an_event_loop(server: LoopbackServer) -> None:
    results = Batch(urls_of(server, 1), discard=True).aresults()
    with pytest.raises(RunError, match="asyncio or of trio"):
        results.asend(None).send(None)


def test_the_file_of_a_result_is_read_through_it(server: LoopbackServer, tmp_path: Path) -> None:
    server.pages["/x.json"] = Page(b'{"a": [1]}')
    result = fetch(f"{server.url}/x.json", output_dir=tmp_path)
    assert result.path == tmp_path / "x.json"
    assert (result.ok, result.raise_for_status()) == (True, result)
    assert (result.read_bytes(), result.json()) == (b'{"a": [1]}', {"a": [1]})
    with result.open() as file:
        assert file.read(3) == b'{"a'


@pytest.mark.parametrize(
    ("content", "media_type", "text"),
    [
        ("für".encode(), "text/plain", "für"),
        ("für".encode("latin-1"), "text/plain; charset=ISO-8859-1", "für"),
        ("für".encode("cp1252"), 'text/html; charset="windows-1252"', "für"),
        ("für".encode("utf-16"), "text/plain; charset=utf-8", "für"),
        ("für".encode("utf-8-sig"), "text/plain; charset=latin-1", "für"),
        ("für".encode("utf-32"), "application/octet-stream", "für"),
    ],
)
def test_text_is_decoded_by_its_mark_or_by_its_media_type(
    server: LoopbackServer, tmp_path: Path, content: bytes, media_type: str, text: str
) -> None:
    server.routes["/x"] = lambda handler: handler.answer(200, content, Content_Type=media_type)
    assert fetch(f"{server.url}/x", output_dir=tmp_path).read_text() == text


def test_a_charset_that_is_wrong_is_overridden(server: LoopbackServer, tmp_path: Path) -> None:
    server.routes["/x"] = lambda handler: handler.answer(
        200, b"\xe9", Content_Type="text/plain; charset=utf-8"
    )
    result = fetch(f"{server.url}/x", output_dir=tmp_path)
    with pytest.raises(UnicodeDecodeError):
        result.read_text()
    assert (result.read_text("latin-1"), result.read_text(errors="ignore")) == ("é", "")


@pytest.mark.parametrize(
    "read", [Result.open, Result.read_bytes, Result.read_text, Result.json, Result.raise_for_status]
)
def test_a_result_that_failed_raises_an_error_that_carries_it(
    server: LoopbackServer, tmp_path: Path, read: Callable[[Result], object]
) -> None:
    result = fetch(f"{server.url}/gone", output_dir=tmp_path)
    with pytest.raises(FetchError, match=r"gone: http: .*404") as caught:
        read(result)
    assert (caught.value.result, result.ok) == (result, False)


def test_what_was_not_kept_cannot_be_read(server: LoopbackServer) -> None:
    server.pages["/x"] = Page(b"x")
    result = fetch(f"{server.url}/x", discard=True)
    assert (result.ok, result.path) == (True, None)
    with pytest.raises(FetchError, match="not kept"):
        result.read_bytes()


def test_an_error_of_a_result_can_be_pickled(server: LoopbackServer) -> None:
    """It may be raised in a process that computes."""
    result = fetch(f"{server.url}/gone", discard=True)
    with pytest.raises(FetchError) as caught:
        result.raise_for_status()
    again = pickle.loads(pickle.dumps(caught.value))  # noqa: S301
    assert (str(again), again.result) == (str(caught.value), result)


def test_progress_tells_what_is_finished_though_nobody_took_it(server: LoopbackServer) -> None:
    """The first URL is slow: the results of the others wait for their turn."""
    may_end = threading.Event()

    def slow(handler: Handler) -> None:
        handler.head(200, Content_Length="4")
        handler.send(b"x")
        handler.wfile.flush()
        may_end.wait()
        handler.send(b"xxx")

    server.routes["/slow"] = slow
    urls = [f"{server.url}/slow", *urls_of(server, 5), f"{server.url}/gone"]
    with Batch(urls, discard=True) as batch:
        results = (next(batch) for _ in urls)
        taker = threading.Thread(target=list, args=(results,))
        taker.start()
        until(lambda: batch.progress.finished == 6 and batch.progress.bytes == 11)
        progress = batch.progress
        may_end.set()
        taker.join()
        at_the_end = batch.progress
    assert progress[:4] == (6, 1, 7, 11)
    assert progress.in_flight == 1
    assert (at_the_end[:4], at_the_end.in_flight) == ((7, 1, 7, 14), 0)


def test_on_progress_is_called_while_a_server_is_slow_and_at_the_end(
    server: LoopbackServer,
) -> None:
    seen: list[Progress] = []
    was_called = threading.Event()

    def slow(handler: Handler) -> None:
        was_called.wait()
        handler.answer(200, b"x")

    def show(progress: Progress) -> None:
        seen.append(progress)
        was_called.set()

    server.routes["/slow"] = slow
    list(fetch_all([f"{server.url}/slow"], discard=True, on_progress=show))
    assert seen[0].finished == 0
    assert seen[-1][:4] == (1, 0, 1, 1)


def test_what_on_progress_raises_is_raised_at_the_end(server: LoopbackServer) -> None:
    was_called = threading.Event()

    def slow(handler: Handler) -> None:
        was_called.wait()
        handler.answer(200, b"x")

    def show(_: Progress) -> None:
        was_called.set()
        raise LookupError("no screen")

    server.routes["/slow"] = slow
    results = fetch_all([f"{server.url}/slow"], discard=True, on_progress=show)
    assert next(results).size == 1
    with pytest.raises(LookupError, match="no screen"):
        next(results)


@pytest.mark.slow
def test_all_names_are_in_dir_and_help_though_they_are_loaded_late() -> None:
    program = (
        "import pyfetch, sys\n"
        "late = {'Batch', 'fetch_all', 'fetch', 'Settings', 'Result', 'Failure', 'RunError'}\n"
        "assert not late & set(vars(pyfetch)), 'loaded at once'\n"
        "assert late < set(pyfetch.__all__) < set(dir(pyfetch)), dir(pyfetch)\n"
        "import pydoc\n"
        "print(pydoc.plain(pydoc.render_doc(pyfetch)))"
    )
    shown = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert (shown.returncode, shown.stderr) == (0, "")
    lines = {line.strip().partition("(")[0] for line in shown.stdout.splitlines()}
    classes = {"Batch", "Failure", "FetchError", "Outcome", "Progress", "Result", "RunError"}
    assert {f"class {name}" for name in classes} | {"fetch", "fetch_all"} <= lines
    assert "Fetch many URLs at once" in shown.stdout


def test_a_bar_is_drawn_on_a_terminal_alone(
    server: LoopbackServer, capsys: pytest.CaptureFixture[str]
) -> None:
    """Standard error is no terminal here."""
    results = list(fetch_all(urls_of(server, 3), discard=True, progress=True))
    assert (len(results), tuple(capsys.readouterr())) == (3, ("", ""))


@pytest.mark.slow
def test_a_bar_on_a_terminal_says_how_far_the_batch_is(server: LoopbackServer) -> None:
    urls = [*urls_of(server, 30), f"{server.url}/gone"]
    program = (
        "from pyfetch import fetch_all\n"
        f"print(len(list(fetch_all({urls!r}, discard=True, progress=True))))"
    )
    master, slave = pty.openpty()
    termios.tcsetwinsize(slave, (24, 100))
    with subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=slave,
        env=os.environ | {"TERM": "xterm"},
    ) as process:
        os.close(slave)
        assert process.stdout
        assert process.stdout.read() == b"31\n"
    drawn = os.read(master, 100_000).decode()
    os.close(master)
    assert "31/31" in drawn
    assert "1 failed, 435 B" in drawn
