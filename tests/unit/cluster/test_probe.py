"""The probe that shows whether a member has the same output directory."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from unittest import mock

import pytest

from pyfetch.cluster import probe as module
from pyfetch.cluster.messages import Elsewhere, ProbeWritten
from pyfetch.cluster.probe import UnfitError, prove_output, why_not_shared


@pytest.fixture(autouse=True)
def quick_and_back(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "_VISIBLE_WITHIN", 0.0)
    monkeypatch.chdir(tmp_path)


def test_a_probe_that_is_found_is_removed(tmp_path: Path) -> None:
    own = tmp_path / "data" / ".pyfetch"
    own.mkdir(parents=True)
    written = prove_output("data", Elsewhere(str(tmp_path), writes_probe=True, lease=5.0))
    assert [path.name for path in own.iterdir()] == [written.name]
    assert why_not_shared("data", written) is None
    assert not list(own.iterdir())


def test_a_probe_that_is_elsewhere_names_the_machine(tmp_path: Path) -> None:
    (tmp_path / "data" / ".pyfetch").mkdir(parents=True)
    why = why_not_shared(str(tmp_path / "data"), ProbeWritten("probe-x", "node7"))
    assert why
    assert why.startswith(f"{tmp_path / 'data'} on node7 is another directory than here")
    assert "--output-dir" in why


def test_a_probe_with_other_content_is_not_that_one(tmp_path: Path) -> None:
    own = tmp_path / ".pyfetch"
    own.mkdir()
    (own / "probe-x").write_text("probe-y")
    assert why_not_shared(".", ProbeWritten("probe-x", "node7"))


@pytest.mark.parametrize("output", ["data", "/nonexistent/data"])
def test_a_directory_that_is_missing_is_named(output: str) -> None:
    with pytest.raises(UnfitError, match="there is no /nonexistent/data on "):
        prove_output(output, Elsewhere("/nonexistent", writes_probe=True, lease=5.0))


def test_a_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """Such as one of another user; the tests may be run by root, who may write anywhere."""
    refused = PermissionError(errno.EACCES, "Permission denied")
    with (
        mock.patch.object(os, "open", side_effect=refused),
        pytest.raises(UnfitError, match=r"cannot write to .*: Permission denied"),
    ):
        prove_output(".", Elsewhere(str(tmp_path), writes_probe=True, lease=5.0))


def test_where_no_files_are_kept_no_directory_is_needed() -> None:
    elsewhere = Elsewhere("/nonexistent", writes_probe=False, lease=5.0)
    assert why_not_shared("data", prove_output("data", elsewhere)) is None
