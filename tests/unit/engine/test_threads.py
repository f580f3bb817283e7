"""The engine in virtual time: waits, pauses, deadlines, the window and flat memory."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import count, islice, pairwise
from time import monotonic, sleep
from typing import Any

import pytest

from pyfetch.api import entries_from_items
from pyfetch.attempt import Finished
from pyfetch.engine.local import Event
from pyfetch.engine.mailbox import Mailbox
from pyfetch.engine.read_ahead import ReadAhead
from pyfetch.engine.results import CAPACITY
from pyfetch.engine.threads import ThreadEngine
from pyfetch.errors import StoppedError
from pyfetch.http.rate_limit import PAUSING_STATUSES
from pyfetch.models import Failure, HostSignal, Outcome, Result, Target, TargetError
from pyfetch.scheduling.host_limits import Limits
from pyfetch.scheduling.jobs import Jobs
from pyfetch.scheduling.queue import HostQueues
from pyfetch.scheduling.retry import RetryPolicy
from pyfetch.scheduling.worker_limit import WorkerLimit
from pyfetch.storage.ledger import NoLedger
from pyfetch.transfer import Transfer
from tests.support.waiting import within


class InlineExecutor(Executor):
    """Runs what it is given at once, in the thread that gives it."""

    def submit(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(call(*args, **kwargs))
        except Exception as error:
            future.set_exception(error)
        return future


@dataclass
class VirtualTime:
    now: float = 1000.0
    waits: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    def wait(self, inbox: Mailbox[Event], seconds: float | None) -> list[Event]:
        """Real events come first; only when there is nothing else does time pass."""
        events = inbox.take(5 if seconds is None else 0.05)
        if not events:
            assert seconds is not None, "the engine waits for something that never comes"
            self.waits.append(seconds)
            self.now += seconds
        return events


def came(target: Target, transfer: Transfer) -> Finished:
    result = Result(
        target.index,
        target.url.text,
        Outcome.FETCHED,
        status=200,
        attempts=transfer.assignment.number,
    )
    return Finished(result, HostSignal.ANSWERED)


def went_wrong(
    target: Target,
    transfer: Transfer,
    error: Failure = Failure.CONNECT,
    status: int | None = None,
    retry_after: float | None = None,
) -> Finished:
    result = Result(
        target.index, target.url.text, Outcome.FAILED, error=error, status=status,
        detail="went wrong", attempts=transfer.assignment.number,
    )  # fmt: skip
    pushed_back = status in PAUSING_STATUSES
    sign = (
        HostSignal.PUSHED_BACK
        if pushed_back
        else HostSignal.NONE
        if status is None
        else HostSignal.ANSWERED
    )
    return Finished(result, sign, retry_after)


def engine(
    fetch: Callable[[Target, Transfer], Finished],
    time: VirtualTime,
    *,
    workers: int = 4,
    retry: RetryPolicy | None = None,
    max_time: float | None = None,
) -> ThreadEngine:
    return ThreadEngine(
        fetch, InlineExecutor(), read_ahead=ReadAhead(), clock=time.clock, wait=time.wait,
        jobs=jobs(workers, retry or RetryPolicy(randomness=random.Random(1)), max_time),
    )  # fmt: skip


def jobs(workers: int, retry: RetryPolicy | None = None, max_time: float | None = None) -> Jobs:
    retry = retry or RetryPolicy()
    return Jobs(HostQueues(Limits(), retry), WorkerLimit(workers), retry, max_time)


def test_a_failure_that_may_pass_is_tried_again_after_a_growing_wait() -> None:
    time = VirtualTime()
    asked: list[float] = []

    def fetch(target: Target, transfer: Transfer) -> Finished:
        asked.append(time.now)
        return went_wrong(target, transfer)

    (result,) = engine(fetch, time).run(entries_from_items(["http://a/"]))
    assert (result.error, result.attempts) == (Failure.CONNECT, 4)
    assert len(asked) == 4
    for attempt, (before, after) in enumerate(pairwise(asked)):
        assert 0 < after - before <= 2**attempt


def test_a_failure_that_stays_is_not_tried_again() -> None:
    time = VirtualTime()
    attempts = []

    def fetch(target: Target, transfer: Transfer) -> Finished:
        attempts.append(target.url.text)
        status = 404 if target.url.text.endswith("gone") else None
        return went_wrong(target, transfer, Failure.HTTP if status else Failure.TLS, status)

    urls = ["http://a/gone", "http://b/"]
    assert all(r.failed for r in engine(fetch, time).run(entries_from_items(urls)))
    assert sorted(attempts) == urls


def test_retry_after_is_kept_to_also_by_other_urls_of_that_host() -> None:
    time = VirtualTime()
    asked: list[tuple[str, float]] = []

    def fetch(target: Target, transfer: Transfer) -> Finished:
        asked.append((target.url.text, time.now - 1000))
        if target.url.text == "http://busy/1" and transfer.assignment.number == 1:
            return went_wrong(target, transfer, Failure.HTTP, 429, retry_after=120.0)
        return came(target, transfer)

    urls = ["http://busy/1", "http://busy/2", "http://idle/3"]
    results = list(engine(fetch, time, workers=1).run(entries_from_items(urls)))
    assert results[0].index == 3
    when = dict(asked)
    assert when["http://idle/3"] < 1
    assert when["http://busy/2"] >= 120
    assert when["http://busy/1"] >= 120


def test_a_target_that_waits_holds_no_worker() -> None:
    time = VirtualTime()

    def fetch(target: Target, transfer: Transfer) -> Finished:
        if target.index == 1 and transfer.assignment.number < 3:
            return went_wrong(target, transfer)
        return came(target, transfer)

    urls = [f"http://a/{i}" for i in range(50)]
    results = list(engine(fetch, time, workers=1).run(entries_from_items(urls)))
    assert [r.index for r in results] == [*range(2, 51), 1]


@pytest.mark.slow
def test_a_retry_that_falls_due_while_all_workers_are_busy_is_waited_for_once() -> None:
    release = threading.Event()

    def fetch(target: Target, transfer: Transfer) -> Finished:
        if target.index == 1 and transfer.assignment.number == 1:
            return went_wrong(target, transfer)
        if target.index == 2:
            release.wait(10)
        return came(target, transfer)

    waits: list[float | None] = []

    def wait(inbox: Mailbox[Event], seconds: float | None) -> list[Event]:
        waits.append(seconds)
        if len(waits) > 20:
            release.set()
        return inbox.take(0.01 if seconds is None else seconds)

    with ThreadPoolExecutor(1) as executor:
        driven = ThreadEngine(
            fetch, executor, jobs=jobs(1, RetryPolicy(first_wait=0.001)),
            read_ahead=ReadAhead(), wait=wait,
        )  # fmt: skip
        results = list(driven.run(entries_from_items(["http://a/", "http://b/"])))
    assert {result.error for result in results} == {None}
    # Nothing was due that could have been done: it waited until something happened.
    assert sum(seconds == 0 for seconds in waits) <= 2


def test_a_longer_retry_after_than_is_waited_fails_and_says_so() -> None:
    time = VirtualTime()

    def fetch(target: Target, transfer: Transfer) -> Finished:
        return went_wrong(target, transfer, Failure.HTTP, 503, retry_after=86400.0)

    (result,) = engine(fetch, time).run(entries_from_items(["http://a/"]))
    assert result.attempts == 1
    assert "86400 s" in (result.detail or "")


def test_a_host_that_asks_for_too_long_a_wait_is_not_asked_for_its_other_urls() -> None:
    time = VirtualTime()
    asked: list[str] = []

    def fetch(target: Target, transfer: Transfer) -> Finished:
        refusal = transfer.assignment.refusal
        if refusal:
            result = Result(
                target.index, target.url.text, Outcome.FAILED,
                error=refusal.failure, detail=refusal.detail,
            )  # fmt: skip
            return Finished(result, HostSignal.NOT_ASKED)
        asked.append(target.url.text)
        if "busy" in target.url.text:
            return went_wrong(target, transfer, Failure.HTTP, 503, retry_after=3600.0)
        return came(target, transfer)

    urls = [f"http://busy/{number}" for number in range(50)] + ["http://idle/"]
    results = list(engine(fetch, time, workers=1).run(entries_from_items(urls)))
    # One URL that is refused says nothing of its host, a second one may be chance: after a short
    # pause, during which others have their turn, a third one decides.
    assert asked[:3] == ["http://busy/0", "http://busy/1", "http://idle/"]
    assert len(asked) == 4
    assert [result.error for result in results].count(Failure.HTTP) == 50
    assert all("3600 s" in (result.detail or "") for result in results if result.failed)
    assert time.now - 1000 < 2


def test_max_time_is_over_all_attempts_of_a_url() -> None:
    time = VirtualTime()

    def fetch(target: Target, transfer: Transfer) -> Finished:
        time.now += 4
        return went_wrong(target, transfer)

    policy = RetryPolicy(retries=100, first_wait=0)
    run = engine(fetch, time, retry=policy, max_time=10).run(entries_from_items(["http://a/"]))
    (result,) = run
    assert result.attempts == 3
    assert "10 s" in (result.detail or "")


@pytest.mark.slow
def test_the_wait_before_an_attempt_counts_as_elapsed() -> None:
    time = VirtualTime()

    def fetch(target: Target, transfer: Transfer) -> Finished:
        return went_wrong(target, transfer, Failure.HTTP, 503, retry_after=100.0)

    (result,) = engine(fetch, time).run(entries_from_items(["http://a/"]))
    assert result.attempts == 4
    assert 300 <= time.now - 1000 < 400


def test_at_most_the_window_is_read_ahead_while_the_first_is_slow() -> None:
    release = threading.Event()
    read = count()
    started: list[int] = []

    def urls() -> Iterator[str]:
        for number in read:
            yield f"http://a/{number}"

    def fetch(target: Target, transfer: Transfer) -> Finished:
        started.append(target.index)
        if target.index == 1:
            release.wait(10)
        return came(target, transfer)

    window = ReadAhead(64, widest=64)
    with ThreadPoolExecutor(4) as executor:
        driven = ThreadEngine(fetch, executor, jobs=jobs(4), read_ahead=window)
        finished = driven.run(entries_from_items(urls()))
        # All of the window but the first come, though nothing can be shown.
        early = list(islice(finished, 63))
        assert sorted(r.index for r in early) == list(range(2, 65))
        assert next(read) <= 65
        release.set()
        assert next(finished).index == 1
        finished.close()


def test_what_the_input_raises_is_raised_after_the_results_before_it() -> None:
    def urls() -> Iterator[str]:
        yield "http://a/1"
        raise KeyError("broken list")

    time = VirtualTime()
    run = engine(came, time).run(entries_from_items(urls()))
    assert next(run).index == 1
    with pytest.raises(KeyError, match="broken list"):
        next(run)


def test_an_error_that_stops_the_run_comes_after_the_results_there_are() -> None:
    def fetch(target: Target, transfer: Transfer) -> Finished:
        if target.index == 3:
            raise StoppedError("the disk is full")
        return came(target, transfer)

    time = VirtualTime()
    run = engine(fetch, time, workers=1).run(entries_from_items(f"http://a/{i}" for i in count()))
    results: list[Result] = []
    with pytest.raises(StoppedError):
        results.extend(run)
    assert [(r.index, r.error) for r in results] == [(1, None), (2, None), (3, "cancelled")]


def test_workers_go_on_while_nobody_takes_results() -> None:
    started: list[int] = []

    def fetch(target: Target, transfer: Transfer) -> Finished:
        started.append(target.index)
        return came(target, transfer)

    with ThreadPoolExecutor(2) as executor:
        driven = ThreadEngine(fetch, executor, jobs=jobs(2), read_ahead=ReadAhead())
        finished = driven.run(entries_from_items(f"http://a/{number}" for number in range(40)))
        first = next(finished)
        # What was taken in with the first is done, though nobody asks for the next.
        waits_until(lambda: len(started) >= 2)
        rest = list(finished)
    assert sorted([first.index, *(result.index for result in rest)]) == list(range(1, 41))


@pytest.mark.slow
def test_only_so_much_is_fetched_as_long_as_nobody_takes_results() -> None:
    started: list[int] = []

    def fetch(target: Target, transfer: Transfer) -> Finished:
        started.append(target.index)
        return came(target, transfer)

    number, workers = 3 * CAPACITY, 2
    with ThreadPoolExecutor(workers) as executor:
        driven = ThreadEngine(fetch, executor, jobs=jobs(workers), read_ahead=ReadAhead())
        finished = driven.run(entries_from_items(f"http://a/{n}" for n in range(number)))
        some = list(islice(finished, 10))
        waits_until(lambda: len(started) >= CAPACITY)
        settled(lambda: len(started))
        assert len(started) <= len(some) + CAPACITY + workers
        assert len(some) + len(list(finished)) == number


def test_no_new_attempt_starts_while_results_wait_but_those_in_flight_end() -> None:
    """Also an attempt that ends late, when the consumer has long stopped to take results."""
    release = threading.Event()
    started: list[int] = []

    def fetch(target: Target, transfer: Transfer) -> Finished:
        started.append(target.index)
        if target.index == 1:
            release.wait(60)
        return came(target, transfer)

    def indexes_in_flight() -> list[int]:
        return [transfer.target.index for transfer in driven.in_flight]

    with ThreadPoolExecutor(2) as executor:
        driven = ThreadEngine(fetch, executor, jobs=jobs(2), read_ahead=ReadAhead())
        finished = driven.run(entries_from_items(f"http://a/{n}" for n in range(2 * CAPACITY)))
        assert next(finished).index == 2
        waits_until(lambda: len(started) == CAPACITY + 1 and indexes_in_flight() == [1])
        release.set()
        waits_until(lambda: not driven.in_flight)
        assert len(list(finished)) == 2 * CAPACITY - 1


def test_a_deadline_holds_though_whoever_iterates_is_busy() -> None:
    stopped_after: list[float] = []
    left = threading.Event()

    def fetch(target: Target, transfer: Transfer) -> Finished:
        if target.index == 1:
            return came(target, transfer)
        began = monotonic()
        try:
            while not left.wait(0.01):
                transfer.check()
        except TargetError:
            stopped_after.append(monotonic() - began)
        return went_wrong(target, transfer, Failure.TIMEOUT)

    with ThreadPoolExecutor(2) as executor:
        driven = ThreadEngine(fetch, executor, jobs=jobs(2, max_time=0.2), read_ahead=ReadAhead())
        finished = driven.run(entries_from_items(["http://a/1", "http://a/2"]))
        assert next(finished).index == 1
        try:
            waits_until(lambda: bool(stopped_after))  # and this thread asks for no result meanwhile
        finally:
            left.set()
        (last,) = finished
    assert (last.index, last.error) == (2, Failure.TIMEOUT)
    assert stopped_after[0] > 0.1
    assert within(5, stopped_after[0])


LONGEST = 30.0


def waits_until(happens: Callable[[], bool]) -> None:
    began = monotonic()
    while not happens():
        assert monotonic() < began + LONGEST, "it did not happen"
        sleep(0.01)


def settled(figure: Callable[[], int]) -> None:
    """Wait until a figure grows no more."""
    before = -1
    while before != (before := figure()):
        sleep(0.2)


def test_no_result_is_lost_by_an_error_that_is_heard_of_before_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What ends well after an error has stopped the run is shown, and noted."""

    class Damaged(NoLedger):
        def named(self, target: Target) -> Target:
            if target.index == 2:
                raise StoppedError("the state is damaged")
            return target

        def finished(self, target: Target, attempt: Finished) -> None:
            noted.append(target.index)

    def urls() -> Iterator[str]:
        yield "http://a/1"
        started.wait(LONGEST)
        yield "http://a/2"

    def fetch(target: Target, transfer: Transfer) -> Finished:
        started.set()
        waits_until(lambda: driven.stopped)  # by the error
        return came(target, transfer)

    monkeypatch.setattr("pyfetch.engine.base.GRACE", LONGEST)  # also where fetch is late
    noted: list[int] = []
    started = threading.Event()
    results: list[Result] = []
    with ThreadPoolExecutor(1) as executor:
        driven = ThreadEngine(fetch, executor, jobs=jobs(1), read_ahead=ReadAhead())
        with pytest.raises(StoppedError, match="damaged"):
            results.extend(driven.run(entries_from_items(urls()), Damaged()))
    assert [(result.index, result.error) for result in results] == [(1, None)]
    assert noted == [1]


