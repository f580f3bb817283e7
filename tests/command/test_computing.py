"""`--exec` and `--map`: a command or function for each file, once, with its value in its row."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from pyfetch import Batch, fetch_all
from pyfetch.errors import StoppedError
from pyfetch.storage.computed_files import ComputedFiles
from pyfetch.storage.group_commit import GroupCommit
from tests.support.command import Command, InstalledCommand
from tests.support.jobs import COUNTED, JOBS, Job
from tests.support.mapped import does, text
from tests.support.processes import children_of, is_there
from tests.support.server import Handler, LoopbackServer, Page
from tests.support.waiting import STOP, until, within

pytestmark = pytest.mark.slow  # each starts processes


@pytest.fixture
def job(pyfetch: Command, server: LoopbackServer) -> Job:
    return Job(pyfetch, server)


def pipes() -> int:
    """How many pipes, and processes that are waited for, this process has open."""
    found = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found += str(descriptor.readlink()).startswith(("pipe:", "anon_inode:[pidfd]"))
    return found


# --- values


def test_a_list_of_numbers_becomes_their_squares_in_order(job: Job) -> None:
    """As the article's own example; and the run leaves neither processes nor pipes."""
    job.has(*range(1, 13))
    before = pipes(), children_of(os.getpid())
    ended = job.run("--map", "jobs.py:square", "--cpus", "2")
    assert [result["value"] for result in ended.results] == [n**2 for n in range(1, 13)]
    assert [result["index"] for result in ended.results] == [*range(1, 13)]
    assert sorted(job.computed()) == sorted(job.files()) == sorted(map(str, range(1, 13)))
    assert "computed 12 in 2 processes (as --cpus says); " in ended.err
    assert (pipes(), children_of(os.getpid())) == before


def test_the_summary_says_whether_fetching_or_computing_held_the_run_back(job: Job) -> None:
    job.has(*range(20))
    slow_function = job.run("--map", "jobs.py:process", "--cpus", "1")  # 50 ms a file
    assert "; computing held the run back: processes worked " in slow_function.err
    job.has("x", "y")
    page = job.server.pages["/2"]

    def late(handler: Handler) -> None:
        time.sleep(0.5)
        handler.page(page)

    job.server.routes["/2"] = late
    slow_server = job.run("--map", "jobs.py:does_nothing", "--cpus", "1", "-o", "other")
    assert "; fetching held the run back: processes waited " in slow_server.err


def test_tsv_has_the_value_in_a_column_of_its_own(job: Job) -> None:
    job.has(3, "x")
    ended = job.pyfetch("urls.txt", "-o", "data", "--map", "jobs.py:square", "--format", "tsv")
    assert [row[-1] for row in ended.rows] == ["9", "-"]
    assert ended.rows[1][4] == "map"


def test_a_command_gets_what_its_words_say(job: Job) -> None:
    """Its fields are arguments of their own, whatever is in them."""
    names = ["a b", "it's", 'q"q', "$HOME;*", "-rf", "new\nline", "ü.tar.gz"]
    records = [
        {"url": f"{job.server.url}/{n}", "out": name, "note": name}
        for n, name in enumerate(names, 1)
    ]
    job.has(*names)
    job.listed.write_text("".join(f"{json.dumps(record)}\n" for record in records))
    told_to = 'printf "%s\\n" "$#" "$@" > "told-$1"; cat "$2" >> "told-$1"'
    command = f"sh -c '{told_to}' sh {{index}} {{path}} -- {{input.note}} {{stem}} {{ext}}"
    results = job.run("--exec", command, "-o", ".").results
    told = [(job.directory / f"told-{n}").read_text() for n in range(1, len(names) + 1)]
    for name, result, said in zip(names, results, told, strict=True):
        number, index, path, *_ = said.split("\n")
        assert (number, index) == ("6", str(result["index"]))
        assert said.endswith(name), "what the file says"
        assert not path.startswith("-")
        assert path.removeprefix("./") == result["path"]
    assert "\n-rf\n" in told[4]
    assert "\n".join(told[-1].split("\n")[5:7]) == "ü\n.tar.gz"


