"""A process that computes: what it says, and that nothing of it is left."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pyfetch.compute.function_task import FunctionTask
from pyfetch.compute.messages import (
    Call,
    Execute,
    Failed,
    NotLoaded,
    Order,
    Ready,
    Reply,
    Setup,
    Succeeded,
)
from pyfetch.compute.process import ComputeProcess, TimeIsUp
from pyfetch.errors import StoppedError
from pyfetch.models import Outcome, Result
from pyfetch.processes.child import ProcessGone
from pyfetch.system import STOPPING_SIGNALS
from tests.support.mapped import does
from tests.support.processes import children_of, is_there
from tests.support.waiting import until, within

pytestmark = pytest.mark.slow  # each starts processes

FUNCTION = FunctionTask.from_callable(does).setup()
COMMANDS = Setup(None)


@pytest.fixture
def begun() -> Iterator[Callable[[Setup], ComputeProcess]]:
    """Starts processes that can compute, and closes them after the test."""
    processes: list[ComputeProcess] = []

    def begin(what: Setup) -> ComputeProcess:
        process = ComputeProcess(what)
        processes.append(process)
        assert process.begun() == Ready()
        return process

    yield begin
    for process in processes:
        if not process._child._is_closed:  # noqa: SLF001
            process.kill()
            process.close()


Begun = Callable[[Setup], ComputeProcess]


@pytest.fixture
def call(tmp_path: Path) -> Callable[[str], Call]:
    """Makes the order to do what a function of `mapped` does."""

    def call(function: str) -> Call:
        path = tmp_path / "file"
        path.write_text(function)
        return Call.of(str(path), Result(1, "http://h/x", Outcome.FETCHED, file=str(path)))

    return call


Calls = Callable[[str], Call]


def ask(process: ComputeProcess, order: Order, seconds: float = math.inf) -> Reply:
    """The reply to one order."""
    ((reply,),) = process.ask([order], seconds)
    return reply


def descriptors() -> int:
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_a_process_computes_one_file_after_another_and_leaves_nothing(
    begun: Begun, call: Calls
) -> None:
    """It ignores a Ctrl-C, gets a SIGTERM as any program, and is in a group of its own."""
    before = descriptors()
    process = begun(FUNCTION)
    number = ask(process, call("process"))
    assert ask(process, call("process"), 60) == number
    assert isinstance(number, Succeeded)
    assert os.getpgid(int(number.value or "")) == int(number.value or "")
    assert ask(process, call("ignored_signals"), 60) == Succeeded(f"[{signal.SIGINT.value}]")
    assert ask(process, call("fails")) == Failed(
        "ValueError: no thumbnail of file (mapped.py, line 76)"
    )
    assert ask(process, call("exits")) == Failed("SystemExit: I leave (mapped.py, line 80)")
    assert ask(process, call("prints_much")) == Succeeded("1")
    assert process.output.endswith(" the end")
    assert len(process.output) <= 4096
    assert ask(process, call("process")) == number
    assert process.output == "", "what was printed for another file"
    assert process.close() == "exit status 0"
    assert children_of(os.getpid()).count(int(number.value or "")) == 0
    assert descriptors() == before


@pytest.mark.parametrize(
    ("function", "how", "printed"),
    [
        ("ends_itself", "exit status 3", "about to end"),
        ("is_killed", "killed by SIGSEGV", ""),
        ("forks_and_ends", "exit status 0", ""),
    ],
)
def test_a_process_that_ends_is_noticed_at_once(
    begun: Begun, call: Calls, tmp_path: Path, function: str, how: str, printed: str
) -> None:
    """Also where something that it has forked has its connection, too; that is ended with it."""
    before = descriptors()
    process = begun(FUNCTION)
    with pytest.raises(ProcessGone):
        ask(process, call(function))
    assert process.close() == how
    assert process.output == printed
    assert descriptors() == before
    if function == "forks_and_ends":
        forked = int((tmp_path / "file").read_text())
        until(lambda: not is_there(forked))


@pytest.mark.parametrize("function", ["hangs", "prints_without_end"])
def test_a_task_that_takes_too_long_is_ended(begun: Begun, call: Calls, function: str) -> None:
    before = descriptors()
    process = begun(FUNCTION)
    began = time.monotonic()
    with pytest.raises(TimeIsUp):
        ask(process, call(function), 0.05)
    process.kill()
    assert process.close() == "killed by SIGKILL"
    assert within(1, time.monotonic() - began)
    assert descriptors() == before


def replies_until_it_ends(
    process: ComputeProcess, orders: list[Call], seconds: float
) -> list[Reply]:
    """The replies to the first orders of a lot, one of which ends it."""
    replies: list[Reply] = []
    try:
        for some in process.ask(orders, seconds):
            replies += some
    except (ProcessGone, TimeIsUp):
        return replies
    raise AssertionError("the process is still there")


@pytest.mark.parametrize("end", ["ends_itself", "is_killed", "hangs"])
def test_the_first_order_without_a_reply_has_ended_the_process(
    begun: Begun, call: Calls, tmp_path: Path, end: str
) -> None:
    """What was done before has its replies, what comes after was not begun."""
    process = begun(FUNCTION)
    number = ask(process, call("process"))
    for name in ("process", end):
        (tmp_path / name).write_text(name)
    does_it, ends = (
        call("process")._replace(path=str(tmp_path / name)) for name in ("process", end)
    )
    orders = [does_it, does_it, ends, does_it]
    assert replies_until_it_ends(process, orders, 0.2) == [number] * 2
    process.kill()


def test_a_lot_ends_with_the_task_that_fails(begun: Begun, call: Calls, tmp_path: Path) -> None:
    process = begun(FUNCTION)
    (tmp_path / "fails").write_text("fails")
    fails = call("process")._replace(path=str(tmp_path / "fails"))
    replies = [reply for some in process.ask([call("process"), fails, fails]) for reply in some]
    assert [type(reply) for reply in replies] == [Succeeded, Failed]
    assert isinstance(ask(process, call("process")), Succeeded), "it goes on"


def test_a_lot_ends_where_its_tasks_take_long_and_replies_do_not_wait_for_them(
    begun: Begun, call: Calls, tmp_path: Path
) -> None:
    process = begun(FUNCTION)
    (tmp_path / "naps").write_text("naps")
    naps = call("process")._replace(path=str(tmp_path / "naps"))
    orders = [*[call("process")] * 3, naps, naps]
    came = [*process.ask(orders)]
    assert [len(replies) for replies in came] == [3, 1]
    assert process.seconds > 0.05


def numbers_in(path: Path) -> list[int]:
    until(lambda: path.read_text()[0].isdigit())
    return [int(number) for number in path.read_text().split()]


def test_what_a_function_has_started_is_killed_with_it(
    begun: Begun, call: Calls, tmp_path: Path
) -> None:
    process = begun(FUNCTION)
    order = call("starts_and_waits")
    numbers: list[int] = []

    def kill() -> None:
        numbers.extend(numbers_in(tmp_path / "file"))
        process.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    with pytest.raises(ProcessGone):
        ask(process, order)
    killer.join()
    assert process.close() == "killed by SIGKILL"
    assert len(numbers) == 2
    until(lambda: not any(map(is_there, numbers)))


_PROGRAM = """
import sys
from pathlib import Path
from pyfetch.compute.function_task import FunctionTask
from pyfetch.compute.messages import Call, Execute, Setup
from pyfetch.compute.process import ComputeProcess
from pyfetch.models import Outcome, Result
from pyfetch.processes.child import ProcessGone
from pyfetch.system import STOPPING_SIGNALS
from tests.support.mapped import does