class Noting(NoLedger):
    """Counts what it was told of and what of that it has written."""

    def __init__(self) -> None:
        self.noted = self.written = 0

    def finished(self, target: Target, attempt: Finished) -> None:
        self.noted += 1

    def commit_due(self) -> float | None:
        return monotonic() if self.noted > self.written else None

    def commit(self) -> None:
        self.written = self.noted


def test_what_came_is_noted_though_nobody_takes_results() -> None:
    ledger = Noting()
    with ThreadPoolExecutor(2) as executor:
        driven = ThreadEngine(came, executor, jobs=jobs(2), read_ahead=ReadAhead())
        run = driven.run(entries_from_items(f"http://a/{number}" for number in range(20)), ledger)
        next(run)
        waits_until(lambda: ledger.written == 20)
        assert len(list(run)) == 19


@pytest.mark.parametrize("error", [StoppedError("full"), ValueError("of somebody else")])
def test_an_error_of_what_is_written_last_is_told(error: Exception) -> None:
    """Also one that nobody has foreseen: else whoever reads the results would wait for ever."""

    class Late(NoLedger):
        def commit(self) -> None:
            if not driven.in_flight and driven.finished.finished == 1:
                commits.append(1)
                if len(commits) == 2:
                    raise error

    commits: list[int] = []
    with ThreadPoolExecutor(1) as executor:
        driven = ThreadEngine(came, executor, jobs=jobs(1), read_ahead=ReadAhead())
        with pytest.raises(type(error), match=str(error)):
            list(driven.run(entries_from_items(["http://a/1"]), Late()))


