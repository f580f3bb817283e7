"""The file of the state: an older one is brought up to date, and no other is touched."""

from __future__ import annotations

import errno
import os
import sqlite3
from pathlib import Path

import pytest

from pyfetch.errors import StoppedError
from pyfetch.facts import FileFacts, Known
from pyfetch.storage.state import VERSION, State
from pyfetch.urls import parse_url

SUPPORT = Path(__file__).parents[2] / "support"


def written_by(version: int, directory: Path) -> Path:
    """A state that pyfetch wrote when its schema was this version."""
    file = directory / "state.sqlite3"
    database = sqlite3.connect(file)
    database.executescript((SUPPORT / f"state-version-{version}.sql").read_text())
    database.close()
    return file


@pytest.fixture
def older(tmp_path: Path) -> Path:
    return written_by(2, tmp_path)


def claimed(file: Path, path: str, url: str) -> Known | None:
    state = State(file)
    try:
        return state.claim(path, url, lambda: False)
    finally:
        state.close()


def test_a_state_of_version_2_is_brought_up_to_date_and_knows_what_it_knew(older: Path) -> None:
    known = claimed(older, "x", "http://SERVER/a/x")
    assert known
    assert known.facts
    assert (known.facts.size, known.facts.etag) == (4, '"a-x"')
    assert not known.of_other_url
    assert claimed(older, "x", "http://SERVER/other") is None
    named = claimed(older, "named", "http://SERVER/named")
    assert named == Known(None, placed_by_us=True, went_to="given")
    database = sqlite3.connect(older)
    assert database.execute("PRAGMA user_version").fetchone() == (VERSION,)
    assert database.execute("SELECT count(*) FROM file").fetchone() == (6,)
    assert database.execute("SELECT count(*) FROM backup").fetchone() == (0,)
    database.close()


def test_a_state_of_version_3_gets_room_for_values_and_keeps_what_it_has(tmp_path: Path) -> None:
    file = written_by(3, tmp_path)
    before = sqlite3.connect(file)
    rows = before.execute("SELECT * FROM file ORDER BY key").fetchall()
    before.close()
    state = State(file)
    assert state.backups() == ["x.~1~"]
    assert state.claim("x", "http://SERVER/a/x", lambda: False)
    assert state.computed().of(["x"])[0].row is None
    state.close()
    after = sqlite3.connect(file)
    assert after.execute("PRAGMA user_version").fetchone() == (VERSION,)
    found = after.execute("SELECT * FROM file ORDER BY key").fetchall()
    assert [row[: len(rows[0])] for row in found] == rows
    after.close()


def test_a_state_of_version_4_keeps_what_it_has_and_knows_of_no_codings(tmp_path: Path) -> None:
    file = written_by(4, tmp_path)
    known = claimed(file, "x", "http://SERVER/a/x")
    assert known
    assert known.facts
    assert (known.facts.size, known.facts.unused_name) == (4, "other.txt")
    assert known.facts.content_encoding is None
    state = State(file)
    (computed,) = state.computed().of(["x"])
    assert computed.row
    assert computed.row.value == '"v"'
    state.close()


@pytest.mark.parametrize("version", [2, 3, 4])
def test_a_state_has_the_same_tables_whatever_it_began_as(tmp_path: Path, version: int) -> None:
    """What SQLite knows of the columns of each, in any order."""

    def columns(file: Path) -> dict[str, list[tuple[object, ...]]]:
        State(file).close()
        database = sqlite3.connect(file)
        tables = [name for (name,) in database.execute("SELECT name FROM pragma_table_list")]
        found = {
            name: sorted(row[1:] for row in database.execute(f"PRAGMA table_info({name})"))
            for name in tables
            if not name.startswith("sqlite_")
        }
        database.close()
        return found

    new = columns(tmp_path / "new")
    assert new.keys() == {"file", "backup", "computed"}
    assert columns(written_by(version, tmp_path)) == new


def test_a_migration_that_is_cut_off_leaves_the_older_state_whole(older: Path) -> None:
    """All its statements are one transaction: here the last one fails."""
    database = sqlite3.connect(older)
    database.execute("CREATE TABLE backup (mine)")
    database.commit()
    before = list(database.iterdump())
    with pytest.raises(StoppedError):
        State(older)
    assert list(database.iterdump()) == before
    assert database.execute("PRAGMA user_version").fetchone() == (2,)
    database.close()


def test_a_plan_reads_an_older_state_and_leaves_it_as_it_is(older: Path) -> None:
    before = older.read_bytes()
    copy = State.copy_of(older)
    assert copy.claim("x", "http://SERVER/a/x", lambda: False)
    copy.close()
    assert older.read_bytes() == before


