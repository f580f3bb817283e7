"""Threads that compute: as many as are of use, in order, and none is left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from pyfetch.compute.messages import Setup
from pyfetch.compute.pool import Pool
from pyfetch.compute.process_number import ProcessNumber
from pyfetch.compute.runner import Rules, Runner, Stopped
from pyfetch.cpu_share import CpuShare
from tests.support.waiting import until

pytestmark = pytest.mark.slow  # each starts processes


class Number(ProcessNumber):
    """As many processes as the test says."""

    def __init__(self, number: int) -> None:
        super().__init__(number, CpuShare(number, "so many"))
        self.number = number

    def now(self) -> int:
        return self.number


def quick(_: Runner) -> None:
    """Work that takes no time."""


def slow(runner: Runner) -> None:
    runner.seconds += 1


class Works:
    """Work that waits until it is let go. Begins no process."""

    def __init__(self) -> None:
        self.begun: list[int] = []
        self._may_end: dict[int, threading.Event] = {}

    def work(self, name: int) -> Callable[[Runner], None]:
        self._may_end[name] = threading.Event()

        def work(runner: Runner) -> None:
            self.begun.append(name)
            assert self._may_end[name].wait(60)
            slow(runner)

        return work

    def end(self, *names: int) -> None:
        for name in names:
            self._may_end[name].set()

    def has_begun(self, *names: int) -> None:
        """Wait until these, and no others, have begun."""
        until(lambda: len(self.begun) >= len(names))
        time.sleep(0.005)  # for one too many
        assert sorted(self.begun) == sorted(names)


Work = Callable[[Runner], None]


class Rig:
    """A pool, and what has failed in it."""

    def __init__(self, number: int) -> None:
        self.errors: list[BaseException] = []
        self.lots: list[int] = []
        """How many pieces of work there were in each lot."""
        self.number = Number(number)
        rules = Rules(None, 0, 1000)
        self.pool: Pool[Work] = Pool(Setup(None), rules, self.number, self._do, self.errors.append)
        self.works = Works()

    def _do(self, runner: Runner, lot: list[Work]) -> Sequence[Work]:
        self.lots.append(len(lot))
        before = runner.seconds
        for done, work in enumerate(lot, 1):
            work(runner)
            if runner.seconds > before:
                return lot[done:]
        return []

    def put(self, *names: int) -> None:
        for name in names:
            self.pool.put(self.works.work(name))


@pytest.fixture
def rig() -> Iterator[Callable[[int], Rig]]:
    rigs: list[Rig] = []

    def make(number: int) -> Rig:
        rigs.append(Rig(number))
        return rigs[-1]

    before = threading.active_count()
    yield make
    for made in rigs:
        made.pool.stop()
        made.works.end(*made.works._may_end)  # noqa: SLF001
        made.pool.close()
    assert threading.active_count() == before


Rigs = Callable[[int], Rig]


def test_work_begins_in_the_order_in_which_it_comes_and_so_much_at_once(rig: Rigs) -> None:
    made = rig(2)
    made.put(1, 2, 3, 4)
    made.works.has_begun(1, 2)
    assert made.pool.running == 2
    made.works.end(2)
    made.works.has_begun(1, 2, 3)
    made.works.end(1, 3, 4)
    assert made.pool.close().most == 2
    assert made.works.begun[2:] == [3, 4]
    assert made.pool.running == 0


def test_two_that_come_together_are_computed_at_once(rig: Rigs) -> None:
    """Though the only thread that there is waits, and is woken for the first."""
    made = rig(2)
    made.put(1)
    made.works.end(1)
    until(lambda: made.pool.running == 0)
    made.put(2, 3)
    made.works.has_begun(1, 2, 3)


def test_no_thread_is_started_that_would_have_nothing_to_do(rig: Rigs) -> None:
    made = rig(8)
    for name in range(5):
        made.put(name)
        made.works.has_begun(*range(name + 1))
        made.works.end(name)
        until(lambda: made.pool.running == 0)
    assert made.pool.close().most == 1


def test_there_are_fewer_threads_when_there_should_be_and_more_again(rig: Rigs) -> None:
    """The latter also where nothing more comes: what waits is enough."""
    made = rig(3)
    made.put(*range(1, 9))
    made.works.has_begun(1, 2, 3)
    made.number.number = 1
    made.works.end(1, 2)
    until(lambda: made.pool.running == 1)
    made.works.has_begun(1, 2, 3)
    made.number.number = 2
    made.works.end(3)
    made.works.has_begun(1, 2, 3, 4, 5)
    assert made.pool.running == 2


def test_an_error_is_told_and_its_thread_counts_no_longer(rig: Rigs) -> None:
    made = rig(1)

    def fail(_: Runner) -> None:
        raise ValueError("no")

    made.pool.put(fail)
    until(lambda: made.pool.running == 0 and made.errors != [])
    assert [str(error) for error in made.errors] == ["no"]
    made.put(1)
    made.works.has_begun(1)


def test_a_stop_ends_the_tasks_and_begins_no_other(
    rig: Rigs, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = rig(2)
    stopped: list[Runner] = []
    monkeypatch.setattr(Runner, "stop", lambda runner: stopped.append(runner))
    made.put(1, 2, 3)
    made.works.has_begun(1, 2)
    made.pool.stop()
    assert len(stopped) == 2
    made.put(4)
    made.works.end(1, 2)
    made.pool.close()
    assert sorted(made.works.begun) == [1, 2]


def test_how_long_processes_had_nothing_to_do_is_told(rig: Rigs) -> None:
    began = time.monotonic()
    made = rig(1)
    made.put(1)
    made.works.end(1)
    until(lambda: made.pool.running == 0)
    time.sleep(2 * (time.monotonic() - began) + 0.01)
    assert made.pool.close().idle > 0.5


def test_a_start_ends_when_nobody_waits_any_more(
    rig: Rigs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though a module may take minutes to import."""
    may_end = threading.Event()
    monkeypatch.setattr(Runner, "start", lambda _: may_end.wait(60))
    made = rig(1)
    with pytest.raises(Stopped):
        made.pool.start(lambda: True)
    may_end.set()


