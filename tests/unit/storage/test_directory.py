"""The output directory, held open: nothing outside is reached, and another one is noticed."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from pyfetch.errors import StoppedError
from pyfetch.models import Failure, TargetError
from pyfetch.storage.cleanup import sweep
from pyfetch.storage.directory import OutputDirectory, without_links
from pyfetch.storage.filesystem import DirectoryIdentity, prepare
from pyfetch.storage.lock import RunLock


@pytest.fixture
def data(tmp_path: Path) -> Path:
    path = tmp_path / "data"
    prepare(path)
    sweep(path)
    return path


@pytest.fixture
def directory(data: Path) -> OutputDirectory:
    directory = OutputDirectory(data)
    directory.open()
    return directory


def lock_identity(data: Path) -> DirectoryIdentity:
    lock = RunLock(data)
    lock.acquire()
    try:
        return lock.identity()
    finally:
        lock.release()


def test_another_process_of_the_run_takes_no_other_directory_for_its_own(data: Path) -> None:
    (data / ".pyfetch" / "parts" / "x").write_bytes(b"")  # else they go with the lock
    expected = lock_identity(data)
    directory = OutputDirectory(data, expected)
    directory.open()
    directory.check()
    directory.close()
    data.rename(data.with_name("moved"))
    prepare(data)
    sweep(data)
    other = OutputDirectory(data, expected)
    for use in (other.open, lambda: write(other, "x"), lambda: other.parts):
        with pytest.raises(StoppedError, match="renamed, removed or made anew"):
            use()
    assert [path.name for path in data.iterdir()] == [".pyfetch"]


def test_another_directory_of_parts_in_the_same_directory_is_noticed_too(data: Path) -> None:
    (data / ".pyfetch" / "parts" / "x").write_bytes(b"")
    expected = lock_identity(data)
    (data / ".pyfetch" / "parts").rename(data / "old")
    sweep(data)
    with pytest.raises(StoppedError, match="renamed, removed or made anew"):
        OutputDirectory(data, expected).open()


@pytest.mark.parametrize(
    ("umask", "mode"), [(0o022, 0o700), (0o077, 0o700), (0o000, 0o770), (0o002, 0o770)]
)
def test_what_pyfetch_keeps_of_urls_is_for_the_user_or_the_group_that_may_write(
    tmp_path: Path, umask: int, mode: int
) -> None:
    before = os.umask(umask)
    try:
        prepare(tmp_path / "data")
        sweep(tmp_path / "data")
    finally:
        os.umask(before)
    own = tmp_path / "data" / ".pyfetch"
    assert stat.S_IMODE(own.stat().st_mode) == mode
    assert stat.S_IMODE((own / "parts").stat().st_mode) == mode


def test_a_directory_of_pyfetch_s_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    (tmp_path / ".pyfetch").mkdir()
    (tmp_path / ".pyfetch").chmod(0o755)
    prepare(tmp_path)
    assert stat.S_IMODE((tmp_path / ".pyfetch").stat().st_mode) == 0o755


def write(directory: OutputDirectory, path: str) -> None:
    place = directory.place(path, make=True)
    assert place
    with place:
        os.close(os.open(place.name, os.O_CREAT | os.O_WRONLY, dir_fd=place.descriptor))


def test_directories_that_are_missing_are_made_only_if_asked_for(
    directory: OutputDirectory, data: Path
) -> None:
    assert directory.place("a/b/x") is None
    assert not (data / "a").exists()
    write(directory, "a/b/x")
    assert (data / "a/b/x").is_file()


def test_what_is_moved_away_is_still_written_to_and_not_what_came_in_its_place(
    directory: OutputDirectory, data: Path
) -> None:
    """A descriptor stays with its directory; the check tells that the path leads elsewhere."""
    data.rename(data.parent / "moved")
    (data.parent / "data").symlink_to("/")
    write(directory, "x")
    assert (data.parent / "moved" / "x").is_file()
    with pytest.raises(StoppedError, match="renamed, removed or made anew"):
        directory.check()


def rename(data: Path) -> None:
    data.rename(data.parent / "moved")


def make_anew(data: Path) -> None:
    rename(data)
    prepare(data)
    sweep(data)


def make_own_anew(data: Path) -> None:
    (data / ".pyfetch").rename(data / "old")
    sweep(data)


def make_parts_a_link(data: Path) -> None:
    parts = data / ".pyfetch/parts"
    parts.rename(data / "old")
    parts.symlink_to("..")


def make_parts_anew(data: Path) -> None:
    parts = data / ".pyfetch/parts"
    parts.rename(data / "old")
    parts.mkdir()


def make_a_file(data: Path) -> None:
    rename(data)
    data.touch()


CHANGES: dict[str, Callable[[Path], object]] = {
    "renamed": rename,
    "removed": shutil.rmtree,
    "made anew": make_anew,
    "its own directory removed": lambda data: shutil.rmtree(data / ".pyfetch"),
    "its own directory made anew": make_own_anew,
    "the parts replaced by a link": make_parts_a_link,
    "the parts made anew": make_parts_anew,
    "no directory any more": make_a_file,
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_a_directory_that_was_changed_under_the_run_stops_it(
    directory: OutputDirectory, data: Path, change: Callable[[Path], object]
) -> None:
    directory.check()
    change(data)
    with pytest.raises(StoppedError, match="renamed, removed or made anew"):
        directory.check()


def test_a_link_to_the_same_directory_is_no_change(directory: OutputDirectory, data: Path) -> None:
    data.rename(data.parent / "moved")
    data.symlink_to("moved")
    directory.check()


@pytest.mark.parametrize(
    ("target", "failure"),
    [("..", Failure.DISK), ("/", Failure.DISK), ("real", Failure.EXISTS), ("x", Failure.EXISTS)],
)
def test_no_link_is_followed_on_the_way(
    directory: OutputDirectory, data: Path, target: str, failure: Failure
) -> None:
    (data / "real").mkdir()
    (data / "link").symlink_to(target)
    with pytest.raises(TargetError) as raised:
        directory.place("link/x", make=True)
    assert raised.value.failure is failure


@pytest.mark.parametrize("path", ["../x", "a/../x", ".pyfetch/x", ".PyFetch/x", "./x", "a//x"])
def test_a_path_that_is_not_plain_has_no_place(directory: OutputDirectory, path: str) -> None:
    with pytest.raises(TargetError):
        directory.place(path, make=True)


def test_a_directory_in_which_another_run_is_at_work_is_left_alone(
    directory: OutputDirectory, data: Path
) -> None:
    prepare(data / "sub")
    lock = data / "sub/.pyfetch/lock"
    lock.touch()
    write(directory, "sub/x")  # left by a run that has ended
    with lock.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        for path in ("sub/y", "sub/deep/y"):
            with pytest.raises(TargetError, match="output directory of another run"):
                directory.place(path, make=True)
    write(directory, "sub/y")


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("plain", "plain"),
        ("link", "real"),
        ("link/missing/deeper", "real/missing/deeper"),
        ("chain/a", "real/a"),
        ("real/up/link", "real"),
        ("root", ""),
        ("root/real", "real"),
        ("out/x", "out/x"),
        ("own/x", "own/x"),
        ("loop/x", "loop/x"),
        ("file/x", "file/x"),
    ],
)
def test_one_directory_has_one_path_whichever_link_leads_to_it(
    directory: OutputDirectory, data: Path, path: str, expected: str
) -> None:
    (data / "real").mkdir()
    (data / "file").touch()
    links = {
        "link": "real", "chain": "link", "root": ".", "out": "..", "own": ".pyfetch",
        "loop": "loop", "real/up": "..",
    }  # fmt: skip
    for name, target in links.items():
        (data / name).symlink_to(target)
    assert without_links(directory, path) == expected


def open_at(directory: Path) -> int:
    """How many descriptors lead to a directory or to something in it."""
    number = 0
    for descriptor in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(OSError):  # others come and go meanwhile
            number += descriptor.readlink().is_relative_to(directory.resolve())
    return number


def test_descriptors_are_closed(directory: OutputDirectory) -> None:
    before = open_at(directory.path)
    write(directory, "a/b/c/x")
    (directory.path / "a" / "link").symlink_to("b")
    with pytest.raises(TargetError):
        directory.place("a/link/x")
    assert directory.place("a/missing/x") is None
    assert open_at(directory.path) == before
    directory.close()
    assert open_at(directory.path) == before - 2
