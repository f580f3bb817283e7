"""What is remembered of computed values: a rerun computes nothing twice."""

from __future__ import annotations

import errno
import hashlib
import os
import sqlite3
import threading
from collections.abc import Callable, Iterable
from contextlib import closing
from pathlib import Path

import pytest

from pyfetch.attempt import Finished
from pyfetch.computed import MOST_JSON, Effect
from pyfetch.errors import StoppedError
from pyfetch.models import IfExists, Outcome, Result, Target
from pyfetch.settings import Settings
from pyfetch.storage.computed_file import Recorded
from pyfetch.storage.computed_files import ComputedFiles
from pyfetch.storage.computed_table import ComputedOf, ComputedRow
from pyfetch.storage.directory import OutputDirectory
from pyfetch.storage.file_ledger import FileLedger
from pyfetch.storage.filesystem import prepare
from pyfetch.storage.state import State
from pyfetch.urls import parse_url
from tests.support.computing import FAILED, Computing, Row, TaskError, content_of
from tests.support.server import JUST_BEFORE_NOW, Handler, LoopbackServer, Page

pytestmark = pytest.mark.slow  # each fetches several times


@pytest.fixture
def computing(tmp_path: Path) -> Computing:
    return Computing(tmp_path / "data")


@pytest.fixture
def url(server: LoopbackServer) -> str:
    server.pages["/x"] = Page(b"one")
    return f"{server.url}/x"


def appends(path: Path) -> str:
    """A task that changes its file in place."""
    value = path.read_text()
    with path.open("a") as file:
        file.write(" and more")
    return value


def replaces(path: Path) -> str:
    """A task that gives the name of its file to another one."""
    value = path.read_text()
    new = path.with_name("new")
    new.write_text("replaced")
    new.replace(path)
    return value


def removes(path: Path) -> str:
    """A task that removes its file."""
    value = path.read_text()
    path.unlink()
    return value


Task = Callable[[Path], str]
TASKS: list[Task] = [content_of, appends, replaces, removes]


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("if_exists", ["refresh", "skip"])
@pytest.mark.parametrize("keeps", [True, False])
def test_a_rerun_computes_and_fetches_nothing_again(
    computing: Computing, server: LoopbackServer, url: str, task: Task, if_exists: str, keeps: bool
) -> None:
    """Whatever the task has left of the file, or `--keep no`; and there is no backup of it."""
    (first,) = computing.run(url, task=task, keeps=keeps)
    assert first[:2] == ("fetched", "one")
    assert computing.computed == ["x"]
    there = {path.name for path in computing.directory.iterdir()} - {".pyfetch"}
    assert bool(first.path) == ("x" in there)
    for _ in range(2):
        server.asked.clear()
        (again,) = computing.run(url, task=task, keeps=keeps, if_exists=if_exists)
        outcome = "unchanged" if if_exists == "refresh" else "skipped"
        assert again == Row(outcome, "one", first.path)
        assert computing.computed == []
        assert [asked.headers.get("If-None-Match") for asked in server.asked] == (
            [server.pages["/x"].etag] if if_exists == "refresh" else []
        )
        assert {path.name for path in computing.directory.iterdir()} - {".pyfetch"} == there


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("keeps", [True, False])
def test_other_bytes_are_computed(
    computing: Computing, server: LoopbackServer, url: str, task: Task, keeps: bool
) -> None:
    computing.run(url, task=task, keeps=keeps)
    server.pages["/x"] = Page(b"two")
    (row,) = computing.run(url, task=task, keeps=keeps)
    assert row[:2] == ("fetched", "two")
    assert computing.computed == ["x"]
    assert not list(computing.directory.glob("x.~*")), "what a task has left needs no backup"


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("if_exists", ["refresh", "skip"])
@pytest.mark.parametrize("keeps", [True, False])
def test_another_task_gets_the_bytes_that_the_server_has(
    computing: Computing, url: str, task: Task, if_exists: str, keeps: bool
) -> None:
    """Not what the earlier task has made of them."""
    computing.run(url, task=task, keeps=keeps)
    (row,) = computing.run(url, identity="task 2", keeps=keeps, if_exists=if_exists)
    stays = "unchanged" if if_exists == "refresh" else "skipped"
    is_there = task is content_of and keeps
    assert row == Row(stays if is_there else "fetched", "one", "x" if keeps else None)
    assert computing.computed == ["x"]
    assert not list(computing.directory.glob("x.~*"))


