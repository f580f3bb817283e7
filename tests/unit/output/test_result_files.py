"""A file about results is made under another name, and takes its own when it is whole."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import pytest

from pyfetch.errors import StoppedError, UsageError
from pyfetch.output.result_files import AtomicFile


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_has_the_name_of_its_temporary_file_is_not_written_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    monkeypatch.setattr(secrets, "token_hex", lambda _: "guessed")
    (tmp_path / "victim").write_bytes(b"precious")
    planted = tmp_path / ".report.guessed.tmp"
    planted.symlink_to("victim") if kind == "link" else planted.write_bytes(b"precious")
    with pytest.raises(UsageError):
        AtomicFile(str(tmp_path / "report"))
    assert (tmp_path / "victim").read_bytes() == b"precious"
    assert planted.read_bytes() == b"precious"


def test_no_two_temporary_files_have_one_name(tmp_path: Path) -> None:
    with AtomicFile(str(tmp_path / "report")) as one, AtomicFile(str(tmp_path / "report")) as other:
        assert len(list(tmp_path.iterdir())) == 2
        one.write(b"one")
        other.write(b"other")
        one.commit()
        other.commit()
    assert (tmp_path / "report").read_bytes() == b"other\n"
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("private", [False, True])
def test_one_with_secrets_is_for_its_owner_only(tmp_path: Path, private: bool) -> None:
    with AtomicFile(str(tmp_path / "report"), private=private) as report:
        (temporary,) = tmp_path.iterdir()
        assert (temporary.stat().st_mode & 0o077 == 0) is private
        report.commit()
    assert ((tmp_path / "report").stat().st_mode & 0o077 == 0) is private


def test_a_fifo_that_comes_meanwhile_is_not_replaced(tmp_path: Path) -> None:
    with AtomicFile(str(tmp_path / "report")) as report:
        os.mkfifo(tmp_path / "report")
        with pytest.raises(StoppedError, match="no regular file"):
            report.commit()
    assert (tmp_path / "report").is_fifo()


def test_a_long_name_is_possible(tmp_path: Path) -> None:
    with AtomicFile(str(tmp_path / ("r" * 255))) as report:
        report.commit()
    assert (tmp_path / ("r" * 255)).exists()
