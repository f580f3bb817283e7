"""How often a task is tried, and in which process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from typing import Any, ClassVar

import pytest

from pyfetch.compute import runner as runner_module
from pyfetch.compute.messages import Call, Execute, Failed, NotLoaded, Ready, Setup, Succeeded
from pyfetch.compute.process import TimeIsUp
from pyfetch.compute.runner import Rules, Runner, Stopped
from pyfetch.errors import StoppedError, UsageError
from pyfetch.models import Outcome, Result
from pyfetch.processes.child import ProcessGone

pytestmark = pytest.mark.slow  # each starts processes

ORDER = Execute(["/bin/echo", "a b"])
RULES = Rules(timeout=2.5, retries=0, most_tasks=1000)


class Process:
    """Stands for a process that computes. What it answers is written down before."""

    script: ClassVar[list[Any]] = []
    """What processes answer, in this order: replies, and errors to raise."""
    made: ClassVar[list[Process]] = []
    begins: ClassVar[Any] = Ready()
    told: ClassVar[Callable[[], object]] = staticmethod(lambda: None)

    def __init__(self, begin: Setup) -> None:
        self.begin = begin
        self.calls: list[str] = []
        self.output = ""
        self.seconds = 0.0
        self.made.append(self)

    def begun(self) -> Any:
        if isinstance(self.begins, Exception):
            raise self.begins
        return self.begins

    def ask(self, orders: Sequence[Any], seconds: float) -> Iterator[list[Any]]:
        """One reply after another, up to one that fails."""
        self.calls.append(f"ask {seconds}" if len(orders) == 1 else f"ask {len(orders)}")
        Process.told()
        for _ in orders:
            said = self.script.pop(0)
            self.output = "what it has printed" if "kill" not in self.calls else ""
            if isinstance(said, Exception):
                raise said
            yield [said]
            if isinstance(said, Failed):
                break
        self.seconds += 0.5

    def kill(self) -> None:
        self.calls.append("kill")

    def close(self) -> str:
        self.calls.append("close")
        return "killed by SIGSEGV"


@pytest.fixture(autouse=True)
def processes(monkeypatch: pytest.MonkeyPatch) -> type[Process]:
    monkeypatch.setattr(runner_module, "ComputeProcess", Process)
    monkeypatch.setattr(Process, "script", [])
    monkeypatch.setattr(Process, "made", [])
    monkeypatch.setattr(Process, "begins", Ready())
    monkeypatch.setattr(Process, "told", staticmethod(lambda: None))
    return Process


def ran(*script: Any, rules: Rules = RULES) -> Any:
    """What comes of one task: its value, or why it failed."""
    Process.script[:] = script
    return run(Runner(Setup(None), rules))


def run(runner: Runner, order: Execute | Call = ORDER) -> Any:
    (reply,) = run_lot(runner, order)
    return reply


def run_lot(runner: Runner, *orders: Execute | Call) -> list[Any]:
    """What comes of the tasks of a lot, those that were begun."""
    replies = [reply for some in runner.run(orders) for reply in some]
    return [reply.value if isinstance(reply, Succeeded) else reply.detail for reply in replies]


def test_a_process_is_used_for_one_task_after_another() -> None:
    Process.script[:] = [Succeeded("1"), Failed("no"), Succeeded(None)]
    runner = Runner(Setup(None), RULES)
    assert run(runner) == "1"
    assert run(runner) == "no"
    assert run(runner) is None
    (process,) = Process.made
    runner.close()
    assert process.calls == ["ask 2.5"] * 3 + ["close"]


@pytest.mark.parametrize(
    ("end", "detail"),
    [
        (ProcessGone(), "its process has ended (killed by SIGSEGV): what it has printed"),
        (TimeIsUp(), "took longer than 2.5 s: what it has printed"),
        (Failed("killed by SIGTERM", is_killed=True), "killed by SIGTERM"),
    ],
)
def test_a_task_that_is_killed_is_tried_once_more_whatever_retries_say(
    end: Exception | Failed, detail: str
) -> None:
    """In a fresh process where the first is gone."""
    assert ran(end, Succeeded("1")) == "1"
    assert ran(end, end, Succeeded("1")) == detail
    assert ran(end, end, rules=RULES._replace(retries=5)) == detail
    if isinstance(end, Exception):
        assert [process.calls for process in Process.made[:2]] == [
            ["ask 2.5", "kill", "close"], ["ask 2.5"],
        ]  # fmt: skip


def test_a_task_that_fails_is_tried_again_as_often_as_retries_say() -> None:
    no = Failed("no")
    assert ran(no, Succeeded("1")) == "no"
    assert ran(no, no, Succeeded("1"), rules=RULES._replace(retries=2)) == "1"
    assert ran(no, no, no, Succeeded("1"), rules=RULES._replace(retries=2)) == "no"


def test_a_task_of_a_lot_that_ends_its_process_is_tried_once_more_alone() -> None:
    """What was done before it is not repeated, and what is behind it was not begun."""
    runner = Runner(Setup(None), RULES)
    Process.script[:] = [Succeeded("1"), Succeeded("2"), ProcessGone(), Succeeded("3")]
    assert run_lot(runner, *[ORDER] * 5) == ["1", "2", "3"]
    Process.script[:] = [Succeeded("4"), ProcessGone(), TimeIsUp()]
    assert run_lot(runner, *[ORDER] * 3) == ["4", "took longer than 2.5 s: what it has printed"]
    assert [process.calls for process in Process.made] == [
        ["ask 5", "kill", "close"], ["ask 2.5", "ask 3", "kill", "close"],
        ["ask 2.5", "kill", "close"],
    ]  # fmt: skip


def test_a_task_of_a_lot_that_fails_is_tried_again_alone() -> None:
    runner = Runner(Setup(None), RULES._replace(retries=1))
    Process.script[:] = [Succeeded("1"), Failed("no"), Succeeded("2")]
    assert run_lot(runner, *[ORDER] * 3) == ["1", "2"]
    assert Process.made[0].calls == ["ask 3", "ask 2.5"]
    assert runner.seconds == 1


def test_a_lot_is_no_larger_than_what_its_process_has_left_to_do() -> None:
    runner = Runner(Setup(None), RULES._replace(most_tasks=3))
    Process.script[:] = [Succeeded("1")] * 9
    assert len(run_lot(runner, *[ORDER] * 2)) == 2
    assert len(run_lot(runner, *[ORDER] * 8)) == 1
    assert len(run_lot(runner, *[ORDER] * 8)) == 3


def test_a_stop_in_the_middle_of_a_lot_leaves_what_was_done() -> None:
    runner = Runner(Setup(None), RULES)
    Process.script[:] = [Succeeded("1"), ProcessGone()]
    Process.told = staticmethod(runner.stop)
    replies = runner.run([ORDER] * 3)
    assert next(replies) == [Succeeded("1")]
    with pytest.raises(Stopped):
        next(replies)
    assert len(Process.made) == 1


def test_a_process_is_replaced_after_its_last_task() -> None:
    Process.script[:] = [Succeeded("1")] * 5
    runner = Runner(Setup(None), RULES._replace(most_tasks=2))
    for _ in range(5):
        run(runner)
    calls = [process.calls for process in Process.made]
    assert calls == [["ask 2.5", "ask 2.5", "close"]] * 2 + [["ask 2.5"]]


def test_a_function_that_can_no_longer_be_loaded_fails_the_file_alone() -> None:
    """Its module may have changed since the first process began."""
    Process.begins = NotLoaded("there is no such function")
    assert ran() == "there is no such function"
    with pytest.raises(UsageError, match="no such function"):
        Runner(Setup(None), RULES).start()
    assert [process.calls for process in Process.made] == [["close"]] * 2


def test_a_process_that_ends_while_it_starts_ends_the_run() -> None:
    Process.begins = ProcessGone()
    with pytest.raises(StoppedError, match=r"ended while it started \(killed by SIGSEGV\)"):
        ran()
    assert Process.made[0].calls == ["close"]


def test_a_task_that_a_stop_has_ended_is_not_tried_again() -> None:
    runner = Runner(Setup(None), RULES)
    Process.script[:] = [ProcessGone()]
    Process.told = staticmethod(runner.stop)
    with pytest.raises(Stopped):
        run(runner)
    with pytest.raises(Stopped):
        run(runner)
    assert len(Process.made) == 1, "none is started after the stop"
    assert Process.made[0].calls == ["ask 2.5", "kill", "kill", "close"]


def test_a_process_that_is_being_started_is_ended_by_a_stop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runner = Runner(Setup(None), RULES)
    is_starting, is_stopped = threading.Event(), threading.Event()

    class Slow(Process):
        def begun(self) -> Any:
            is_starting.set()
            assert is_stopped.wait(60)
            raise ProcessGone

    monkeypatch.setattr(runner_module, "ComputeProcess", Slow)

    def stop() -> None:
        assert is_starting.wait(60)
        runner.stop()
        is_stopped.set()

    thread = threading.Thread(target=stop)
    thread.start()
    with pytest.raises(Stopped):
        run(runner)
    thread.join()
    assert Process.made[0].calls == ["kill", "close"]


@pytest.mark.parametrize(
    ("order", "subject"),
    [
        (ORDER, "/bin/echo 'a b'"),
        (Call.of("/x/a", Result(1, "http://h/", Outcome.FETCHED)), "/x/a"),
    ],
)
def test_what_was_printed_is_told_on_demand(
    caplog: pytest.LogCaptureFixture, order: Execute | Call, subject: str
) -> None:
    Process.script[:] = [Succeeded("1")] * 2
    runner = Runner(Setup(None), RULES)
    run(runner, order)
    assert caplog.messages == []
    with caplog.at_level(logging.INFO, "pyfetch"):
        run(runner, order)
    assert caplog.messages == [f"printed for {subject}: what it has printed"]
