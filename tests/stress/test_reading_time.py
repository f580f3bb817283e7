"""How long it takes to read what was made to take long."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyfetch.inputs import InputFormat
from tests.support.lists import HOSTILE, Folder, Hostile, reading
from tests.support.measuring import takes_linear_time


@pytest.mark.parametrize("chosen", InputFormat)
@pytest.mark.parametrize("content", HOSTILE.values(), ids=HOSTILE.keys())
def test_no_content_takes_more_than_linear_time(
    tmp_path: Path, content: Hostile, chosen: InputFormat
) -> None:
    """A line may have 64 KiB; some of these are no line, and have more."""
    assert takes_linear_time(reading(Folder(tmp_path), content, chosen), 64 * 1024)
