"""What is remembered of uploads while several begin and end at once."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pyfetch.storage.objects.upload_records import UploadRecord, UploadRecords


def record(path: str) -> UploadRecord:
    return UploadRecord(path, f"prefix/{path}", "an identifier", 8, {})


@pytest.fixture
def records(tmp_path: Path) -> UploadRecords:
    (tmp_path / ".pyfetch").mkdir()
    return UploadRecords(tmp_path)


@pytest.mark.parametrize("step", ["mkdir", "write_text"])
def test_an_upload_begins_while_the_last_other_one_ends(
    records: UploadRecords, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    """The directory is removed with its last record: before it is found there, or just after."""
    records.write(record("one"))
    real = getattr(Path, step)

    def meanwhile(self: Path, *arguments: Any, **options: Any) -> Any:
        monkeypatch.undo()
        records.forget("one")
        if step == "mkdir":  # as if the other one had removed it in the midst of that
            raise FileExistsError
        return real(self, *arguments, **options)

    monkeypatch.setattr(Path, step, meanwhile)
    records.write(record("two"))
    assert list(records.all()) == [record("two")]