# --- failures


def test_what_has_failed_is_said_and_tried_again_alone(job: Job) -> None:
    """The file stays; a list of what has failed tries the computing, without the transfer."""
    job.has(1, "no number", 3)
    ended = job.run("--map", "jobs.py:square", "--failed-to", "failed.txt", status=1)
    first, failed, last = ended.results
    assert (first["value"], last["value"]) == (1, 9)
    assert (failed["outcome"], failed["error"], failed["value"]) == ("failed", "map", None)
    assert failed["detail"] == (
        "ValueError: invalid literal for int() with base 10: 'no number' (jobs.py, line 14)"
    )
    assert (failed["path"], (job.data / "2").read_text()) == ("data/2", "no number")
    assert "failed 1 (map ×1)" in ended.err
    assert len(job.computed()) == 3
    sent = job.server.sent
    arguments = ("-o", "data", "--map", "jobs.py:square", "--format", "jsonl")
    (again,) = job.pyfetch("failed.txt", *arguments).results
    assert (again["error"], job.computed()) == ("map", ["2"])
    assert [result["value"] for result in job.run(*arguments, status=1).results] == [1, None, 9]
    assert job.computed() == ["2"]
    assert job.server.sent == sent, "bytes of bodies"


def test_a_command_that_fails_says_its_status_and_what_it_has_printed(job: Job) -> None:
    job.has("a", "b")
    code = 'echo "cannot unpack $1" >&2; [ "$2" = 1 ] && kill -9 $$; exit 3'
    script = f"sh -c '{code}' sh {{path}} {{index}}"
    results = job.run("--exec", script, status=1).results
    assert [(result["error"], result["detail"]) for result in results] == [
        ("exec", "killed by SIGKILL: cannot unpack data/1"),
        ("exec", "exit status 3: cannot unpack data/2"),
    ]
    assert job.files() == ["1", "2"]
    for result in job.run("--exec", script.replace("exit 3", "exit 0"), status=1).results:
        assert (result["error"] is None) == (result["index"] == 2)


def test_what_a_function_returns_or_does_fails_its_file_alone(job: Job) -> None:
    """NaN, bytes, a set, 2 MB; `sys.exit`; 100 MB that it prints are no failure."""
    names = ["is_nan", "is_bytes", "is_set", "is_large", "exits", "fails", "prints"]
    job.has(*names)
    results = job.run("--map", "jobs.py:does", "--cpus", "1", status=1).results
    details = [result["detail"] for result in results]
    assert [result["error"] for result in results] == ["map"] * 6 + [None]
    assert "is not JSON: Out of range float values" in details[0]
    assert "Object of type bytes is not JSON serializable" in details[1]
    assert "Object of type set is not JSON serializable" in details[2]
    assert "takes 2,000,002 bytes as JSON: at most 1,048,576 may be" in details[3]
    assert details[4].startswith("SystemExit: 3 (jobs.py")
    assert details[5].startswith("ValueError: no thumbnail of 6 (jobs.py")
    assert results[6]["value"] == "printed"
    assert job.files() == [*"1234567"]


def test_a_function_that_ends_its_process_fails_that_file_alone_after_one_more_try(
    job: Job,
) -> None:
    job.has(*range(1, 101))
    results = job.run("--map", "jobs.py:ends_at_every_50th", "--cpus", "2", status=1).results
    for number, result in enumerate(results, 1):
        if number % 50 == 0:
            assert result["error"] == "map"
            assert result["detail"] == "its process has ended (killed by SIGSEGV)"
        else:
            assert (result["error"], result["value"]) == (None, str(number))
    tries = Counter(job.computed())
    assert tries == {str(n): 1 + (n % 50 == 0) for n in range(1, 101)}


