"""How often a task is tried, and in which process."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any, ClassVar

import pytest

from pyfetch.compute import runner as runner_module
from pyfetch.compute.messages import Call, Execute, Failed, NotLoaded, Ready, Setup, Succeeded
from pyfetch.compute.process import ProcessGone, TimeIsUp
from pyfetch.compute.runner import Rules, Runner, Stopped, TaskFailed
from pyfetch.errors import StoppedError, UsageError
from pyfetch.models import Outcome, Result

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
        self.made.append(self)

    def begun(self) -> Any:
        if isinstance(self.begins, Exception):
            raise self.begins
        return self.begins

    def ask(self, order: Any, seconds: float | None, meanwhile: Any = None) -> Any:
        self.calls.append(f"ask {seconds}")
        Process.told()
        said = self.script.pop(0)
        self.output = "what it has printed" if "kill" not in self.calls else ""
        if isinstance(said, Exception):
            raise said
        return said

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
    try:
        return Runner(Setup(None), rules).run(ORDER)
    except TaskFailed as failed:
        return str(failed)


def test_a_process_is_used_for_one_task_after_another() -> None:
    Process.script[:] = [Succeeded("1"), Failed("no"), Succeeded(None)]
    runner = Runner(Setup(None), RULES)
    assert runner.run(ORDER) == "1"
    with pytest.raises(TaskFailed, match=r"^no$"):
        runner.run(ORDER)
    assert runner.run(ORDER) is None
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


def test_a_process_is_replaced_after_its_last_task() -> None:
    Process.script[:] = [Succeeded("1")] * 5
    runner = Runner(Setup(None), RULES._replace(most_tasks=2))
    for _ in range(5):
        runner.run(ORDER)
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
        runner.run(ORDER)
    with pytest.raises(Stopped):
        runner.run(ORDER)
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
        runner.run(ORDER)
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
    runner.run(order)
    assert caplog.messages == []
    with caplog.at_level(logging.INFO):
        runner.run(order)
    assert caplog.messages == [f"printed for {subject}: what it has printed"]