def test_the_same_bytes_fetched_anew_are_not_computed_again(computing: Computing, url: str) -> None:
    computing.run(url)
    for if_exists in ("replace", "refresh"):
        (computing.directory / "x").unlink() if if_exists == "refresh" else None
        assert computing.run(url, if_exists=if_exists) == [Row("fetched", "one", "x")]
        assert computing.computed == []


def test_a_file_that_is_wanted_as_its_task_leaves_it_is_computed_when_it_comes_back(
    computing: Computing, url: str
) -> None:
    computing.run(url, task=appends)
    assert computing.run(url, task=appends, if_exists="replace") == [Row("fetched", "one", "x")]
    assert computing.computed == ["x"]
    assert (computing.directory / "x").read_text() == "one and more"


def test_a_run_that_keeps_files_fetches_those_that_were_removed(
    computing: Computing, url: str
) -> None:
    """Their values it has already, unless a task had changed the file first."""
    computing.run(url, keeps=False)
    assert computing.run(url) == [Row("fetched", "one", "x")]
    assert computing.computed == []
    computing.run(url, task=appends, identity="2", keeps=False)
    assert computing.run(url, task=appends, identity="2") == [Row("fetched", "one", "x")]
    assert computing.computed == ["x"]
    assert (computing.directory / "x").read_text() == "one and more"


@pytest.mark.parametrize("keeps", [True, False])
def test_a_plain_run_wants_the_file(computing: Computing, url: str, keeps: bool) -> None:
    computing.run(url, keeps=keeps)
    (row,) = computing.run(url, task=None)
    assert row.outcome == ("unchanged" if keeps else "fetched")
    assert (computing.directory / "x").read_text() == "one"
    (row,) = computing.run(url, keeps=keeps)
    assert row == Row("unchanged", "one", "x" if keeps else None)
    assert computing.computed == []


def test_files_of_earlier_runs_go_once_they_are_not_to_be_kept(
    computing: Computing, server: LoopbackServer, url: str
) -> None:
    computing.run(url)
    assert computing.run(url, keeps=False) == [Row("unchanged", "one", None)]
    assert computing.computed == []
    assert not (computing.directory / "x").exists()
    assert len(server.asked) == 2


def test_a_failed_task_is_run_again_and_the_file_is_not_fetched_again(
    computing: Computing, server: LoopbackServer, url: str
) -> None:
    def fails(path: Path) -> None:
        raise TaskError

    assert computing.run(url, task=fails, keeps=False) == [Row("fetched", FAILED, "x")]
    assert computing.run(url, keeps=False) == [Row("unchanged", "one", None)]
    assert computing.computed == ["x"]


def test_what_a_failed_task_has_done_to_its_file_is_no_reason_for_a_backup(
    computing: Computing, url: str
) -> None:
    def fails(path: Path) -> None:
        appends(path)
        raise TaskError

    computing.run(url, task=fails)
    assert computing.run(url) == [Row("fetched", "one", "x")]
    assert sorted(path.name for path in computing.directory.iterdir()) == [".pyfetch", "x"]


def test_a_url_that_stands_twice_in_the_list_is_computed_once(
    computing: Computing, url: str
) -> None:
    for keeps in (True, False):
        rows = computing.run(url, url, identity=f"{keeps}", keeps=keeps)
        path = "x" if keeps else None
        assert rows[1] == Row("unchanged", "one", path)
        assert computing.computed == ["x"]


def test_a_value_belongs_to_the_name_that_the_server_gave(
    computing: Computing, server: LoopbackServer
) -> None:
    server.routes["/x"] = lambda handler: (
        handler.answer(304, b"", ETag='"1"')
        if handler.headers["If-None-Match"] == '"1"'
        else handler.answer(
            200, b"one", ETag='"1"', Content_Disposition="attachment; filename=given"
        )
    )
    url = f"{server.url}/x"
    for keeps in (True, False):
        path = "given" if keeps else None
        rows = computing.run(url, identity=f"{keeps}", keeps=keeps, content_disposition=True)
        assert (rows[0].value, rows[0].path) == ("one", path)
        rows = computing.run(url, identity=f"{keeps}", keeps=keeps, content_disposition=True)
        assert rows == [Row("unchanged", "one", path)]
        assert computing.computed == []


