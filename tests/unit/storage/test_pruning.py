"""What `--prune` moves, on file systems of all kinds and while others are at work."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pyfetch.facts import FileFacts
from pyfetch.storage.pruning import Pruned, prune
from pyfetch.storage.state import STATE_FILE, State
from pyfetch.storage.unnamed_files import UnnamedFiles


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An output directory with two files that its state knows."""
    (tmp_path / "d").mkdir()
    (tmp_path / ".pyfetch").mkdir()
    with closing(State(tmp_path / ".pyfetch" / STATE_FILE)) as state:
        for path in ("a", "d/b"):
            file = tmp_path / path
            file.write_bytes(path.encode())
            status = file.stat()
            state.claim(path, f"http://h/{path}", lambda: True)
            state.record(path, 200, FileFacts(status.st_size, status.st_mtime_ns))
        state.commit()
    return tmp_path


@pytest.fixture
def unnamed(data: Path) -> Iterator[UnnamedFiles]:
    """Both of them, as a run finds them whose list names neither."""
    with (
        closing(State(data / ".pyfetch" / STATE_FILE)) as state,
        closing(UnnamedFiles(state, data)) as found,
    ):
        state.commit()
        state.close()
        yield found


def below(directory: Path) -> list[str]:
    return sorted(
        path.relative_to(directory).as_posix() for path in directory.rglob("*") if path.is_file()
    )


MOVED = [Pruned("a", ".pyfetch/pruned/a"), Pruned("d/b", ".pyfetch/pruned/d/b")]


def test_the_state_forgets_what_was_moved(data: Path, unnamed: UnnamedFiles) -> None:
    assert (unnamed.number, unnamed.size, unnamed.changed) == (2, 4, 0)
    assert list(prune(data, unnamed)) == MOVED
    with closing(State(data / ".pyfetch" / STATE_FILE)) as state:
        assert list(state.files()) == []
        assert state.may_claim("a", "http://other/")


@pytest.mark.parametrize("error", [errno.EPERM, errno.ENOTSUP, errno.EACCES])
def test_without_hard_links_files_are_renamed_and_none_is_overwritten(
    data: Path, unnamed: UnnamedFiles, monkeypatch: pytest.MonkeyPatch, error: int
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(error, os.strerror(error))

    (data / ".pyfetch" / "pruned").mkdir()
    (data / ".pyfetch" / "pruned" / "a").write_bytes(b"before")
    monkeypatch.setattr(os, "link", refuse)
    first, _ = prune(data, unnamed)
    assert first == Pruned("a", ".pyfetch/pruned/a-1")
    assert (data / ".pyfetch" / "pruned" / "a").read_bytes() == b"before"
    assert below(data / ".pyfetch" / "pruned") == ["a", "a-1", "d/b"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_a_file_that_takes_the_place_of_one_meanwhile_stays(
    data: Path, unnamed: UnnamedFiles, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    link = os.link

    def replace() -> None:
        (data / "new").write_bytes(b"the user's")
        (data / "new").replace(data / "a")

    def link_and_replace(source: str, *rest: Any, **more: Any) -> None:
        if source == "a" and moment == "before":
            replace()
        link(source, *rest, **more)
        if source == "a" and moment == "after":
            replace()

    monkeypatch.setattr(os, "link", link_and_replace)
    moved = list(prune(data, unnamed))
    assert (data / "a").read_bytes() == b"the user's"
    assert (data / "a").stat().st_nlink == 1
    assert moved == (MOVED[1:] if moment == "before" else MOVED)


@pytest.mark.parametrize("how", ["changed", "gone", "a link"])
def test_what_happened_since_the_question_counts(
    data: Path, unnamed: UnnamedFiles, how: str
) -> None:
    (data / "a").unlink()
    if how == "changed":
        (data / "a").write_bytes(b"new")
    elif how == "a link":
        (data / "a").symlink_to("d/b")
    assert list(prune(data, unnamed)) == MOVED[1:]
    assert os.path.lexists(data / "a") == (how != "gone")


def test_what_another_run_has_fetched_since_keeps_its_place_in_the_state(
    data: Path, unnamed: UnnamedFiles
) -> None:
    with closing(State(data / ".pyfetch" / STATE_FILE)) as state:
        (data / "a").write_bytes(b"newer")
        status = (data / "a").stat()
        state.record("a", 200, FileFacts(status.st_size, status.st_mtime_ns))
        state.commit()
    list(prune(data, unnamed))
    with closing(State(data / ".pyfetch" / STATE_FILE)) as state:
        assert [file.path for file in state.files()] == ["a"]
