"""What is computed for each file: its digest, in 20 ms of CPU. By itself: `work.py FILE …`."""

from __future__ import annotations

import hashlib
import os
import sys
import time

SECONDS = 0.02


def line_of(name: str, data: bytes) -> str:
    """Name and digest, after so much CPU time as real work would take."""
    until = time.thread_time() + SECONDS
    while True:
        digest = hashlib.sha256(data).hexdigest()
        if time.thread_time() >= until:
            return f"{name} {digest}"


def of_file(path: os.PathLike[str] | str, result: object) -> str:
    """For `--map`."""
    with open(path, "rb") as file:  # noqa: PTH123 - each process of a peer would import pathlib
        return line_of(os.path.basename(path), file.read())  # noqa: PTH119 - the same


if __name__ == "__main__":
    for each in sys.argv[1:]:
        print(of_file(each, None))