def test_a_function_that_hangs_fails_that_file_alone(job: Job) -> None:
    job.has("hangs", "exits", "changes")
    ended = job.run("--map", "jobs.py:does", "--exec-timeout", "0.3", "--cpus", "1", status=1)
    assert [result["detail"] for result in ended.results][::2] == ["took longer than 300 ms", None]
    assert Counter(job.computed()) == {"1": 2, "2": 1, "3": 1}


def test_what_ends_fails_or_hangs_among_quick_files_fails_alone_and_they_are_computed_once(
    job: Job,
) -> None:
    """Though quick files are computed in lots: the task that was at work is to blame."""
    contents = ["changes"] * 80
    contents[30], contents[45], contents[60] = "crashes", "hangs", "fails"
    job.has(*contents)
    results = job.run(
        "--map", "jobs.py:does", "--cpus", "1", "--exec-timeout", "0.5", "--workers", "4", status=1
    ).results
    details = {result["index"]: result["detail"] for result in results if result["error"]}
    assert details[31] == "its process has ended (killed by SIGSEGV)"
    assert details[46] == "took longer than 500 ms"
    assert details[61].startswith("ValueError: no thumbnail")
    values = [result["value"] for result in results if result["index"] not in details]
    assert values == ["changed"] * 77
    tries = Counter(job.computed())
    assert tries == {str(n): 1 + (n in (31, 46)) for n in range(1, 81)}


def test_a_command_that_hangs_is_ended_with_what_it_has_started(job: Job) -> None:
    job.has("x")
    script = "sh -c 'echo begun >&2; sleep 60 & echo $! >> processes; wait' sh"
    (result,) = job.run("--exec", script, "--exec-timeout", "0.2", status=1).results
    assert result["error"] == "exec"
    assert result["detail"] == "took longer than 200 ms: begun"
    numbers = (job.directory / "processes").read_text().split()
    assert len(numbers) == 2, "two tries"
    until(lambda: not any(is_there(int(number)) for number in numbers))


def test_exceptions_are_tried_again_only_as_often_as_exec_retries_say(job: Job) -> None:
    job.has("fails")
    map_it = ("--map", "jobs.py:does", "--retries", "5")
    job.run(*map_it, status=1)
    assert job.computed() == ["1"]
    job.run(*map_it, "--exec-retries", "2", status=1)
    assert job.computed() == ["1"] * 3


def test_fail_fast_ends_what_is_computed(job: Job) -> None:
    urls = job.has("fails", *["hangs"] * 9)
    arguments = ("--map", "jobs.py:does", "--fail-fast", "--cpus", "2", "--workers", "1")
    results = job.run(*arguments, status=1).results
    first, *others = [result["error"] for result in results]
    assert first == "map"
    assert {*others} == {"cancelled"}
    assert len(job.computed()) < len(urls)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("import no_such_module", "No module named 'no_such_module'"),
        ("1 / 0", "ZeroDivisionError: division by zero (jobs.py, line 1)"),
        ("def other(path, result): pass", "there is no 'square' in jobs"),
        ("def square(path): pass", "it is called with two arguments, path and result"),
        ("import os; os._exit(4)", "ended while it started (exit status 4)"),
    ],
)
def test_a_module_that_does_not_import_ends_the_run_before_anything_is_fetched(
    job: Job, source: str, why: str
) -> None:
    job.has(1)
    job.jobs.write_text(source)
    ended = job.pyfetch(*job.arguments("--map", "jobs.py:square"))
    assert ended.status in (2, 3)
    assert why in ended.err
    assert "Traceback" not in ended.err
    assert job.server.asked == []


# --- what is done is not done again


