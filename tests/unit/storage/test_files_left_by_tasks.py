"""`--verify` and `--prune` beside tasks: what these have changed or removed is as it should be."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pyfetch.errors import StoppedError
from pyfetch.storage.pruning import Pruned, prune
from pyfetch.storage.state import State
from pyfetch.storage.unnamed_files import UnnamedFiles
from pyfetch.storage.verification import Verification
from pyfetch.verified import Condition, VerifiedFile
from tests.support.computing import Computing
from tests.support.server import LoopbackServer, Page


def appends(path: Path) -> str:
    with path.open("a") as file:
        file.write(" and more")
    return "a value"


@pytest.fixture
def computing(tmp_path: Path, server: LoopbackServer) -> Computing:
    """A directory after three runs: `altered` by its task, `removed` after it, `left` as it was."""
    computing = Computing(tmp_path / "data")
    for name in ("altered", "left", "removed"):
        server.pages[f"/{name}"] = Page(name.encode())
        task: Callable[[Path], str] = appends if name == "altered" else Path.read_text
        computing.run(f"{server.url}/{name}", task=task, keeps=name != "removed")
    return computing


def verified(computing: Computing) -> list[VerifiedFile]:
    with Verification(computing.directory) as verification:
        with closing(State.copy_of(computing.state_file)) as state:
            verification.expected.add_state(state)
        verification.expected.look_around(verification.directory)
        return list(verification.results())


def conditions(computing: Computing) -> dict[str, Condition]:
    return {Path(found.path).name: found.status for found in verified(computing)}


def test_what_a_task_has_changed_is_not_called_changed_nor_what_is_removed_missing(
    computing: Computing,
) -> None:
    assert conditions(computing) == {"altered": Condition.OK, "left": Condition.OK}
    altered, _ = verified(computing)
    assert altered.detail == "its task has changed it: only its size and time were compared"


def test_what_was_changed_after_its_task_is_called_changed(computing: Computing) -> None:
    (computing.directory / "altered").write_text("mine")
    (computing.directory / "left").unlink()
    (computing.directory / "removed").write_text("mine")
    assert conditions(computing) == {
        "altered": Condition.CHANGED,
        "left": Condition.MISSING,
        "removed": Condition.UNKNOWN,
    }
    altered, *_ = verified(computing)
    assert altered.detail == "it has 4 bytes, and had 16 after its task had changed it"


def test_once_it_is_fetched_again_a_file_has_to_be_there_as_it_was_fetched(
    computing: Computing, server: LoopbackServer
) -> None:
    computing.run(f"{server.url}/altered", f"{server.url}/removed", task=None)
    assert set(conditions(computing).values()) == {Condition.OK}
    for name in ("altered", "removed"):
        (computing.directory / name).unlink()
    found = conditions(computing)
    assert (found["altered"], found["removed"]) == (Condition.MISSING, Condition.MISSING)


def unnamed(computing: Computing) -> UnnamedFiles:
    """What a run finds whose list names none of them."""
    with closing(State(computing.state_file)) as state:
        return UnnamedFiles(state, computing.directory)


def rows(computing: Computing) -> tuple[int, int]:
    """How many rows the state has: of files, and of values."""
    with closing(sqlite3.connect(computing.state_file)) as database:
        (files,) = database.execute("SELECT count(*) FROM file").fetchone()
        (values,) = database.execute("SELECT count(*) FROM computed").fetchone()
    return files, values


def test_pruning_moves_what_its_task_has_left_and_forgets_the_values(computing: Computing) -> None:
    assert rows(computing) == (3, 3)
    with closing(unnamed(computing)) as files:
        assert (files.number, files.removed, files.changed) == (2, 1, 0)
        assert files.size == len("altered and more") + len("left")
        assert list(prune(computing.directory, files)) == [
            Pruned("altered", ".pyfetch/pruned/altered"),
            Pruned("left", ".pyfetch/pruned/left"),
        ]
    assert rows(computing) == (0, 0)


def test_pruning_leaves_what_was_changed_after_its_task(computing: Computing) -> None:
    (computing.directory / "altered").write_text("mine")
    (computing.directory / "removed").write_text("mine")
    with closing(unnamed(computing)) as files:
        assert (files.number, files.removed, files.changed) == (1, 0, 2)
        assert [pruned.path for pruned in prune(computing.directory, files)] == ["left"]
    assert rows(computing) == (2, 2)


def test_pruning_forgets_no_file_that_was_fetched_in_place_of_one_that_was_removed(
    computing: Computing, server: LoopbackServer
) -> None:
    """By a run between the question and the answer."""
    with closing(unnamed(computing)) as files:
        computing.run(f"{server.url}/removed", task=None)
        list(prune(computing.directory, files))
    assert rows(computing) == (1, 1)


@pytest.mark.parametrize(
    ("column", "value"), [("size", "many"), ("size", None), ("modified_ns", 1.5)]
)
def test_what_a_task_has_left_is_read_strictly(
    computing: Computing, column: str, value: object
) -> None:
    with closing(sqlite3.connect(computing.state_file)) as database, database:
        statement = f"UPDATE computed SET {column} = ? WHERE key = 'altered'"  # noqa: S608
        database.execute(statement, (value,))
    with pytest.raises(StoppedError, match="damaged"):
        verified(computing)