def test_another_template_is_another_file_and_so_is_its_value(
    computing: Computing, url: str
) -> None:
    computing.run(url, keeps=False)
    assert computing.run(url, keeps=False, name="y") == [Row("fetched", "one", None)]
    assert computing.computed == ["y"]
    assert computing.run(url, keeps=False) == [Row("unchanged", "one", None)]
    assert computing.computed == []


def test_a_new_name_for_each_run_has_a_value_of_its_own(computing: Computing, url: str) -> None:
    computing.run(url)
    assert computing.run(url, if_exists="rename") == [Row("fetched", "one", "x-1")]
    assert computing.computed == ["x-1"]


def test_where_a_file_that_is_there_is_a_failure_one_that_was_removed_is_none(
    computing: Computing, url: str
) -> None:
    computing.run(url, keeps=False)
    assert computing.run(url, keeps=False, if_exists="fail") == [Row("fetched", "one", None)]
    assert computing.computed == []
    computing.run(url)
    (row,) = computing.run(url, if_exists="fail")
    assert row.outcome == "failed"


def test_a_file_that_pyfetch_did_not_fetch_is_never_removed(computing: Computing, url: str) -> None:
    computing.directory.mkdir()
    mine = computing.directory / "x"
    mine.write_text("mine")
    for _ in range(2):
        assert computing.run(url, keeps=False, if_exists="skip") == [Row("skipped", "mine", "x")]
    assert computing.computed == []
    assert mine.read_text() == "mine"
    # Its backup stays, too.
    assert computing.run(url, keeps=False) == [Row("fetched", "one", None)]
    assert [path.name for path in computing.directory.glob("x*")] == ["x.~1~"]


def test_a_link_and_the_file_that_it_leads_to_are_never_removed(
    computing: Computing, url: str, tmp_path: Path
) -> None:
    computing.run(url)
    file = computing.directory / "x"
    elsewhere = tmp_path / "elsewhere"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    assert computing.run(url, keeps=False) == [Row("unchanged", "one", "x")]
    assert file.is_symlink()
    assert elsewhere.read_text() == "one"


def test_a_file_that_another_program_put_there_during_the_task_is_not_removed(
    computing: Computing, url: str
) -> None:
    assert computing.run(url, task=replaces, keeps=False) == [Row("fetched", "one", "x")]
    assert (computing.directory / "x").read_text() == "replaced"


def test_what_somebody_has_changed_since_is_fetched_anew_and_kept(
    computing: Computing, url: str
) -> None:
    computing.run(url, task=appends)
    file = computing.directory / "x"
    file.write_text("mine")
    assert computing.run(url, task=appends) == [Row("fetched", "one", "x")]
    assert computing.computed == ["x"]
    assert (computing.directory / "x.~1~").read_text() == "mine"


def test_a_checksum_of_the_list_is_that_of_the_bytes_that_were_fetched(
    computing: Computing, server: LoopbackServer, url: str
) -> None:
    """So no server has to be asked for a file that its task has changed or removed."""
    digest = hashlib.sha256(b"one").hexdigest()
    for number, task in enumerate([appends, removes]):
        entry = f"{url}#sha256={digest}"
        computing.run(entry, task=task, identity=str(number))
        server.asked.clear()
        (row,) = computing.run(entry, task=task, identity=str(number))
        assert (row.outcome, row.value) == ("unchanged", "one")
        assert server.asked == []


def test_without_validators_the_bytes_come_again_and_are_not_computed_again(
    computing: Computing, server: LoopbackServer
) -> None:
    server.routes["/x"] = lambda handler: handler.answer(200, b"one")
    for _ in range(2):
        assert computing.run(f"{server.url}/x", keeps=False) == [Row("fetched", "one", None)]
    assert computing.computed == []


