"""`fetch_all`: the same for Python programs."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from itertools import count, islice
from pathlib import Path
from typing import Any

import pytest
import responses

from pyfetch import Failure, Outcome, RunError, fetch_all
from tests.support.cases import cases
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.waiting import LONGEST_WAIT, within


def test_results_come_in_order_and_files_are_saved(server: LoopbackServer, tmp_path: Path) -> None:
    server.pages |= {f"/{i}": Page(b"x" * i) for i in range(30)}
    urls = [f"{server.url}/{i}" for i in range(30)]
    results = list(fetch_all(urls, workers=8, output_dir=str(tmp_path / "data")))
    assert [result.url for result in results] == urls
    assert [result.size for result in results] == list(range(30))
    assert (tmp_path / "data" / "29").read_bytes() == b"x" * 29


def test_what_the_items_say_may_name_their_files(server: LoopbackServer, tmp_path: Path) -> None:
    server.routes["/x"] = lambda handler: handler.answer(200, b"x", Content_Type="image/png")
    items: list[dict[str, Any]] = [{"url": f"{server.url}/x", "id": 7}, {"url": f"{server.url}/x"}]
    named, unnamed = fetch_all(items, output_dir=str(tmp_path), name="{input.id}{type_ext}")
    assert named.path == tmp_path / "7.png"
    assert unnamed.detail == "no name: there is no 'id', which {input.id} needs"


def test_a_generator_without_end_is_read_as_it_is_needed(server: LoopbackServer) -> None:
    server.pages["/"] = Page(b"x")
    results = fetch_all((f"{server.url}/?{i}" for i in count()), discard=True, retries=0)
    assert [result.index for result in islice(results, 300)] == list(range(1, 301))
    results.close()  # type: ignore[attr-defined]


def test_leaving_the_loop_early_stops_the_work(server: LoopbackServer) -> None:
    server.pages["/"] = Page(b"x")
    for _ in fetch_all((f"{server.url}/?{i}" for i in count()), discard=True):
        break
    server.over.wait(0.3)
    asked = len(server.asked)
    server.over.wait(0.3)
    assert len(server.asked) == asked


def test_leaving_a_loop_stops_the_work_though_the_results_are_kept(server: LoopbackServer) -> None:
    """Else a program would wait at its end for what it does not want."""
    results = fetch_all((f"{server.url}/{number}" for number in count()), discard=True, retries=0)
    first = next(results)
    for second in results:
        assert (first.index, second.index) == (1, 2)
        break
    assert list(results) == []


def test_threads_of_one_program_wait_for_each_other(server: LoopbackServer, tmp_path: Path) -> None:
    """With `wait_lock`; a thread that does not wait is told who holds the directory."""
    server.pages["/x"] = Page(b"x")
    begun, may_end = threading.Event(), threading.Event()
    outcomes: list[Outcome] = []

    def first() -> None:
        for result in fetch_all([f"{server.url}/x"] * 2, output_dir=tmp_path):
            outcomes.append(result.outcome)
            begun.set()
            may_end.wait()

    def second() -> None:
        results = fetch_all([f"{server.url}/x"], output_dir=tmp_path, wait_lock=60)
        outcomes.extend(result.outcome for result in results)

    threads = [threading.Thread(target=run) for run in (first, second)]
    threads[0].start()
    begun.wait()
    threads[1].start()
    with pytest.raises(RunError, match="another run holds"):
        list(fetch_all([f"{server.url}/x"], output_dir=tmp_path))
    assert len(outcomes) == 1
    may_end.set()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 3


def test_a_url_that_fails_is_a_result(server: LoopbackServer) -> None:
    items: list[object] = [f"{server.url}/gone", "nonsense", None]
    results = list(fetch_all(items, discard=True))  # type: ignore[arg-type]
    assert [r.outcome for r in results] == [Outcome.FAILED] * 3
    assert [r.error for r in results] == [Failure.HTTP, Failure.INVALID_URL, Failure.INVALID_URL]


@cases(
    "settings",
    [{"workers": 0}, {"timeout": -1}, {"if_exists": "burn"}, {"max_size": -5}, {"colour": "red"},
     {"timeout": float("nan")}, {"retries": -1}, {"max_size": "10X"}, {"output_dir": None},
     {"timeout": 1e300}, {"headers": {"X": 1}}, {"headers": "X: y"}, {"workers": True},
     {"retry_wait": float("inf")}],
)  # fmt: skip
def test_settings_that_make_no_sense_are_refused_at_once(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(settings))):
        fetch_all([], **settings)


def test_an_output_directory_that_cannot_be_made_is_an_error_in_the_loop(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(RunError, match="file"):
        list(fetch_all(["http://127.0.0.1:1/"], output_dir=str(tmp_path / "file")))


def test_what_the_urls_raise_reaches_the_caller(server: LoopbackServer) -> None:
    def urls() -> Iterator[str]:
        yield f"{server.url}/1"
        raise LookupError("out of URLs")

    results = fetch_all(urls(), discard=True)
    assert next(results).url == f"{server.url}/1"
    with pytest.raises(LookupError):
        next(results)


@pytest.mark.parametrize("error", [SystemExit(5), KeyboardInterrupt(), asyncio.CancelledError()])
@pytest.mark.parametrize("ordered", [True, False])
def test_whatever_the_urls_raise_comes_after_their_results(
    server: LoopbackServer, error: BaseException, ordered: bool
) -> None:
    """Also what is no `Exception`: the reader's thread would swallow it."""

    def urls() -> Iterator[str]:
        yield f"{server.url}/1"
        yield f"{server.url}/2"
        raise error

    results = fetch_all(urls(), discard=True, ordered=ordered, retries=0)
    assert {next(results).url, next(results).url} == {f"{server.url}/1", f"{server.url}/2"}
    with pytest.raises(type(error)) as caught:
        next(results)
    assert caught.value is error