def test_a_rerun_computes_only_what_has_changed(job: Job) -> None:
    """The bytes, or the function."""
    job.has(2, 3)
    square = ("--map", "jobs.py:square", "--cpus", "1")
    assert job.values(*square) == [4, 9]
    assert sorted(job.computed()) == ["1", "2"]
    assert job.values(*square) == [4, 9]
    assert job.computed() == []
    job.server.pages["/2"] = Page(b"5")
    assert job.values(*square) == [4, 25]
    assert job.computed() == ["2"]
    job.jobs.write_text(JOBS.replace("number ** 2", "number ** 3"))
    assert job.values(*square) == [8, 125]
    assert sorted(job.computed()) == ["1", "2"]


def test_the_summary_tells_apart_what_was_computed_and_what_was_known(job: Job) -> None:
    """Where nothing was computed, it says nothing of processes."""
    job.has(2, 3, "x")
    square = ("--map", "jobs.py:square", "--cpus", "1")
    first = job.run(*square, status=1)
    assert "\npyfetch: computed 3 in 1 process (as --cpus says); " in first.err
    again = job.run(*square, status=1)
    assert "\npyfetch: computed 1 (2 known from before) in 1 process " in again.err
    job.server.pages["/3"] = Page(b"4")
    job.run(*square)
    assert job.run(*square).err.endswith("pyfetch: computed 0 (3 known from before)\n")


def test_a_version_counts_instead_of_the_source(job: Job) -> None:
    job.has(2)
    square = ("--map", "jobs.py:square")
    assert job.values(*square, "--exec-version", "1") == [4]
    job.jobs.write_text(JOBS.replace("number ** 2", "number ** 3"))
    assert job.values(*square, "--exec-version", "1") == [4]
    assert job.computed() == ["1"]
    assert job.values(*square, "--exec-version", "2") == [8]
    assert job.computed() == ["1"]


def test_a_command_is_run_again_when_its_text_or_version_has_changed(job: Job) -> None:
    job.has("a", "b")
    ran = []
    for command, *arguments in (
        [COUNTED], [COUNTED], [f"{COUNTED} -x"], [f"{COUNTED} -x", "--exec-version", "2"],
    ):  # fmt: skip
        assert job.values("--exec", command, *arguments) == [None, None]
        ran.append(len(job.computed()))
    assert ran == [2, 0, 2, 2]


@pytest.mark.parametrize("function", ["square", "changes", "removes"])
def test_without_files_values_are_known_too(job: Job, function: str) -> None:
    """With `--keep no`; whether the function leaves its file alone, changes or removes it."""
    job.has(7)
    arguments = ("--map", f"jobs.py:{function}", "--keep", "no")
    (value,) = job.values(*arguments)
    assert job.files() == []
    first_asked = len(job.server.asked)
    (result,) = job.run(*arguments).results
    assert (result["value"], result["status"], result["path"]) == (value, 304, None)
    (result,) = job.run(*arguments, "--if-exists", "skip").results
    assert (result["value"], result["outcome"]) == (value, "skipped")
    assert len(job.server.asked) == first_asked + 1
    assert job.server.sent == 1
    assert job.files() == []
    assert job.computed() == (["1"] if function == "square" else [])


@pytest.mark.parametrize("function", ["changes", "removes"])
def test_what_the_function_has_made_of_its_file_stays(job: Job, function: str) -> None:
    job.has(function)
    arguments = ("--map", "jobs.py:does")
    for _ in range(2):
        (result,) = job.run(*arguments).results
        assert result["value"] == ("changed" if function == "changes" else "removed")
        assert result["path"] == ("data/1" if function == "changes" else None)
        assert job.files() == (["1"] if function == "changes" else [])
    assert job.computed() == ["1"]
    assert job.server.sent == len(function)


def test_a_url_that_is_listed_twice_is_computed_for_each_of_its_files(job: Job) -> None:
    (url,) = job.has(4)
    job.listed.write_text(f"{url}\n{url}\n")
    results = job.run("--map", "jobs.py:square").results
    assert [result["value"] for result in results] == [16, 16]
    assert len(job.computed()) == len(job.files()) == len({r["path"] for r in results})


