"""What Linux says of processes that run."""

from __future__ import annotations

import contextlib
from pathlib import Path


def children_of(process: int) -> list[int]:
    """The processes of a run."""
    found: list[int] = []
    for thread in Path(f"/proc/{process}/task").iterdir():
        with contextlib.suppress(FileNotFoundError):  # it has just ended
            found += map(int, (thread / "children").read_text().split())
    return found


def is_there(process: int) -> bool:
    try:
        state = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def catches(process: int, number: int) -> bool:
    """Whether it has a handler for this signal."""
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    (caught,) = (line.split()[1] for line in lines if line.startswith("SigCgt:"))
    return bool(int(caught, 16) >> (number - 1) & 1)