class FewThreads(ThreadPoolExecutor):
    """Starts so many threads, and then says what a system without more says."""

    def __init__(self, most: int) -> None:
        super().__init__(64)
        self._most = most

    def _adjust_thread_count(self) -> None:
        # Called once a call is queued. A worker that is idle takes it: no thread is needed.
        if self._idle_semaphore.acquire(timeout=0):
            return
        if len(self._threads) >= self._most:
            raise RuntimeError("can't start new thread")
        super()._adjust_thread_count()


@pytest.mark.slow
def test_where_no_more_threads_start_those_that_run_do_it_all() -> None:
    at_work: list[int] = []
    most = [0]

    def fetch(target: Target, transfer: Transfer) -> Finished:
        at_work.append(target.index)
        most[0] = max(most[0], len(at_work))
        sleep(0.01)
        at_work.remove(target.index)
        return came(target, transfer)

    limited = jobs(32)
    with FewThreads(3) as executor:
        driven = ThreadEngine(fetch, executor, jobs=limited, read_ahead=ReadAhead())
        results = list(driven.run(entries_from_items(f"http://a/{n}" for n in range(60))))
    assert sorted(result.index for result in results) == list(range(1, 61))
    assert {result.attempts for result in results} == {1}
    assert most[0] <= 3
    assert limited.workers.limit <= 4


@pytest.mark.slow
def test_where_no_thread_starts_at_all_the_run_stops_and_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class NoThreads(ThreadPoolExecutor):
        def submit(self, call: Callable[..., Any], /, *_: Any, **__: Any) -> Future[Any]:
            raise RuntimeError("can't start new thread")

    monkeypatch.setattr("pyfetch.engine.threads._WITHOUT_THREADS", 0.05)
    driven = ThreadEngine(came, NoThreads(), jobs=jobs(2), read_ahead=ReadAhead())
    with pytest.raises(StoppedError, match="can't start new thread"):
        list(driven.run(entries_from_items(["http://a/1"])))
