"""What a forked process has of the one that forks it, in interpreters of their own."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="nothing is forked elsewhere")

PROGRAM = """
import logging, os, sys, threading
from pyfetch.processes.forked import ForkedProcess, can_fork

logging.getLogger("pyfetch").addHandler(logging.FileHandler("log"))
print("said once", flush=False)
mine, kept = os.open("mine", os.O_CREAT | os.O_RDWR), os.open("kept", os.O_CREAT | os.O_RDWR)
reading, output = os.pipe()

def look():
    os.write(kept, b"from there")
    try:
        os.fstat(mine)
    except OSError:
        print("closed")
    print("reads", repr(sys.stdin.read()))
    logging.getLogger("pyfetch").error("no line of the log")

def fail():
    raise ValueError("why")

assert can_fork()
runs = (look, fail, lambda: sys.exit(3))
statuses = [ForkedProcess(run, output, [output, kept]).wait() for run in runs]
os.close(output)
said = os.read(reading, 65536).decode()
threading.Thread(target=lambda: os.read(os.pipe()[0], 1), daemon=True).start()
print(statuses, can_fork())
print(said, end="")
"""


@pytest.mark.slow
def test_it_has_nothing_open_but_what_it_is_given_and_says_how_it_ended(tmp_path: Path) -> None:
    """Text that waits to be written, handlers of a log and other files are left to the first."""
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM], cwd=tmp_path, capture_output=True, check=True
    )
    first, statuses, *said = ended.stdout.decode().splitlines()
    assert (first, statuses) == ("said once", "[0, 1, 3] False")
    assert said[:3] == ["no line of the log", "closed", "reads ''"]
    assert said[-1] == "ValueError: why"
    assert (tmp_path / "kept").read_bytes() == b"from there"
    assert (tmp_path / "log").read_bytes() == b""