def test_without_a_state_no_value_outlives_the_run(computing: Computing, url: str) -> None:
    for _ in range(2):
        rows = computing.run(url, url, state=False, keeps=True)
        assert [row.value for row in rows] == ["one", "one"]
        assert computing.computed == ["x"]


def test_a_task_that_makes_a_directory_of_its_file_has_its_value(
    computing: Computing, url: str
) -> None:
    def makes_directory(path: Path) -> int:
        path.unlink()
        path.mkdir()
        return 1

    assert computing.run(url, task=makes_directory) == [Row("fetched", 1, None)]


def test_one_task_after_the_other_the_last_one_is_remembered(
    computing: Computing, url: str
) -> None:
    """There is one row for each file."""
    for identity in ("1", "2", "1"):
        computing.run(url, identity=identity)
        assert computing.computed == ["x"]


def test_a_file_removed_while_the_server_was_asked_is_fetched(
    computing: Computing, server: LoopbackServer, url: str
) -> None:
    """And so is one that was changed: the 304 is about what was there before."""
    etag = server.pages["/x"].etag or ""
    changes: list[Callable[[Path], object]] = [Path.unlink, lambda file: file.write_text("mine")]
    for change in changes:
        computing.run(url, task=None)
        file = computing.directory / "x"

        def route(
            handler: Handler, change: Callable[[Path], object] = change, file: Path = file
        ) -> None:
            if handler.headers.get("If-None-Match"):
                change(file)
                handler.answer(304, b"", ETag=etag)
            else:
                handler.answer(200, b"one", ETag=etag)

        server.routes["/x"] = route
        assert computing.run(url, task=None)[0].outcome == "fetched"
        assert file.read_text() == "one"
        del server.routes["/x"]
    assert len(list(computing.directory.glob("x.~*"))) == 1


def test_a_value_is_in_the_state_before_record_returns(computing: Computing, url: str) -> None:
    """So a process that is killed after that computes nothing again."""
    ended: list[object] = []

    class Files(ComputedFiles):
        def commit(self, rows: Iterable[tuple[str, ComputedRow]]) -> None:
            rows = [*rows]
            super().commit(rows)
            with closing(State.copy_of(computing.state_file)) as state:
                ended.extend(state.computed().of([path for path, _ in rows]))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.support.computing.ComputedFiles", Files)
        computing.run(url, keeps=False)
    (known,) = ended
    assert isinstance(known, ComputedOf)
    assert known.row
    assert (known.row.value, known.row.effect) == ('"one"', Effect.REMOVED)
    assert known.size == 3, "what the file was is written with it"


def test_a_file_that_a_killed_run_was_about_to_remove_goes_and_is_not_computed_again(
    computing: Computing, url: str
) -> None:
    computing.run(url, keeps=False)
    file = computing.directory / "x"
    file.write_bytes(b"one")
    os.utime(file, (JUST_BEFORE_NOW, JUST_BEFORE_NOW))
    assert computing.run(url, keeps=False) == [Row("unchanged", "one", None)]
    assert computing.computed == []
    assert not file.exists()


def test_a_file_that_cannot_be_removed_is_removed_by_the_next_run(
    computing: Computing, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        unlink = os.unlink

        def refused(name: str, dir_fd: int | None = None) -> None:
            if name == "x":
                raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))
            unlink(name, dir_fd=dir_fd)

        patch.setattr(os, "unlink", refused)
        assert computing.run(url, keeps=False) == [Row("fetched", FAILED, "x")]
    assert computing.run(url, keeps=False) == [Row("unchanged", "one", None)]
    assert computing.computed == []


