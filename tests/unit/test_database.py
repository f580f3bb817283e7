"""What becomes of a statement that fails for want of a descriptor."""

from __future__ import annotations

import os
import resource
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from unittest import mock

import pytest

from pyfetch import database
from pyfetch.database import Database, temporary_database
from pyfetch.storage.state import State
from tests.support.waiting import within


@contextmanager
def without_descriptors() -> Iterator[list[int]]:
    """Within, the process may open no more files. Yields descriptors that may be closed."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    spare = os.open(os.devnull, os.O_RDONLY)  # the lowest free one
    resource.setrlimit(resource.RLIMIT_NOFILE, (spare + 1, hard))
    held = [spare]
    try:
        yield held
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def fill(connection: sqlite3.Connection) -> None:
    """Let a temporary table grow until it is too large for memory."""
    connection.execute("PRAGMA temp.cache_size = -64")
    connection.execute("CREATE TEMP TABLE given (key TEXT PRIMARY KEY) WITHOUT ROWID")
    connection.execute("BEGIN")
    for start in range(0, 4000, 500):
        rows = [(f"{n:0200}",) for n in range(start, start + 500)]
        connection.executemany("INSERT OR IGNORE INTO temp.given VALUES (?)", rows)


def give_back(held: list[int], after: float) -> threading.Timer:
    timer = threading.Timer(after, lambda: os.close(held.pop()))
    timer.start()
    return timer


def test_a_statement_that_needs_a_descriptor_waits_until_one_is_free(tmp_path: Path) -> None:
    plain = sqlite3.connect("", isolation_level=None)
    patient = sqlite3.connect("", isolation_level=None, factory=Database)
    with closing(plain), closing(patient), without_descriptors() as held:
        with pytest.raises(sqlite3.OperationalError, match="unable to open"):
            fill(plain)
        timer = give_back(held, 0.1)
        fill(patient)
        timer.join()
        assert patient.execute("SELECT count(*) FROM given").fetchone() == (4000,)


@pytest.mark.slow
def test_the_first_transaction_of_the_state_waits_too(tmp_path: Path) -> None:
    """It opens the log; a run that met this would else end with status 3."""
    with closing(State(tmp_path / "state.sqlite3")) as state:
        pass
    state = State(tmp_path / "state.sqlite3")
    with closing(state), without_descriptors() as held:
        timer = give_back(held, 0.1)
        for number in range(3000):
            state.claim(f"{number:0100}", f"http://a/{number}", lambda: True)
        state.commit()
        timer.join()
        assert state.owns(f"{2999:0100}", "http://a/2999")


def test_where_no_descriptor_comes_free_the_error_is_raised_in_the_end() -> None:
    patient = sqlite3.connect("", isolation_level=None, factory=Database)
    with (
        closing(patient), without_descriptors(),
        mock.patch.object(database, "_LONGEST_WAIT", 0.1),
        pytest.raises(sqlite3.OperationalError, match="unable to open"),
    ):  # fmt: skip
        fill(patient)


def test_other_errors_are_raised_at_once(tmp_path: Path) -> None:
    patient = temporary_database("seen (key TEXT PRIMARY KEY)")
    began = time.monotonic()
    with closing(patient):
        with pytest.raises(sqlite3.OperationalError, match="no such table"):
            patient.execute("SELECT * FROM missing")
        with pytest.raises(sqlite3.IntegrityError):
            patient.executemany("INSERT INTO seen VALUES (?)", [("a",), ("a",)])
        with pytest.raises(sqlite3.OperationalError, match="unable to open"):
            patient.execute("ATTACH DATABASE ? AS other", (str(tmp_path / "no" / "file"),))
    assert within(1, time.monotonic() - began)