def test_a_start_raises_what_has_kept_the_process_from_it(
    rig: Rigs, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_: Runner) -> None:
        raise ValueError("no such function")

    monkeypatch.setattr(Runner, "start", refuse)
    with pytest.raises(ValueError, match="no such function"):
        rig(1).pool.start(lambda: False)


def put_behind_one_that_waits(made: Rig, *works: Work) -> None:
    """Let the only thread find this work when it has done something else."""
    made.put(1)
    made.works.has_begun(1)
    for work in works:
        made.pool.put(work)
    made.works.end(1)
    until(lambda: bool(made.errors) or not (made.pool.running or made.pool._queue))  # noqa: SLF001


def test_while_it_is_quick_work_is_done_in_ever_larger_lots(rig: Rigs) -> None:
    made = rig(1)
    put_behind_one_that_waits(made, *[quick] * 100)
    assert made.lots == [1, 1, 2, 4, 8, 16, 32, 32, 5]


def test_slow_work_is_done_one_at_a_time_and_what_was_not_begun_keeps_its_place(rig: Rigs) -> None:
    made = rig(1)
    done: list[int] = []

    def noted(number: int, does: Work) -> Work:
        def work(runner: Runner) -> None:
            done.append(number)
            does(runner)

        return work

    kinds = [quick, quick, quick, slow, quick, slow, slow, quick]
    put_behind_one_that_waits(made, *(noted(n, kind) for n, kind in enumerate(kinds)))
    assert done == [*range(8)]
    assert made.lots[:4] == [1, 1, 2, 4]
    assert made.pool.lot <= 2


def test_a_thread_waits_a_moment_for_a_whole_lot_and_takes_what_has_come(rig: Rigs) -> None:
    made = rig(1)
    put_behind_one_that_waits(made, *[quick] * 7)
    assert made.lots == [1, 1, 2, 4]
    made.pool.put(quick)
    made.pool.put(quick)
    until(lambda: sum(made.lots) == 10)
    assert made.lots[4:] == [2]


def test_nothing_waits_for_a_whole_lot_when_nothing_more_will_come(
    rig: Rigs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pyfetch.compute.pool._GATHER", 60)
    made = rig(1)
    put_behind_one_that_waits(made, *[quick] * 3)
    made.pool.put(quick)
    made.pool.close()
    assert made.lots == [1, 1, 2, 1]


def test_an_error_in_a_lot_is_told(rig: Rigs) -> None:
    made = rig(1)

    def fail(_: Runner) -> None:
        raise ValueError("no")

    put_behind_one_that_waits(made, quick, quick, fail, quick)
    assert [str(error) for error in made.errors] == ["no"]