def test_a_file_that_takes_the_name_after_the_task_is_not_removed(
    computing: Computing, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = ComputedFiles.commit
    file = computing.directory / "x"

    def replaced(files: ComputedFiles, rows: Iterable[tuple[str, ComputedRow]]) -> None:
        commit(files, rows)
        file.rename(file.with_name("moved"))  # so that its inode is not given again
        file.write_text("mine")

    monkeypatch.setattr(ComputedFiles, "commit", replaced)
    assert computing.run(url, keeps=False)[0].value == "one"
    assert file.read_text() == "mine"


@pytest.mark.parametrize("keeps", [True, False])
def test_a_file_that_somebody_replaced_before_its_task_began_is_computed_and_not_removed(
    computing: Computing, url: str, keeps: bool
) -> None:
    """And the value is not taken for that of the bytes which were fetched."""
    file = computing.directory / "x"

    def replace() -> None:
        file.unlink()
        file.write_text("mine")

    computing.run(url, keeps=keeps)
    computing.before_computing = replace
    assert computing.run(url, keeps=keeps, if_exists="replace") == [Row("fetched", "mine", "x")]
    assert computing.computed == ["x"]
    computing.before_computing = lambda: None
    (row,) = computing.run(url, keeps=keeps)
    assert row == Row("fetched", "one", "x" if keeps else None)


def test_a_second_task_for_a_file_waits_for_the_first_one(tmp_path: Path) -> None:
    """A list may name a URL twice, and both may be fetched before one is computed."""
    prepare(tmp_path)
    (tmp_path / "x").write_text("one")
    with closing(State(None)) as state, closing(OutputDirectory(tmp_path)) as directory:
        settings = Settings(output_dir=str(tmp_path), if_exists=IfExists.SKIP)
        ledger = FileLedger(settings, state, lasting=False, task_of=lambda _: "task")
        files = ComputedFiles(ledger, directory, keeps=True)
        targets = [ledger.named(Target(number, parse_url("http://h/x"))) for number in (1, 2)]
        path = tmp_path / "x"
        ends = [
            Finished(Result(target.index, str(target.url), Outcome.SKIPPED, file=str(path)))
            for target in targets
        ]
        found: list[Recorded | None] = []

        def second() -> None:
            file = files.of(targets[1], ends[1])
            with files.in_work([file]):
                found.append(file.recorded())

        both = [files.of(target, end) for target, end in zip(targets, ends, strict=True)]
        with files.in_work(both) as number:
            assert number == 1, "nor does it come into the same lot"
            file = both[0]
            assert file.recorded() is None
            thread = threading.Thread(target=second)
            thread.start()
            thread.join(0.05)
            assert thread.is_alive()
            files.commit([file.to_record("[1]")])
            file.settled()
        thread.join()
        assert found == [Recorded([1], str(path))]


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("value", "{"), ("value", "NaN"), ("value", "[-Infinity]"), ("value", "[" * 100_000),
        ("value", f'"{"x" * 1024 * 1024}"'), ("value", b"1"), ("value", "9" * 5000),
        ("task", b"task 1"), ("sha256", b"ab"), ("size", "many"), ("modified_ns", 1.5),
        ("size", None), ("effect", "eaten"), ("effect", b"left"), ("fetched_at", "then"),
    ],
)  # fmt: skip
def test_a_value_that_cannot_be_read_is_a_damaged_state(
    computing: Computing, url: str, column: str, value: object
) -> None:
    computing.run(url)
    with closing(sqlite3.connect(computing.state_file)) as database, database:
        database.execute(f"UPDATE computed SET {column} = ?", (value,))  # noqa: S608
    with pytest.raises(StoppedError, match=r"damaged: .*\(move it away"):
        computing.run(url)
    assert computing.run(url, task=None)[0].outcome == "unchanged", "a plain run does not look"


def test_a_value_may_be_as_long_as_a_mebibyte_of_json(computing: Computing, url: str) -> None:
    value = "x" * (MOST_JSON - 2)
    for _ in range(2):
        assert computing.run(url, task=lambda _: value)[0].value == value
    assert computing.computed == []


def test_a_value_is_not_that_of_the_url_which_had_the_name_before(
    computing: Computing, server: LoopbackServer
) -> None:
    """Though the bytes are the same: a task may look at the URL, too."""
    server.pages |= {"/a": Page(b"same"), "/b": Page(b"same")}
    for path in ("/a", "/b"):
        computing.run({"url": f"{server.url}{path}", "out": "mine"})
        assert computing.computed == ["mine"]


def test_a_plain_run_looks_up_nothing(
    computing: Computing, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(State, "computed", lambda _: pytest.fail("it is no run that computes"))
    for _ in range(2):
        computing.run(url, task=None)