path = Path(sys.argv[1])
if sys.argv[2] == "function":
    process = ComputeProcess(FunctionTask.from_callable(does).setup())
    path.write_text("starts_and_waits")
    order = Call.of(str(path), Result(1, "http://h/x", Outcome.FETCHED, file=str(path)))
else:
    process = ComputeProcess(Setup(None))
    script = 'trap "" TERM; sleep 60 & echo $$ $! > "$1.new"; mv "$1.new" "$1"; wait; sleep 60'
    order = Execute(["/bin/sh", "-c", script, "sh", str(path)])
process.begun()
next(process.ask([order]))
"""


@pytest.mark.parametrize("what", ["function", "command"])
def test_the_death_of_the_program_ends_all_that_computes_for_it(tmp_path: Path, what: str) -> None:
    """With what function or command has started, though it keeps the interpreter's lock."""
    file = tmp_path / "file"
    file.write_text("nothing yet")
    program = subprocess.Popen([sys.executable, "-c", _PROGRAM, str(file), what])
    numbers = numbers_in(file) + children_of(program.pid)
    assert len(numbers) == 3
    program.kill()
    program.wait()
    until(lambda: not any(map(is_there, numbers)))


def test_a_function_that_cannot_be_loaded_is_refused_in_a_sentence(begun: Begun) -> None:
    gone = Setup(FunctionTask.from_text("json:no_such_function").spec)
    before = descriptors()
    process = ComputeProcess(gone)
    refused = process.begun()
    assert isinstance(refused, NotLoaded)
    assert "there is no 'no_such_function' in json" in refused.why
    process.close()
    assert descriptors() == before


