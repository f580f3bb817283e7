"""What is asked of the file system, whatever it can answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyfetch.storage import filesystem
from pyfetch.storage.filesystem import is_there


@pytest.mark.parametrize("by_access", [True, False])
def test_a_link_that_leads_nowhere_has_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_access: bool
) -> None:
    """However a system has to be asked."""
    monkeypatch.setattr(filesystem, "_ACCESS_SEES_LINKS", by_access)
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("nowhere")
    names = ["file", "link", "none", "file/below", "nul\0"]
    assert [is_there(f"{tmp_path}/{name}") for name in names] == [True, True, False, False, False]