@pytest.mark.parametrize("kind", ["another program's", "without an identifier", "a version of it"])
def test_the_database_of_another_program_is_never_written(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "state.sqlite3"
    database = sqlite3.connect(file)
    if kind == "a version of it":
        database.execute("PRAGMA user_version = 2")
    else:
        database.execute("CREATE TABLE contacts (name)")
    if kind == "another program's":
        database.execute("PRAGMA application_id = 77")
    database.commit()
    database.close()
    before = file.read_bytes()
    for opened in (State, State.copy_of):
        with pytest.raises(StoppedError, match="another program"):
            opened(file)
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["state.sqlite3"]


@pytest.mark.parametrize("name", ["state.sqlite3", "state.sqlite3-wal", "state.sqlite3-journal"])
@pytest.mark.parametrize("kind", ["link", "link to nothing", "fifo", "directory"])
def test_a_state_that_is_no_file_of_ours_is_not_opened(
    tmp_path: Path, name: str, kind: str
) -> None:
    mine = tmp_path / "mine"
    mine.write_bytes(b"")
    file = tmp_path / name
    match kind:
        case "link":
            file.symlink_to("mine")
        case "link to nothing":
            file.symlink_to("made")
        case "fifo":
            os.mkfifo(file)
        case "directory":
            file.mkdir()
    with pytest.raises(StoppedError, match="move it away"):
        State(tmp_path / "state.sqlite3")
    assert mine.read_bytes() == b""
    assert not (tmp_path / "made").exists()


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("etag", b"\xff"), ("last_modified", b"then"), ("sha256", b"00"), ("size", "many"),
        ("modified_ns", b"\x00"), ("answered_by", 3), ("modified_ns", 1.5),
    ],
)  # fmt: skip
def test_a_value_of_another_type_is_a_damaged_state(
    older: Path, column: str, value: object
) -> None:
    database = sqlite3.connect(older)
    database.execute(f"UPDATE file SET {column} = ? WHERE key = 'x'", (value,))  # noqa: S608
    database.commit()
    database.close()
    # A number in a column for text is made a text by SQLite, and harms nobody.
    if isinstance(value, int):
        assert claimed(older, "x", "http://SERVER/a/x")
        return
    with pytest.raises(StoppedError, match="damaged"):
        claimed(older, "x", "http://SERVER/a/x")


@pytest.mark.parametrize(
    "went_to", ["../escaped", "/etc/passwd", ".pyfetch/lock", "a/../../b", "", b"given", "a//b"]
)
def test_a_path_that_is_not_safe_is_not_taken_from_the_state(older: Path, went_to: object) -> None:
    database = sqlite3.connect(older)
    database.execute("UPDATE file SET went_to = ?", (went_to,))
    database.commit()
    database.close()
    known = claimed(older, "named", "http://SERVER/named")
    assert known
    assert known.went_to is None


def test_a_state_that_may_not_be_looked_at_is_a_sentence(
    older: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a directory that may not be searched; for root there is none."""

    def refused(*_: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "lstat", refused)
    for opened in (State, State.copy_of):
        with pytest.raises(StoppedError, match="Permission denied"):
            opened(older)


def free() -> bool:
    return True


def test_a_name_is_taken_over_only_from_an_earlier_run(tmp_path: Path) -> None:
    file = tmp_path / "s"
    state = State(file)
    state.claim("x", "http://a/x", free)
    state.record("x", 200, FileFacts(3, 7, '"e"', "then", "ab" * 32, "http://a/x"))
    assert state.claim("x", "http://b/x", free, takes_over=True) is None
    state.commit()
    state.close()
    state = State(file)
    assert state.claim("X", "http://b/x", free, takes_over=True) is None, "another name"
    known = state.claim("x", "http://b/x", free, takes_over=True)
    assert known == Known(FileFacts(3, 7), placed_by_us=True, of_other_url=True)
    assert state.claim("x", "http://c/x", free, takes_over=True) is None
    state.commit()
    state.close()
    # Until it has been fetched, also in the runs after that.
    state = State(file)
    known = state.claim("x", "http://b/x", free)
    assert known
    assert known.of_other_url
    state.record("x", 200, FileFacts(4, 8))
    known = state.claim("x", "http://b/x", free)
    assert known
    assert not known.of_other_url
    state.close()


def test_who_has_a_name_in_this_run_is_known_however_many_there_are(tmp_path: Path) -> None:
    file = tmp_path / "s"
    for _ in range(2):
        state = State(file)
        for number in range(1500):
            assert state.claim(f"f{number}", "http://a/", free)
        for number in (0, 700, 1499):
            assert state.claim(f"f{number}", "http://b/", free, takes_over=True) is None
        state.commit()
        state.close()


def test_a_migration_leaves_out_what_signs_the_urls_that_own_names(older: Path) -> None:
    """So a list that is signed anew finds its files, and no signature stays in the state."""
    database = sqlite3.connect(older)
    signed = "http://SERVER/a/x?v=1&X-Amz-Date=1&X-Amz-Signature=secret"
    with database:
        database.execute("UPDATE file SET url = ?, answered_by = ? WHERE path = 'x'", (signed,) * 2)
    identity = parse_url(signed).identity
    known = claimed(older, "x", identity)
    assert known
    assert known.facts
    assert (known.facts.answered_by, known.facts.media_type) == (identity, None)
    assert not any("secret" in line for line in database.iterdump())
    database.close()


@pytest.mark.parametrize("had_files", [False, True])
def test_what_this_run_has_named_is_told_from_what_earlier_ones_have(
    tmp_path: Path, had_files: bool
) -> None:
    """In a state that was empty when the run began, all names are this run's: none is noted."""
    file = tmp_path / "state.sqlite3"

    def fetched(state: State, name: str) -> None:
        assert state.claim(name, f"http://h/{name}", lambda: True)
        state.record(name, 200, FileFacts(1, 2))

    if had_files:
        state = State(file)
        fetched(state, "earlier")
        state.commit()
        state.close()
    for opened in (State.copy_of, State):
        state = opened(file)
        fetched(state, "now")
        expected = ["earlier", "now"] if had_files else ["now"]
        assert [found.path for found in state.files()] == expected
        assert [found.path for found in state.files(unnamed=True)] == expected[:-1]
        assert state.claim("now", "http://other/", lambda: False, takes_over=True) is None
        if had_files:
            assert state.claim("earlier", "http://other/", lambda: False, takes_over=True)
        state.close()