def test_two_runs_in_one_process_keep_apart(server: LoopbackServer) -> None:
    server.pages |= {"/a": Page(b"a"), "/b": Page(b"bb")}
    one = fetch_all([f"{server.url}/a"] * 5, discard=True)
    other = fetch_all([f"{server.url}/b"] * 5, discard=True)
    assert [(x.size, y.size) for x, y in zip(one, other, strict=True)] == [(1, 2)] * 5


def test_a_slow_loop_does_not_stop_what_is_fetched_meanwhile(server: LoopbackServer) -> None:
    def slow(handler: Handler) -> None:
        handler.answer(200, b"x")

    server.routes |= {f"/{i}": slow for i in range(8)}
    results = fetch_all([f"{server.url}/{i}" for i in range(8)], workers=8, discard=True)
    next(results)
    for _ in range(500):
        if len(server.asked) == 8:
            break
        server.over.wait(0.01)
    assert len(server.asked) == 8
    results.close()  # type: ignore[attr-defined]


def test_a_loop_that_is_slow_does_not_move_the_deadline_of_a_url(server: LoopbackServer) -> None:
    ended = threading.Event()

    def slow(handler: Handler) -> None:
        handler.head(200, Content_Length="1000000")
        try:
            while not server.over.wait(0.01):
                handler.send(b"x")
                handler.wfile.flush()
        except OSError:
            ended.set()  # the other end was closed

    server.pages["/a"] = Page(b"x")
    server.routes["/slow"] = slow
    results = fetch_all([f"{server.url}/a", f"{server.url}/slow"], max_time=0.5, discard=True)
    assert next(results).size == 1
    assert ended.wait(LONGEST_WAIT)  # while this loop asks for nothing
    (last,) = results
    assert last.error is Failure.TIMEOUT
    assert within(5, last.elapsed)


@responses.activate
def test_content_type_and_validators_are_in_the_result() -> None:
    responses.get(
        "http://example.test/x", body=b"x", content_type="text/x",
        headers={"ETag": 'W/"1"', "Last-Modified": "Tue, 14 Nov 2023 22:13:20 GMT"},
    )  # fmt: skip
    (result,) = fetch_all(["http://example.test/x"], discard=True)
    assert (result.content_type, result.etag) == ("text/x", 'W/"1"')
    assert result.last_modified == "Tue, 14 Nov 2023 22:13:20 GMT"


def test_one_text_is_no_list_of_urls() -> None:
    with pytest.raises(ValueError, match="list"):
        fetch_all("http://127.0.0.1:1/")


def test_text_that_cannot_be_sent_is_a_failed_result() -> None:
    (result,) = fetch_all(["http://h/\udc80"], discard=True)
    assert result.error is Failure.INVALID_URL


def test_headers_may_be_a_mapping(server: LoopbackServer) -> None:
    list(fetch_all([f"{server.url}/x"], discard=True, headers={"X-One": "1"}))
    assert server.asked[0].headers["X-One"] == "1"


def test_what_was_given_before_the_loop_was_left_is_remembered(
    server: LoopbackServer, tmp_path: Path
) -> None:
    server.pages["/x"] = Page(b"x", modified=None)
    urls = [f"{server.url}/x", f"{server.url}/y"]
    for result in fetch_all(urls, workers=1, output_dir=tmp_path):
        assert result.outcome is Outcome.FETCHED
        break
    (again,) = fetch_all(urls[:1], output_dir=tmp_path)
    assert again.outcome is Outcome.UNCHANGED


def test_a_run_that_was_left_can_be_followed_by_another_at_once(
    server: LoopbackServer, tmp_path: Path
) -> None:
    server.pages["/x"] = Page(b"x" * 1000)
    server.routes["/slow"] = lambda h: h.stall()
    urls = [f"{server.url}/x", *[f"{server.url}/slow"] * 3]
    for _ in range(3):
        for result in fetch_all(urls, output_dir=tmp_path):
            assert not result.failed
            break
