"""The benchmarks that are run by hand: each still runs, and says something of each run."""

from __future__ import annotations

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("name", "lines"),
    [("engine", 2), ("names", 2), ("memory", 2)],
)
def test_a_benchmark_runs(name: str, lines: int) -> None:
    ran = subprocess.run(
        [sys.executable, "-m", f"tools.benchmarks.{name}", "50"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (ran.returncode, ran.stderr) == (0, ""), ran.stderr
    assert len(ran.stdout.splitlines()) == lines