def test_values_of_quick_functions_are_committed_several_at_once(
    job: Job, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A commit takes longer than such a function; those of others are committed one by one."""
    commits: list[int] = []
    write = GroupCommit.write

    def counted(self: GroupCommit[Any], rows: Iterable[Any]) -> None:
        rows = [*rows]
        commits.append(len(rows))
        write(self, rows)

    monkeypatch.setattr(GroupCommit, "write", counted)
    job.has(*["changes"] * 200)
    assert len(job.values("--map", "jobs.py:changes", "--cpus", "1")) == 200
    assert sum(commits) == 200
    assert max(commits) > 1
    commits.clear()
    job.has(*range(5))
    job.values("--map", "jobs.py:process", "--cpus", "1")
    assert {*commits} == {1}


@pytest.mark.parametrize("function", ["changes", "process"], ids=["quick", "slow"])
def test_a_state_that_cannot_be_written_ends_the_run(
    job: Job, monkeypatch: pytest.MonkeyPatch, function: str
) -> None:
    def refuse(*_: object) -> None:
        raise StoppedError("the disk is full")

    monkeypatch.setattr(ComputedFiles, "commit", refuse)
    job.has(*["x"] * 10)
    ended = job.run("--map", f"jobs.py:{function}", "--cpus", "2", status=3)
    assert "the disk is full" in ended.err
    assert "Traceback" not in ended.err


# --- how many at once


@pytest.mark.parametrize("cpus", [1, 2])
def test_so_many_files_at_most_are_fetched_and_not_computed(job: Job, cpus: int) -> None:
    job.has(*range(40))
    arguments = ("--map", "jobs.py:files", "--keep", "no", "--cpus", str(cpus), "--workers", "8")
    values = job.values(*arguments, "--ahead", "3")
    assert max(values) <= 3
    assert job.server.most_at_once <= 3


def test_there_are_as_many_processes_as_cpus_says_and_each_for_so_many_tasks(job: Job) -> None:
    job.has(*range(9))
    values = job.values("--map", "jobs.py:process", "--cpus", "3", "--max-tasks", "1000")
    assert len(set(values)) == 3
    values = job.values(
        "--map", "jobs.py:process", "--cpus", "1", "--max-tasks", "4", "--exec-version", "2"
    )
    assert sorted(Counter(values).values()) == [1, 4, 4]


# --- stops


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("what", ["function", "command"])
def test_a_stop_ends_all_that_runs_and_a_rerun_finishes_the_job(
    job: Job, forked: InstalledCommand, number: int, what: str
) -> None:
    urls = job.has(*range(6))
    if what == "function":
        task = ("--map", "jobs.py:waits")
    else:
        script = (
            'sh -c \'sleep 60 & echo $$ $! >> processes; while ! [ -e "go on" ]; do sleep 0.1;'
            " done; kill $!' sh {path}"
        )
        task = ("--exec", script)
    arguments = job.arguments(*task, "--cpus", "2")
    processes = job.directory / "processes"
    with forked.start(*arguments) as run:
        until(lambda: processes.exists() and len(processes.read_text().splitlines()) == 2)
        numbers = [int(word) for word in processes.read_text().split()] + children_of(run.pid)
        began = time.monotonic()
        os.kill(run.pid, number)
        out, err = run.communicate(timeout=60)
        assert within(STOP, time.monotonic() - began)
    assert run.returncode == 128 + number
    rows = [json.loads(line) for line in out.decode().splitlines()]
    assert [row["error"] for row in rows] == ["cancelled"] * len(urls)
    assert "Traceback" not in err.decode()
    until(lambda: not any(is_there(process) for process in numbers))
    (job.directory / "go on").touch()
    assert len(job.run(*task).results) == len(urls)
    assert job.files() == [*"123456"]
    tasks = len(processes.read_text().splitlines())
    assert tasks == 2 + len(urls)


def test_kill_9_leaves_nothing_running(job: Job, forked: InstalledCommand) -> None:
    job.has(*range(4))
    processes = job.directory / "processes"
    with forked.start(*job.arguments("--map", "jobs.py:waits", "--cpus", "2")) as run:
        until(lambda: processes.exists() and len(processes.read_text().splitlines()) == 2)
        numbers = [int(word) for word in processes.read_text().split()]
        run.kill()
        run.communicate()
    until(lambda: not any(is_there(process) for process in numbers))


# --- programs


def test_a_coroutine_gets_values_too(job: Job) -> None:
    urls = job.has("a", "b")

    async def values() -> list[Any]:
        batch = Batch(urls, output_dir=job.data, then=text, cpus=1)
        return [result.value async for result in batch.aresults()]

    assert asyncio.run(values()) == ["a", "b"]


def test_leaving_the_loop_early_ends_all_processes(job: Job) -> None:
    urls = job.has("text", "starts_and_waits")

    def is_open() -> tuple[int, list[int]]:
        return pipes(), [child for child in children_of(os.getpid()) if is_there(child)]

    before = is_open()
    # One process for each: any of the files may come first.
    for result in fetch_all(urls, output_dir=job.data, then=does, cpus=4):
        began = time.monotonic()
        assert result.value == "text"
        break
    assert within(STOP, time.monotonic() - began)
    assert is_open() == before


PROGRAM = """
import multiprocessing, sys
from pyfetch import fetch_all

def square(path, result):
    return int(path.read_text()) ** 2

GUARD
    results = fetch_all(sys.argv[1:], output_dir="data", then=square, cpus=1)
    print([result.value for result in results])
"""
ENDS_EARLY = """
    print(next(results := fetch_all(sys.argv[1:], output_dir="data", then=wait, cpus=2)).value)

def wait"""


def run_program(job: Job, source: str, *urls: str) -> subprocess.CompletedProcess[str]:
    (job.directory / "program.py").write_text(source)
    return subprocess.run(
        [sys.executable, "program.py", *urls],
        cwd=job.directory, env=job.pyfetch.environment, capture_output=True, text=True, timeout=60,
    )  # fmt: skip


def test_a_script_gives_a_function_of_its_own(job: Job) -> None:
    """Where it starts the run below `if __name__ == "__main__"`; else it is told to."""
    urls = job.has(2, 3)
    ended = run_program(job, PROGRAM.replace("GUARD", 'if __name__ == "__main__":'), *urls)
    assert (ended.stdout, ended.stderr, ended.returncode) == ("[4, 9]\n", "", 0)
    ended = run_program(job, PROGRAM.replace("GUARD", "if True:"), *urls)
    assert ended.returncode == 1
    assert "below  if __name__ == '__main__':" in ended.stderr.splitlines()[-1]


def test_a_program_may_end_while_results_are_to_come(job: Job) -> None:
    urls = job.has("a", "b")
    source = """
import sys, time
from pyfetch import fetch_all

def wait(path, result):
    with open("processes", "a") as file:
        file.write(f"{os.getpid()}\\n")
    if path.read_text() != "a":
        time.sleep(60)
    return "a"

if __name__ == "__main__":
    results = fetch_all(sys.argv[1:], output_dir="data", then=wait, cpus=2)
    print(next(results).value, flush=True)
    print(time.monotonic(), flush=True)
""".replace("import sys", "import os, sys")
    ended = run_program(job, source, *urls)
    value, at = ended.stdout.split()
    assert (value, ended.returncode) == ("a", 0), ended.stderr
    assert within(STOP, time.monotonic() - float(at))
    numbers = (job.directory / "processes").read_text().split()
    until(lambda: not any(is_there(int(number)) for number in numbers))
