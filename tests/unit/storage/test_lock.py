"""Whatever a lock file has in it, who wants the lock gets it or a sentence."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

import pytest

from pyfetch.errors import StoppedError
from pyfetch.storage import lock as module
from pyfetch.storage.filesystem import prepare
from pyfetch.storage.lock import RunLock

CONTENTS = [
    "process ²".encode(), "process ٣".encode(), b"process " + b"9" * 5000, b"process -1", b"",
    b"process 0", b"\xff\xfe\x00", b"x" * 100_000,
]  # fmt: skip


@pytest.mark.parametrize("content", CONTENTS, ids=lambda content: repr(content[:12]))
def test_a_lock_that_is_held_is_said_whatever_is_in_its_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setattr(module, "_LAST_MOMENTS", 0.0)
    prepare(tmp_path)
    file = tmp_path / ".pyfetch/lock"
    file.write_bytes(content)
    with file.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(StoppedError, match="another run holds") as raised:
            RunLock(tmp_path).acquire()
    assert len(str(raised.value)) < 600


@pytest.mark.parametrize("kind", ["fifo", "directory", "link"])
def test_what_is_no_regular_file_is_no_lock(tmp_path: Path, kind: str) -> None:
    prepare(tmp_path)
    file = tmp_path / ".pyfetch/lock"
    match kind:
        case "fifo":
            os.mkfifo(file)
        case "directory":
            file.mkdir()
        case "link":
            (tmp_path / "mine").write_bytes(b"mine")
            file.symlink_to("../mine")
    with pytest.raises(StoppedError):
        RunLock(tmp_path).acquire()
    if kind == "link":
        assert (tmp_path / "mine").read_bytes() == b"mine"


def test_who_gives_the_lock_back_leaves_the_lock_of_a_run_in_a_new_directory(
    tmp_path: Path,
) -> None:
    """The directory was moved away under the first run; the second has made another."""
    first, second = RunLock(tmp_path), RunLock(tmp_path)
    first.acquire()
    (tmp_path / ".pyfetch").rename(tmp_path / "moved")
    second.acquire()
    first.release()
    assert (tmp_path / ".pyfetch/lock").exists()
    with pytest.raises(StoppedError):
        RunLock(tmp_path).acquire()
    second.release()
    assert not (tmp_path / ".pyfetch").exists()