def test_a_system_that_starts_no_process_ends_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("pyfetch.processes.child.subprocess.Popen", refuse)
    before = descriptors()
    with pytest.raises(StoppedError, match="cannot start a process to compute: Resource"):
        ComputeProcess(COMMANDS)
    assert descriptors() == before


# --- commands


@pytest.fixture(scope="module")
def commands() -> Iterator[ComputeProcess]:
    """A process that runs commands, for tests that leave it running."""
    process = ComputeProcess(COMMANDS)
    assert process.begun() == Ready()
    yield process
    assert process.close() == "exit status 0"


def shell(script: str, *arguments: str) -> Execute:
    return Execute(["/bin/sh", "-c", script, "sh", *arguments])


@pytest.mark.parametrize(
    ("script", "detail"),
    [
        ("exit 3", "exit status 3"),
        ("echo said; exit 3", "exit status 3: said"),
        ("echo said; echo why >&2; exit 3", "exit status 3: why"),
        ("echo why >&2; kill -SEGV $$", "killed by SIGSEGV: why"),
        ("kill -40 $$", "killed by signal 40"),
        (
            "yes e | head -c 100000000 >&2; echo end >&2; exit 1",
            "exit status 1: " + "e " * 2046 + "end",
        ),
        ("exec >&- 2>&-; sleep 0.05; exit 4", "exit status 4"),
        ("sleep 60 & exit 5", "exit status 5"),
        ("cat; exit 6", "exit status 6"),
    ],
)  # fmt: skip
def test_how_a_command_has_failed_is_told_with_the_end_of_what_it_has_printed(
    commands: ComputeProcess, script: str, detail: str
) -> None:
    """Its standard input is empty; it is waited for and not for what it has left running."""
    reply = ask(commands, shell(script))
    assert reply == Failed(detail, is_killed="killed" in detail)


def test_a_command_that_ends_well_has_no_value(commands: ComputeProcess) -> None:
    assert ask(commands, shell("echo much")) == Succeeded(None)


def test_a_command_that_has_gone_since_fails_its_file(commands: ComputeProcess) -> None:
    reply = ask(commands, Execute(["/no/such/program"]))
    assert reply == Failed("cannot run /no/such/program: No such file or directory")


def test_a_command_has_a_group_of_its_own_and_the_signals_of_any_program(
    commands: ComputeProcess, tmp_path: Path
) -> None:
    script = (
        'echo $$ > "$1"; cut -d " " -f 5 /proc/$$/stat >> "$1";'
        ' exec grep Sig /proc/self/status >> "$1"'
    )
    ask(commands, shell(script, str(tmp_path / "told")))
    number, group, *signals = (tmp_path / "told").read_text().splitlines()
    assert number == group
    masks = dict(line.split() for line in signals)
    for each in (*STOPPING_SIGNALS, signal.SIGPIPE):
        bit = 1 << (each - 1)
        assert not int(masks["SigBlk:"], 16) & bit
        assert not int(masks["SigIgn:"], 16) & bit


def test_a_command_that_takes_too_long_is_ended_with_what_it_has_started(
    begun: Begun, tmp_path: Path
) -> None:
    """It is asked to end first, then killed; what it has printed is told."""
    told = tmp_path / "told"
    script = 'trap "echo asked >&2" TERM; sleep 60 & echo $! > "$1"; wait; sleep 60 & wait'
    before = descriptors()
    process = begun(COMMANDS)
    with pytest.raises(TimeIsUp):
        ask(process, shell(script, str(told)), 0.2)
    process.kill()
    process.close()
    assert process.output == "asked"
    assert descriptors() == before
    until(lambda: not is_there(int(told.read_text())))
